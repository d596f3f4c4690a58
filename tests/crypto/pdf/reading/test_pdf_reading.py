"""What is read otherwise than pyHanko reads it: the smallest parts, tables, pages left unread."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic, misc, reader, xref

from crypto import deadline
from crypto.pdf.reading import tables
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.pyhanko_patches import upstream
from tests.world.documents import append_revision, classic_pdf


def read(data: bytes) -> Any:
    container = generic.TrailerReference.__new__(generic.TrailerReference)
    return generic.read_object(io.BytesIO(data), container)


@given(st.binary(max_size=300), st.sampled_from([b"", b" ", b"\r\n", b"\x00"]))
def test_hexadecimal_strings_are_read_as_their_bytes_whatever_space_is_between(
    raw: bytes, space: bytes
) -> None:
    digits = b"".join(f"{each:02x}".encode() + space for each in raw)
    stream = io.BytesIO(b"<" + digits + b">/Next")
    found = generic.read_hex_string_from_stream(stream)
    assert found.original_bytes == raw
    assert stream.read() == b"/Next"


def test_an_odd_last_digit_stands_for_itself_and_a_zero() -> None:
    assert read(b"<414>").original_bytes == b"A@"


@pytest.mark.parametrize("text", [b"<41", b"<4x>", b"<41\xff>", b"<"])
def test_what_is_no_hexadecimal_string_is_refused(text: bytes) -> None:
    with pytest.raises(misc.PdfReadError):
        read(text)


PAGES = {
    "bare": (b"", True),
    "annotations": (b"/Annots [5 0 R]", False),
    "escaped name": (b"/#41nnots [5 0 R]", False),
    "string": (b"/Note (endobj) /Annots [5 0 R]", False),
    "hexadecimal string": (b"/Note <656e646f626a>", False),
    "comment": (b"%endobj\n/Annots [5 0 R]", False),
}


@pytest.mark.parametrize("name", PAGES)
def test_only_a_page_that_cannot_list_annotations_is_left_unread(name: str) -> None:
    extra, bare = PAGES[name]
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 300 400]>>",
        b"<</Type/Page/Parent 2 0 R " + extra + b">>",
        b"<<>>",
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/Rect[10 10 50 50]>>",
    ]
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    rows = b"".join(b"%010d 00000 n \n" % each for each in offsets)
    data += b"xref\n0 6\n0000000000 65535 f \n" + rows
    data += b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start
    document = Document(io.BytesIO(data))
    (page,) = document.pages()
    assert page.bare is bare
    assert page.box == (0.0, 0.0, 300.0, 400.0)
    assert bool(document.signature_fields()) is (b"nnots" in extra)


# ---------------------------------------------------------------- held to the library's own


@given(st.binary(max_size=200))
def test_what_stands_before_a_delimiter_is_what_the_library_reads(data: bytes) -> None:
    ours, theirs = io.BytesIO(data), io.BytesIO(data)
    assert generic.read_until_delimiter(ours) == misc.read_until_delimiter(theirs)
    assert ours.tell() == theirs.tell()


@given(st.text(" \n\r\t\f\0%aZ<", max_size=9).map(str.encode), st.booleans(), st.booleans())
def test_blanks_and_comments_are_passed_over_as_the_library_does(
    data: bytes, seek_back: bool, allow_eof: bool
) -> None:
    def outcome(read: Any) -> Any:
        stream = io.BytesIO(data)
        try:
            return read(stream, seek_back=seek_back, allow_eof=allow_eof), stream.tell()
        except misc.PdfStreamError:
            return None

    assert outcome(misc.read_non_whitespace) == outcome(upstream("misc.read_non_whitespace"))


@given(st.binary(max_size=20) | st.text("AZaz09_.+:*-#", max_size=8).map(str.encode))
def test_plain_names_are_those_that_the_library_reads_and_no_name_loses_a_byte(
    raw: bytes,
) -> None:
    """Where these are refused, ours may still read them (raw bytes); never another way round."""
    try:
        ours = generic._decode_name(raw)
    except misc.PdfReadError:
        with pytest.raises(misc.PdfReadError):
            upstream("generic._decode_name")(raw)
        return
    stream = io.BytesIO()
    ours.write_to_stream(stream)
    assert _bytes(stream.getvalue()) == b"/" + _bytes(raw)  # nothing is lost
    if b"#" not in raw and all(0x21 <= each <= 0x7E for each in raw):
        with contextlib.suppress(misc.PdfReadError):
            assert ours == upstream("generic._decode_name")(raw)


def _bytes(written: bytes) -> bytes:
    return re.sub(
        rb"#([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode("ascii")), written
    )


ROW = st.one_of(
    st.tuples(st.integers(0, 9_999_999_999), st.integers(0, 99_999), st.sampled_from("nf")).map(
        lambda row: f"{row[0]:010d} {row[1]:05d} {row[2]} \n"
    ),
    st.sampled_from(
        [
            "0000000017 00000 n\r\n",
            "0000000017 00000 n\n",
            "0000000017 00000 n \r\n",
            "        17     0 n \n",
            "0000000017 00000 x \n",
            "0000000017 65536 n \n",
            "000000001700000 n  \n",
            "00000000-7 00000 n \n",
        ]
    ),
)
SECTION = st.tuples(st.integers(0, 9), st.lists(ROW, max_size=4), st.sampled_from([0, 0, 0, 1, -1]))


@given(
    st.lists(SECTION, min_size=1, max_size=3),
    st.sampled_from([" ", "\n", " % comment\n"]),
    st.booleans(),
)
def test_tables_plain_or_not_are_those_that_the_library_reads(
    sections: list[tuple[int, list[str], int]], space: str, strict: bool
) -> None:
    text = "".join(
        f"{first}{space}{len(rows) + lie}\n{''.join(rows)}" for first, rows, lie in sections
    )
    data = f"\n{text}trailer\n<<>>".encode()

    def outcome(parse: Any) -> Any:
        stream, section = io.BytesIO(data), xref.XRefSectionData()
        try:
            highest = section.process_entries(parse(stream, strict), strict)
        except (misc.PdfError, ValueError, IndexError) as error:
            return type(error)
        return highest, vars(section), stream.tell()

    assert outcome(xref.parse_xref_table) == outcome(upstream("xref.parse_xref_table"))


def test_a_plain_table_is_read_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    without_library = tables.table_parser(None)  # type: ignore[arg-type]
    monkeypatch.setattr(xref, "parse_xref_table", without_library)
    assert len(Document(io.BytesIO(classic_pdf(pages=3))).pages()) == 3


@given(st.text("\n\r%a", max_size=12).map(str.encode), st.integers(0, 13), st.integers(1, 5))
def test_lines_are_read_backwards_as_the_library_does(data: bytes, place: int, step: int) -> None:
    def outcome(read: Any) -> Any:
        stream = io.BytesIO(b"%P" + data)  # else the library might not come to an end
        stream.seek(place)
        try:
            return read(stream), stream.tell()
        except (misc.PdfReadError, ValueError) as error:
            return str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_STEP", step)
        assert outcome(reader.read_next_end_line) == outcome(upstream("reader.read_next_end_line"))


def test_a_last_line_as_long_as_the_file_is_read_within_bounds() -> None:
    assert reader.read_next_end_line.__module__ == tables.__name__
    data = classic_pdf() + b"a" * (1 << 20)
    with deadline.bounded(-1), pytest.raises(deadline.OutOfTime):
        reader.process_data_at_eof(at_end(data))
    with pytest.raises(misc.PdfReadError):
        reader.process_data_at_eof(at_end(data))


def at_end(data: bytes) -> io.BytesIO:
    stream = io.BytesIO(data)
    stream.seek(-1, io.SEEK_END)
    return stream


@pytest.mark.parametrize("count", [10, 500])
def test_objects_looked_for_in_the_tables_of_all_revisions_are_so_within_bounds(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Freed, and used again in their next generation two revisions later."""
    checks = 0

    def counting() -> None:
        nonlocal checks
        checks += 1

    data = append_revision(classic_pdf(), {1000: b"null"}, free=range(100, 100 + count))
    data = append_revision(data, {1000: b"null"})
    start, previous = len(data), re.findall(rb"startxref\n(\d+)", data)[-1]
    data += b"xref\n100 %d\n%s" % (count, b"0000000010 00001 n \n" * count)
    data += b"trailer\n<</Size 1001/Root 1 0 R/Prev %s>>\n" % previous
    data += b"startxref\n%d\n%%%%EOF\n" % start
    monkeypatch.setattr(deadline, "check", counting)
    assert not Document(io.BytesIO(data)).repaired
    assert checks > 2 * count
