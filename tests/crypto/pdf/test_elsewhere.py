"""What a document may show elsewhere is told before it is stamped; honest documents are not."""

import io
from collections.abc import Callable
from typing import Any

import pymupdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.elsewhere import Elsewhere, Kind, shown_elsewhere
from crypto.pdf.reading.document import Document
from tests.world.documents import add_widget, annotate, classic_pdf, first_page, form_stream, update
from tests.world.sealing import World


def value(raw: Any) -> Any:
    """Python's plain values as PDF objects; texts beginning with a slash are names."""
    if isinstance(raw, dict):
        return generic.DictionaryObject({name(f"/{k}"): value(v) for k, v in raw.items()})
    if isinstance(raw, list):
        return generic.ArrayObject([value(each) for each in raw])
    if isinstance(raw, bool):
        return generic.BooleanObject(raw)
    if isinstance(raw, int):
        return generic.NumberObject(raw)
    if isinstance(raw, str):
        return name(raw) if raw.startswith("/") else generic.pdf_string(raw)
    return raw


def catalog(entries: dict[str, Any]) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        for key, raw in entries.items():
            writer.root[name(f"/{key}")] = value(raw)
        writer.update_root()

    return change


def annotation(subtype: str, flags: int, look: bool = True, **more: Any) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        node = value({"Type": "/Annot", "Subtype": subtype, "F": flags, **more})
        node[name("/Rect")] = value([50, 50, 150, 90])
        if look:
            drawn = form_stream(writer, b"0 g 0 0 9 9 re f", (0, 0, 100, 40))
            node[name("/AP")] = generic.DictionaryObject({name("/N"): drawn})
        annotate(writer, writer.add_object(node))

    return change


def layers(default: dict[str, Any], usage: dict[str, Any] | None = None) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        layer = value({"Type": "/OCG", "Name": "price", **({"Usage": usage} if usage else {})})
        reference = writer.add_object(layer)
        made = value({"OCGs": [reference], "D": default})
        for key in ("OFF", "ON"):
            if key in default:
                made["/D"][name(f"/{key}")] = value([reference])
        if "AS" in default:
            made["/D"][name("/AS")] = value(
                [{"Event": "/View", "OCGs": [reference], "Category": ["/View"]}]
            )
        writer.root[name("/OCProperties")] = made
        writer.update_root()
        page = first_page(writer)
        page["/Resources"][name("/Properties")] = value({"L": reference})
        writer.update_container(page)

    return change


def image(entries: dict[str, Any]) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        made = generic.StreamObject(
            value(
                {
                    **{"Subtype": "/Image", "Width": 1, "Height": 1, "BitsPerComponent": 8},
                    **{"ColorSpace": "/DeviceGray", **entries},
                }
            ),
            stream_data=b"\0",
        )
        page = first_page(writer)
        page["/Resources"][name("/XObject")] = value({"Im0": writer.add_object(made)})
        writer.update_container(page)

    return change


def script_of_a_field(writer: Any) -> None:
    add_widget(writer, "amount", kind="/Tx", AA=value({"F": {"S": "/JavaScript", "JS": "1"}}))


def action_of_a_button(action: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        add_widget(writer, "button", kind="/Btn", A=value({"S": action, "T": "amount"}))

    return change


def field_without_look(writer: Any) -> None:
    add_widget(writer, "amount", None, kind="/Tx", value=generic.pdf_string("100"))


def empty_field(kind: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        add_widget(writer, "empty", None, kind=kind)

    return change


def field_that_says(shown: bytes, meant: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        font = value({"Font": {"F": first_page(writer)["/Resources"]["/Font"].raw_get("/F")}})
        drawn = b"BT /F 12 Tf 0 g 5 5 Td (%s) Tj ET" % shown
        look = form_stream(writer, drawn, (0, 0, 300, 40), font)
        text = generic.pdf_string(meant)
        add_widget(writer, "amount", kind="/Tx", value=text, appearance=look)

    return change


def choice_that_shows(meant: str, *lines: bytes, flags: int = 0) -> Callable[[Any], None]:
    """A list of the options A, B, C and D, or a combination box of them (flags 1 << 17)."""

    def change(writer: Any) -> None:
        font = value({"Font": {"F": first_page(writer)["/Resources"]["/Font"].raw_get("/F")}})
        drawn = b"".join(
            b"BT /F 9 Tf 0 g 5 %d Td (%s) Tj ET " % (30 - 12 * at, line)
            for at, line in enumerate(lines)
        )
        look = form_stream(writer, drawn, (0, 0, 300, 40), font)
        options = value([["a", "A"], "B", ["c", "C"], "D"])
        add_widget(
            writer,
            "city",
            kind="/Ch",
            value=generic.pdf_string(meant),
            appearance=look,
            Opt=options,
            Ff=generic.NumberObject(flags),
        )

    return change


def tick(state: str, meant: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        looks = {"Yes": form_stream(writer, b"0 g 2 2 4 4 re f", (0, 0, 9, 9))}
        looks["Off"] = form_stream(writer, b"", (0, 0, 9, 9))
        states = {"AS": value(state), "rect": (60, 700, 69, 709)}
        add_widget(
            writer, "box", kind="/Btn", value=value(meant), appearance=value(looks), **states
        )

    return change


VIEWED_ONLY = {"View": {"ViewState": "/ON"}, "Print": {"PrintState": "/OFF"}}
PREPARED: list[tuple[Kind, Callable[[Any], None], tuple[int, ...]]] = [
    (Kind.SCRIPT, catalog({"OpenAction": {"S": "/JavaScript", "JS": "1"}}), ()),
    (Kind.SCRIPT, catalog({"AA": {"WP": {"S": "/JavaScript", "JS": "1"}}}), ()),
    (Kind.SCRIPT, catalog({"Names": {"JavaScript": {"Names": ["a", {"JS": "1"}]}}}), ()),
    (Kind.SCRIPT, script_of_a_field, (1,)),
    (Kind.HIDING, action_of_a_button("/Hide"), (1,)),
    (Kind.HIDING, action_of_a_button("/SetOCGState"), (1,)),
    (Kind.HIDING, catalog({"OpenAction": {"S": "/GoTo", "Next": {"S": "/Hide"}}}), ()),
    (Kind.LAYERS, layers({"OFF": []}), (1,)),
    (Kind.LAYERS, layers({"BaseState": "/OFF", "ON": []}), (1,)),
    (Kind.LAYERS, layers({"AS": []}), (1,)),
    (Kind.LAYERS, layers({}, VIEWED_ONLY), (1,)),
    (Kind.PORTFOLIO, catalog({"Collection": {"View": "/D"}}), ()),
    (Kind.SCREEN_ONLY, annotation("/FreeText", 0), (1,)),
    (Kind.SCREEN_ONLY, annotation("/Stamp", 0), (1,)),
    (Kind.PRINT_ONLY, annotation("/FreeText", 4 | 32), (1,)),
    (Kind.PRINT_ONLY, annotation("/Square", 4 | 256), (1,)),
    (Kind.NO_LOOK, annotation("/FreeText", 4, look=False), (1,)),
    (Kind.NO_LOOK, annotation("/Square", 4, look=False), (1,)),
    (Kind.NO_LOOK, field_without_look, (1,)),
    (Kind.VALUE_DIFFERS, field_that_says(b"9,900,000", "100"), (1,)),
    (Kind.VALUE_DIFFERS, field_that_says(b"100", ""), (1,)),
    (Kind.VALUE_DIFFERS, choice_that_shows("a", b"A", b"C"), (1,)),
    (Kind.VALUE_DIFFERS, choice_that_shows("a", b"A", b"9,900,000"), (1,)),
    (Kind.VALUE_DIFFERS, choice_that_shows("a", b"B", flags=1 << 17), (1,)),
    (Kind.VALUE_DIFFERS, choice_that_shows("a", b"A", b"B", flags=1 << 17), (1,)),
    (Kind.VALUE_DIFFERS, tick("/Off", "/Yes"), (1,)),
    (Kind.VALUE_DIFFERS, tick("/Yes", "/Off"), (1,)),
    (Kind.OTHER_PICTURE, image({"Alternates": [{"DefaultForPrinting": True}]}), (1,)),
    (Kind.OUTSIDE, image({"F": "other.jpg"}), (1,)),
    (Kind.OUTSIDE, image({"OPI": {"1.3": {}}}), (1,)),
]


def found(data: bytes) -> list[Elsewhere]:
    return shown_elsewhere(Document(io.BytesIO(data)))


@pytest.mark.parametrize(("kind", "change", "pages"), PREPARED)
def test_what_is_prepared_to_show_something_else_is_told_with_its_pages(
    kind: Kind, change: Callable[[Any], None], pages: tuple[int, ...]
) -> None:
    assert found(update(classic_pdf(), change)) == [Elsewhere(kind, pages)]


def form(entries: dict[str, Any]) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        add_widget(writer, "amount", kind="/Tx")
        for key, raw in entries.items():
            writer.root["/AcroForm"][name(f"/{key}")] = value(raw)
        writer.update_container(writer.root["/AcroForm"])

    return change


def test_a_form_that_viewers_draw_anew_or_that_has_a_second_shape_is_told() -> None:
    assert found(update(classic_pdf(), form({"NeedAppearances": True}))) == [
        Elsewhere(Kind.REDRAWN, (1,))
    ]
    assert found(update(classic_pdf(), form({"NeedAppearances": False}))) == []
    assert found(update(classic_pdf(), form({"XFA": "<xdp/>"}))) == [Elsewhere(Kind.XFA)]


HONEST: list[Callable[[Any], None]] = [
    annotation("/Link", 0, look=False, A={"S": "/URI", "URI": "https://example.com"}),
    annotation("/FreeText", 4),
    annotation("/Popup", 0, look=False),
    annotation("/Square", 2),
    layers({"ON": []}),
    catalog({"OpenAction": {"S": "/GoTo", "D": [0, "/Fit"]}}),
    catalog({"PageMode": "/UseOutlines", "ViewerPreferences": {"DisplayDocTitle": True}}),
    image({}),
    field_that_says(b"9,900", "9900"),
    field_that_says(b"", ""),
    choice_that_shows("a", b"A", b"B", b"C"),
    choice_that_shows("", b"B", b"C", b"D"),
    choice_that_shows("a", b"A", flags=1 << 17),
    choice_that_shows("B", b"B", flags=1 << 17),
    tick("/Yes", "/Yes"),
    tick("/Off", "/Off"),
    empty_field("/Sig"),
    empty_field("/Tx"),
]


@pytest.mark.parametrize("change", HONEST)
def test_of_an_honest_document_nothing_is_told(change: Callable[[Any], None]) -> None:
    assert found(update(classic_pdf(), change)) == []


def test_of_a_plain_and_of_a_sealed_document_nothing_is_told(world: World) -> None:
    assert found(classic_pdf()) == []
    assert found(world.sign(classic_pdf())) == []


@pytest.mark.parametrize("encryption", [pymupdf.PDF_ENCRYPT_AES_128, pymupdf.PDF_ENCRYPT_AES_256])
def test_of_a_document_that_was_encrypted_before_it_was_sealed_nothing_is_told(
    world: World, encryption: int
) -> None:
    """A signature's /Contents is not encrypted; who wanted to read it could not stamp there."""
    with pymupdf.open(stream=classic_pdf()) as pdf:
        data = pdf.tobytes(encryption=encryption, owner_pw="owner")
    assert found(world.sign(data)) == []


@pytest.mark.parametrize("encryption", [pymupdf.PDF_ENCRYPT_NONE, pymupdf.PDF_ENCRYPT_AES_256])
def test_an_action_among_what_leads_nowhere_is_found(encryption: int) -> None:
    """Numbers, names and texts are passed over; what lies among them is not."""
    leaves = [1, "/Name", "text", True, generic.FloatObject("2.5"), generic.NullObject(), [3, [4]]]
    script = {"S": "/JavaScript", "JS": "1"}
    for among, expected in (({}, []), (script, [Elsewhere(Kind.SCRIPT, (1,))])):
        entries = {"Odd": [*leaves, [*leaves, {"Next": [*leaves, among, *leaves]}], *leaves]}
        with pymupdf.open(stream=update(classic_pdf(), image(entries))) as pdf:
            data = pdf.tobytes(encryption=encryption, owner_pw="owner")
        assert found(data) == expected
