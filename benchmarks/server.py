"""The platform under load, beside endpoints that do next to nothing, in the same run.

    python server.py [--seconds 5] [--rounds 3] [--crowd 200] [--out FILE.json]

``usage``: one usage record a request, ``status``: the signed status of a seal, each with 16 callers
at a time, on SQLite and, where it is installed, on PostgreSQL; beside a FastAPI endpoint that only
answers and one that commits one row a request (``plain_server.py``).
``crowd``: one stranger's uploads of 5 MB, held and dripping connections among them, again and
again, while somebody else asks for ``/healthz`` and signs in, until that was measured often enough.
The exit code is 1 if one of them waits longer than the target of docs/developers.md. A stranger
has computers of his own, and ours has as many processors for both: so the crowd's process gives way
to the platform and to whoever measures (nice 19, on Linux and macOS; elsewhere it says that it
does not).

Rates are requests a second of wall time, medians of the rounds; the jobs take turns, so that what
else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import pymupdf
from telling import crowd_targets

from crypto.algorithms import gm
from tests.world import postgresql
from tests.world.applicant import Applicant

HERE = Path(__file__).resolve().parent
CALLERS = 16
MEGABYTE = 1 << 20
IDLE_SECONDS = 5.0
SIGN_INS = 40
"""At least so many in a crowd; a whole crowd is gone before ten have signed in."""
WAVES = 50
"""At most so many crowds one after the other."""


@dataclass(frozen=True)
class Rate:
    """One job under load."""

    job: str
    per_second: float
    """Median of the rounds."""
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    """Of the processor, in the server, for one request: what a busy machine disturbs less."""


@dataclass
class Answers:
    """What became of a stranger's uploads."""

    statuses: dict[str, int] = field(default_factory=dict)
    """How many had which; "none": no answer."""
    without_time: int = 0
    """Refused without being told when to come again."""
    seconds: float = 0.0
    """Until the last was answered."""

    def add(self, others: Answers) -> None:
        for status, count in others.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count
        self.without_time += others.without_time
        self.seconds += others.seconds


@dataclass
class Crowd:
    """The uploads, and what the others noticed of them."""

    uploads: int
    """At once."""
    waves: int = 0
    """How many times."""
    answers: Answers = field(default_factory=Answers)
    healthz_ms: list[float] = field(default_factory=list)
    sign_in_ms: list[float] = field(default_factory=list)
    idle_healthz_ms: list[float] = field(default_factory=list)
    """The same loop before the crowd comes, in the same run: what the machine itself takes."""
    idle_sign_in_ms: list[float] = field(default_factory=list)
    most_processes: int = 0
    peak_mb: float = 0.0
    """Of the platform and its processes together."""


# --- servers -----------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(*words: str, **environment: str) -> Iterator[tuple[str, int]]:
    """A server program that prints its address: its URL and process."""
    process = subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parent,
        env={**os.environ, **environment},
    )
    try:
        lines = process.stdout or io.StringIO()
        yield lines.readline().rpartition(" ")[2].strip(), process.pid
    finally:
        process.terminate()
        process.wait()


def platform(
    folder: Path, database: str = ""
) -> contextlib.AbstractContextManager[tuple[str, int]]:
    return serving(
        *("-m", "server_stub", "serve", "--demo", "--port", "0", "--dir", str(folder)),
        SEALDESK_SERVER_DATABASE_URL=database,
        SEALDESK_SERVER_REQUESTS_PER_MINUTE="100000000",
    )


# --- load --------------------------------------------------------------------------------------


def head(method: str, url: str, length: int = 0, **headers: str) -> bytes:
    lines = [f"{method} {urlsplit(url).path} HTTP/1.1", "host: x", f"content-length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer with a length; its body is thrown away."""
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in rest if line)
    await reader.readexactly(int(headers.get("content-length", "0")))
    return int(first.split()[1]), headers


@dataclass(frozen=True)
class Job:
    """Requests to one server."""

    url: str
    pid: int
    next_request: Callable[[], bytes]


def processor_seconds(pid: int) -> float:
    """That *pid* has used, 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def drive(url: str, next_request: Callable[[], bytes], seconds: float) -> list[float]:
    """Milliseconds of each request that :data:`CALLERS` have answered in *seconds*."""
    parts, taken = urlsplit(url), []
    until = time.monotonic() + seconds

    async def caller() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (begun := time.monotonic()) < until:
            writer.write(next_request())
            status, _ = await read_answer(reader)
            if status >= 300:
                raise AssertionError(f"{url}: {status}")
            taken.append(1000 * (time.monotonic() - begun))
        writer.close()

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return taken


def rates(jobs: dict[str, Job], seconds: float, rounds: int) -> list[Rate]:
    """All *jobs* in turn, so many rounds."""
    found: dict[str, list[list[float]]] = {name: [] for name in jobs}
    spent = dict.fromkeys(jobs, 0.0)
    for job in jobs.values():
        asyncio.run(drive(job.url, job.next_request, 0.5))  # what is loaded late is there
    for _ in range(rounds):
        for name, job in jobs.items():
            before = processor_seconds(job.pid)
            found[name].append(asyncio.run(drive(job.url, job.next_request, seconds)))
            spent[name] += processor_seconds(job.pid) - before
    return [_rate(name, taken, seconds, spent[name]) for name, taken in found.items()]


def _rate(name: str, rounds: Sequence[Sequence[float]], seconds: float, spent: float) -> Rate:
    every = sorted(ms for taken in rounds for ms in taken)
    per_second = statistics.median(len(taken) / seconds for taken in rounds)
    middle, late = every[len(every) // 2], every[len(every) * 99 // 100]
    return Rate(name, per_second, middle, late, 1000 * spent / len(every))


class Uses:
    """Requests that report one use each, every one another."""

    def __init__(self, path: str, person: Applicant) -> None:
        self._path, self._person, self._number = path, person, 0

    def __call__(self) -> bytes:
        self._number += 1
        fields = {
            "type": "usage-v1",
            "seal_id": self._person.seal_id,
            "document_sm3": f"{self._number:064x}",
            "at": datetime.now(UTC).isoformat(),
            "marks": 1,
        }
        text = json.dumps(fields)
        record = {"id": gm.sm3(text.encode()).hex(), "record": text}
        body = json.dumps({"records": [record]}).encode()
        token = f"Bearer {self._person.token}"
        said = {"content_type": "application/json", "authorization": token}
        return head("POST", self._path, len(body), **said) + body


def usage_and_status(folder: Path, seconds: float, rounds: int) -> list[Rate]:
    with ExitStack() as stack:
        jobs: dict[str, Job] = {}
        databases = {"SQLite": ("", f"sqlite:///{folder / 'plain.db'}")}
        if postgresql.programs():
            cluster = stack.enter_context(postgresql.running_cluster(options=""))
            first, second = (cluster.url(cluster.create()) for _ in range(2))
            databases["PostgreSQL"] = (first, second)
        for name, (ours, theirs) in databases.items():
            plain, its = stack.enter_context(serving(str(HERE / "plain_server.py"), theirs))
            url, pid = stack.enter_context(platform(folder / name, ours))
            person = Applicant(url)
            stack.callback(person.http.close)
            code = person.enrol()["seal_code"]
            if name == "SQLite":
                looked = head("GET", f"{plain}/bare")
                asked = head("GET", f"{url}/v1/seals/{code}/status")
                jobs["answer"] = Job(plain, its, lambda looked=looked: looked)
                jobs["status"] = Job(url, pid, lambda asked=asked: asked)
                jobs["read and answer"] = Job(plain, its, Uses("/bare", person))
            jobs[f"one row, {name}"] = Job(plain, its, Uses("/row", person))
            jobs[f"usage, {name}"] = Job(url, pid, Uses("/v1/usage-records", person))
        return rates(jobs, seconds, rounds)


# --- a crowd -----------------------------------------------------------------------------------


def crowd(folder: Path, uploads: int) -> Crowd:
    """*uploads* of 5 MB from one address, from another process; the others ask from this one."""
    found = Crowd(uploads)
    with platform(folder) as (url, pid):
        person = Applicant(url)
        person.enrol()
        person.sign_in()
        alone = threading.Event()
        with ThreadPoolExecutor(2) as others:
            before = [
                others.submit(_ask, url, alone, found.idle_healthz_ms),
                others.submit(_sign_in, person, alone, found.idle_sign_in_ms),
            ]
            time.sleep(IDLE_SECONDS)
            alone.set()
            for each in before:
                each.result()
        begun, ended = threading.Event(), threading.Event()
        with ThreadPoolExecutor(3) as others:
            done = [
                others.submit(_ask, url, ended, found.healthz_ms, begun),
                others.submit(_sign_in, person, ended, found.sign_in_ms, begun),
                others.submit(_watch, pid, ended, found),
            ]
            try:
                _waves(url, uploads, found, begun)
            finally:
                begun.set()
                ended.set()
            for each in done:
                each.result()
        person.http.close()
    return found


def _waves(url: str, uploads: int, found: Crowd, begun: threading.Event) -> None:
    """Crowds from another process until :data:`SIGN_INS` have been measured; *begun* is set when
    the first one comes."""
    command = [sys.executable, __file__, "--stranger", url, "--crowd", str(uploads)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        asked, answers = process.stdin or io.StringIO(), process.stdout or io.StringIO()
        answers.readline()  # it is ready
        begun.set()
        while found.waves < WAVES and (not found.waves or len(found.sign_in_ms) < SIGN_INS):
            asked.write("again\n")
            asked.flush()
            found.answers.add(Answers(**json.loads(answers.readline())))
            found.waves += 1
        asked.close()


def five_megabytes() -> bytes:
    """A PDF that can be verified; nothing in it can be compressed."""
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "a contract")
    document.embfile_add("noise", os.urandom(5 * MEGABYTE))
    return bytes(document.tobytes())


async def stranger(url: str, uploads: int, document: bytes) -> Answers:
    """All at once; of ten connections one is held and one drips until the others are answered."""
    parts, found = urlsplit(url), Answers()
    whole = head("POST", f"{url}/v1/verifications", len(document), content_type="application/pdf")
    ended, begun = asyncio.Event(), time.monotonic()

    async def upload(number: int) -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        status = "none"
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if number % 10 == 0:  # held
                writer.write(whole[:40])
                await ended.wait()
            elif number % 10 == 1:  # dripping
                writer.write(whole)
                while not ended.is_set() and not writer.is_closing():
                    writer.write(b"%")
                    await asyncio.sleep(0.5)
            else:
                writer.write(whole + document)
                answered, headers = await read_answer(reader)
                status = str(answered)
                found.without_time += answered in (429, 503) and "retry-after" not in headers
        writer.close()
        if number % 10 > 1:
            found.statuses[status] = found.statuses.get(status, 0) + 1

    tasks = [asyncio.create_task(upload(number)) for number in range(uploads)]
    await asyncio.gather(*(task for number, task in enumerate(tasks) if number % 10 > 1))
    found.seconds = time.monotonic() - begun
    ended.set()
    await asyncio.gather(*tasks)
    return found


def _ask(
    url: str, ended: threading.Event, taken: list[float], begun: threading.Event | None = None
) -> None:
    if begun is not None:
        begun.wait()
    with httpx.Client(base_url=url, timeout=60) as client:
        while not ended.wait(0.05):
            begun = time.monotonic()
            client.get("/healthz").raise_for_status()
            taken.append(1000 * (time.monotonic() - begun))


def _sign_in(
    person: Applicant,
    ended: threading.Event,
    taken: list[float],
    begun: threading.Event | None = None,
) -> None:
    if begun is not None:
        begun.wait()
    while not ended.wait(0.1):
        begun = time.monotonic()
        person.sign_in()
        taken.append(1000 * (time.monotonic() - begun))


def _watch(pid: int, ended: threading.Event, found: Crowd) -> None:
    """Processes and memory of *pid* and all below it (Linux)."""
    while not ended.wait(0.1):
        below, size = _family(pid), 0
        for each in below:
            with contextlib.suppress(OSError, IndexError):
                size += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * 4096
        found.most_processes = max(found.most_processes, len(below) - 1)
        found.peak_mb = max(found.peak_mb, size / 1e6)


def _family(pid: int) -> list[int]:
    family = [pid]
    for each in family:
        for listed in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                family += map(int, listed.read_text().split())
    return family


def _said(taken: Sequence[float]) -> str:
    every = sorted(taken)
    middle, most, last = every[len(every) // 2], every[len(every) * 95 // 100], every[-1]
    return f"{middle:.0f} ms, p95 {most:.0f} ms, at most {last:.0f} ms of {len(every)}"


# --- the whole ---------------------------------------------------------------------------------


def main() -> int:
    sys.setswitchinterval(0.0005)  # who measures waits for no other thread of this process
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of each job in each round; 0: none"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crowd", type=int, default=200, help="uploads of one stranger; 0: none")
    parser.add_argument("--out", type=Path, help="where the numbers go, JSON")
    parser.add_argument("--stranger", metavar="URL", help="be the crowd that this one measures")
    chosen = parser.parse_args()
    if chosen.stranger:
        if sys.platform != "win32":
            os.nice(19)
        document = five_megabytes()
        print("ready", flush=True)
        for _ in sys.stdin:
            wave = asyncio.run(stranger(chosen.stranger, chosen.crowd, document))
            print(json.dumps(asdict(wave)), flush=True)
        return 0
    with tempfile.TemporaryDirectory(prefix="sealdesk-bench-server-") as name:
        folder = Path(name)
        found = usage_and_status(folder, chosen.seconds, chosen.rounds) if chosen.seconds else []
        for rate in found:
            print(
                f"{rate.job:24}{rate.per_second:8.0f}/s"
                f"{rate.p50_ms:8.1f} ms{rate.p99_ms:8.1f} ms (p99)"
                f"{rate.cpu_ms:8.2f} ms of the processor"
            )
        mob = crowd(folder / "crowd", chosen.crowd) if chosen.crowd else None
    if mob:
        print(
            f"{mob.waves} × {mob.uploads} uploads: {mob.answers.statuses} in"
            f" {mob.answers.seconds:.1f} s,"
            f" {mob.answers.without_time} without a time to come again, at"
            f" most {mob.most_processes} processes and {mob.peak_mb:.0f} MB; the crowd's process"
            f" {'has the same' if sys.platform == 'win32' else 'has a lower'} priority\n"
            f"  /healthz {_said(mob.healthz_ms)}; idle {_said(mob.idle_healthz_ms)}\n"
            f"  sign-in {_said(mob.sign_in_ms)}; idle {_said(mob.idle_sign_in_ms)}"
        )
    told = {"rates": [asdict(each) for each in found], "crowd": asdict(mob) if mob else None}
    if chosen.out:
        chosen.out.write_text(json.dumps(told, indent=1), encoding="utf-8")
    missed = [each for each in crowd_targets(told["crowd"]) if not each.met] if mob else []
    for each in missed:
        print(f"NOT met: {each.text}: {each.value:.0f} (at most {each.limit:g})")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
