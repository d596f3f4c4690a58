"""Damaged and hostile files: an answer or a clear error, in bounded time, and never VALID."""

import io
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfError, PdfTooComplex, PdfUnreadable
from crypto.verdict import Verdict
from tests.world.bombs import inflating
from tests.world.bounds import bounded
from tests.world.documents import append_revision, build_pdf, classic_pdf
from tests.world.sealing import World, codes

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


def survives(world: World, data: bytes) -> set[str]:
    """The codes found; empty if the file is refused. Never VALID, never slow, never a crash."""
    with bounded():
        try:
            report = world.verify(data)
        except PdfError:
            return set()
        assert report.verdict not in GOOD
        return codes(report).union(*(codes(each) for each in report.signatures))


@pytest.fixture(scope="session")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf())


@pytest.fixture(scope="session")
def twice(world: World, sealed: bytes) -> bytes:
    return world.sign(sealed, world.second, world.marks(world.second, left=20))


# ---------------------------------------------------------------- damage by chance


@given(st.data())
def test_a_byte_changed_anywhere_is_never_valid(
    world: World, sealed: bytes, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(sealed) - 1))
    bits = data.draw(st.integers(1, 255))
    changed = bytearray(sealed)
    changed[position] ^= bits
    found = survives(world, bytes(changed))
    numbers = [int(each) for each in re.search(rb"/ByteRange\s*\[(.*?)\]", sealed)[1].split()]
    outside = position < numbers[1] or position >= numbers[2]
    if found & {"covers_file", "covers_revision"} and outside:
        assert "digest_mismatch" in found or "byte_range_malformed" in found


@given(st.integers(0, 4000), st.integers(1, 255))
def test_a_byte_changed_in_the_page_makes_exactly_the_right_findings(
    world: World, sealed: bytes, seed: int, bits: int
) -> None:
    """In the text that the page shows: the digest differs, and nothing else is said to be wrong."""
    start, stop = re.search(rb"\(Price 1000\)", sealed).span()
    position = start + 1 + seed % (stop - start - 2)
    changed = bytearray(sealed)
    changed[position] ^= bits
    report = world.verify(bytes(changed))
    assert report.verdict is Verdict.INVALID
    wrong = {each.code for each in report.signatures[0].findings if each.level == "invalid"}
    assert wrong == {"digest_mismatch"}
    assert "signature_valid" in codes(report.signatures[0])
    assert report.signatures[0].digest_matches is False


@given(st.data())
def test_a_byte_changed_between_two_seals_is_never_valid(
    world: World, twice: bytes, sealed: bytes, data: st.DataObject
) -> None:
    position = data.draw(st.integers(len(sealed), len(twice) - 1))
    changed = bytearray(twice)
    changed[position] ^= data.draw(st.integers(1, 255))
    survives(world, bytes(changed))


@given(st.data())
def test_a_file_cut_anywhere_is_never_valid(
    world: World, twice: bytes, sealed: bytes, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(twice) - 1))
    cut = twice[:length]
    if cut.rstrip() == sealed.rstrip():  # the first revision whole
        return
    survives(world, cut)


@given(st.binary(max_size=200))
def test_bytes_by_chance_are_refused(world: World, data: bytes) -> None:
    for hostile in (data, b"%PDF-1.7\n" + data, b"%PDF-1.7\n" + data + b"\nstartxref\n9\n%%EOF"):
        with pytest.raises(PdfError):
            world.verify(hostile)


@given(st.data())
def test_bytes_inserted_or_taken_out_are_never_valid(
    world: World, sealed: bytes, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(sealed)))
    if data.draw(st.booleans()):
        extra = data.draw(
            st.binary(min_size=1, max_size=8).filter(lambda each: each.strip(b" \t\r\n\f\0"))
        )
        changed = sealed[:position] + extra + sealed[position:]
    else:
        stop = data.draw(st.integers(position + 1, position + 20))
        changed = sealed[:position] + sealed[stop:]
        if changed.rstrip() == sealed.rstrip():
            return
    survives(world, changed)


# ---------------------------------------------------------------- tables and trees


def test_a_table_that_names_itself_as_previous_is_refused(world: World) -> None:
    document = classic_pdf()
    start = int(re.findall(rb"startxref\n(\d+)", document)[-1])
    assert not survives(world, document.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % start))


def test_two_tables_that_name_each_other_are_refused(world: World, sealed: bytes) -> None:
    last = int(re.findall(rb"startxref\s+(\d+)", sealed)[-1])
    first = re.search(rb"/Size (\d+)/Root 1 0 R>>", sealed)
    looped = sealed[: first.start()] + b"/Prev %-6d" % last + b"/Size 6/Root 1 0 R>>"
    survives(world, looped + sealed[first.end() :])


def test_a_page_tree_in_a_circle_is_refused() -> None:
    data = classic_pdf().replace(b"/Kids[5 0 R]", b"/Kids[2 0 R]")
    with pytest.raises(PdfUnreadable, match="circle"):
        Document(io.BytesIO(data)).pages()


def test_a_page_tree_too_deep_is_refused() -> None:
    nodes = [b"<</Type/Pages/Count 1/Kids[%d 0 R]>>" % (number + 3) for number in range(200)]
    data = build_pdf([b"<</Type/Catalog/Pages 2 0 R>>", *nodes, b"<</Type/Page>>"])
    with pytest.raises(PdfTooComplex):
        Document(io.BytesIO(data)).pages()


def test_form_fields_in_a_circle_are_read_once() -> None:
    field = b"<</T(a)/Kids[6 0 R]>>"
    data = classic_pdf(catalog=b"/AcroForm<</Fields[6 0 R]>>", extra=[field])
    assert Document(io.BytesIO(data)).signature_fields() == []


@pytest.mark.parametrize("bracket", [b"[", b"<<", b"<</A "])
def test_nesting_by_the_thousand_is_refused(world: World, bracket: bytes) -> None:
    data = classic_pdf(catalog=b"/AcroForm " + bracket * 20_000)
    assert not survives(world, data)


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_very_many_objects_are_read_in_time(world: World, count: int) -> None:
    many = classic_pdf(extra=[b"[%d 0 R]" % (number % 99 + 1) for number in range(count)])
    with bounded():
        data = world.sign(many)
        assert world.verify(data).verdict is Verdict.VALID
    with bounded():
        twice = world.sign(data, world.second, world.marks(world.second, left=20))
    with bounded():
        assert world.verify(twice).verdict is Verdict.VALID


@pytest.mark.parametrize("count", [20_001, pytest.param(100_000, marks=pytest.mark.slow)])
def test_more_fields_than_any_form_has_are_refused(world: World, count: int) -> None:
    fields = [b"<</FT/Sig/T(%d)>>" % number for number in range(count)]
    listed = b" ".join(b"%d 0 R" % number for number in range(6, count + 6))
    data = classic_pdf(catalog=b"/AcroForm<</Fields[" + listed + b"]>>", extra=fields)
    with bounded(), pytest.raises(PdfTooComplex):
        world.verify(data)


def test_a_hundred_thousand_annotations_are_refused(world: World) -> None:
    listed = b"/Annots[" + b"4 0 R " * 100_001 + b"]"
    with bounded(), pytest.raises(PdfTooComplex):
        world.verify(classic_pdf(annots=listed))


def test_many_signatures_that_hash_the_file_again_and_again_are_refused(world: World) -> None:
    """Each covers everything from a gap of its own: hashing them all would take minutes."""
    from crypto.pdf.reading.digests import Covered, digests

    size = 60_000_000
    wanted = [Covered("sm3", 10 + index, 20 + index, size) for index in range(400)]
    with pytest.raises(PdfTooComplex):
        digests(io.BytesIO(b""), size, wanted)


def test_a_thousand_revisions_are_refused(world: World) -> None:
    data = bytearray(classic_pdf())
    previous = int(re.findall(rb"startxref\n(\d+)", data)[-1])
    for _ in range(1_001):
        start = len(data)
        data += b"xref\n0 0\ntrailer\n<</Size 6/Root 1 0 R/Prev %d>>\n" % previous
        previous = start
    data += b"startxref\n%d\n%%%%EOF\n" % previous
    with bounded(), pytest.raises(PdfTooComplex):
        Document(io.BytesIO(bytes(data)))


def test_a_table_that_promises_a_billion_entries_is_refused(world: World) -> None:
    assert not survives(world, classic_pdf().replace(b"xref\n0 6", b"xref\n0 999999999"))


@pytest.mark.parametrize(
    "entries",
    [
        b"/W[1 4 2]/Size 99999999999",
        b"/W[0 0 0]/Size 9999999",
        b"/W[1 4 2]/Size 9/Index[0 9999999]",
    ],
    ids=["more than there are", "of no bytes", "by its index"],
)
def test_a_table_in_a_stream_that_promises_more_than_it_holds_is_refused(
    world: World, entries: bytes
) -> None:
    """Found by fuzzing: 379 bytes took all memory, read leniently."""
    data = b"%PDF-1.7\n5 0 obj\n<</Type/XRef" + entries + b"/Root 1 0 R/Length 7>>stream\n"
    data += b"\0" * 7 + b"\nendstream\nendobj\nstartxref\n9\n%%EOF\n"
    with bounded(), pytest.raises(PdfUnreadable, match="more entries"):
        world.verify(data)


def test_paths_that_multiply_cost_no_time(world: World) -> None:
    """Forty levels of arrays, each holding the next one twice: a million million paths."""
    levels = [b"[%d 0 R %d 0 R]" % (number + 7, number + 7) for number in range(40)]
    data = classic_pdf(catalog=b"/Extra 6 0 R", extra=[*levels, b"[]"])
    sealed = world.sign(data)
    with bounded():
        twice = world.sign(sealed, world.second, world.marks(world.second, left=20))
        assert world.verify(twice).verdict is Verdict.VALID


# ---------------------------------------------------------------- streams


def compressed_objects(count: int, *, padding: int = 0) -> bytes:
    """A document whose *count* extra objects stand in one object stream, before megabytes of
    *padding*."""
    bodies = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
              b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>"]  # fmt: skip
    bodies += [b"[%d]" % number for number in range(count)]
    header, place = [], 0
    for number, body in enumerate(bodies, 1):
        header.append(b"%d %d" % (number, place))
        place += len(body) + 1
    first = b" ".join(header) + b" "
    content = inflating(padding, start=first + b" ".join(bodies), filler=b" ")
    number = len(bodies) + 1
    out = bytearray(b"%PDF-1.7\n")
    at = len(out)
    out += b"%d 0 obj\n<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>stream\n" % (
        number, len(bodies), len(first), len(content),
    )  # fmt: skip
    out += content + b"\nendstream\nendobj\n"
    table_at = len(out)
    rows = b"\0\0\0\0\0\0\0" + b"".join(
        b"\2" + number.to_bytes(4, "big") + (index % 65536).to_bytes(2, "big")
        for index in range(len(bodies))
    )
    rows += b"\1" + at.to_bytes(4, "big") + b"\0\0" + b"\1" + table_at.to_bytes(4, "big") + b"\0\0"
    rows = zlib.compress(rows)
    out += b"%d 0 obj\n<</Type/XRef/Size %d/W[1 4 2]/Root 1 0 R/Filter/FlateDecode" % (
        number + 1, number + 2,
    )  # fmt: skip
    out += b"/Length %d>>stream\n" % len(rows) + rows + b"\nendstream\nendobj\n"
    out += b"startxref\n%d\n%%%%EOF\n" % table_at
    return bytes(out)


def test_large_object_streams_are_read_once_not_once_an_object(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crypto.pdf.reading import reader

    read = []
    original = reader._ObjectStream.__init__

    def counted(self: object, stream: object) -> None:
        read.append(1)
        original(self, stream)

    monkeypatch.setattr(reader._ObjectStream, "__init__", counted)
    data = compressed_objects(20_000)
    assert len(Document(io.BytesIO(data)).pages()) == 1
    assert len(read) == 1
    sealed = world.sign(data)
    with bounded():
        twice = world.sign(sealed, world.second, world.marks(world.second, left=20))
        assert world.verify(twice).verdict is Verdict.VALID


def test_an_object_stream_that_explodes_is_refused(world: World) -> None:
    data = compressed_objects(3, padding=300)
    assert len(data) < 2_000_000
    assert not survives(world, data)


def test_a_picture_that_explodes_is_one_finding(world: World, sealed: bytes) -> None:
    """The mark's image declares few pixels and inflates to 300 megabytes."""
    bomb = zlib.compress(inflating(300), 9)
    body = b"<</Type/XObject/Subtype/Image/Width 9/Height 9/ColorSpace/DeviceRGB/BitsPerComponent 8"
    body += b"/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\n" % len(bomb)
    number = int(re.search(rb"/Imprint (\d+) 0 R", sealed)[1])
    forged = append_revision(sealed, {number: body + bomb + b"\nendstream"})
    found = survives(world, forged)
    assert {"changed_forbidden", "mark_unreadable"} <= found


@pytest.mark.parametrize("size", [b"999999", b"0", b"-5", b"(x)"])
def test_absurd_picture_sizes_are_one_finding(world: World, sealed: bytes, size: bytes) -> None:
    body = b"<</Type/XObject/Subtype/Image/Width %s/Height %s/ColorSpace/DeviceRGB" % (size, size)
    body += b"/BitsPerComponent 8/Length 3>>stream\n123\nendstream"
    number = int(re.search(rb"/Imprint (\d+) 0 R", sealed)[1])
    assert "mark_unreadable" in survives(world, append_revision(sealed, {number: body}))


def test_an_appearance_that_draws_itself_is_one_finding(world: World, sealed: bytes) -> None:
    number = int(re.search(rb"/AP\s*<<\s*/N (\d+) 0 R", sealed)[1])
    body = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>" % number
    body += b"/Length 11>>stream\n/X Do /X Do\nendstream"
    assert "mark_unreadable" in survives(world, append_revision(sealed, {number: body}))


def test_a_value_nested_by_the_thousand_is_one_finding(world: World, sealed: bytes) -> None:
    start, stop = re.search(rb"/Contents <([0-9a-f]+)>", sealed).span(1)
    room = (stop - start) // 2
    value = b""
    while len(value) < room - 8:
        value = b"\x30\x82" + len(value).to_bytes(2, "big") + value
    forged = sealed[:start] + value.hex().encode().ljust(stop - start, b"0") + sealed[stop:]
    assert survives(world, forged)


def test_one_broken_signature_does_not_hide_the_other(world: World, twice: bytes) -> None:
    start = twice.rindex(b"/Contents <")
    forged = twice[: start + 11] + b"zz" + twice[start + 13 :]
    report = world.verify(forged)
    assert len(report.signatures) == 2
    assert "signature_valid" in codes(report.signatures[0])
    assert report.signatures[1].verdict is Verdict.INVALID


# ---------------------------------------------------------------- whatever else goes wrong


def with_value(sealed: bytes, value: bytes) -> bytes:
    """The same file with another value in its gap."""
    start, stop = re.search(rb"/Contents <([0-9a-f]+)>", sealed).span(1)
    return sealed[:start] + value.hex().encode().ljust(stop - start, b"0") + sealed[stop:]


def test_a_value_of_an_unknown_kind_is_reported(world: World, sealed: bytes) -> None:
    for value in (b"\x30\x03\x02\x01\x05", b"%PDF", b"\x0c\x02hi"):
        report = world.verify(with_value(sealed, value))
        assert "kind_unknown" in codes(report.signatures[0])
        assert report.signatures[0].format == "unknown"
        assert report.verdict is Verdict.UNKNOWN


def test_a_value_that_only_begins_like_a_seal_signature_is_unreadable(
    world: World, sealed: bytes
) -> None:
    report = world.verify(with_value(sealed, b"\x30\x05\x30\x03\x02\x01\x04"))
    assert "value_unreadable" in codes(report.signatures[0])
    assert report.verdict is Verdict.INVALID


def test_a_check_that_fails_is_a_finding_of_that_signature(
    world: World, twice: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crypto.pdf import verify

    check = verify.check_signature

    def fails(value: Any, *rest: Any) -> Any:
        if value.seal.es_id == world.first.code:
            raise ValueError("not foreseen")
        return check(value, *rest)

    monkeypatch.setattr(verify, "check_signature", fails)
    first, second = world.verify(twice).signatures
    assert "check_failed" in codes(first)
    assert first.verdict is Verdict.INVALID
    assert second.verdict is Verdict.VALID


def test_a_sloppy_file_is_opened_leniently_and_says_so(world: World) -> None:
    sloppy = classic_pdf().replace(b"/Size 6", b"/Size 5")
    report = world.verify(world.sign(sloppy))
    assert "opened_leniently" in codes(report)
    assert report.verdict is Verdict.VALID
