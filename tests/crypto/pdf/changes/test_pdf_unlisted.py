"""What readers come upon that repair a file: objects, trailers and tables that it does not name.

Each file here is one that was sealed and continued with nothing that may not be added, and yet some
viewer shows another price than was sealed. MuPDF is asked where it is the one.
"""

import io
import re
from collections.abc import Callable

import pymupdf
import pytest

from crypto.pdf.changes import unlisted
from crypto.pdf.reading.document import Document
from crypto.verdict import Verdict
from tests.world.documents import append_revision, classic_pdf
from tests.world.sealing import World, codes

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
EVIL = b"BT /F 24 Tf 72 700 Td (Price 9999) Tj ET"
STREAM = b"<</Length %d>>stream\n%s\nendstream" % (len(EVIL), EVIL)
STRAY = b"4 0 obj\n" + STREAM + b"\nendobj\n"
PAGE = b"<</Type/Page/Parent 2 0 R/Contents 80 0 R/Resources<</Font<</F 3 0 R>>>>"
PAGE += b"/MediaBox[0 0 595 842]>>"


def text(data: bytes) -> str:
    with pymupdf.open(stream=data, filetype="pdf") as opened:
        return "".join(str(page.get_text()) for page in opened)


def last(data: bytes, old: bytes, new: bytes) -> bytes:
    """*data* with the last match of the pattern *old* replaced."""
    found = list(re.finditer(old, data))[-1]
    return data[: found.start()] + new + data[found.end() :]


def huge(data: bytes) -> bytes:
    """More objects than MuPDF and Poppler care to read: they repair the file."""
    return last(data, rb"/Size \d+", b"/Size 99999999")


def without_root(data: bytes) -> bytes:
    return last(data, rb"/Root \d+ \d+ R", b"")


def ended_twice(data: bytes) -> bytes:
    return data + b"%startxref\n%5\n"


def as_it_is(data: bytes) -> bytes:
    return data


@pytest.mark.parametrize("damage", [as_it_is, huge, without_root, ended_twice])
def test_an_object_between_revisions_that_no_table_names_is_seen(
    world: World, damage: Callable[[bytes], bytes]
) -> None:
    sealed = world.sign(classic_pdf())
    later = damage(append_revision(sealed + STRAY, {80: b"null"}))
    report = world.verify(later)
    assert report.verdict not in GOOD
    assert "changed_suspicious" in codes(report.signatures[0])
    assert "1000" in text(sealed)
    if damage in (huge, ended_twice):
        assert "9999" in text(later)


@pytest.mark.parametrize("damage", [without_root, ended_twice], ids=["root", "startxref"])
def test_what_makes_readers_repair_a_file_is_seen_by_itself(
    world: World, damage: Callable[[bytes], bytes]
) -> None:
    later = append_revision(world.sign(classic_pdf()), {80: b"null"})
    assert world.verify(later).verdict is Verdict.VALID
    assert world.verify(damage(later)).verdict is Verdict.UNKNOWN


def prepared() -> bytes:
    """A document with an object that no table names, behind the one of the same number."""
    plain = classic_pdf()
    table = plain.index(b"xref\n0")
    made = plain[:table] + STRAY + plain[table:]
    return last(made, rb"startxref\n\d+", b"startxref\n%d" % (table + len(STRAY)))


def test_an_object_prepared_before_sealing_does_not_come_up_later(world: World) -> None:
    sealed = world.sign(prepared(), marks=[])
    assert "1000" in text(sealed)
    later = huge(append_revision(sealed, {80: b"null"}))
    assert "9999" in text(later)
    assert world.verify(later).verdict not in GOOD


def test_blanks_behind_the_end_do_not_hide_it(world: World) -> None:
    sealed = world.sign(prepared(), marks=[])
    assert world.verify(sealed + b" " * 900).verdict is Verdict.VALID
    assert "1000" in text(sealed + b" " * 900)
    hidden = sealed + b" " * 1010
    assert "9999" in text(hidden)
    assert world.verify(hidden).verdict not in GOOD


def test_an_older_object_behind_the_newer_one_is_seen(world: World) -> None:
    """All are named by tables; readers that repair a file take the last in it."""
    plain = classic_pdf()
    good = re.search(rb"\n4 0 obj\n(.*?endobj)", plain, re.DOTALL)
    assert good
    swapped = plain.replace(good[1], STREAM + b"\nendobj")
    head = b"%PDF-1.7\n4 0 obj\n" + good[1] + b"\n"
    moved = head + swapped[9:]
    moved = re.sub(rb"\d{10}(?= 00000 n)", lambda m: b"%010d" % (int(m[0]) + len(head) - 9), moved)
    moved = last(moved, rb"startxref\n\d+", b"startxref\n%d" % moved.index(b"xref\n0"))
    row = append_revision(moved, {4: b"null"})
    row = last(row, rb"4 1\n\d{10}", b"4 1\n%010d" % 9).replace(b"4 0 obj\nnull\nendobj\n", b"")
    base = last(row, rb"startxref\n\d+", b"startxref\n%d" % row.rindex(b"xref\n4 1"))
    sealed = world.sign(base, marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    assert "1000" in text(sealed)
    later = huge(append_revision(sealed, {80: b"null"}))
    assert "9999" in text(later)
    assert world.verify(later).verdict not in GOOD


def test_a_trailer_or_table_for_another_catalog_is_seen(world: World) -> None:
    sealed = world.sign(classic_pdf())
    trailer = append_revision(sealed + b"trailer\n<</Root 80 0 R/Size 99>>\n", {80: b"null"})
    assert world.verify(trailer).verdict is Verdict.UNKNOWN
    table = b"<</Type/XRef/W[1 2 1]/Size 1/Root %d 0 R/Length 4>>stream\n\0\0\0\0\nendstream"
    assert world.verify(append_revision(sealed, {80: table % 90})).verdict is Verdict.UNKNOWN
    same = world.verify(append_revision(sealed, {80: table % 1}))  # as PDFBox writes them
    assert same.verdict is Verdict.VALID


def test_an_object_stream_with_more_than_the_tables_name_is_seen(world: World) -> None:
    sealed = world.sign(classic_pdf())
    inner = b"5 0 " + PAGE
    holder = b"<</Type/ObjStm/N 1/First 4/Length %d>>stream\n%s\nendstream" % (len(inner), inner)
    later = huge(append_revision(sealed, {80: STREAM, 81: holder}))
    assert "9999" in text(later)
    assert world.verify(later).verdict not in GOOD


def hybrid(data: bytes, objects: list[tuple[int, bytes]], *, hidden: int) -> bytes:
    """One more revision of a table and a stream of entries; the object *hidden* of the list stands
    in the stream, the others in the table."""
    out = bytearray(data)
    rows: list[bytes] = []
    entry = index = b""
    for turn, (number, body) in enumerate(objects):
        if turn == hidden:
            index, entry = b"%d 1" % number, b"\1" + len(out).to_bytes(4, "big") + b"\0\0"
        else:
            rows.append(b"%d 1\n%010d 00000 n \n" % (number, len(out)))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    stream = len(out)
    rows.append(b"85 1\n%010d 00000 n \n" % stream)
    out += b"85 0 obj\n<</Type/XRef/W[1 4 2]/Size 90/Index[%s]/Root 1 0 R/Length 7>>" % index
    out += b"stream\n%s\nendstream\nendobj\n" % entry
    table, before = len(out), re.findall(rb"startxref\n(\d+)", data)[-1]
    out += b"xref\n" + b"".join(sorted(rows))
    out += b"trailer\n<</Size 90/Root 1 0 R/Prev %s/XRefStm %d>>\n" % (before, stream)
    return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def test_an_object_that_both_tables_of_a_hybrid_revision_name_is_seen(world: World) -> None:
    """Ghostscript takes the one in the stream."""
    good = re.search(rb"\n4 0 obj\n(.*?)\nendobj", classic_pdf(), re.DOTALL)
    assert good
    sealed = world.sign(classic_pdf())
    both = hybrid(sealed, [(4, good[1]), (4, STREAM)], hidden=1)
    assert "9999" in text(huge(both))
    for data in (both, huge(both)):
        assert world.verify(data).verdict is Verdict.UNKNOWN
    honest = hybrid(sealed, [(80, b"null"), (81, STREAM)], hidden=1)
    assert world.verify(honest).verdict is Verdict.VALID


def test_words_alone_raise_no_suspicion_and_remarks_hide_no_object(world: World) -> None:
    note = b"BT (4 objects, a trailer and 5 0 objections) Tj ET"
    sealed = world.sign(classic_pdf(content=note), marks=[])
    later = append_revision(
        sealed, {80: b"<</Length 27>>stream\n the trailer (1) of objects\nendstream"}
    )
    assert world.verify(later).verdict is Verdict.VALID
    far = append_revision(sealed + b"4 %" + b"-" * 900 + b"\n0 obj " + STREAM, {80: b"null"})
    assert world.verify(far).verdict is Verdict.UNKNOWN
    packed = append_revision(sealed + b"% made by somebody\n\n", {80: b"null"})
    assert world.verify(packed).verdict is Verdict.VALID


def test_a_file_read_in_pieces_shows_what_it_shows_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = world.sign(classic_pdf())
    data = append_revision(sealed + STRAY * 3, {80: b"null"})
    document = Document(io.BytesIO(data))
    at_once = list(unlisted._words(document))
    assert len(at_once) > 12
    for size in (1024, 1500, 4096):
        monkeypatch.setattr(unlisted, "_CHUNK", size)
        assert list(unlisted._words(document)) == at_once
    found = unlisted.unlisted_objects(document, len(sealed))
    assert [each.what for each in found] == [
        f"octet {len(sealed) + turn * len(STRAY)}" for turn in range(3)
    ]


def test_a_field_whose_value_is_lost_says_nothing_about_the_other_signatures(world: World) -> None:
    """One that was filled in before the others were made."""
    field = b"<</FT/Sig/T(lost)/V 99 0 R/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 5 0 R>>"
    original = classic_pdf(
        catalog=b"/AcroForm<</Fields[6 0 R]>>", annots=b"/Annots[6 0 R]", extra=[field]
    )
    data = world.sign(world.sign(original, marks=[]), marks=[])
    lost, *others = world.verify(data).signatures
    assert lost.verdict not in GOOD
    assert [each.verdict for each in others] == [Verdict.VALID, Verdict.VALID]


@pytest.mark.parametrize(
    ("named", "off"),
    [
        (b"/Linearized 1/L %010d", 0),
        (b"/Linearized 1/L %010d", 1),
        (b"/Line#61rized 1/#4c %010d", 0),
        (b"/Linearized 1/L%%remark\n+%010d", 0),
        (b"/Linearized 1/L\f000000000%010d.0", 0),
        (b"/First(" + 3000 * b"x" + b")/Linearized 1/L %010d", 0),
    ],
)
def test_a_head_that_fits_only_the_continued_file_is_suspicious(
    world: World, named: bytes, off: int
) -> None:
    """Browsers open a linearized file by the table at its head, if the length that is stated there
    is the file's: whoever prepared it knew how long it would become."""

    def prepared(length: int) -> bytes:
        head = b"<<%s/H[0 0]/O 5/E 0/N 1/T 0>>" % (named % length)
        return classic_pdf(extra=[head])

    later = {90: b"<</Title(x)>>"}
    length = len(append_revision(world.sign(prepared(0), marks=[]), later))
    data = append_revision(world.sign(prepared(length + off), marks=[]), later)
    assert len(data) == length
    expected = Verdict.VALID if off else Verdict.UNKNOWN
    assert world.verify(data).verdict is expected


def table_in_a_stream(data: bytes, number: int) -> bytes:
    """One more revision, whose table is a stream of that *number* and lists a new object alone; its
    entry for object 0 is at the same time what a page shows."""
    at = len(data)
    data += b"80 0 obj\nnull\nendobj\n"
    shown = b" " + EVIL + b" "
    rows = b"\0" + shown + b"\xff\xff" + b"\1" + at.to_bytes(len(shown), "big") + b"\0\0"
    table = b"%d 0 obj\n<</Type/XRef/Size 86/W[1 %d 2]/Index[0 1 80 1]/Root 1 0 R/Prev %s/Length %d"
    before = re.findall(rb"startxref\n(\d+)", data)[-1]
    place = len(data)
    data += table % (number, len(shown), before, len(rows)) + b">>stream\n"
    return data + rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % place


def test_a_table_that_takes_the_place_of_another_object_is_seen(world: World) -> None:
    """MuPDF takes a table that is a stream for the object of its number."""
    sealed = world.sign(classic_pdf())
    later = table_in_a_stream(sealed, 4)
    assert "9999" in text(later)
    report = world.verify(later)
    assert report.verdict is Verdict.UNKNOWN
    assert "4 0 obj" in [each.what for each in report.signatures[0].changed_later]
    for number in (81, 85):  # as some programs write it: not in its own list
        assert world.verify(table_in_a_stream(sealed, number)).verdict is Verdict.VALID
    hidden = hybrid(sealed, [(80, b"null"), (81, STREAM)], hidden=1)
    assert world.verify(hidden).verdict is Verdict.VALID
    place = len(sealed) + hidden[len(sealed) :].index(b"85 0 obj")
    swapped = hidden[:place] + b" 4 0 obj" + hidden[place + 8 :]
    swapped = swapped.replace(b"/XRefStm %d" % place, b"/XRefStm %d" % (place + 1))
    swapped = re.sub(rb"85 1\n\d{10} 00000 n \n", b"0 0" + b" " * 21 + b"\n", swapped)
    assert world.verify(swapped).verdict not in GOOD
