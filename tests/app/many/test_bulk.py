"""Many documents at once: one result each, whatever a document does to its worker."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app.cli import bulk as bulk_commands
from app.cli.entry import main
from app.errors import ExitCode, FileNotReadable, PlatformUnreachable
from app.many import bulk, bulk_summary
from app.many.bulk import Order, Outcome, Run, find, verify_all
from crypto.bounded import BoundedProcess
from crypto.seal.statement import SealChange, SignedStatement
from tests.world.choking import SAID
from tests.world.documents import classic_pdf
from tests.world.sealing import NOW, World


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five documents: good, altered, unsigned, broken, and one in a folder below."""
    place = tmp_path_factory.mktemp("many")
    sealed = world.sign(classic_pdf())
    (place / "a 好.pdf").write_bytes(sealed)
    (place / "b.PDF").write_bytes(sealed.replace(b"Price 1000", b"Price 9000"))
    (place / "c.pdf").write_bytes(classic_pdf())
    (place / "d.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (place / "e").mkdir()
    (place / "e" / "=cmd().pdf").write_bytes(sealed)
    (place / "notes.txt").write_bytes(b"no PDF")
    (place / ".hidden.pdf").write_bytes(b"half written")
    return place


@pytest.fixture
def order(world: World) -> Order:
    return Order(world.trust, at=NOW)


EXPECTED = ["VALID", "INVALID", "UNSIGNED", "UNREADABLE", "VALID"]


def test_folders_are_walked_in_order(folder: Path, tmp_path: Path) -> None:
    names = [each.name for each in find([folder])]
    assert names == ["a 好.pdf", "b.PDF", "c.pdf", "d.pdf", "=cmd().pdf"]
    assert find([tmp_path / "no.pdf"]) == [
        tmp_path / "no.pdf"
    ]  # the result says that it is missing
    with pytest.raises(FileNotReadable):
        find([tmp_path])


@pytest.mark.wants("posix")
def test_a_pipe_among_the_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"")
    os.mkfifo(tmp_path / "b.pdf")
    assert [each.name for each in find([tmp_path])] == ["a.pdf"]


def test_a_hostile_document_costs_one_result(
    choking: None, folder: Path, tmp_path: Path, order: Order
) -> None:
    good = (folder / "a 好.pdf").read_bytes()
    names = ["good", "hang", "die", "eat", "loud", "fine"]
    for name in names:
        (tmp_path / f"{name}.pdf").write_bytes(good)
    files = [tmp_path / f"{name}.pdf" for name in names]
    run = verify_all(files, order, jobs=2, seconds=8, clock=8)  # what hangs does so for good
    verdicts = {each.path.stem: each.verdict for each in run.outcomes}
    bad = dict.fromkeys(("hang", "die", "eat", "loud"), "UNREADABLE")
    assert verdicts == {"good": "VALID", "fine": "VALID", **bad}
    errors = {each.path.stem: each.answer.get("error") for each in run.outcomes}
    assert "8 秒" in errors["hang"]["cause"]
    assert [each.path.stem for each in run.outcomes if each.late] == ["hang"]
    assert "异常退出" in errors["die"]["cause"]
    assert errors["eat"]["code"] == "E-114"
    assert errors["loud"]["code"] == "E-999"
    assert "secret" not in json.dumps(errors)


def test_a_document_that_waited_for_the_processor_is_not_late(
    folder: Path, tmp_path: Path, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a good contract was left out after thirty seconds of waiting."""
    asked: list[float] = []

    def hardly_any(process: BoundedProcess) -> float:
        asked.append(0.0)
        return 0.0

    monkeypatch.setattr(BoundedProcess, "processor_seconds", hardly_any)
    run = verify_all([folder / "a 好.pdf"], order, jobs=1, seconds=0.001, clock=60)
    assert run.outcomes[0].verdict == "VALID"
    assert not run.outcomes[0].late
    assert len(asked) > 1  # its time by the clock was over, and it went on


@pytest.mark.slow
def test_a_worker_that_is_taken_over_can_neither_hang_the_run_nor_end_it(
    choking: None, folder: Path, tmp_path: Path, order: Order
) -> None:
    good = (folder / "a 好.pdf").read_bytes()
    names = ["good", *SAID, "fine"]
    for name in names:
        (tmp_path / f"{name}.pdf").write_bytes(good)

    class Nobody:
        def status(self, code: str) -> SignedStatement:
            raise AssertionError(code)

    files = [tmp_path / f"{name}.pdf" for name in names]
    run = verify_all(files, order, jobs=2, seconds=10, platform=Nobody())
    verdicts = {each.path.stem: each.verdict for each in run.outcomes}
    assert verdicts == {
        "good": "VALID", "fine": "VALID", **dict.fromkeys(SAID, "UNREADABLE")
    }, run.outcomes[0].answer.get("error")  # fmt: skip
    assert all(each.answer["error"]["title"] != 7 for each in run.outcomes[1:-1])


def test_who_comes_after_a_document_that_kills_its_worker_later_gets_another(
    choking: None, folder: Path, tmp_path: Path, order: Order
) -> None:
    names = ["bomb", "next", "die", "last"]
    for name in names:
        (tmp_path / f"{name}.pdf").write_bytes((folder / "a 好.pdf").read_bytes())
    run = verify_all([tmp_path / f"{name}.pdf" for name in names], order, jobs=1, seconds=20)
    assert [each.verdict for each in run.outcomes] == ["VALID", "VALID", "UNREADABLE", "VALID"]


@pytest.mark.parametrize("alone", [True, False])
def test_alone_nobody_is_judged_where_another_document_has_been(
    choking: None, folder: Path, tmp_path: Path, order: Order, alone: bool
) -> None:
    for name in ("poison", "next"):
        (tmp_path / f"{name}.pdf").write_bytes((folder / "a 好.pdf").read_bytes())
    files = [tmp_path / "poison.pdf", tmp_path / "next.pdf"]
    run = verify_all(files, replace(order, alone=alone), jobs=1, seconds=20)
    assert [each.verdict for each in run.outcomes] == ["VALID", "VALID" if alone else "UNREADABLE"]


def test_every_document_gets_its_result_and_the_platform_is_asked_once_for_each_seal(
    folder: Path, world: World
) -> None:
    asked: list[str] = []
    told: dict[int, bytes] = {}

    class Platform:
        def status(self, seal_code: str) -> SignedStatement:
            asked.append(seal_code)
            return world.statement(world.first)

    files = [*find([folder]), folder / "missing.pdf"]
    run = verify_all(
        files,
        Order(replace(world.trust, statements=()), at=NOW, with_pdf=True),
        jobs=1,
        platform=Platform(),
        done=lambda index, outcome: told.update({index: outcome.pdf[:4]}),
    )
    assert [each.path for each in run.outcomes] == files
    assert [each.verdict for each in run.outcomes] == [*EXPECTED, "UNREADABLE"]
    assert asked == [world.first.code]
    assert told == {0: b"%PDF", 1: b"%PDF", 2: b"%PDF", 3: b"", 4: b"%PDF", 5: b""}
    assert run.outcomes[5].answer["error"]["code"] == "E-101"
    assert not run.interrupted


def test_a_report_shows_the_pages_that_were_changed(tmp_path: Path, world: World) -> None:
    first = world.sign(classic_pdf())
    (tmp_path / "one.pdf").write_bytes(first)
    both = world.sign(first, world.second, world.marks(world.second, left=20))
    (tmp_path / "two.pdf").write_bytes(both)
    told: dict[int, bytes] = {}
    verify_all(
        find([tmp_path]),
        Order(world.trust, at=NOW, with_pdf=True),
        jobs=1,
        done=lambda index, outcome: told.update({index: outcome.pdf}),
    )
    texts = ["".join(page.get_text() for page in pymupdf.open(stream=told[n])) for n in (0, 1)]
    assert ["第 1 页改了什么" in text for text in texts] == [False, True]


def test_what_only_the_registry_tells_is_asked_for_and_counts(folder: Path, world: World) -> None:
    asked: list[set[str]] = []
    long_ago = NOW - timedelta(days=900)

    class Platform:
        def status(self, seal_code: str) -> SignedStatement:
            raise PlatformUnreachable("https://platform.example")

        def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
            asked.append(set(seal_codes))
            if len([each for each in asked if each]) > 1 or not asked[-1]:
                return ()  # told once, it is known
            return (SealChange(world.first.code, "cancelled", "lost", long_ago, long_ago),)

    files = find([folder])
    run = verify_all(files, Order(world.trust, at=NOW), jobs=1, platform=Platform())
    codes = [
        {f["code"] for s in each.answer["signatures"] for f in s["findings"]}
        for each in run.outcomes
        if each.answer.get("signatures")
    ]
    assert {world.first.code} in asked
    assert all("status_not_active" in each for each in codes)
    assert len(codes) >= 2


def test_a_worker_that_judges_again_is_given_what_was_seen(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seals' states are known, and the registry tells something new of one."""
    both = world.sign(world.sign(classic_pdf()), world.second, world.marks(world.second, left=20))
    (tmp_path / "both.pdf").write_bytes(both)
    given: list[str] = []
    give = bulk._Worker.give

    def note(self: bulk._Worker, index: int, path: Path, *rest: Any) -> None:
        given.append(rest[-1])
        give(self, index, path, *rest)

    monkeypatch.setattr(bulk._Worker, "give", note)

    class Platform:
        def status(self, seal_code: str) -> SignedStatement:
            raise PlatformUnreachable("https://platform.example")

        def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
            later = NOW + timedelta(days=1)
            return (SealChange(world.first.code, "suspended", "lost", later, later),)

    order = Order(world.trust, at=NOW)
    run = verify_all([tmp_path / "both.pdf"], order, jobs=1, platform=Platform())
    assert run.outcomes[0].verdict == "UNKNOWN"  # suspended since, and its time is only claimed
    assert "seen" not in run.outcomes[0].answer
    assert given[0] == ""
    assert '"known"' in given[1]


def run_command(*arguments: object) -> int:
    return main(["verify", *map(str, arguments), "--offline", "--at-time", NOW.isoformat()])


@pytest.fixture
def anchor(world: World, tmp_path: Path) -> Path:
    path = tmp_path / "root.der"
    path.write_bytes(world.authority.certificate.der)
    return path


def test_the_command_files_a_summary_and_a_report_of_each(
    folder: Path, anchor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, reports = tmp_path / "out.csv", tmp_path / "reports"
    code = run_command(
        folder, "--jobs", 1, "--csv", summary, "--report-dir", reports, "--trust", anchor
    )
    assert code == 1  # the worst: something is invalid
    output = capsys.readouterr()
    assert "b.PDF: 无效" in output.out
    assert "5/5" in output.err
    raw = summary.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    assert len(rows) == 6
    assert all(len(row) == len(bulk_summary.COLUMNS) for row in rows)
    assert [row[1].split()[0] for row in rows[1:]] == [
        "UNKNOWN",
        "INVALID",
        "UNSIGNED",
        "UNREADABLE",
        "UNKNOWN",
    ]  # offline: nobody has told of the seals' status
    assert rows[1][3] == "宿迁市测试单位 32130000000017"
    assert rows[1][5] == "2026-11-22 17:00:00 +08:00（自称）"
    assert "被保护的内容在签章后被改动过" in rows[2][6]
    assert "[E-" in rows[4][6]
    filed = sorted(each.name for each in reports.iterdir())
    assert [name[:4] for name in filed] == ["0001", "0002", "0003", "0005"]
    assert filed[0] == "0001-a 好.pdf"
    assert run_command(folder, "--csv", summary) == ExitCode.OUTPUT  # never over another file


def test_an_unsigned_invoice_is_named_among_many() -> None:
    notices = [{"code": code, "details": {}} for code in ("electronic_invoice", "no_seal")]
    answer = {"verdict": "UNSIGNED", "findings": notices, "signatures": []}
    [line] = bulk_summary.told(Outcome(Path("发票.pdf"), answer), "zh_CN")
    assert "全国增值税发票查验平台" in line


def test_json_comes_in_the_order_of_the_files(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [Path("b.pdf"), Path("a.pdf")]
    outcomes = tuple(Outcome(each, {"verdict": "UNSIGNED"}) for each in files)
    monkeypatch.setattr(bulk_commands, "verify_all", lambda *_, **__: Run(outcomes, False))
    assert run_command(*files, "--json") == 3
    answers = json.loads(capsys.readouterr().out)
    assert [each["path"] for each in answers] == ["b.pdf", "a.pdf"]


def test_one_document_starts_no_workers(
    folder: Path, anchor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_Worker", None)
    assert run_command(folder / "a 好.pdf", "--trust", anchor) == 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    answer = {"verdict": "UNREADABLE", "error": {"code": "E", "title": "t", "cause": "c"}}
    run = Run((Outcome(Path(text), answer),), False)
    cell = bulk_summary.summary_csv(run, "en").decode("utf-8-sig").splitlines()[1]
    assert next(csv.reader([cell]))[0].startswith("'")


def test_ctrl_c_stops_cleanly(choking: None, folder: Path, tmp_path: Path, anchor: Path) -> None:
    hang = tmp_path / "hang.pdf"
    hang.write_bytes((folder / "a 好.pdf").read_bytes())
    summary = tmp_path / "summary.csv"
    program = (
        "import _thread, pathlib, signal, sys, threading, time\n"
        # A shell lets what it starts in the background ignore Ctrl-C, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "main_thread = threading.main_thread().ident\n"
        "def stop():\n"
        f"    while not pathlib.Path({str(hang.with_suffix('.reached'))!r}).exists():\n"
        "        time.sleep(0.05)\n"
        "    if sys.platform == 'win32':\n"
        "        _thread.interrupt_main()\n"
        "    else:\n"
        "        signal.pthread_kill(main_thread, signal.SIGINT)\n"
        "from app.cli.entry import main\n"
        "if __name__ == '__main__':\n"
        "    threading.Thread(target=stop, daemon=True).start()\n"
        "    sys.exit(main(sys.argv[1:]))\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    names = [hang, folder / "a 好.pdf", hang]
    arguments = ["verify", *names, "--jobs", 1, "--csv", summary, "--trust", anchor, "--offline"]
    done = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )
    assert done.returncode == ExitCode.CANCELLED, done.stderr
    assert "已停止，3 个文件没有验证" in done.stderr
    assert "Traceback" not in done.stderr
    assert summary.read_text(encoding="utf-8-sig").count("NOT_CHECKED") == 3
