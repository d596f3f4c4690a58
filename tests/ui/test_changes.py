"""What came after sealing, as a list for people."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from crypto.pdf.looking.since import changed_since
from crypto.verdict import Change, Finding, Report
from tests.world.documents import classic_pdf
from tests.world.sealing import World
from ui import language
from ui.verify.changes import MOST, Listed, changes_card, changes_of


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    language.use("zh_CN")
    yield
    language.use("zh_CN")


@pytest.fixture(scope="module")
def sealed(world: World) -> Report:
    return world.verify(world.sign(classic_pdf(pages=3)))


def with_changes(report: Report, *changes: Change, findings: tuple[Finding, ...] = ()) -> Report:
    (signature,) = report.signatures
    made = replace(
        signature,
        coverage="revision",
        changed_later=changes,
        findings=(*signature.findings, *findings),
    )
    return replace(report, signatures=(made,))


REPLACED = Change(
    2, "value_replaced", 3, "form.amount", "合同金额", "100 CNY", "9,900,000", (10, 20, 30, 40)
)


def test_a_value_is_told_before_and_after_with_its_page_and_its_name(sealed: Report) -> None:
    (listed,) = changes_of(with_changes(sealed, REPLACED, REPLACED))
    assert listed == Listed("合同金额：100 CNY → 9,900,000", 2, 40.0)
    assert listed.where == "第 3 页"


def test_the_same_in_english(sealed: Report) -> None:
    language.use("en")
    filled = replace(REPLACED, kind="field_filled", before="", label="")
    differs = replace(REPLACED, kind="value_differs", page=None)
    first, second = changes_of(with_changes(sealed, differs, filled))
    assert (first.where, first.text) == ("Page 3", "(empty) → 9,900,000")
    assert second.where == "Whole file"
    assert second.text.startswith("合同金额: 100 CNY → 9,900,000 (")


def test_names_of_objects_are_not_told_and_equal_lines_are_one(sealed: Report) -> None:
    objects = [Change(2, "forbidden", 1, f"/Contents ({number} 0 obj)") for number in (4, 5)]
    assert changes_of(with_changes(sealed, *objects)) == [Listed("有不允许的改动", 0)]


def test_the_text_of_a_stranger_is_one_short_line(sealed: Report) -> None:
    long = replace(REPLACED, label="a\nb\u202ec", after="9" * 5000)
    (listed,) = changes_of(with_changes(sealed, long))
    assert "\n" not in listed.text
    assert "\u202e" not in listed.text
    assert listed.text.endswith("…")
    assert len(listed.text) < 200


def test_what_only_shows_is_listed_once(sealed: Report) -> None:
    seen = Finding("look_differs", {"page": "2", "engine": "PDFium"})
    report = with_changes(sealed, REPLACED, findings=(seen, seen))
    assert [each.page for each in changes_of(report)] == [1, 2]
    assert changed_since(report)[1] == (2, 3)


def test_what_pages_may_share_may_show_on_each(sealed: Report) -> None:
    font = Change(2, "suspicious", None, "/DR")
    assert changed_since(with_changes(sealed, font))[1] == (1, 2, 3)
    assert changed_since(with_changes(sealed, replace(font, page=2)))[1] == (2, 1, 3)
    assert changed_since(with_changes(sealed, replace(font, kind="metadata")))[1] == ()


def test_the_card_leads_to_each_page_and_says_so_aloud(qtbot: QtBot, sealed: Report) -> None:
    wanted: list[Listed] = []
    card = changes_card(with_changes(sealed, REPLACED), wanted.append)
    assert card is not None
    qtbot.addWidget(card)
    (go,) = card.findChildren(QPushButton)
    assert go.accessibleName() == "第 3 页：合同金额：100 CNY → 9,900,000"
    go.click()
    assert [each.page for each in wanted] == [2]


def test_very_many_are_counted(qtbot: QtBot, sealed: Report) -> None:
    many = [replace(REPLACED, after=str(number)) for number in range(MOST + 5)]
    card = changes_card(with_changes(sealed, *many), lambda _: None)
    assert card is not None
    qtbot.addWidget(card)
    assert len(card.findChildren(QPushButton)) == MOST
    assert "还有 5 处，见导出的报告。" in [each.text() for each in card.findChildren(QLabel)]


def test_nothing_came_later(sealed: Report) -> None:
    assert changes_card(sealed, lambda _: None) is None
    assert changed_since(sealed) == (None, ())


def test_the_texts_stand_in_one_column(qtbot: QtBot, sealed: Report) -> None:
    changes = (replace(REPLACED, page=10), REPLACED, Change(2, "metadata", None, "/Info"))
    card = changes_card(with_changes(sealed, *changes), lambda _: None)
    assert card is not None
    qtbot.addWidget(card)
    card.resize(330, 400)
    card.ensurePolished()
    card.layout().activate()  # type: ignore[union-attr]
    texts = [
        each for each in card.findChildren(QLabel) if "→" in each.text() or "标题" in each.text()
    ]
    assert len(texts) == 3
    assert len({each.x() for each in texts}) == 1
