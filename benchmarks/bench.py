"""How long signing and verifying take, beside what no program can do without, and beside others.

    python3 dev.py bench [--quick] [--runs N] [--only "10 pages"] [--out FILE.json]

For each document, in the same run: the floor; our signing and verifying inside one process, with a
key in memory; ``sealdesk stamp`` (virtual Ukey, journal, and verification of its own output) and
``sealdesk verify`` as whole processes; pyHanko's command line and poppler's ``pdfsig`` on an
RSA-signed twin of the same document.

``later``: ``sealdesk verify`` over sealed forms of 10 and 250 pages that were filled in afterwards,
on every page, beside drawing their pages, and on one; the pictures of one changed page; and the
search for pictures of seals (``later.py``).
``bulk``: ``sealdesk verify FOLDER --jobs 2`` over 1,000 contracts (made once, kept in
``build/bench``) beside pyHanko over their RSA-signed twins, in one process and in two.
``server``: the platform under load and under a crowd (``server.py``), beside endpoints that do next
to nothing.
``window``: the window's start, first page and scrolling (``window.py``) beside what Qt and PyMuPDF
alone take.

Prints medians, ratios and peak memory, and writes ``build/bench.json`` (or ``--out``).

This program itself stays small (standard library only): the kernel counts what a parent holds
towards the peak memory of its child.
"""

import argparse
import compileall
import concurrent.futures
import contextlib
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from telling import (
    BATCH_FILES,
    BATCH_LATENCY_MS,
    Batch,
    Timing,
    server_targets,
    table,
    targets,
)

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "build" / "bench.json"
SEALDESK = (sys.executable, "-P", "-m", "app")
DOCUMENTS = ("10 pages", "250 pages", "50 MB")
LATER = {10: 100, 250: 72}
"""Pages of documents with a later revision, and at how many dots an inch these are looked at."""
SECTIONS = (*DOCUMENTS, "later", "batch", "bulk", "server", "window")
CONTRACTS, JOBS = 1_000, 2
KEPT = RESULTS.with_name("bench")


# ---------------------------------------------------------------- running


def in_process(folder: Path, document: str, job: str, runs: int) -> Timing:
    """A job of ``inside.py``, repeated inside one fresh process."""
    command = [
        sys.executable,
        str(HERE / "inside.py"),
        job,
        str(folder),
        f"{document}.pdf",
        str(runs),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8")
    told = json.loads(done.stdout)
    return timing(document, job, told["seconds"], told["cpu"], told["peak_mb"])


def timing(
    document: str, job: str, seconds: Sequence[float], cpu: Sequence[float], peak_mb: float | None
) -> Timing:
    middle = statistics.median
    return Timing(
        *(document, job, middle(seconds), min(seconds), max(seconds)),
        middle(cpu) if cpu else None,
        peak_mb,
        max(cpu, default=None),
    )


def whole_process(
    document: str,
    job: str,
    command: Sequence[str | Path],
    runs: int,
    *,
    accepted: Sequence[int] = (0,),
    makes: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Timing:
    """A program from start to end; the first run, which fills the page cache, is not counted.

    What it *makes* is removed before every run, for ours writes over nothing."""
    seconds, cpu, peak = [], [], 0.0
    for run in range(runs + 1):
        if makes:
            makes.unlink(missing_ok=True)
        start = time.perf_counter()
        code, usage, output = run_and_measure(command, environment)
        elapsed = time.perf_counter() - start
        if code not in accepted:
            said = f"{job} failed with {code}: {' '.join(map(str, command))}"
            raise SystemExit(f"{said}\n{output[-2000:]}")
        if run:
            seconds.append(elapsed)
            if usage:
                cpu.append(usage[0])
                peak = max(peak, usage[1])
    return timing(document, job, seconds, cpu, peak or None)


def run_and_measure(
    command: Sequence[str | Path], environment: Mapping[str, str] | None
) -> tuple[int, tuple[float, float] | None, str]:
    """Exit code; processor seconds and peak memory in MB, where the system tells; the output."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=environment
        )
        if hasattr(os, "wait4"):
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            used = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6
        else:
            process.wait()
            used = None
        output.seek(0)
        return process.returncode, used, output.read().decode("utf-8", "replace")


def enrolled(folder: Path) -> tuple[dict[str, str], str]:
    """Let the demo enrol a company; the environment in which its seal can be used, and its code."""
    home = folder / "home"
    subprocess.run(
        [*SEALDESK, "demo", "--output", str(folder / "demo-out")],
        env={**os.environ, "SEALDESK_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    environment = {
        **os.environ,
        "SEALDESK_HOME": str(home / "data" / "demo"),
        "SEALDESK_KEYRING": "false",
        "SEALDESK_PIN": "demo-2026",
    }
    listed = subprocess.run(
        [*SEALDESK, "seal", "list", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    return environment, json.loads(listed.stdout)[0]["code"]


# ---------------------------------------------------------------- one document


def measure(
    folder: Path, document: str, runs: int, environment: Mapping[str, str], seal: str
) -> list[Timing]:
    original = folder / f"{document}.pdf"
    stamped = folder / f"{document}.stamped.pdf"  # made by the job "sign"
    output = folder / f"{document}.output.pdf"
    twin = folder / f"{document}.rsa.pdf"
    pyhanko = Path(sys.executable).with_name("pyhanko")
    results = [
        in_process(folder, document, job, runs)
        for job in ("floor-append", "floor", "sign", "floor-read", "verify")
    ]
    results.append(
        whole_process(
            document,
            "sealdesk stamp",
            [
                *(*SEALDESK, "stamp", original, "-o", output, "--seal", seal),
                *("--at", "1:140,200", "--offline"),
            ],
            runs,
            makes=output,
            environment=environment,
        )
    )
    results.append(
        whole_process(
            document,
            "sealdesk verify",
            [
                *(*SEALDESK, "verify", stamped, "--offline"),
                *("--trust", folder / "root.pem", "--json"),
            ],
            runs,
            accepted=(0, 2),  # 2: no platform here vouches for the seal's status
            environment=environment,
        )
    )
    results.append(
        whole_process(
            document,
            "pyhanko sign",
            [
                *(pyhanko, "sign", "addsig", "--field", "1/60,60,173,173/Sig1"),
                *("pemder", "--key", folder / "rsa.key", "--cert", folder / "rsa.pem"),
                *("--no-pass", original, twin),
            ],
            runs,
            makes=twin,
        )
    )
    results.append(
        whole_process(
            document,
            "pyhanko validate",
            [
                *(pyhanko, "sign", "validate", "--no-revocation-check"),
                *("--trust", folder / "rsa-root.pem", twin),
            ],
            runs,
        )
    )
    pdfsig = shutil.which("pdfsig")
    if pdfsig:
        results.append(whole_process(document, "pdfsig", [pdfsig, "-nocert", twin], runs))
    return results


# ---------------------------------------------------------------- with a later revision


def later(folder: Path, runs: int, environment: Mapping[str, str], seal: str) -> list[Timing]:
    """Documents of which something came after the seal."""
    script = [sys.executable, HERE / "later.py"]
    results: list[Timing] = []
    environment = {**environment, "PYTHONPATH": str(HERE.parent)}
    for pages, dpi in LATER.items():
        source, sealed = folder / f"{pages} pages, form.pdf", folder / f"{pages} pages, sealed.pdf"
        filled, document = folder / f"{pages} pages, filled.pdf", f"{pages} pages, filled later"
        subprocess.run([*script, "form", folder, str(pages)], check=True, env=environment)
        subprocess.run(
            [
                *(*SEALDESK, "stamp", source, "-o", sealed, "--seal", seal),
                *("--at", "1:140,200", "--offline"),
            ],
            **{"env": environment, "stdout": subprocess.DEVNULL, "check": True},
        )
        subprocess.run([*script, "fill", sealed, filled], check=True, env=environment)
        floor = [*script, "floor", filled, str(dpi)]
        results.append(whole_process(document, "floor", floor, runs, environment=environment))
        results.append(verified_later(document, filled, runs, environment))
        once = folder / f"{pages} pages, one field filled.pdf"
        subprocess.run([*script, "fill1", sealed, once], check=True, env=environment)
        document = f"{pages} pages, one field filled later"
        results.append(verified_later(document, once, runs, environment))
    first = folder / f"{min(LATER)} pages, filled.pdf"
    results += told_by([*script, "compare", first, str(runs)], "one page", environment)
    text = folder / "250 pages.pdf"
    results += told_by([*script, "search", text, str(runs)], "250 pages, search", environment)
    return results


def verified_later(document: str, path: Path, runs: int, environment: Mapping[str, str]) -> Timing:
    """``sealdesk verify`` of what is valid, and to which something was added: it is looked at."""
    command = [*SEALDESK, "verify", path, "--offline", "--json"]
    return whole_process(
        document, "sealdesk verify", command, runs, accepted=(5,), environment=environment
    )


def told_by(
    command: Sequence[str | Path], document: str, environment: Mapping[str, str]
) -> list[Timing]:
    """The jobs that a script has timed."""
    code, _, output = run_and_measure(command, environment)
    try:
        told = json.loads(output.strip().rpartition("\n")[2])
    except ValueError:
        raise SystemExit(f"{command[2]} failed with {code}:\n{output}") from None
    return [timing(document, job, runs["seconds"], runs["cpu"], None) for job, runs in told.items()]


# ---------------------------------------------------------------- a batch


def measure_batch(folder: Path, environment: Mapping[str, str]) -> Batch:
    """Fifty files through the window's work with a key that takes its time."""
    done = subprocess.run(
        [
            *(sys.executable, HERE / "batch.py", folder / "10 pages.pdf"),
            *(str(BATCH_FILES), str(BATCH_LATENCY_MS)),
        ],
        env={**environment, "PYTHONPATH": str(HERE.parent)},
        stdout=subprocess.PIPE,
        check=True,
        encoding="utf-8",
    )
    return Batch(**json.loads(done.stdout))


# ---------------------------------------------------------------- many documents


def contracts(count: int) -> Path:
    """The folder of *count* contracts and their twins, made if it is not there."""
    makers = (HERE / "bulk.py").read_bytes() + (HERE / "prepare.py").read_bytes()
    folder = KEPT / f"contracts-{count}-{hashlib.sha256(makers).hexdigest()[:8]}"
    if not folder.exists():
        print(f"making {count} contracts and their twins …", flush=True)
        KEPT.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, HERE / "bulk.py", "make", folder, str(count)]
        subprocess.run(command, check=True)
    for each in folder.rglob("*.pdf"):
        each.read_bytes()  # everybody finds the files in memory
    return folder


def bulk(count: int, runs: int, environment: Mapping[str, str]) -> list[Timing]:
    folder = contracts(count)
    document = f"{count:,} contracts"

    def peer(job: str, parts: int = JOBS) -> list[list[str | Path]]:
        script = [sys.executable, HERE / "bulk.py", job, folder]
        return [[*script, str(part), str(parts)] for part in range(parts)]

    own = [*SEALDESK, "verify", folder / "sealed", "--jobs", str(JOBS), "--offline"]
    jobs: dict[str, tuple[list[list[str | Path]], int, str]] = {
        "floor": (peer("floor"), 0, str(count // JOBS)),
        # UNKNOWN (2): no platform here vouches for the seal's status
        "sealdesk verify": ([[*own, "--trust", folder / "root.pem"]], 2, str(count)),
        "pyhanko": (peer("pyhanko", 1), 0, str(count)),
        "pyhanko, 2 processes": (peer("pyhanko"), 0, str(count // JOBS)),
    }
    taken: dict[str, list[tuple[float, float]]] = {job: [] for job in jobs}
    for _ in range(runs):
        for job, (commands, code, wanted) in jobs.items():
            taken[job].append(together(commands, code, wanted, environment))
    return [
        timing(document, job, [wall for wall, _ in each], [cpu for _, cpu in each], None)
        for job, each in taken.items()
    ]


def together(
    commands: Sequence[Sequence[str | Path]],
    code: int,
    wanted: str,
    environment: Mapping[str, str],
) -> tuple[float, float]:
    """Run all *commands* at once: (seconds until the last ends, processor seconds of all). Each
    must end with *code* and name *wanted* in its last line."""
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(len(commands)) as threads:
        ended = list(threads.map(lambda command: run_and_measure(command, environment), commands))
    seconds = time.perf_counter() - start
    for got, _, output in ended:
        last = output.strip().rpartition("\n")[2]
        if got != code or wanted not in last:
            raise SystemExit(f"ended with {got}: {output[-2000:]}")
    return seconds, sum(used[0] for _, used, _ in ended if used)


# ---------------------------------------------------------------- the window


@contextlib.contextmanager
def screen(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which a window shows: a screen of its own under Xvfb if there is one, else
    Qt's own off the screen; a home with nothing in it."""
    environment = {
        **os.environ,
        "SEALDESK_HOME": str(folder / "empty home"),
        "SEALDESK_KEYRING": "false",
        "PYTHONPATH": str(HERE.parent),
    }
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        # has_screen() wants a name; the platform plugin does not look at it
        yield {**environment, "QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":0"}
        return
    size = ("-screen", "0", "1920x1080x24")
    with subprocess.Popen(
        [xvfb, "-displayfd", "1", *size, "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="ascii",
    ) as server:
        try:
            number = server.stdout.readline().strip() if server.stdout else ""
            yield {**environment, "DISPLAY": f":{number}"}
        finally:
            server.terminate()


def window(folder: Path, runs: int) -> list[Timing]:
    """Start, first page and scrolling of the window, on the document of 500 pages."""
    document = str(folder / "50 MB.pdf")
    with screen(folder) as environment:
        results = [
            started("floor-start", runs, environment),
            started("start", runs, environment),
            inside_window("floor-page", environment, document, str(runs)),
            inside_window("first-page", environment, document, str(runs)),
            inside_window("scroll", environment, document),
        ]
    return results


def started(job: str, runs: int, environment: Mapping[str, str]) -> Timing:
    """Seconds from the start of the process until it says that it is usable."""
    seconds, cpu, peak = [], [], 0.0
    for run in range(runs + 1):
        begun = time.perf_counter()
        code, usage, output = run_and_measure(
            [sys.executable, HERE / "window.py", job], environment
        )
        elapsed = time.perf_counter() - begun
        if code or "usable" not in output:
            raise SystemExit(f"{job} failed with {code}:\n{output}")
        if run:
            seconds.append(elapsed)
            if usage:
                cpu.append(usage[0])
                peak = max(peak, usage[1])
    return timing("window", job, seconds, cpu, peak or None)


def inside_window(job: str, environment: Mapping[str, str], *arguments: str) -> Timing:
    command = [sys.executable, HERE / "window.py", job, *arguments]
    code, _, output = run_and_measure(command, environment)
    try:
        told = json.loads(output.strip().rpartition("\n")[2])
    except ValueError:
        raise SystemExit(f"{job} failed with {code}:\n{output}") from None
    parts = [each for each in told.get("memory", {}).values() if each]
    return timing("window", job, told["seconds"], told.get("busy", ()), sum(parts) or None)


# ---------------------------------------------------------------- the platform


def server(folder: Path, *, quick: bool) -> dict[str, Any]:
    """What ``server.py`` has measured: rates and the crowd."""
    out = folder / "server.json"
    little = ("--seconds", "1", "--rounds", "1", "--crowd", "20") if quick else ()
    subprocess.run([sys.executable, HERE / "server.py", "--out", out, *little], check=True)
    told: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return told


def main() -> int:
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each job")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="one section")
    parser.add_argument("--quick", action="store_true", help="one run, few contracts")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the numbers go")
    chosen = parser.parse_args()
    runs = 1 if chosen.quick else chosen.runs
    sections = chosen.only or SECTIONS
    # as an installed program has it, whatever this machine says about writing bytecode
    for each in ("app", "crypto", "device", "resources", "ui"):
        compileall.compile_dir(HERE.parent / each, quiet=2)
    with tempfile.TemporaryDirectory(prefix="sealdesk-bench-") as name:
        folder = Path(name)
        print("making the documents …", flush=True)
        subprocess.run([sys.executable, HERE / "prepare.py", folder], check=True)
        environment, seal = enrolled(folder)  # in the folder: not the person's own seals
        results: list[Timing] = []
        batch, served = None, None
        for section in sections:
            print(f"measuring {section} …", flush=True)
            if section == "later":
                results += later(folder, runs, environment, seal)
            elif section == "batch":
                batch = measure_batch(folder, environment)
            elif section == "bulk":
                results += bulk(20 if chosen.quick else CONTRACTS, (runs + 2) // 3, environment)
            elif section == "server":
                served = server(folder, quick=chosen.quick)
            elif section == "window":
                results += window(folder, runs)
            else:
                results += measure(folder, section, runs, environment, seal)
    print("\n" + table(results) + "\n")
    if batch:
        print(
            f"batch of {BATCH_FILES}: {batch.seconds:.1f} s; the key alone {batch.key:.1f} s; "
            f"with nothing prepared ahead {batch.one_by_one:.1f} s\n"
        )
    judged = targets(results, batch) + (server_targets(served) if served else [])
    for target in judged:
        state = "met" if target.met else "NOT met"
        print(f"{target.text}: {target.value:.2f} (at most {target.limit:g}) {state}")
    chosen.out.parent.mkdir(exist_ok=True)
    chosen.out.write_text(
        json.dumps(
            {
                "machine": f"{platform.platform()}, {os.cpu_count()} cores",
                "python": platform.python_version(),
                "runs": runs,
                "timings": [asdict(each) for each in results],
                "batch": asdict(batch) if batch else None,
                "server": served,
                "targets": [{**asdict(each), "met": each.met} for each in judged],
            },
            indent=1,
            ensure_ascii=False,
        ),
        encoding="utf-8",
    )
    print(f"→ {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
