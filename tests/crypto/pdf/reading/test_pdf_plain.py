"""What is read in one pass is what the library reads byte by byte."""

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic, misc

from crypto.pdf.reading import plain, tokens
from crypto.pdf.reading.pyhanko_patches import upstream

WORDS = """
    << >> [ ] << >> [ ] /A /B /Type /Length /Long-Name.1 / /A#20B /é 0 7 -1 +5 .5 -0.25 1. 4.0
    1e3 --1 1,2 12345678901234567890 0 0 R 7 0 R 7 1 R 7 0 Rx 12345678901 0 R 7 00000 R R true
    false null nul truely () (text) (a\\050b) (a\\nb) (a\\5) (\\377) (\\400) (\\) (x(y)z)
    <> <41> <4> <feff4e00> <FEFF 4E00> <4G> <ffff> (D:20261125) % stream endobj
"""
BLANK = st.sampled_from([" ", " ", " ", "\n", "\r\n", "", "  ", "\t", "\f", "\0", "%c\n", "\x0b"])
VALUE = st.sampled_from(WORDS.split())
PIECES = st.lists(st.tuples(VALUE, BLANK).map("".join), max_size=12).map("".join)


@st.composite
def well_made(draw: Any, depth: int = 0) -> str:
    """A value as writers make them, now and then with something odd in it."""
    kind = draw(st.integers(0, 5 if depth < 4 else 3))
    if kind == 0:
        return str(draw(st.integers(-(10**9), 10**9)))
    if kind == 1:
        return f"{draw(st.integers(1, 10**8))} {draw(st.integers(0, 70_000))} R"
    if kind in (2, 3):
        return str(draw(VALUE))
    parts = draw(st.lists(well_made(depth + 1), max_size=4))
    if kind == 4:
        return "[" + "".join(draw(BLANK) + each for each in parts) + " ]"
    names = draw(st.lists(st.sampled_from(["/A", "/B", "/C", "/D"]), max_size=4))
    entries = (f"{name} {each}{draw(BLANK)}" for name, each in zip(names, parts, strict=False))
    return f"<<{draw(BLANK)}{''.join(entries)}>>"


class Handler:
    strict = True


class Holder(generic.Dereferenceable):
    handler = Handler()

    def get_pdf_handler(self) -> Handler:
        return self.handler


def told(value: Any, holder: Holder) -> Any:
    """Everything that can be asked of an object."""
    assert value.container_ref is holder
    kind = type(value)
    if isinstance(value, generic.DictionaryObject):
        assert all(type(key) is generic.NameObject and key.container_ref is None for key in value)
        entries = [(str(key), told(value.raw_get(key), holder)) for key in value]
        payload = value.encoded_data if isinstance(value, generic.StreamObject) else None
        return kind, entries, payload
    if isinstance(value, generic.ArrayObject):
        return kind, [told(value.raw_get(index), holder) for index in range(len(value))]
    if isinstance(value, generic.IndirectObject):
        assert value.get_pdf_handler() is holder.handler
        return kind, value.idnum, value.generation
    if isinstance(value, generic.TextStringObject):
        return kind, str(value), value.autodetected_encoding, value.original_bytes
    if isinstance(value, generic.BooleanObject):
        return kind, value.value
    return kind, value.as_tuple() if isinstance(value, Decimal) else value


def outcome(read: Any, data: bytes) -> Any:
    """What *read* makes of *data*: the object and where it ends, or that it refuses it.

    No line is left open at the end: the library would look for its end for ever."""
    data += b"\n"
    stream, holder = io.BytesIO(data), Holder()
    stream.seek(1)
    try:
        return told(read(stream, holder), holder), stream.tell()
    except (misc.PdfError, ValueError, ArithmeticError, TypeError, LookupError):
        return "refused"


@pytest.fixture(scope="module", autouse=True)
def library() -> Any:
    """The library's own reader, which then reads what is inside an object by itself as well."""

    def read(stream: Any, holder: Any) -> Any:
        ours = generic.read_object
        generic.read_object = upstream("generic.read_object")
        try:
            return generic.read_object(stream, holder)
        finally:
            generic.read_object = ours

    return read


LIBRARY_DATA = st.one_of(
    well_made(), st.tuples(st.sampled_from(["<<", "[", ""]), PIECES).map("".join)
)


@given(LIBRARY_DATA, st.sampled_from([" ", "\nendobj", "", "\nstream\nabcde\nendstream\n", "%c\n"]))
@example("<</Length 5>>", "\nstream\r\nabcde\nendstream ")
@example("<</Length 5 /A<</Length 5>>>>", " stream\nabcde endstream")
@example("<</A 1/A 2>>", " ")
@example("[" * 40 + "]" * 40, " ")
@example("[" + "1 0 R " * 4000 + "]", " ")
@example("<</Contents<" + "0" * 40_000 + ">/ByteRange [0 1 2 3]      >>", " ")
@example("[/A%c\n/B]", " ")
def test_an_object_is_the_one_that_the_library_reads(library: Any, text: str, after: str) -> None:
    data = b" " + (text + after).encode()
    assert outcome(generic.read_object, data) == outcome(library, data)


@given(st.binary(max_size=60), st.sampled_from([b"<<", b"[", b""]))
def test_any_bytes_are_read_or_refused_as_the_library_does(
    library: Any, raw: bytes, begin: bytes
) -> None:
    data = b" " + begin + raw
    assert outcome(generic.read_object, data) == outcome(library, data)


class Whole:
    """A document, as far as what is in its trailer asks for it."""

    strict = True


def trailer_outcome(read: Any, data: bytes) -> Any:
    """As :func:`outcome`, for what stands behind a table."""
    holder = generic.TrailerReference(Whole())
    holder.handler = holder.reader
    stream = io.BytesIO(data + b"\n")
    stream.seek(1)
    try:
        found = read(stream, holder)
        assert found.container_ref is None
        found.container_ref = holder
        return told(found, holder), stream.tell()
    except (misc.PdfError, ValueError, ArithmeticError, TypeError, LookupError):
        return "refused"


@pytest.fixture(scope="module")
def trailers_library() -> Any:
    """The library's own reader of dictionaries, with its own reader of objects."""

    def read(stream: Any, holder: Any) -> Any:
        places = ("generic.DictionaryObject.read_from_stream", "generic.read_object")
        ours = (generic.DictionaryObject.read_from_stream, generic.read_object)
        generic.DictionaryObject.read_from_stream = staticmethod(upstream(places[0]))
        generic.read_object = upstream(places[1])
        try:
            return generic.DictionaryObject.read_from_stream(stream, holder)
        finally:
            generic.DictionaryObject.read_from_stream = staticmethod(ours[0])
            generic.read_object = ours[1]

    return read


TRAILER = "<</Size 30 /Root 1 0 R /ID[<41><42>] /Prev 4711 /Info 2 0 R>>"


@given(LIBRARY_DATA, st.sampled_from(["\nstartxref\n7\n%%EOF", "", "\nstream\nabcde\nendstream\n"]))
@example(TRAILER, "\nstartxref\n4711\n%%EOF")
@example(TRAILER, "startxref")
@example("<</Length 5>>", "\nstream\r\nabcde\nendstream ")
@example("<</Size 1/Size 2>>", "\nstartxref")
@example("<</Size 1/Nested<</A 1/A 2>>>>", "\nstartxref")
@example("<</Size 1%c\n>>", "\nstartxref")
@example("<</Contents <" + "30" * 30_000 + ">/M (D:20261125)>> ", "\nstartxref")
@example("[1 2]", "\nstartxref")
@example("", "startxref")
def test_a_trailer_is_the_one_that_the_library_reads(
    trailers_library: Any, text: str, after: str
) -> None:
    data = b" " + (text + after).encode()
    ours = generic.DictionaryObject.read_from_stream
    assert trailer_outcome(ours, data) == trailer_outcome(trailers_library, data)


def test_a_plain_trailer_does_not_need_the_library() -> None:
    def library(*_: Any) -> Any:
        raise AssertionError("left to the library")

    read = tokens.trailer_reader(library, lambda *_: None)
    found = read(io.BytesIO(TRAILER.encode()), generic.TrailerReference(Whole()))
    assert list(found) == ["/Size", "/Root", "/ID", "/Prev", "/Info"]


@given(st.binary(max_size=40))
def test_a_string_is_the_one_that_the_library_makes(raw: bytes) -> None:
    ours, theirs = plain.string(raw), generic.pdf_string(raw)
    assert type(ours) is type(theirs)
    assert ours == theirs
    assert vars(ours) == vars(theirs)


class Impatient(io.BytesIO):
    """Ends a reader that never stops asking for more."""

    reads = 0

    def read(self, size: int | None = -1) -> bytes:
        self.reads += 1
        assert self.reads < 1000
        return super().read(size)


@pytest.mark.parametrize("raw", [b"%", b"% no end", b"%\n%", b"%a\n %b"])
def test_a_comment_behind_which_nothing_comes_is_refused(raw: bytes) -> None:
    with pytest.raises(misc.PdfReadError):
        generic.read_object(Impatient(raw), Holder())


def test_a_comment_before_an_object_is_passed_over() -> None:
    assert generic.read_object(Impatient(b"%a\n%b\n[7 0 R]"), Holder()) == [
        generic.IndirectObject(7, 0, None)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595.2 841.89]/Annots[4 0 R]>> ",
        "<< /T (Seal\\055177350b2\\0551) /V 37 0 R /F 132 /AP << /N 41 0 R >> >> ",
        "<</Contents <" + "30" * 30_000 + ">/M (D:20261125)>> ",
        "[" + "12 0 R " * 19_000 + "] ",
    ],
)
def test_plain_objects_do_not_need_the_library(text: str) -> None:
    def library(*_: Any) -> Any:
        raise AssertionError("left to the library")

    read_object = tokens.object_reader(library, lambda *_: None)
    assert read_object(io.BytesIO(text.encode()), Holder())


@pytest.mark.parametrize("token", [b"0%s7", b"7.%s", b"+%s7", b"/L%s"])
def test_a_name_or_a_number_that_renderers_cut_is_not_read(token: bytes) -> None:
    for length, known in ((1, True), (200, True), (252, True), (254, False), (1000, False)):
        for around in (b"[%s]", b"<</A %s>>"):
            data = around % (token % (b"0" * length)) + b" "
            if known:
                assert generic.read_object(io.BytesIO(data), Holder())
            else:
                with pytest.raises(misc.PdfReadError):
                    generic.read_object(io.BytesIO(data), Holder())
