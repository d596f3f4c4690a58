"""Marks that draw the right imprint as the standard has it, and that viewers show otherwise."""

from collections.abc import Callable
from typing import Any

import pymupdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.verdict import Verdict
from tests.world.documents import classic_pdf
from tests.world.sealing import World, codes, content, drawn

Edit = Callable[[generic.StreamObject], None]


def red(data: bytes) -> int:
    """How many red pixels MuPDF shows."""
    with pymupdf.open(stream=data, filetype="pdf") as opened:
        pixels = opened[0].get_pixmap(dpi=60).samples
    return sum(
        pixels[at] > 150 and pixels[at + 1] < 120 and pixels[at + 2] < 120
        for at in range(0, len(pixels), 3)
    )


def with_entry(key: str, value: Any) -> Edit:
    """The picture with one more entry."""

    def edit(form: generic.StreamObject) -> None:
        form["/Resources"]["/XObject"]["/Imprint"][name(key)] = value

    return edit


def numbers(*values: int) -> generic.ArrayObject:
    return generic.ArrayObject([generic.NumberObject(each) for each in values])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("/D", numbers(1, 1, 1, 1, 1, 1)),
        ("/IM", generic.BooleanObject(True)),
        ("/CS", name("/DeviceGray")),
        ("/F", name("/ASCIIHexDecode")),
        ("/W", generic.NumberObject(1)),
    ],
)
def test_a_picture_with_a_short_name_of_an_entry_is_not_followed(
    world: World, key: str, value: Any
) -> None:
    plain, other = world.sign(classic_pdf()), drawn(world, with_entry(key, value), classic_pdf())
    assert red(plain) > 500
    assert red(other) == 0
    report = world.verify(other)
    assert report.verdict is Verdict.UNKNOWN
    assert "mark_unreadable" in codes(report.signatures[0])


def nested(levels: int, opacity: float) -> Edit:
    """The imprint in groups within groups, each of which lets something through."""

    def edit(form: generic.StreamObject) -> None:
        raw, resources = form.data, form["/Resources"]
        state = generic.DictionaryObject({name("/ca"): generic.FloatObject(str(opacity))})
        for _ in range(levels):
            group = generic.DictionaryObject({name("/S"): name("/Transparency")})
            inner = {"/Type": name("/XObject"), "/Subtype": name("/Form"), "/BBox": form["/BBox"]}
            inner |= {"/Resources": resources, "/Group": group}
            entries = {name(key): value for key, value in inner.items()}
            listed = {name("/Inner"): generic.StreamObject(entries, stream_data=raw)}
            resources = generic.DictionaryObject(
                {
                    name("/XObject"): generic.DictionaryObject(listed),
                    name("/ExtGState"): generic.DictionaryObject({name("/Faint"): state}),
                }
            )
            raw = b"q /Faint gs /Inner Do Q"
        form[name("/Resources")] = resources
        made = generic.StreamObject(stream_data=raw)
        form._data, form._encoded_data = made.data, None

    return edit


def test_what_many_groups_let_through_is_multiplied(world: World) -> None:
    once = world.verify(drawn(world, nested(1, 0.6), classic_pdf()))
    assert "mark_matches" in codes(once.signatures[0])
    often = world.verify(drawn(world, nested(4, 0.6), classic_pdf()))
    assert "mark_unreadable" in codes(often.signatures[0])
    above = world.verify(drawn(world, nested(3, 9.0), classic_pdf()))
    assert "mark_matches" in codes(above.signatures[0])


@pytest.mark.parametrize(
    "detour",
    [
        b"1 0 0 1 99999999999 0 cm 1 0 0 1 -99999999999 0 cm ",
        b".%s1 0 0 .%s1 0 0 cm 1%s 0 0 1%s 0 0 cm " % (b"0" * 25, b"0" * 25, b"0" * 26, b"0" * 26),
    ],
    ids=["far away", "tiny"],
)
def test_a_detour_that_viewers_lose_themselves_on_is_not_followed(
    world: World, detour: bytes
) -> None:
    lost = drawn(world, content(b"q ", b"q " + detour), classic_pdf())
    assert red(lost) == 0
    assert "mark_unreadable" in codes(world.verify(lost).signatures[0])
    near = b"1 0 0 1 300 0 cm 1 0 0 1 -300 0 cm .001 0 0 .001 0 0 cm 1000 0 0 1000 0 0 cm "
    honest = drawn(world, content(b"q ", b"q " + near), classic_pdf())
    assert red(honest) > 500
    assert "mark_matches" in codes(world.verify(honest).signatures[0])
