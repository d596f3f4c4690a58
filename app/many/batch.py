"""Many documents, one PIN: while the key signs one of them, the next are drawn and hashed.

    the caller's thread    owns the key, and signs what it is handed, one after another
    DEPTH workers          each takes a document through the whole story of stamping; where the
                           story signs, the worker hands over and waits

So only the key limits the speed, and no more than DEPTH documents are open at a time. A document
that fails does not affect the others, unless its error says that the next would fail the same way
(:func:`app.errors.stops_batch`): then documents that the key has signed are finished, and the
others leave no output.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from app.errors import Cancelled, stops_batch
from crypto.frozen import frozen

if TYPE_CHECKING:
    from crypto.algorithms.keys import SigningKey

DEPTH = 3
"""One document at the key, one waiting for it, one being verified and put away."""

Result = TypeVar("Result")


@frozen
class _Request:
    """A worker wants something signed."""

    key: SigningKey
    message: bytes
    answer: Future[bytes] = field(default_factory=Future)


@frozen
class _Ended(Generic[Result]):
    """A worker has finished a document, or failed."""

    number: int
    result: Result | None
    error: BaseException | None


@frozen
class _LentKey:
    """See :class:`crypto.algorithms.keys.SigningKey`: to be used in the workers."""

    certificate: bytes
    _hand_over: Callable[[bytes], bytes]

    def sign(self, message: bytes) -> bytes:
        return self._hand_over(message)


class Batch(Generic[Result]):
    """One run over many documents."""

    def __init__(self) -> None:
        self._events: SimpleQueue[_Request | _Ended[Result]] = SimpleQueue()

    def lend(self, key: SigningKey) -> SigningKey:
        """*key* for the workers: it signs on the thread that is in :meth:`run`."""

        def hand_over(message: bytes) -> bytes:
            request = _Request(key, message)
            self._events.put(request)
            return request.answer.result()

        return _LentKey(key.certificate, hand_over)

    def run(
        self,
        works: Sequence[Callable[[], Result]],
        *,
        may_sign: Callable[[], None] = lambda: None,
        ended: Callable[[int, Result | None, BaseException | None], None] = lambda *_: None,
    ) -> None:
        """Do *works* (each a document's whole story, with keys that were lent); returns when the
        last has ended.

        *may_sign* is asked before each signature; raising from it (a cancel) ends the batch.
        *ended* is told the number of a work, and its result or its error, as it ends, here on the
        caller's thread, also while Ctrl+C ends the batch; it is not called for works that were
        cancelled or never begun."""
        todo = deque(enumerate(works))
        running = 0
        over = False
        with ThreadPoolExecutor(DEPTH, "stamp") as workers:
            try:
                while running or (todo and not over):
                    while todo and running < DEPTH and not over:
                        workers.submit(self._work, *todo.popleft())
                        running += 1
                    event = self._events.get()
                    if isinstance(event, _Request):
                        over = _serve(event, may_sign, over) or over
                        continue
                    running -= 1
                    if not isinstance(event.error, Cancelled):
                        ended(event.number, event.result, event.error)
                    over = over or (event.error is not None and stops_batch(event.error))
            finally:  # no worker may wait for a key that no longer signs
                while running:
                    event = self._events.get()
                    if isinstance(event, _Request):
                        _serve(event, may_sign, over=True)
                        continue
                    running -= 1
                    if not isinstance(event.error, Cancelled):
                        with suppress(Exception):  # what ended the batch is on its way already
                            ended(event.number, event.result, event.error)

    def _work(self, number: int, work: Callable[[], Result]) -> None:
        try:
            event = _Ended(number, work(), None)
        except BaseException as error:  # noqa: BLE001 - each document's end is told to `ended`
            self._events.put(_Ended(number, None, error))
        else:
            self._events.put(event)


def _serve(request: _Request, may_sign: Callable[[], None], over: bool) -> bool:
    """Sign, or say why not; True: nothing more is to be signed."""
    try:
        if over:
            raise Cancelled
        may_sign()
        request.answer.set_result(request.key.sign(request.message))
    except Exception as error:  # noqa: BLE001 - it belongs to the document that asked
        request.answer.set_exception(error)
        return stops_batch(error)
    except BaseException:  # Ctrl+C: the worker must not wait for an answer
        request.answer.set_exception(Cancelled())
        raise
    return False
