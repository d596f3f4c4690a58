"""A field that a later revision changed: was an empty one filled in, and is its look its value?

:func:`judge` compares one widget before and after and answers with a kind of
:class:`crypto.verdict.Change`:

* ``field_filled``: visibly empty before, its value now written in its own rectangle over blank
  ground, and what is written is the value;
* ``value_replaced``, ``look_replaced``, ``content_covered``: something sealed is gone or covered;
* ``value_differs``, ``filling_unclear``, ``filling_over_content``: that cannot be shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pyhanko.pdf_utils import generic

from crypto.frozen import frozen
from crypto.pdf.changes.colours import colour_of
from crypto.pdf.changes.ground import Ground, has_lost_its_cells, is_adorned_anew
from crypto.pdf.changes.ink import Box, Ink, holds, overlaps
from crypto.pdf.changes.legible import (
    LARGEST_TEXT,
    SMALLEST_TEXT,
    is_drawn_plainly,
    is_seen,
    is_stated_plainly,
    needs_looks,
    part_shown,
    sides,
    stood_on,
    why_unclear,
)
from crypto.pdf.changes.looks import (
    COMBO,
    CURRENCIES,
    PASSWORD,
    PUSH_BUTTON,
    Look,
    hides,
    inherited,
    missing,
    same_colour,
    says,
    shown_stream,
    sign_of,
    signs_of_format,
    value_text,
)
from crypto.pdf.changes.ticks import Button, are_redrawn, is_tick
from crypto.pdf.marks.appearance import OF_THE_VIEW, PRINT, has_area
from crypto.pdf.reading.access import entry, follow, items_of
from crypto.pdf.reading.objects import same, same_entry
from crypto.verdict import TICK

_LARGEST_BUTTON = 0.01
"""Of the page: a larger one is no box to tick."""
_SMALLER = 0.75
"""Of the largest letters of a look: smaller ones may be overlooked."""
_OVERLAP = 0.3


@frozen
class Filling:
    """What became of one widget."""

    kind: str
    before: str = ""
    """The value as people read it; "" for none."""
    after: str = ""
    why: str = ""
    """Why nobody can say what it shows: a word of ``unclear`` in the texts of findings."""
    shown: str = ""
    """What its look says, where that is not its value."""


def judge(
    before: generic.DictionaryObject,
    after: generic.DictionaryObject,
    ground: Ground,
    page: Box,
    form: Any,
    rotation: int = 0,
) -> Filling | None:
    """What became of a widget; None if nothing of it that anybody sees.

    *ground*: what the page shows beneath it; *page*: its visible box; *form*: the dictionary
    /AcroForm as it is after; *rotation*: by which the page is shown turned, degrees. Raises what
    reading the looks raises."""
    found = _judge(before, after, ground, page, form, rotation)
    if found is None or found.kind not in ("filling_unclear", "value_differs"):
        return found
    new = Look.of(after, rotation)
    if found.kind == "value_differs":
        return replace(found, shown=new.text or "", why=part_shown(new, found.after))
    why = found.why or why_unclear(new, found.after, drawn_anew=needs_looks(form))
    return replace(found, why="" if why == "gone" and shown_stream(before) is None else why)


def _judge(
    before: generic.DictionaryObject,
    after: generic.DictionaryObject,
    ground: Ground,
    page: Box,
    form: Any,
    rotation: int,
) -> Filling | None:
    flags = inherited(after, "/Ff")
    bits = int(flags) if isinstance(flags, generic.NumberObject) else 0
    values = (value_text(inherited(before, "/V")), value_text(inherited(after, "/V")))
    if not has_area(before) and not has_area(after):  # nobody sees any of it
        if values[0] == values[1]:
            return None
        return Filling("value_replaced" if values[0] else "field_filled", *values)
    if not _same_elsewhere(before, after):
        return Filling("filling_unclear", *values)
    old, new = Look.of(before, rotation), Look.of(after, rotation)
    if _is_printed_first(before, after) and any(
        ground.surely_lies_under(each.box) for each in new.grounds
    ):
        return Filling("content_covered", *values)  # on paper it was seen
    if inherited(after, "/FT") == "/Ch" and _chooses_another(before, after):
        return Filling("filling_unclear", *values)
    if uncovered := uncovers(old, new, ground) or _uncovers_named(before, old, new, ground):
        return Filling(uncovered, *values)
    if not old.drawn and not new.drawn and values[0] and not _same_settings(before, after):
        return Filling("look_replaced", *values)  # viewers draw the value otherwise
    is_list = inherited(after, "/FT") == "/Ch" and not bits & COMBO
    if is_list and not new.drawn and not (values[0] == values[1] and _same_settings(before, after)):
        return Filling("filling_unclear", *values)  # viewers show the options, from some one on
    if is_list and values[0] == values[1] and not same(*(entry(w, "/TI") for w in (before, after))):
        return Filling("filling_unclear", *values)  # viewers may show the options from another one
    if inherited(after, "/FT") == "/Btn":
        if bits & PUSH_BUTTON:
            return None if _are_alike(old, new) else Filling("look_replaced")
        return _judge_button(before, after, old, new, ground, _area(page))
    if values[0].strip() and values[0] != values[1]:
        return Filling("value_replaced", *values)
    if new.drawn and values[1] and not same(inherited(before, "/DA"), inherited(after, "/DA")):
        paper = new.grounds[-1] if new.grounds else named_ground(after, new.box)
        if not is_stated_plainly(after, form, new.box, paper or ground.paper(new.box)):
            return Filling("filling_unclear", *values)  # some draw it themselves, look or not
    if values[0] == values[1]:
        redrawn = _judge_redrawing(after, old, new, values[0])
        if redrawn is None and is_adorned_anew(after, old, new, ground):
            return Filling("filling_unclear", *values, why="ground")
        if redrawn is None and old.drawn and new.drawn and values[0] and not _are_alike(old, new):
            # it may have been filled in since sealing, where it stood by itself
            shown = _displayed(after, values[0])
            then = _judge_text(before, old, old, ground, form, shown)
            now = _judge_text(after, old, new, ground, form, shown)
            if then == "field_filled" != now:
                return Filling(now, *values)
        return redrawn
    if old.ink:
        # a list shows its options before and after: another program may move them a little
        moved = is_list and old.text is not None and old.text == new.text
        lost = any(missing(old.ink, new.ink)) and not moved
        return Filling("look_replaced" if lost else "value_differs", *values)
    if old.painted.strange or bits & PASSWORD or hides(values[1]) or _stands_elsewhere(after):
        return Filling("filling_unclear", *values)
    shown = _displayed(after, values[1])
    if not new.drawn and entry(after, "/AP") is not None:
        return Filling("filling_unclear", "", shown)  # some viewers draw it themselves, others not
    if (not new.drawn or needs_looks(form)) and _is_upside_down(after, rotation):
        return Filling("filling_unclear", "", shown)
    kind = _judge_text(after, old, new, ground, form, shown)
    reach = [ink.box for ink in new.ink] if new.drawn else [new.box]
    if kind == "field_filled" and not all(holds(page, each, 1.0) for each in reach):
        kind = "filling_unclear"  # part of it is beyond the edge of the page
    has_lost = kind == "field_filled" and has_lost_its_cells(after, old, new, ground)
    return Filling(kind, "", shown, why="cells" if has_lost else "")


def _same_elsewhere(before: generic.DictionaryObject, after: generic.DictionaryObject) -> bool:
    """Are the looks for a mouse that hovers or presses what they were, or there no more?"""
    old, new = entry(before, "/AP"), entry(after, "/AP")
    if not isinstance(new, generic.DictionaryObject):
        return True
    if not isinstance(old, generic.DictionaryObject):
        old = generic.DictionaryObject()
    return all(key not in new or same_entry(old, new, key) for key in ("/R", "/D"))


def _is_printed_first(before: generic.DictionaryObject, after: generic.DictionaryObject) -> bool:
    """Was it shown on the screen only, and is printed now?"""
    return bool(int(entry(after, "/F", 0)) & ~int(entry(before, "/F", 0)) & PRINT)


def _chooses_another(before: generic.DictionaryObject, after: generic.DictionaryObject) -> bool:
    """Was a number of an option written (/I) that is not that of the value? Some viewers show the
    one, others the other."""
    numbers = inherited(after, "/I")
    if numbers is None or same(inherited(before, "/I"), numbers):
        return False
    value, options = inherited(after, "/V"), items_of(inherited(after, "/Opt"))
    meant = items_of(value) if isinstance(value, generic.ArrayObject) else [value]
    chosen: list[str] = []
    for number in map(follow, items_of(numbers)):
        if not isinstance(number, generic.NumberObject) or not 0 <= number < len(options):
            return True
        option = follow(options[int(number)])
        pair = items_of(option) if isinstance(option, generic.ArrayObject) else []
        chosen.append(value_text(follow(pair[0]) if pair else option))
    return sorted(chosen) != sorted(filter(None, (value_text(follow(each)) for each in meant)))


def _stands_elsewhere(widget: generic.DictionaryObject) -> bool:
    """Is it shown as large at every zoom, upright on a page that is turned, or not while the mouse
    is over it? What it covers, or what it says, depends on that."""
    return bool(int(entry(widget, "/F", 0)) & OF_THE_VIEW)


def _is_upside_down(widget: generic.DictionaryObject, rotation: int) -> bool:
    """Would viewers that draw the value themselves, or some of them, draw it upside down?"""
    turn = entry(entry(widget, "/MK", {}), "/R", 0)
    return 180 in (rotation % 360, int(turn) % 360, (rotation - int(turn)) % 360)


def _same_settings(before: generic.DictionaryObject, after: generic.DictionaryObject) -> bool:
    """Is what viewers go by who draw a value themselves as it was, wherever it stands?"""
    keys = ("/DA", "/Q", "/MaxLen", "/Opt", "/I", "/TI", "/MK", "/Ff")
    return all(same(inherited(before, key), inherited(after, key)) for key in keys)


def uncovers(old: Look, new: Look, ground: Ground) -> str:
    """What it means that a ground or frame is gone, ``look_replaced`` or ``filling_unclear``:
    whatever it hid when it was sealed is seen now. "" if it hid nothing."""
    lost = [
        ink.box for ink in old.grounds if not any(_stands_for(each, ink) for each in new.grounds)
    ]
    lost += _edges(old, new)
    if any(map(ground.surely_lies_under, lost)):
        return "look_replaced"
    return "filling_unclear" if any(map(ground.lies_under, lost)) else ""


def _uncovers_named(before: generic.DictionaryObject, old: Look, new: Look, ground: Ground) -> str:
    """The same of the ground that viewers drew for a field without a look, or some of them."""
    named = None if old.drawn or not new.drawn else named_ground(before, old.box)
    if named is None or any(_stands_for(each, named) for each in new.grounds):
        return ""
    return "filling_unclear" if ground.surely_lies_under(old.box) else ""


def _stands_for(ground: Ink, other: Ink) -> bool:
    """Does *ground* look like *other*, and hide all that it would hide?"""
    return (
        same_colour(ground, other) and holds(ground.box, other.box, 1.0) and ground.hides_as(other)
    )


def _are_alike(old: Look, new: Look) -> bool:
    inks = (old.painted.inks, new.painted.inks)
    if old.drawn and new.drawn and old.box == new.box and same(old.stream, new.stream):
        return True  # what it refers to is what it was, or that is a change of its own
    return (
        old.painted.strange == new.painted.strange
        and old.drawn == new.drawn
        and not any(missing(*inks))
        and not any(missing(*inks[::-1]))
    )


def shows_another_value(widget: generic.DictionaryObject) -> bool:
    """Does the look of a field for texts, choices or ticks say something else than its value? What
    cannot be read of its look counts as nothing.

    Raises what reading the look raises."""
    kind, value = inherited(widget, "/FT"), value_text(inherited(widget, "/V"))
    flags = inherited(widget, "/Ff")
    bits = int(flags) if isinstance(flags, generic.NumberObject) else 0
    if kind == "/Btn":
        state = _state(widget)
        if bits & PUSH_BUTTON:
            return False
        return value != state if state else bool(value) and _offers(widget, value)
    if kind not in ("/Tx", "/Ch") or bits & PASSWORD:
        return False
    look = Look.of(widget)
    if not look.drawn or look.text is None:
        return False
    if kind == "/Ch" and not bits & COMBO and _shows_options(look.text, widget):
        return False
    return not says(look.text, _displayed(widget, value), CURRENCIES)


def _shows_options(text: str, widget: generic.DictionaryObject) -> bool:
    """Are these the options of a list, from some one on, as it shows them whatever is chosen?"""
    pairs = [follow(each) for each in items_of(inherited(widget, "/Opt"))]
    options = [
        value_text(follow(items_of(each)[-1]) if isinstance(each, generic.ArrayObject) else each)
        for each in pairs
        if not isinstance(each, generic.ArrayObject) or items_of(each)
    ]
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    shown = [option.strip() for option in options]
    return any(shown[at : at + len(lines)] == lines for at in range(len(shown)))


# --- text and choices --------------------------------------------------------------------------


def _judge_redrawing(
    after: generic.DictionaryObject, old: Look, new: Look, value: str
) -> Filling | None:
    """The value is what it was: so must be what is shown, be it drawn by another program."""
    if _are_alike(old, new):
        return None
    shown = _displayed(after, value)
    said = [look for look in (old, new) if look.drawn]
    # what the sealed look put before the amount stands there again, and nothing else
    currencies = {sign_of(look.text or "") for look in said}
    if (
        new.drawn
        and len(currencies) == 1
        and all(_is_plain_text(each) and says(each.text or "", shown, currencies) for each in said)
        and (old.drawn or currencies <= {"", sign_of(shown)} | signs_of_format(after))
    ):
        return None
    if not old.ink and not value and not old.painted.strange:
        is_blank = not new.ink and not new.painted.strange  # a frame or a ground, if anything
        return Filling("filling_unclear" if is_blank else "value_differs", value, value)
    return Filling("look_replaced", value, value)


def _is_plain_text(look: Look) -> bool:
    return look.text is not None and not any(
        ink.is_white or ink.size < SMALLEST_TEXT for ink in look.ink
    )


def _judge_text(
    after: generic.DictionaryObject,
    old: Look,
    new: Look,
    ground: Ground,
    form: Any,
    value: str,
) -> str:
    """The kind of change that filling in an empty field is."""
    drawn_anew = not new.drawn or needs_looks(form)
    beneath = ground.paper(new.box)
    named = named_ground(after, new.box) or beneath
    if drawn_anew and not is_drawn_plainly(after, form, value, new, named):
        return "filling_unclear"
    if not new.drawn:
        return "filling_over_content" if ground.lies_under(new.box) else "field_filled"
    covering = [each for each in new.grounds if not _was_there(each, old, after)]
    covering += [ink for ink in new.ink if ink.kind != "text"]
    covers = [*(ink.box for ink in covering), *_edges(new, old)]
    unread = [ink.box for ink in new.ink if ink.kind == "text" and ink.text is None]
    if any(map(ground.surely_lies_under, covers)) or any(map(ground.surely_shows_under, unread)):
        return "content_covered"
    if any(map(ground.surely_lies_under, unread)):  # glyphs over glyphs, either may be blanks
        return "filling_over_content"
    paper = stood_on(new.grounds, beneath)
    height = new.box[3] - new.box[1]
    if (
        new.painted.strange
        or new.painted.profiled
        or new.text is None
        or not new.ink
        or any(not is_seen(ink, paper) for ink in new.ink)
        or any(ink.size > LARGEST_TEXT * height for ink in new.ink)
        or min(ink.size for ink in new.ink) < _SMALLER * max(ink.size for ink in new.ink)
        or _are_heaped(new.ink)
        or any(map(ground.lies_under, covers))
    ):
        return "filling_unclear"
    if any(ground.lies_under(ink.box) for ink in new.ink):
        return "filling_over_content"
    if new.breaks_words(value):
        return "filling_unclear"
    if any(map(ground.is_written_on, new.gaps)):  # people read it together with what is there
        return "filling_over_content"
    return "field_filled" if says(new.text, value, signs_of_format(after)) else "value_differs"


def _was_there(ink: Ink, old: Look, widget: generic.DictionaryObject) -> bool:
    """Was there a ground of this colour already? A viewer draws the one that /MK names."""
    if any(_stands_for(ground, ink) for ground in old.grounds):
        return True
    named = named_ground(widget, ink.box)
    return not old.drawn and named is not None and same_colour(named, ink)


def named_ground(widget: generic.DictionaryObject, box: Box) -> Ink | None:
    """The ground that viewers draw in *box* for a widget without a look, if /MK names its
    colour."""
    named = entry(entry(widget, "/MK", {}), "/BG")
    if not isinstance(named, generic.ArrayObject):
        return None
    colour = colour_of([float(follow(each)) for each in items_of(named)], len(named))
    return None if colour is None else Ink("fill", box, colour)


def _edges(new: Look, old: Look) -> list[Box]:
    """The four strips that a frame takes up which was not there before."""
    widest = max((ink.width for ink in new.frame if ink.kind == "line"), default=0.0)
    if not new.frame or old.frame or (not old.drawn and widest <= 2):
        return []
    left, bottom, right, top = new.box
    wide = max(1.0, widest)
    return [
        (left, bottom, left + wide, top),
        (right - wide, bottom, right, top),
        (left, bottom, right, bottom + wide),
        (left, top - wide, right, top),
    ]


def _are_heaped(inks: list[Ink]) -> bool:
    """Is text written over text, so that it can be read as another?"""
    return any(
        overlaps(one.box, other.box, _OVERLAP * min(one.size, other.size))
        for at, one in enumerate(inks)
        for other in inks[at + 1 :]
    )


def _displayed(widget: generic.DictionaryObject, value: str) -> str:
    """What a choice shows for a value that it exports (/Opt)."""
    listed = inherited(widget, "/Opt")
    for raw in items_of(listed):
        pair = follow(raw)
        if isinstance(pair, generic.ArrayObject) and len(pair) == 2:
            exported, shown = (value_text(follow(each)) for each in items_of(pair))
            if exported == value:
                return shown
    return value


# --- checkboxes and radio buttons --------------------------------------------------------------


def _state(widget: generic.DictionaryObject) -> str:
    return value_text(entry(widget, "/AS"))


def _judge_button(
    before: generic.DictionaryObject,
    after: generic.DictionaryObject,
    old: Look,
    new: Look,
    ground: Ground,
    page_area: float,
) -> Filling | None:
    """A checkbox or a radio button (/Btn): judged by what it showed and what it shows."""
    was, now = _state(before), _state(after)
    value = value_text(inherited(after, "/V"))
    if bool(was) == bool(now) and _are_alike(old, new):
        chosen = value not in ("", value_text(inherited(before, "/V"))) and _offers(after, value)
        return Filling("value_differs", _tick(was), value) if chosen and value != now else None
    if was:
        kind = "look_replaced" if now else "value_replaced"
        return Filling(kind, _tick(was), _tick(now))
    if any(missing(old.painted.inks, new.painted.inks)):
        # a button without a mark that another program has drawn anew, with a frame of its own
        lost = list(missing(old.ink, new.painted.inks))
        kind = "filling_unclear" if are_redrawn(lost, new.painted.inks) else "look_replaced"
        return Filling(kind, "", _tick(now))
    added = list(missing(new.ink, old.ink))
    across, up = new.box[2] - new.box[0], new.box[3] - new.box[1]
    grounds = [each for each in new.grounds if not _was_there(each, old, after)]
    if any(ground.surely_lies_under(each.box) for each in (*added, *grounds)):
        return Filling("content_covered", "", _tick(now))
    if (
        not new.drawn
        or _stands_elsewhere(after)
        or old.painted.strange
        or new.painted.strange
        or new.painted.profiled
        or not is_tick(added, Button.of(old, ground))
        or across * up > _LARGEST_BUTTON * page_area
    ):
        return Filling("filling_unclear", "", _tick(now))
    if ground.lies_under(new.box):
        return Filling("filling_over_content", "", _tick(now))
    paper = stood_on(grounds, ground.paper(new.box))
    if not all(is_seen(each, paper) for each in added):
        return Filling("filling_unclear", "", _tick(now))
    if not now or value != now or not added:
        return Filling("value_differs", "", _tick(now))
    return Filling("field_filled", "", _tick(now))


def _offers(widget: generic.DictionaryObject, state: str) -> bool:
    looks = entry(entry(widget, "/AP", {}), "/N")
    return isinstance(looks, generic.DictionaryObject) and f"/{state}" in looks


def _tick(state: str) -> str:
    return TICK if state else ""


def _area(box: Box) -> float:
    across, up = sides(box)
    return across * up
