"""A batch keeps the key busy and nothing else waiting: turns, ends, cancels."""

import threading
from collections.abc import Callable

import pytest

from app.errors import Cancelled, NotAPdf
from app.many.batch import DEPTH, Batch
from crypto.algorithms.keys import SigningKey
from device.token import TokenRemoved


class Key:
    """A key that notes who uses it."""

    certificate = b"certificate"

    def __init__(self, gone_after: int | None = None) -> None:
        self.threads: set[int] = set()
        self.signed: list[bytes] = []
        self._gone_after = gone_after

    def sign(self, message: bytes) -> bytes:
        self.threads.add(threading.get_ident())
        if self._gone_after == len(self.signed):
            raise TokenRemoved("pulled out")
        self.signed.append(message)
        return b"signed " + message


class Ends:
    """What a batch tells of the ends of its works."""

    def __init__(self) -> None:
        self.results: dict[int, bytes | None] = {}
        self.errors: dict[int, BaseException] = {}

    def __call__(self, number: int, result: bytes | None, error: BaseException | None) -> None:
        if error is not None:
            self.errors[number] = error
        else:
            self.results[number] = result


def signing(key: SigningKey, number: int) -> Callable[[], bytes]:
    return lambda: key.sign(b"%d" % number)


def test_the_key_is_used_in_one_thread_only_and_every_work_gets_its_own_signature() -> None:
    batch: Batch[bytes] = Batch()
    key, ends = Key(), Ends()
    lent = batch.lend(key)
    assert lent.certificate == key.certificate
    batch.run([signing(lent, number) for number in range(20)], ended=ends)
    assert key.threads == {threading.get_ident()}
    assert ends.results == {number: b"signed %d" % number for number in range(20)}
    assert ends.errors == {}


def test_while_the_key_signs_the_next_documents_are_prepared_but_not_too_many() -> None:
    batch: Batch[bytes] = Batch()
    prepared = threading.Semaphore(0)
    begun: list[int] = []

    class Slow(Key):
        def sign(self, message: bytes) -> bytes:
            if not self.signed:  # the others come to the key while it is busy with the first
                for _ in range(DEPTH):
                    assert prepared.acquire(timeout=20)
            return super().sign(message)

    key, ends = Slow(), Ends()
    lent = batch.lend(key)
    most = 0

    def work(number: int) -> bytes:
        nonlocal most
        begun.append(number)
        most = max(most, len(begun) - len(ends.results))
        prepared.release()
        return lent.sign(b"%d" % number)

    batch.run([lambda n=number: work(n) for number in range(12)], ended=ends)
    assert len(ends.results) == 12
    assert most == DEPTH


def test_one_that_fails_stands_alone() -> None:
    batch: Batch[bytes] = Batch()
    ends = Ends()
    lent = batch.lend(Key())

    def bad() -> bytes:
        raise NotAPdf("x.pdf")

    batch.run([signing(lent, 0), bad, signing(lent, 2)], ended=ends)
    assert sorted(ends.results) == [0, 2]
    assert isinstance(ends.errors[1], NotAPdf)


def test_a_key_pulled_out_costs_one_document_and_the_rest_never_begin() -> None:
    batch: Batch[bytes] = Batch()
    key, ends = Key(gone_after=4), Ends()
    lent = batch.lend(key)
    batch.run([signing(lent, number) for number in range(30)], ended=ends)
    assert len(key.signed) == 4
    assert len(ends.results) == 4
    assert [type(each) for each in ends.errors.values()] == [TokenRemoved]


def test_a_cancel_ends_it_and_what_was_signed_is_finished() -> None:
    batch: Batch[bytes] = Batch()
    key, ends = Key(), Ends()
    lent = batch.lend(key)

    def may_sign() -> None:
        if len(key.signed) == 3:
            raise Cancelled

    batch.run([signing(lent, n) for n in range(30)], may_sign=may_sign, ended=ends)
    assert len(key.signed) == 3
    assert len(ends.results) == 3
    assert ends.errors == {}


def test_nobody_waits_for_the_key_of_a_run_that_broke() -> None:
    batch: Batch[bytes] = Batch()
    lent = batch.lend(Key())

    def broken(number: int, result: bytes | None, error: BaseException | None) -> None:
        raise RuntimeError("the listener broke")

    with pytest.raises(RuntimeError, match="listener"):
        batch.run([signing(lent, number) for number in range(10)], ended=broken)


class Interrupted(Key):
    """Somebody presses Ctrl+C while the key signs for the second time."""

    def sign(self, message: bytes) -> bytes:
        if self.signed:
            raise KeyboardInterrupt
        return super().sign(message)


def test_an_interrupt_while_the_key_signs_ends_the_batch_and_tells_what_was_finished() -> None:
    batch: Batch[bytes] = Batch()
    key, ends, finish = Interrupted(), Ends(), threading.Event()
    lent = batch.lend(key)

    def first() -> bytes:
        signature = lent.sign(b"0")
        assert finish.wait(20)  # it is put away while the key is at the next
        return signature

    def second() -> bytes:
        try:
            return lent.sign(b"1")
        finally:
            finish.set()

    with pytest.raises(KeyboardInterrupt):
        batch.run([first, second, signing(lent, 2)], ended=ends)
    assert ends.results == {0: b"signed 0"}
    assert ends.errors == {}
