"""What is taken from the bytes of an object is what parsing it gives, or nothing is taken."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.pdf.reading import page as module
from crypto.pdf.reading.access import follow
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.raw import raw_dictionary, raw_page

NUMBER = st.sampled_from(
    ["0", "10", "-20", "595.276", ".5", "4.", "+300", "1e3", "--5", "7-2", "5 0 R", "99999999999"]
)
BLANK = st.sampled_from([" ", "\n", "\t ", "\r\n"])


def box(name: str) -> st.SearchStrategy[str]:
    return st.tuples(BLANK, st.lists(NUMBER, min_size=3, max_size=5)).map(
        lambda made: f"/{name}[{made[0].join(made[1])}]"
    )


ENTRIES = st.one_of(
    box("MediaBox"),
    box("CropBox"),
    NUMBER.map(lambda number: f"/Rotate {number}"),
    st.sampled_from(["90", "180", "-90", "450"]).map(lambda turn: f"/Rotate {turn}"),
    st.sampled_from(
        [
            *("/MediaBox 5 0 R", "/CropBox null", "/Rotate null", "/Rotate/Odd", "/UserUnit 2"),
            *("/Group<</Rotate 90/MediaBox[1 2 3 4]>>", "/PieceInfo<</A<</CropBox[0 0 5 5]>>>>"),
            *("/RotateX 90", "/MediaBoxes[1 2 3 4]", "/Note(a)", "/Note<61>", "% 1\n", "/Tabs/S"),
            *("/Media#42ox[0 0 9 9]", "/Resources<<>>", "/Contents 5 0 R", "/Annots[]", "/Kids[]"),
        ]
    ),
)


def document(page: bytes) -> bytes:
    """One page whose dictionary is written as *page*; the page tree has a box and a rotation."""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 300 400]/Rotate 180>>",
        page,
        b"<<>>",
        b"[0 0 50 60]",
    ]
    data, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    rows = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    data += b"xref\n0 6\n0000000000 65535 f \n" + rows
    return data + b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


@given(st.lists(ENTRIES, max_size=5))
def test_a_page_is_as_large_as_parsing_it_says(entries: list[str]) -> None:
    written = f"<</Type/Page/Parent 2 0 R{''.join(entries)}>>"
    opened = Document(io.BytesIO(document(written.encode())))
    try:
        (page,) = opened.pages()
        parsed = module._view(follow(page.reference), page.inherited)
    except PARSER_FAILURES:
        return  # refused by the parser; nothing is promised of it
    assert (page.box, page.rotation, page.unit) == parsed


@pytest.mark.parametrize(
    "written",
    [
        b"<</Type/Page/Note(a)>>",
        b"<</Type/Page%a\n>>",
        b"<</Type/P#61ge>>",
        b"<</Type/Page/Note<61>>>",
        b"<</Type/Page/Length 3>>stream\nabc\nendstream",
        b"<</Type/Page/Annots 5 0 R>>",
        b"<</Type/Page/Kids[]>>",
        b"<</Type/Page>",
        b"[3 0 R]",
        b"null",
    ],
)
def test_what_is_not_plainly_a_page_is_left_to_the_parser(written: bytes) -> None:
    reader = Document(io.BytesIO(document(written))).reader
    assert raw_page(reader, 3, 0) == b""


def test_the_bytes_of_a_dictionary_are_those_between_its_brackets() -> None:
    reader = Document(io.BytesIO(document(b"<< /Type /Page /A <</B 1>> >>"))).reader
    assert raw_page(reader, 3, 0) == b" /Type /Page /A <</B 1>> "
    assert raw_dictionary(reader, 1, 0) == b"/Type/Catalog/Pages 2 0 R"
    assert raw_dictionary(reader, 77, 0) == b""
