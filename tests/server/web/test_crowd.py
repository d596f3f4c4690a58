"""One stranger cannot stop the platform: files find room before they are read, and wait in line."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from crypto.bounded import Message
from crypto.pdf.verify import verify_pdf
from server_stub import verifying
from server_stub.settings import Settings
from server_stub.web import connections, serving
from server_stub.web.admission import Gone, NoRoom, Room, Turns
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.served import ask, blank_page, stamped
from tests.world.waiting import until

PDF = "application/pdf"


# --- room and turns ----------------------------------------------------------------------------


def test_an_address_has_so_many_places_and_all_together_so_many() -> None:
    room = Room(files=3, per_address=2, size=1000)
    places = [room.take("a", 1), room.take("a", 1)]
    with pytest.raises(NoRoom, match="address"):
        room.take("a", 1)
    places.append(room.take("b", 1))
    with pytest.raises(NoRoom, match="all"):
        room.take("c", 1)
    places[0].leave()
    places[0].leave()  # again: nothing
    room.take("c", 1)
    with pytest.raises(NoRoom, match="all"):
        room.take("d", 1)


def test_bytes_under_way_are_bounded_and_one_file_always_fits() -> None:
    room = Room(files=9, per_address=9, size=100)
    large = room.take("a", 500)
    with pytest.raises(NoRoom, match="all"):
        room.take("b", 1)
    large.leave()
    small = room.take("b", 60)
    with pytest.raises(NoRoom, match="all"):
        room.take("b", 41)
    room.take("b", 40)
    small.leave()


def test_work_is_done_in_order_so_many_at_a_time_and_who_waits_holds_no_thread() -> None:
    order, at_work, most = [], 0, 0
    lock, may_go = threading.Lock(), threading.Event()

    def work(number: int) -> int:
        nonlocal at_work, most
        with lock:
            order.append(number)
            at_work += 1
            most = max(most, at_work)
        may_go.wait(30)
        with lock:
            at_work -= 1
        return number

    async def crowd() -> list[int]:
        turns = Turns(2)
        before = threading.active_count()
        tasks = [asyncio.create_task(turns.take(lambda n=n: work(n))) for n in range(100)]
        while len(order) < 2:
            await asyncio.sleep(0)
        assert threading.active_count() <= before + 2
        may_go.set()
        done = await asyncio.gather(*tasks)
        turns.close()
        return done

    assert asyncio.run(crowd()) == list(range(100))
    assert most == 2
    assert sorted(order[:2]) == [0, 1]
    assert order == sorted(order) or all(abs(n - at) <= 1 for at, n in enumerate(order))


def test_who_has_left_the_line_costs_nothing() -> None:
    async def left() -> bool:
        return True

    async def one() -> None:
        turns = Turns(1)
        with pytest.raises(Gone):
            await turns.take(lambda: pytest.fail("nobody waits for this"), gone=left)
        turns.close()

    asyncio.run(one())


# --- over HTTP ---------------------------------------------------------------------------------


class Held:
    """A connection that sends what it is told to, and nothing more."""

    def __init__(self, server: RunningServer) -> None:
        parts = urlsplit(server.url)
        assert parts.hostname
        assert parts.port
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, length: int, kind: str = PDF, path: str = "/v1/verifications") -> None:
        self.send(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {length}\r\n\r\n".encode()
        )

    def answer(self) -> tuple[int, dict[str, str]]:
        """Status and headers; (0, {}) if the connection was closed without an answer."""
        data = b""
        while b"\r\n\r\n" not in data:
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionError:
                more = b""
            if not more:
                return 0, {}
            data += more
        first, *rest = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in rest)
        return int(first.split()[1]), headers

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def crowded(
    open_settings: Callable[..., Settings],
) -> Iterator[Callable[..., tuple[RunningServer, Callable[[], Held]]]]:
    """Starts a platform with such settings, and opens connections to it."""
    with ExitStack() as stack:

        def start(**settings: Any) -> tuple[RunningServer, Callable[[], Held]]:
            server = stack.enter_context(start_in_thread(open_settings(**settings)))

            def hold() -> Held:
                held = Held(server)
                stack.callback(held.close)
                return held

            return server, hold

        yield start


Start = Callable[..., tuple[RunningServer, Callable[[], Held]]]


def test_held_uploads_of_one_address_fill_its_places_and_nothing_else(crowded: Start) -> None:
    server, hold = crowded(uploads_per_address=3)
    holding = [hold() for _ in range(3)]
    for held in holding:
        held.head(5 << 20)
        held.send(b"%PDF-1.7")
    refused = hold()
    refused.head(5 << 20)
    status, headers = refused.answer()  # before a byte of its body
    assert (status, int(headers["retry-after"]) > 0) == (429, True)
    assert httpx.get(f"{server.url}/healthz").status_code == 200
    assert ask(server.url, blank_page()).status_code == 429
    page = httpx.post(f"{server.url}/verify", files={"document": ("a.pdf", blank_page())})
    assert (page.status_code, "retry-after" in page.headers) == (429, True)
    person = Applicant(server.url)
    assert person.draft().status_code == 201
    person.sign_in(application_id=person.application_id)  # nobody's sign-in waits for files
    person.http.close()
    for held in holding:
        held.close()
    until(lambda: ask(server.url, blank_page()).status_code == 200, "the places were not given up")


def test_bytes_of_all_uploads_together_are_bounded(crowded: Start) -> None:
    _, hold = crowded(file_bytes=4 << 20, upload_bytes=5 << 20)
    first, second, third = hold(), hold(), hold()
    first.head(3 << 20)
    first.send(b"%")
    second.head(3 << 20)
    status, headers = second.answer()
    assert (status, "retry-after" in headers) == (503, True)
    third.send(b"POST /v1/verifications HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\n")
    third.send(b"Transfer-Encoding: chunked\r\n\r\n")  # of unknown length: as long as any may be
    assert third.answer()[0] == 503


@pytest.mark.parametrize(
    ("length", "kind", "path", "status"),
    [
        (49 << 20, "text/html", "/v1/verifications", 415),
        (49 << 20, PDF, "/verify", 415),
        (51 << 20, PDF, "/v1/verifications", 413),
        (2 << 20, "application/json", "/v1/challenges", 413),
    ],
)
def test_type_and_length_are_judged_before_the_body_comes(
    server: RunningServer, length: int, kind: str, path: str, status: int
) -> None:
    held = Held(server)
    held.head(length, kind, path)
    assert held.answer()[0] == status
    held.close()


def test_who_sends_on_regardless_still_hears_why(server: RunningServer) -> None:
    held = Held(server)
    held.head(20 << 20, "text/html")
    for _ in range(20):
        held.send(bytes(1 << 20))
    assert held.answer()[0] == 415
    held.close()


def test_the_rest_of_a_refused_body_is_read_at_leisure(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To throw away what 200 strangers send would cost everybody else."""
    monkeypatch.setattr(connections, "_READS_ITS_ANSWER", 3600.0)
    held = Held(server)
    held.head(49 << 20, "text/html")
    held.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):  # more than the buffers between us hold
        held.send(bytes(49 << 20))
    held.socket.settimeout(30)
    assert held.answer()[0] == 415
    held.close()


def test_of_all_refused_bodies_one_part_is_read_at_a_time(tmp_path: Path) -> None:
    """Two hundred that came at once took the loop from everybody else."""
    config = connections.Config(None, Settings(directory=tmp_path))
    due: list[Callable[[], None]] = []
    loop: Any = SimpleNamespace(
        call_later=lambda _, turn, *given: due.append(partial(turn, *given))
    )
    read: list[str] = []

    def first_and_again() -> None:
        read.append("a")
        if read.count("a") < 2:  # more of it came
            config.in_turn(loop, first_and_again)

    config.in_turn(loop, first_and_again)
    config.in_turn(loop, partial(read.append, "b"))
    config.in_turn(loop, partial(read.append, "c"))
    for _ in "abca":
        assert len(due) == 1
        due.pop()()
    assert read == ["a", "b", "c", "a"]
    assert not due


@pytest.mark.parametrize("path", ["/v1/verifications", "/v1/challenges"])
def test_a_body_that_stops_coming_is_not_waited_for(crowded: Start, path: str) -> None:
    _, hold = crowded(body_idle_seconds=0.2)
    held = hold()
    held.head(1000, path=path)
    held.send(b"%PDF")
    status, headers = held.answer()
    assert (status, headers["connection"]) == (408, "close")


def test_a_body_that_drips_comes_to_an_end(crowded: Start) -> None:
    _, hold = crowded(body_seconds=0.5)
    held, ended = hold(), threading.Event()
    held.head(100_000)

    def drip() -> None:
        try:
            while not ended.wait(0.02):
                held.send(b"%")
        except OSError:
            pass

    thread = threading.Thread(target=drip)
    thread.start()
    status, _ = held.answer()
    ended.set()
    thread.join()
    assert status == 408


def test_a_head_that_drips_or_never_comes_is_cut(crowded: Start) -> None:
    _, hold = crowded(header_seconds=0.3)
    silent, begun = hold(), hold()
    begun.send(b"GET /healthz HTTP/1.1\r\nHost:")
    assert silent.answer() == begun.answer() == (0, {})


def test_a_connection_is_kept_for_the_next_request(crowded: Start) -> None:
    _, hold = crowded(header_seconds=0.3)
    held = hold()
    held.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert held.answer()[0] == 200
    held.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert held.answer()[0] == 200


def test_connections_of_one_address_are_bounded(crowded: Start) -> None:
    server, hold = crowded(connections_per_address=5)
    dripping = [hold() for _ in range(5)]
    for held in dripping:
        held.send(b"GET")
    status, headers = hold().answer()
    assert (status, "retry-after" in headers) == (503, True)
    dripping[0].close()

    def answers() -> bool:
        try:
            return httpx.get(f"{server.url}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    until(answers, "the place of a closed connection was not given up")


def test_of_many_newcomers_a_few_are_accepted_in_one_turn_of_the_loop(
    crowded: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server, _), accept = crowded(), socket.socket.accept
    loop = server._server.servers[0].get_loop()
    turn, of_turn, ended, stopped = 0, Counter[int](), threading.Event(), threading.Event()

    def next_turn() -> None:
        nonlocal turn
        turn += 1
        if ended.is_set():
            stopped.set()
        else:
            loop.call_soon(next_turn)

    def counted(self: socket.socket) -> tuple[socket.socket, object]:
        found = accept(self)
        of_turn[turn] += 1
        return found

    monkeypatch.setattr(serving._Listener, "accept", counted)
    held, address = threading.Event(), urlsplit(server.url)
    loop.call_soon_threadsafe(held.wait, 30)  # they all come while it is at something else
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection((address.hostname, address.port), 10))
        loop.call_soon_threadsafe(next_turn)
        held.set()
        until(lambda: of_turn.total() == 40, "not all of them were accepted")
        ended.set()
        assert stopped.wait(30)
    assert max(of_turn.values()) == serving._NEWCOMERS


def test_a_trusted_proxy_may_have_as_many_as_it_wants(crowded: Start) -> None:
    server, hold = crowded(connections_per_address=2, trusted_proxies=("127.0.0.1",))
    for held in [hold() for _ in range(5)]:
        held.send(b"GET")
    assert httpx.get(f"{server.url}/healthz").status_code == 200


def test_forty_uploads_at_once_are_all_answered_or_told_when_to_come_again(
    crowded: Start,
) -> None:
    server, _ = crowded(uploads_per_address=4, verification_processes=1)
    document = blank_page() + b"%" + bytes(1 << 19)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: ask(server.url, document), range(40)))
    statuses = [each.status_code for each in answers]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 4
    assert all("retry-after" in each.headers for each in answers if each.status_code == 429)
    assert httpx.get(f"{server.url}/healthz").status_code == 200


# --- a place to look ---------------------------------------------------------------------------


def begin(url: str, data: bytes, **query: str) -> httpx.Response:
    query = {"name": "contract.pdf", "wait": "0", **query}
    headers = {"content-type": PDF}
    return httpx.post(f"{url}/v1/verifications", params=query, content=data, headers=headers)


def fetch(url: str, begun: httpx.Response) -> httpx.Response:
    """Its answer, when it has one."""
    found: list[httpx.Response] = []

    def there() -> bool:
        found[:] = [httpx.get(url + begun.headers["location"])]
        assert found[0].status_code != 202 or found[0].json()["state"] in ("waiting", "running")
        return found[0].status_code != 202

    until(there, "the verification did not come to an end", 60)
    return found[0]


def test_who_does_not_wait_is_told_where_to_look(enrolled: Applicant) -> None:
    data = stamped(enrolled)
    begun = begin(enrolled.url, data)
    assert (begun.status_code, begun.json()["state"]) == (202, "waiting")
    assert begun.headers["location"] == f"/v1/verifications/{begun.json()['id']}"
    report = fetch(enrolled.url, begun).json()
    waited = ask(enrolled.url, data).json()
    assert (report["verdict"], report["file"]) == (waited["verdict"], waited["file"])
    assert report["verdict"] == "VALID"
    again = httpx.get(enrolled.url + begun.headers["location"])
    assert again.json() == report


def test_a_sealed_report_and_a_refusal_are_fetched_as_well(server: RunningServer) -> None:
    sealed = begin(server.url, blank_page(), report="sealed")
    broken = begin(server.url, b"no PDF")
    assert fetch(server.url, sealed).content.startswith(b"%PDF-")
    answer = fetch(server.url, broken)
    assert (answer.status_code, answer.json()["code"]) == (422, "file_not_verifiable")
    assert httpx.get(f"{server.url}/v1/verifications/ver_unknown").status_code == 404


def test_an_answer_is_forgotten_in_time_and_its_place_given_up(crowded: Start) -> None:
    server, _ = crowded(verification_keep_seconds=1, uploads_per_address=1)
    begun = begin(server.url, b"no PDF")
    assert begun.status_code == 202
    where = server.url + begun.headers["location"]
    until(lambda: httpx.get(where).status_code == 404, "it is still there")
    assert begin(server.url, b"no PDF").status_code == 202


# --- one pass ----------------------------------------------------------------------------------


class Asked:
    """The platform's side of a verification in this process: it knows nothing."""

    def __init__(self, document: bytes) -> None:
        self.told = [
            {
                "data": document,
                "name": "x.pdf",
                "now": datetime.now(UTC),
                "anchors": (),
                "pool": (),
                "crls": (),
            },
            {"statements": [], "changes": []},
        ]
        self.said: list[dict[str, Any]] = []

    def receive(self) -> Any:
        return self.told.pop(0)

    def send(self, head: dict[str, Any], *parts: bytes) -> Message:
        self.said.append(head)
        return Message(head, parts)


def test_a_file_is_verified_once_and_its_seals_asked_about_first(
    enrolled: Applicant, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = []

    def counted(stream: io.BytesIO, *args: Any, **options: Any) -> Any:
        passes.append(stream)
        return verify_pdf(stream, *args, **options)

    monkeypatch.setattr(verifying, "verify_pdf", counted)
    code = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()["seal_code"]
    channel = Asked(stamped(enrolled))
    verifying._verify(channel)  # type: ignore[arg-type]
    assert [list(said) for said in channel.said] == [["ask"], ["report"]]
    assert channel.said[0]["ask"] == [code]
    assert len(passes) == 1
    unsigned = Asked(blank_page())
    verifying._verify(unsigned)  # type: ignore[arg-type]
    assert [list(said) for said in unsigned.said] == [["report"]]
    assert len(passes) == 2
