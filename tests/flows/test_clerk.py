"""The clerk's day by commands: a key, a seal, stamped contracts, verdicts, sync, the journal."""

from __future__ import annotations

import csv
import getpass
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app.errors import ExitCode
from crypto.beijing import BEIJING
from crypto.seal.date_mark import text_of
from tests.flows.conftest import COMPANY
from tests.world.clerk import PIN, Clerk, Enrolled

ROOT = Path(__file__).parents[2]


def marks(report: dict[str, Any]) -> list[tuple[int, float, float, float, float]]:
    """(page, left, top, width, height) of the last signature's marks, in millimetres."""
    return [
        (each["page"], each["left_mm"], each["top_mm"], each["width_mm"], each["height_mm"])
        for each in report["signatures"][-1]["marks"]
    ]


# ---------------------------------------------------------------- a key and a seal


def test_from_no_key_at_all_to_a_seal_of_the_company(company: Enrolled) -> None:
    said = {name: answer.out for name, answer in company.said.items()}
    assert said["before"] == "没有找到 Ukey。\n"
    assert said["init"] == "Ukey 已初始化。\n"
    assert "虚拟 Ukey，仅供演示" in said["list"]
    assert said["enroll"] == f"已领取印章： {company.clerk.seal} {COMPANY}\n"
    assert all(answer.err == "" for answer in company.said.values())


def test_the_token_says_who_it_is_and_whose_certificate_it_holds(clerk: Clerk) -> None:
    said = clerk("token", "info", LANGUAGE="en").out
    assert "PIN tries left: 10" in said
    assert "locked: no" in said
    assert f"CN={clerk.seal}" in said


def test_the_cabinet_shows_the_seal(clerk: Clerk) -> None:
    assert clerk("seal", "list").out.startswith(f"{clerk.seal}\t{COMPANY}\t可用\t")
    shown = clerk("seal", "show", COMPANY, "--json").json
    assert (shown["code"], shown["name"], shown["size_mm"]) == (clerk.seal, COMPANY, [40, 40])
    assert shown["usable"] is True
    assert shown["why_not"] is None
    assert clerk("seal", "show", clerk.seal).out.startswith(f"名称: {COMPANY}\n")


def test_an_empty_cabinet_says_so(stranger: Clerk) -> None:
    assert stranger("seal", "list").out == "印章柜里还没有印章。\n"
    assert stranger("seal", "list", LANGUAGE="en").out == "There is no seal in the cabinet yet.\n"


def test_a_seal_file_can_be_inspected_by_anybody(
    clerk: Clerk, stranger: Clerk, tmp_path: Path, authorities_pem: Path
) -> None:
    with clerk.desk() as desk:
        data = desk.cabinet.seal(clerk.seal).data
    (tmp_path / "seal.esl").write_bytes(data)
    assert "[已证实]" in stranger("seal", "inspect", tmp_path / "seal.esl").out
    answer = stranger("seal", "inspect", tmp_path / "seal.esl", "--json")
    assert answer.code == 2, "without a trusted root nothing is proved"
    facts = answer.json
    assert (facts["kind"], facts["format"], facts["verdict"]) == ("seal", "ses-v4", "UNKNOWN")
    assert facts["seal"]["code"] == clerk.seal
    assert facts["seal_signature_valid"] is True
    trusting = stranger("seal", "inspect", tmp_path / "seal.esl", "--trust", authorities_pem)
    assert trusting.code == 0
    assert COMPANY in trusting.out
    late = stranger(
        *("seal", "inspect", tmp_path / "seal.esl", "--trust", authorities_pem),
        *("--at-time", "2040-01-01"),
    )
    assert late.code == 2, "the seal has ended by then"


# ---------------------------------------------------------------- stamping


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (("--at", "2:105,148.5"), [(2, 85, 128.5, 40, 40)]),
        (("--at", "-1:30,40", "--at", "1:50,60"), [(3, 10, 20, 40, 40), (1, 30, 40, 40, 40)]),
        (("--pages", "-3,3", "--at", "60,70"), [(1, 40, 50, 40, 40), (3, 40, 50, 40, 40)]),
        (
            ("--riding", "right"),
            [(page, pytest.approx(210 - 40 / 3, abs=0.01), 128.5, 13.33, 40) for page in (1, 2, 3)],
        ),
        (
            ("--riding", "top"),
            [(page, 85, 0, 40, 13.33) for page in (1, 2, 3)],
        ),
    ],
)
def test_the_seal_goes_where_it_was_asked_for(
    clerk: Clerk, contract: Path, where: tuple[str, ...], expected: list[Any]
) -> None:
    before = contract.read_bytes()
    answer = clerk("stamp", contract, "--seal", clerk.seal, *where, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["ticketed"] is True
    assert answer.json["output"] == str(contract.with_name("合同_已盖章.pdf"))
    report = answer.json["report"]
    assert report["verdict"] == "VALID"
    assert sorted(marks(report)) == sorted(expected)
    assert contract.read_bytes() == before
    assert contract.with_name("合同_已盖章.pdf").read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (("--date",), [(1, 60, 84.5, "cn"), (3, 60, 84.5, "cn")]),
        (("--date", "iso"), [(1, 60, 84.5, "iso"), (3, 60, 84.5, "iso")]),
        (("--date-at", "-1:100.5,90"), [(3, 100.5, 90, "cn")]),
        (("--date", "iso", "--date-at", "1:100,90"), [(1, 100, 90, "iso")]),
    ],
)
def test_the_date_stands_beside_each_seal_or_where_it_was_asked_for(
    clerk: Clerk, contract: Path, wanted: tuple[str, ...], expected: list[Any]
) -> None:
    day = datetime.now(BEIJING).date()
    where = ("--pages", "1,3", "--at", "60,60", "--riding", "right")
    answer = clerk("stamp", contract, "--seal", clerk.seal, *where, *wanted, "--json")
    assert answer.code == 0, answer.err
    (signature,) = answer.json["report"]["signatures"]
    assert signature["verdict"] == "VALID"
    days = {day, datetime.now(BEIJING).date()}
    dates = [each for each in signature["marks"] if each["date"]]
    assert len(dates) == len(expected)
    for mark, (page, x, y, style) in zip(dates, expected, strict=True):
        assert mark["page"] == page
        assert mark["left_mm"] + mark["width_mm"] / 2 == pytest.approx(x, abs=0.02)
        assert mark["top_mm"] + mark["height_mm"] / 2 == pytest.approx(y, abs=0.02)
        assert mark["date"] in {text_of(style, day) for day in days}
    entry = clerk.journal()[-1]
    assert entry["pages"] == [1, 3, 1, 2, 3]


def test_a_keyword_is_sealed_where_it_stands(clerk: Clerk, contract: Path) -> None:
    with pymupdf.open(contract) as document:
        word = "印章"
        hits = [(page.number + 1, rect) for page in document for rect in page.search_for(word)]
    inside = [
        number
        for number, (_, rect) in enumerate(hits, 1)
        if 57 < rect.x0 < 500 and 57 < rect.y0 < 750
    ]
    number = inside[3]
    page, rect = hits[number - 1]
    answer = clerk(
        "stamp", contract, "--seal", clerk.seal, "--keyword", f"{word}:{number}", "--json"
    )
    assert answer.code == 0, answer.err
    ((sealed, left, top, width, height),) = marks(answer.json["report"])
    assert sealed == page
    assert left + width / 2 == pytest.approx((rect.x0 + rect.x1) / 2 / 72 * 25.4, abs=1)
    assert top + height / 2 == pytest.approx((rect.y0 + rect.y1) / 2 / 72 * 25.4, abs=2)


def test_a_second_stamping_of_the_same_file_takes_the_next_free_name(
    clerk: Clerk, contract: Path
) -> None:
    taken = contract.parent / "合同_已盖章.pdf"
    if sys.platform == "win32":  # where Wine sees no link that leads nowhere
        taken.touch()
    else:
        taken.symlink_to("nowhere")  # a name that is taken, too
    for number in (2, 3):
        answer = clerk("stamp", contract, "--seal", clerk.seal, "--at", "1:60,60")
        assert answer.out.startswith(
            f"已盖章： {contract.with_name(f'合同_已盖章({number}).pdf')}\n"
        )


def test_stamped_files_go_to_the_folder_of_the_settings(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "已盖章"
    folder.mkdir()
    answer = clerk(
        *("stamp", contract, "--seal", clerk.seal, "--at", "1:60,60"), OUTPUT_FOLDER=str(folder)
    )
    assert answer.code == 0, answer.err
    assert [each.name for each in folder.iterdir()] == ["合同_已盖章.pdf"]
    assert [each.name for each in contract.parent.iterdir()] == ["合同.pdf"]


def test_separate_marks_are_signatures_of_their_own(clerk: Clerk, contract: Path) -> None:
    answer = clerk(
        *("stamp", contract, "--seal", clerk.seal, "--pages", "1-3", "--at", "60,60", "--json"),
        MARKS="separate",
    )
    assert answer.code == 0, answer.err
    verdicts = [each["verdict"] for each in answer.json["report"]["signatures"]]
    assert verdicts == ["VALID", "VALID", "VALID"]
    # each later one is proved by itself and covers nothing: all stay green
    assert clerk("verify", answer.json["output"]).code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), ExitCode.USAGE),
        (("--pages", "1", "--keyword", "印章"), ExitCode.USAGE),
        (("--at", "60,60"), ExitCode.USAGE),
        (("--at", "1:5,5"), ExitCode.PLACEMENT),
        (("--at", "9:60,60"), ExitCode.PLACEMENT),
        (("--at", "left"), ExitCode.PLACEMENT),
        (("--pages", "3-1", "--at", "60,60"), ExitCode.PLACEMENT),
        (("--keyword", "没有这样的字"), ExitCode.PLACEMENT),
        (("--at", "1:60,60", "--date-at", "60,100"), ExitCode.USAGE),
        (("--at", "1:60,60", "--date-at", "2:60,100"), ExitCode.PLACEMENT),
        (("--at", "1:60,60", "--date-at", "1:5,100"), ExitCode.PLACEMENT),
        (("--riding", "right", "--date-at", "1:60,100"), ExitCode.PLACEMENT),
        (("--at", "1:60,60", "--date", "us"), ExitCode.USAGE),
    ],
)
def test_a_place_that_makes_no_sense_is_refused_before_anything_is_asked_of_the_key(
    clerk: Clerk, contract: Path, arguments: tuple[str, ...], code: ExitCode
) -> None:
    entries = len(clerk.journal())
    answer = clerk("stamp", contract, "--seal", clerk.seal, *arguments, PIN="wrong-pin")
    assert answer.code == code, "the wrong PIN was not even looked at"
    assert len(clerk.journal()) == entries
    assert [each.name for each in contract.parent.iterdir()] == ["合同.pdf"]


# ---------------------------------------------------------------- verdicts and exit codes


def test_every_answer_has_its_exit_code(
    clerk: Clerk, stranger: Clerk, contract: Path, stamped: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.pdf"
    assert clerk("stamp", stamped, "-o", again, "--seal", clerk.seal, "--at", "2:60,60").code == 0
    data = bytearray(stamped.read_bytes())
    data[data.index(b"/MediaBox") + 12] ^= 1
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(data)
    text = tmp_path / "text.pdf"
    text.write_text("no PDF at all", encoding="utf-8")

    assert clerk("verify", stamped).code == 0
    assert clerk("verify", bad).code == 1
    assert clerk("verify", again).code == 0, "a second seal that is proved leaves the first valid"
    assert stranger("verify", stamped).code == 2, "nobody it trusts"
    assert clerk("verify", contract).code == 3
    assert clerk("verify", text).code == 4
    assert clerk("verify", tmp_path / "nowhere.pdf").code == 4
    assert clerk("verify", stamped, contract, again).code == 3, "the worst counts"
    assert clerk("verify", stamped, text, again).code == 4
    assert clerk("verify", bad, text, contract).code == 1


def test_several_files_give_a_list_in_which_the_unreadable_one_has_its_error(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.pdf"
    text.write_text("no PDF at all", encoding="utf-8")
    answer = clerk("verify", contract, text, tmp_path / "nowhere.pdf", "--json", LANGUAGE="en")
    assert answer.code == 4
    unsigned, broken, missing = answer.json
    assert unsigned["verdict"] == "UNSIGNED"
    assert (broken["verdict"], broken["error"]["code"]) == ("UNREADABLE", "E-102")
    assert (missing["file"]["name"], missing["error"]["code"]) == ("nowhere.pdf", "E-101")
    assert "does not exist" in missing["error"]["cause"]


REPORT = {
    "schema", "program", "verified_at", "judged_at", "verdict", "verdict_text", "file",
    "signatures", "unsigned_marks", "lookalikes", "findings",
}  # fmt: skip
SIGNATURE = {
    "fields", "format", "filter", "subfilter", "coverage", "byte_range", "digest_matches",
    "signature_valid", "seal_signature_valid", "signer_in_seal_list", "signer", "chain", "seal",
    "seal_chain", "times", "platform", "marks", "changed_later", "findings", "intact", "verdict",
    "verdict_text",
}  # fmt: skip
SEAL = {
    "code", "name", "type", "type_text", "vendor", "version", "maker", "created", "valid_from",
    "valid_until", "size_mm", "picture_type", "picture_sm3",
}  # fmt: skip


def test_the_report_has_the_promised_fields(clerk: Clerk, stamped: Path) -> None:
    report = clerk("verify", stamped, "--json").json
    assert report["schema"] == "sealdesk-report/2"
    assert set(report) == REPORT
    (signature,) = report["signatures"]
    assert set(signature) >= SIGNATURE
    assert set(signature["seal"]) == SEAL
    assert set(signature["times"]) == {"claimed", "trusted", "trusted_source"}
    assert set(signature["platform"]) == {"state", "reason", "as_of", "source"}
    assert all(set(each) == {"code", "level", "text", "details"} for each in signature["findings"])
    facts = ("format", "coverage", "intact", "signature_valid", "seal_signature_valid")
    assert [signature[name] for name in facts] == ["ses-v4", "file", True, True, True]
    assert signature["signer_in_seal_list"] is True
    assert signature["digest_matches"] is True
    assert (signature["seal"]["code"], signature["seal"]["name"]) == (clerk.seal, COMPANY)


def test_a_stranger_who_trusts_the_authorities_needs_nobody_else(
    stranger: Clerk, stamped: Path, authorities_pem: Path
) -> None:
    """The ticket in the signature answers for the seal's status, without any network."""
    answer = stranger("verify", stamped, "--trust", authorities_pem, "--offline", "--json")
    assert answer.code == 0
    (signature,) = answer.json["signatures"]
    assert signature["verdict"] == "VALID"
    assert signature["platform"]["source"] == "stapled"
    assert signature["times"]["trusted_source"] == "ticket"
    assert not stranger.home.exists(), "verifying leaves nothing behind"


def test_a_file_is_judged_as_of_the_moment_asked_for(
    stranger: Clerk, stamped: Path, authorities_pem: Path
) -> None:
    def codes(moment: str) -> tuple[int, set[str]]:
        answer = stranger(
            *("verify", stamped, "--trust", authorities_pem, "--at-time", moment, "--json")
        )
        (signature,) = answer.json["signatures"]
        return answer.code, {each["code"] for each in signature["findings"]}

    code, found = codes("2031-06-01T00:00:00+08:00")
    assert code == 0, "the ticket proves that it was sealed in time"
    assert {"signer_expired_since", "seal_expired_since"} <= found
    code, found = codes(f"{datetime.now(UTC) - timedelta(hours=2):%Y-%m-%dT%H:%M}")
    assert code == 2
    assert "clock_contradicts" in found, "the ticket proves a later moment than that"


# ---------------------------------------------------------------- sync and the journal


def test_the_platform_is_told_and_the_journal_holds_together(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    assert clerk("journal", "check").out == "台账完整：共 0 条，没有改动或缺失。\n"
    for place, more in (("1:60,60", ()), ("2:60,60", ("--offline",))):
        assert clerk("stamp", contract, "--seal", clerk.seal, "--at", place, *more).code == 0
    # the first went by itself; other copies of this clerk have used the lease, which is told first
    assert clerk("sync", LANGUAGE="en").out.splitlines()[-1] == (
        "Synchronised. Seals confirmed: 1; usage records sent: 1."
    )
    assert "0 条用印记录" in clerk("sync").out

    begun, done, *_ = clerk.journal()
    assert (begun["event"], done["event"]) == ("stamp-begun", "stamped")
    assert done["begun"] == begun["sequence"]
    assert done["ticketed"] is True
    assert done["output"] == "合同_已盖章.pdf"
    lines = clerk("journal", "list").out.splitlines()
    assert len(lines) == 4
    assert lines[1].split("\t")[2:] == ["盖章", "合同.pdf", COMPANY]
    assert clerk("journal", "list", LANGUAGE="en").out.splitlines()[0].split("\t")[2] == (
        "stamping begun"
    )
    assert clerk("journal", "check").code == 0

    target = tmp_path / "台账.csv"
    assert clerk("journal", "export", target).code == 0
    rows = list(csv.reader(target.read_text("utf-8-sig").splitlines()))
    assert len(rows) == 5
    assert clerk("journal", "export", tmp_path / "journal.xlsx").code == 0
    assert (tmp_path / "journal.xlsx").read_bytes().startswith(b"PK")


def test_an_export_overwrites_no_file(clerk: Clerk, contract: Path, tmp_path: Path) -> None:
    before = contract.read_bytes()
    answer = clerk("journal", "export", contract)
    assert answer.code == ExitCode.OUTPUT
    assert "E-103" in answer.err
    assert contract.read_bytes() == before
    folder = tmp_path / "file"
    folder.write_text("in the way", encoding="utf-8")
    assert clerk("journal", "export", folder / "j.csv").code == ExitCode.OUTPUT


def test_a_journal_that_was_changed_is_found_out_and_no_seal_is_used_any_more(
    clerk: Clerk, contract: Path
) -> None:
    assert clerk("stamp", contract, "--seal", clerk.seal, "--at", "1:60,60").code == 0
    path = clerk.home / "data" / "journal.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert clerk("journal", "check").code == 1
    answer = clerk("stamp", contract, "--seal", clerk.seal, "--at", "1:60,60", LANGUAGE="en")
    assert answer.code == ExitCode.LOCAL_DATA
    assert "[E-603]" in answer.err
    assert sorted(each.name for each in contract.parent.iterdir()) == [
        "合同.pdf", "合同_已盖章.pdf",
    ]  # fmt: skip


# ---------------------------------------------------------------- languages and PINs


def test_the_same_is_said_in_chinese_and_in_english(clerk: Clerk, stamped: Path) -> None:
    chinese = clerk("verify", stamped).out
    english = clerk("verify", stamped, LANGUAGE="en").out
    assert chinese.splitlines()[0] == "stamped.pdf: 有效"
    assert english.splitlines()[0] == "stamped.pdf: valid"
    assert len(chinese.splitlines()) == len(english.splitlines())
    ours = [line for line in english.splitlines() if COMPANY not in line and "CN=" not in line]
    assert len(ours) > 10
    names = ("宿迁市",)
    assert [
        line
        for line in ours
        if any("一" <= each <= "鿿" for each in line) and not any(name in line for name in names)
    ] == []


def test_a_pin_is_asked_for_with_the_name_of_the_key_and_the_tries_left(
    clerk: Clerk, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return PIN

    monkeypatch.setattr(getpass, "getpass", ask)
    without = Clerk(clerk.folder, None, clerk.seal)
    answer = without("stamp", contract, "--seal", clerk.seal, "--at", "1:60,60")
    assert answer.code == 0, answer.err
    (prompt,) = prompts
    assert "SealDesk VK" in prompt
    assert "口令剩余次数: 10" in prompt
    assert PIN not in answer.out + answer.err


def test_a_pin_comes_by_standard_input(clerk: Clerk) -> None:
    without = Clerk(clerk.folder, None, clerk.seal)
    assert without("sync", "--pin-stdin", stdin=f"{PIN}\r\n").code == 0
    assert without("sync", "--pin-stdin", stdin="").code == ExitCode.USAGE


def test_where_nobody_can_be_asked_for_the_pin_it_is_said_how_to_give_it(
    clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", nobody)
    answer = Clerk(clerk.folder, None)("sync")
    assert answer.code == ExitCode.USAGE
    assert "--pin-stdin" in answer.err


def test_a_pin_is_never_an_argument(clerk: Clerk) -> None:
    for option in ("--pin", "--pin=1", "-p"):
        assert clerk("sync", option, "x").code == ExitCode.USAGE


def test_a_pin_is_changed(clerk: Clerk) -> None:
    without = Clerk(clerk.folder, None, clerk.seal)
    changed = without("token", "change-pin", "--pin-stdin", stdin=f"{PIN}\nnew-pin-5173\n")
    assert changed.out == "口令已修改。\n"
    assert clerk("sync").code == ExitCode.PIN
    assert clerk("sync", PIN="new-pin-5173").code == 0


# ---------------------------------------------------------------- as processes


def test_the_story_is_the_same_in_processes_of_their_own(clerk: Clerk, contract: Path) -> None:
    variables = {k: v for k, v in clerk.variables.items() if v is not None and k != "SEALDESK_PIN"}

    def sealdesk(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", *map(str, arguments)],
            cwd=contract.parent,
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "gbk"},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    stamping = ("stamp", "合同.pdf", "--seal", clerk.seal, "--riding", "right", "--pin-stdin")
    done = sealdesk(*stamping, stdin=f"{PIN}\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("已盖章： 合同_已盖章.pdf\n")
    judged = sealdesk("verify", "合同_已盖章.pdf", "--json")
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["verdict"] == "VALID"
    refused = sealdesk("stamp", "合同.pdf", "--seal", "no-such-seal", "--riding", "right")
    assert (refused.returncode, refused.stdout) == (ExitCode.SEAL, "")
    assert "[E-301]" in refused.stderr
    assert "Traceback" not in refused.stderr
