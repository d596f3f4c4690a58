"""Where offices put seals, by commands: several at once, duplex seams, fields, usual places, many
files with one PIN."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app.errors import ExitCode
from app.placing.stamp_plan import At, Placed, Riding
from app.placing.templates import Template, Templates
from tests.flows.conftest import COMPANY
from tests.world.clerk import Clerk, excerpt
from tests.world.documents import with_fields

MM = 72 / 25.4


def marks(answer: Any) -> list[tuple[int, float, float]]:
    """Page and middle in whole millimetres of each mark of the seal's signature."""
    return [
        (
            each["page"],
            round(each["left_mm"] + each["width_mm"] / 2),
            round(each["top_mm"] + each["height_mm"] / 2),
        )
        for each in answer["report"]["signatures"][-1]["marks"]
        if not each["date"]
    ]


def document(path: Path, *texts: tuple[float, float, str], pages: int = 1) -> Path:
    """A4 pages with texts at x, y millimetres on the first."""
    made = pymupdf.open()
    for _ in range(pages):
        made.new_page(width=210 * MM, height=297 * MM)
    for x, y, text in texts:
        made[0].insert_text((x * MM, y * MM), text, fontname="china-s", fontsize=12)
    made.save(path)
    made.close()
    return path


def test_several_keywords_are_all_sealed(clerk: Clerk, tmp_path: Path) -> None:
    source = document(tmp_path / "a.pdf", (60, 70, "甲方盖章处"), (60, 170, "骑缝确认处"))
    answer = clerk(
        *("stamp", source, "--json", "--keyword", "甲方盖章处", "--keyword", "骑缝确认处")
    )
    assert answer.code == 0, answer.err
    assert answer.json["report"]["verdict"] == "VALID"
    assert [round(y / 10) for _, _, y in marks(answer.json)] == [7, 17]


def test_seams_on_two_sides_and_for_duplex_printing(clerk: Clerk, contract: Path) -> None:
    answer = clerk("stamp", contract, "--json", "--riding", "right", "--riding", "left")
    assert answer.code == 0, answer.err
    assert sorted(page for page, _, _ in marks(answer.json)) == [1, 1, 2, 2, 3, 3]
    answer = clerk("stamp", contract, "--json", "--riding", "右：单数页")
    assert answer.code == 0, answer.err
    assert [page for page, _, _ in marks(answer.json)] == [1, 3]
    assert answer.json["report"]["verdict"] == "VALID"


def test_the_pages_that_share_a_seam_are_chosen(clerk: Clerk, tmp_path: Path) -> None:
    source = document(tmp_path / "a.pdf", pages=24)
    widths = {}
    for slices in ("12", "all"):
        answer = clerk("stamp", source, "--json", "--riding", "right", "--slices", slices)
        assert answer.code == 0, answer.err
        found = answer.json["report"]["signatures"][0]["marks"]
        widths[slices] = {round(each["width_mm"], 1) for each in found}
    assert widths == {"12": {3.3}, "all": {1.7}}
    for wrong in (("right", "--slices", "1"), ("middle",)):
        refused = clerk("stamp", source, "--riding", *wrong)
        assert refused.code == ExitCode.USAGE
        assert wrong[-1] in refused.err
        assert "not " not in refused.err


def test_chinese_punctuation_says_where(clerk: Clerk, contract: Path) -> None:
    answer = clerk("stamp", contract, "--json", "--at", "－1：60，70", "--at", "1：60，70")
    assert answer.code == 0, answer.err
    assert sorted(marks(answer.json)) == [(1, 60, 70), (3, 60, 70)]


def test_a_seal_goes_onto_an_empty_signature_field(clerk: Clerk, tmp_path: Path) -> None:
    source = with_fields(
        tmp_path / "form.pdf", 甲方=(1, (40, 200, 100, 230)), 乙方=(1, (120, 200, 180, 230))
    )
    answer = clerk("stamp", source, "--json", "--field", "乙方", "--date")
    assert answer.code == 0, answer.err
    assert marks(answer.json) == [(2, 150, 215)]
    assert answer.json["report"]["verdict"] == "VALID"
    refused = clerk("stamp", source, "--field", "丙方")
    assert refused.code == ExitCode.PLACEMENT
    assert "甲方 · 乙方" in refused.err
    assert clerk("stamp", source, "--field").code == ExitCode.PLACEMENT, "there are two"


def test_a_usual_place_is_used_by_its_name(clerk: Clerk, contract: Path) -> None:
    kept = Templates(clerk.home / "config")
    rules = (At("-1", 60, 50, "bottom right"), Riding("right"))
    placed = [Placed(f"p{n}", clerk.seal, rule, date="cn") for n, rule in enumerate(rules)]
    kept.keep(Template("合同 末页", tuple(placed)))
    answer = clerk("stamp", contract, "--json", "--template", "合同 末页")
    assert answer.code == 0, answer.err
    assert (3, 150, 247) in marks(answer.json)
    assert len(marks(answer.json)) == 4
    assert any(each["date"] for each in answer.json["report"]["signatures"][0]["marks"])
    refused = clerk("stamp", contract, "--template", "别的")
    assert (refused.code, "合同 末页" in refused.err) == (ExitCode.PLACEMENT, True)


@pytest.mark.parametrize("name", ["法定名称章", "Company  seal", COMPANY, f"{COMPANY}法定名称章"])
def test_a_seal_is_named_as_the_window_shows_it(clerk: Clerk, contract: Path, name: str) -> None:
    assert clerk("stamp", contract, "--seal", name, "--at", "1:60,60").code == 0


def test_a_seal_that_is_not_there_is_told_before_the_pin(clerk: Clerk, contract: Path) -> None:
    refused = clerk("stamp", contract, "--seal", "合同专用章", "--at", "1:60,60", PIN="wrong")
    assert refused.code == ExitCode.SEAL
    assert "[E-301]" in refused.err


@pytest.mark.parametrize("kind", ["exists", "folder"])
def test_an_output_that_cannot_be_is_told_before_the_pin(
    clerk: Clerk, contract: Path, kind: str, tmp_path: Path
) -> None:
    output = contract if kind == "exists" else tmp_path / "not there" / "out.pdf"
    refused = clerk("stamp", contract, "-o", output, "--at", "1:60,60", PIN="wrong")
    assert refused.code == ExitCode.OUTPUT
    assert "口令" not in refused.err
    assert clerk("token", "info", LANGUAGE="en").out.count("PIN tries left: 10") == 1


# ---------------------------------------------------------------- many files


@pytest.fixture
def month(tmp_path: Path) -> Path:
    """A folder with three contracts, one of one page, and a file that is no PDF."""
    folder = tmp_path / "十一月"
    (folder / "采购").mkdir(parents=True)
    (folder / "合同1.pdf").write_bytes(excerpt(2))
    (folder / "合同2.pdf").write_bytes(excerpt(1))
    (folder / "采购" / "合同3.pdf").write_bytes(excerpt(3))
    (folder / "坏.pdf").write_bytes(b"no PDF at all")
    return folder


def test_a_folder_is_stamped_with_one_pin_and_a_table(
    clerk: Clerk, month: Path, tmp_path: Path
) -> None:
    out, table = tmp_path / "结果", tmp_path / "清单.csv"
    answer = clerk(
        *("stamp", month, "-o", out, "--csv", table, "--riding", "right", "--pin-stdin"),
        stdin=f"{clerk.pin}\n",
        PIN="wrong",
    )
    assert answer.code != 0, "two files could not be stamped"
    assert sorted(each.name for each in out.iterdir()) == [
        "合同1_已盖章.pdf",
        "合同3_已盖章.pdf",
    ]
    assert "4 个文件：已盖章 2，未盖章 2" in answer.out.splitlines()[-1]
    rows = list(csv.reader(table.read_text("utf-8-sig").splitlines()))
    results = {row[0]: row[4] for row in rows[1:]}
    assert results == {
        "合同1.pdf": "已盖章",
        "合同2.pdf": "未盖章",
        "坏.pdf": "未盖章",
        "合同3.pdf": "已盖章",
    }
    assert sum(entry["event"] == "stamped" for entry in clerk.journal()) == 2
    for made in out.iterdir():
        assert clerk("verify", made).code == 0


def test_several_files_answer_as_json(clerk: Clerk, month: Path) -> None:
    names = [month / "合同1.pdf", month / "合同2.pdf"]
    answer = clerk("stamp", *names, "--at", "60,60", "--pages", "1", "--json")
    assert answer.code == 0, answer.err
    told = json.loads(answer.out)
    assert [(Path(each["path"]), each["result"]) for each in told] == [
        (name, "stamped") for name in names
    ]
    assert all(each["report"]["verdict"] == "VALID" for each in told)


def test_a_folder_stamped_twice_does_not_stamp_its_own_results(clerk: Clerk, month: Path) -> None:
    arguments = ("stamp", month, "--at", "60,60", "--pages", "1")
    for _ in range(2):
        answer = clerk(*arguments)
    assert "跳过了 3 个已盖章的文件" in answer.err
    assert not list(month.rglob("*_已盖章_已盖章*"))


def test_nothing_to_stamp_needs_no_pin(clerk: Clerk, month: Path) -> None:
    answer = clerk("stamp", month / "坏.pdf", month / "合同2.pdf", "--riding", "top", PIN="wrong")
    assert answer.code == ExitCode.UNREADABLE
    assert "未盖章 2" in answer.out
    assert clerk("token", "info", LANGUAGE="en").out.count("PIN tries left: 10") == 1


def test_a_table_that_is_there_is_not_overwritten(
    clerk: Clerk, month: Path, tmp_path: Path
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("mine", encoding="utf-8")
    answer = clerk("stamp", month, "--csv", table, "--at", "60,60", "--pages", "1", PIN="wrong")
    assert answer.code == ExitCode.OUTPUT
    assert table.read_text(encoding="utf-8") == "mine"


def test_a_wrong_pin_stamps_nothing(clerk: Clerk, month: Path) -> None:
    answer = clerk("stamp", month, "--at", "60,60", "--pages", "1", PIN="wrong-pin")
    assert answer.code == ExitCode.PIN
    assert not list(month.rglob("*_已盖章*"))


def test_two_parties_seal_in_their_fields_and_both_stay_good(
    clerk: Clerk, other_clerk: Clerk, tmp_path: Path
) -> None:
    source = with_fields(
        tmp_path / "form.pdf", 甲方=(1, (40, 200, 100, 230)), 乙方=(1, (120, 200, 180, 230))
    )
    first = other_clerk(
        *("stamp", source, "--json", "--seal", other_clerk.seal),  # another test gives it another
        *("--field", "甲方", "--date"),
    )
    assert first.code == 0, first.err
    second = clerk(
        *("stamp", first.json["output"], "--json", "--seal", clerk.seal),
        *("--field", "乙方", "--date"),
    )
    assert second.code == 0, second.err
    report = second.json["report"]
    assert report["verdict"] == "VALID"
    assert [each["verdict"] for each in report["signatures"]] == ["VALID", "VALID"]


def test_a_seam_on_a_single_page_is_told_as_what_it_is(clerk: Clerk, tmp_path: Path) -> None:
    """Not as a command that is written wrongly: in a folder some documents have one page."""
    for name, pages in (("单页.pdf", 1), ("三页.pdf", 3)):
        (tmp_path / name).write_bytes(excerpt(pages))
    told = clerk("stamp", tmp_path / "单页.pdf", "--riding", "right")
    assert (told.code, "[E-410]" in told.err) == (ExitCode.PLACEMENT, True)
    both = clerk(
        "stamp", tmp_path / "单页.pdf", tmp_path / "三页.pdf", "--riding", "right", "--json"
    )
    assert [each["result"] for each in both.json] == ["failed", "stamped"]
