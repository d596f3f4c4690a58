"""What is told of a field that nobody can judge: what is known, and what to do."""

from __future__ import annotations

import pytest

from crypto.verdict import Change, Verdict
from tests.crypto.pdf.changes.one_field import BLANK, TEXT, Form, look, rewritten, text, widget
from tests.world.documents import append_revision
from tests.world.sealing import World

OWN = b"/AP<</N 21 0 R>>"
ANEW = b"/AP<</N 90 0 R>>"
FRAME = b"0 G 1 w 1 1 298 38 re S "
PALE = b"1 1 0.8 rg 0 0 300 40 re f 0 g "


def change(
    world: World, sealed: dict[int, bytes], later: dict[int, bytes], **form: bytes
) -> Change:
    """What is told of the one field of a form."""
    report = world.verify(append_revision(world.sign(Form(sealed, **form).document()), later))
    (found,) = [each for s in report.signatures for each in s.changed_later]
    return found


def redrawn(
    world: World, before: bytes, after: bytes, value: bytes = b"", entries: bytes = b""
) -> Change:
    """A field whose look was drawn anew, with the value that it had."""
    field = TEXT + entries + (b"/V(%s)" % value if value else b"")
    sealed = {20: widget(BLANK, field + OWN), 21: look(before)}
    return change(world, sealed, {20: widget(BLANK, field + ANEW), 90: look(after)})


@pytest.mark.parametrize("value", [b"", b"9000"])
@pytest.mark.parametrize(
    ("before", "after", "differs"),
    [
        (b"", PALE, True),
        (PALE, b"", True),
        (PALE, PALE.replace(b"0.8", b"0.5"), True),
        (b"", FRAME, True),
        (FRAME, b"", True),
        (FRAME, FRAME + PALE.replace(b"0 0 300 40", b"2 2 296 36"), True),
        (PALE, PALE, False),
        (b"", b"1 g 0 0 300 40 re f 0 g ", False),
        (b"1 g 0 0 300 40 re f 0 g ", b"", False),
        (b"", b"1 G 1 w 1 1 298 38 re S 0 G ", False),
        (PALE, PALE.replace(b"0.8", b"0.801"), False),
        (FRAME, FRAME.replace(b"1 w", b"0.9 w"), False),
    ],
)
def test_a_field_with_another_ground_is_told_as_that(
    world: World, before: bytes, after: bytes, differs: bool, value: bytes
) -> None:
    said = text(value) if value else b""
    found = redrawn(world, before + said, after + said + b" ", value)
    assert (found.kind, found.why) == (
        ("filling_unclear", "ground") if differs else ("unused_objects", "")
    )
    if differs:
        assert "底色或边框与盖章时不同" in found.finding.text()
        assert ("没有填写内容" in found.finding.text()) is not value
        assert ("仍是「9000」" in found.finding.text()) is bool(value)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (b"", PALE + text(b"9000"), "value_differs"),
        (text(b"9000"), PALE, "look_replaced"),
        (text(b"9000"), PALE + text(b"8000"), "look_replaced"),
    ],
)
def test_another_ground_excuses_no_other_text(
    world: World, before: bytes, after: bytes, kind: str
) -> None:
    assert redrawn(world, before, after).kind == kind


def test_the_ground_of_a_field_that_nobody_sees_is_not_told(world: World) -> None:
    hidden = widget(BLANK, TEXT + OWN).replace(b"/F 4", b"/F 6")
    later = widget(BLANK, TEXT + ANEW).replace(b"/F 4", b"/F 6")
    assert b"/F 6" in hidden
    found = change(world, {20: hidden, 21: look(b"")}, {20: later, 90: look(PALE)})
    assert found.kind == "unused_objects"


UNREAD = b"BT 0 g /Other 12 Tf 4 9 Td (9000) Tj ET"
SECOND = b"BT 0 g /F 12 Tf 4 28 Td 30 TL (first line) Tj T* (second) Tj ET"


@pytest.mark.parametrize(
    ("value", "after", "why", "said"),
    [
        (b"9000", None, "undrawn", "各画各的"),
        (b"9000", b"", "blank", "存下的样子是空白的"),
        (b"9000", b"1 g 0 0 300 40 re f", "blank", "存下的样子是空白的"),
        (b"9000", FRAME, "blank", "存下的样子是空白的"),
        (b"9000", UNREAD, "letters", "没能全部认出来"),
        (b"9000", UNREAD + b" 0 g 20 4 5 5 re f", "", "无法核对"),
        (b"9000", b"0 g 20 4 5 5 re f", "", "无法核对"),
    ],
)
def test_why_nobody_can_say_what_a_field_shows_is_told(
    world: World, value: bytes, after: bytes | None, why: str, said: str
) -> None:
    entries = b"/V(%s)" % value + (b"" if after is None else ANEW)
    kind = TEXT.replace(b"/F ", b"/None ") if after is None else TEXT
    later = {20: widget(BLANK, kind + entries)}
    if after is not None:
        later[90] = look(after)
    found = change(world, {20: widget(BLANK, kind)}, later)
    assert (found.kind, found.why) == ("filling_unclear", why)
    assert said in found.finding.text()
    assert f"「{value.decode()}」" in found.finding.text()


def test_a_look_that_programs_are_to_draw_anew_is_told_as_that(world: World) -> None:
    plain = TEXT.replace(b"0 g", b"1 g")
    found = change(
        world,
        {20: widget(BLANK, plain)},
        {20: widget(BLANK, plain + b"/V(9000)" + ANEW), 90: look(text(b"9000"))},
        entries=b"/DA(/F 12 Tf 0 g)/NeedAppearances true",
    )
    assert (found.kind, found.why) == ("filling_unclear", "anew")
    assert "要求打开它的程序自己去画" in found.finding.text()


def test_a_field_whose_look_is_gone_is_told_as_that(world: World) -> None:
    sealed = {20: widget(BLANK, TEXT + OWN), 21: look(FRAME)}
    found = change(world, sealed, {20: widget(BLANK, TEXT)})
    assert (found.kind, found.why) == ("filling_unclear", "gone")
    assert "样子却变了：盖章时文件里存着它显示的样子，现在没有了" in found.finding.text()


@pytest.mark.parametrize(
    ("value", "shows", "why", "said"),
    [
        (b"100", b"9,900", "", "文件记录的是「100」，页面上显示的却是「9,900」"),
        (b"100 or 9,900", b"100", "part", "页面上只看得到开头的「100」"),
        (b"100 or 9,900", b"9,900", "", "页面上显示的却是「9,900」"),
        (b"100", b"100 or 9,900", "", "页面上显示的却是「100 or 9,900」"),
    ],
)
def test_what_a_field_shows_in_place_of_its_value_is_told(
    world: World, value: bytes, shows: bytes, why: str, said: str
) -> None:
    later = {20: widget(BLANK, TEXT + b"/V(%s)" % value + ANEW), 90: look(text(shows))}
    found = change(world, {20: widget(BLANK, TEXT)}, later)
    assert (found.kind, found.why, found.shown) == ("value_differs", why, shows.decode())
    assert said in found.finding.text()


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_value_that_was_there_is_named_where_its_new_look_cannot_be_checked(
    world: World, language: str
) -> None:
    """Somebody who reads that it was filled in would take it for one that was empty."""
    kind = b"/FT/Ch/T(x)/Opt[(red)(blue)]/DA(/F 12 Tf 0 g)"
    found = change(
        world,
        {20: widget(BLANK, kind + b"/V(red)")},
        {20: widget(BLANK, kind + b"/V(blue)")},
    )
    said = found.finding.text(language)
    assert "red" in said
    assert "blue" in said


@pytest.mark.parametrize(
    ("drawn", "named"),
    [
        (b"0 0 1 rg 0 0 m 10 0 10 7 10 14 c 10 7 10 0 20 0 c f", True),
        (b"0 0 1 rg 0 0 m 10 14 l 20 0 l f", True),
        (b"0 0 1 RG 1 w 0 0 m 10 14 l 20 0 l S", True),
        (b"0 0 1 rg 8 0 m 8 14 l 12 14 l 12 0 l f", False),
        (b"0 0 m 10 14 l 20 0 l 17 0 l 13 6 l 7 6 l 3 0 l f", False),
        (b"0 0 m 10 14 l 20 0 l 10 5 l f", True),
        (b"0 14 m 10 0 l 20 14 l f", False),
        (b"0 0 m 20 0 l 20 14 l 0 14 l f", False),
        (b"0 0 m 10 14 l 20 0 l f 5 4 m 9 4 l 7 8 l f", False),
        (b"BT /F 12 Tf 2 2 Td (9) Tj ET", False),
    ],
)
def test_a_sign_for_inserting_is_called_that_where_it_looks_like_one(
    world: World, drawn: bytes, named: bool
) -> None:
    sealed = world.sign(Form({20: widget(BLANK, TEXT)}).document())
    page = rewritten(sealed, 3, (rb"20 0 R", b"20 0 R 92 0 R"))
    caret = b"<</Type/Annot/Subtype/Caret/Rect[400 300 420 314]/F 4/AP<</N 93 0 R>>>>"
    later = append_revision(sealed, {3: page, 92: caret, 93: look(drawn, (20, 14))})
    report = world.verify(later)
    assert report.verdict is Verdict.UNKNOWN
    (found,) = report.signatures[0].changed_later
    assert ("一个插入记号" in found.finding.text()) is named
