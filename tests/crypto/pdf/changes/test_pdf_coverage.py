"""Files of many signatures: what was sealed is not opened once more for each of them, and yet
nothing else is said than if it were.

The plain way, against which the short one is held, opens the covered bytes of every signature as a
file of their own and walks it; it is taken where no revision counts as known.
"""

import contextlib
import io
import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefCache

from crypto.pdf.changes import coverage
from crypto.pdf.changes.review import History
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfError
from crypto.pdf.reading.signatures import read_signatures
from crypto.pdf.reading.surroundings import without_surroundings
from crypto.pdf.signing.sign import document_timestamp, sign_revision
from crypto.verdict import Change, Verdict
from tests.world.documents import add_widget, append_revision, classic_pdf, first_page, run, update
from tests.world.sealing import World, codes


def read(world: World, data: bytes, password: str | None = None) -> Any:
    """The report, less the moment it was made; or why there is none."""
    try:
        report = world.verify(data, password=password)
    except PdfError as error:
        return type(error), str(error)
    return (
        report.file,
        report.signatures,
        report.unsigned_marks,
        report.lookalikes,
        report.findings,
    )


def read_plainly(world: World, data: bytes, password: str | None = None) -> Any:
    """The same with the covered bytes of every signature opened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage._Revisions, "ending_at", lambda *_: None)
        return read(world, data, password)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where the covered bytes end that were opened."""
    ends: list[int] = []
    true = coverage._Opened.__init__

    def counting(self: Any, document: Document) -> None:
        ends.append(document.stream.seek(0, io.SEEK_END))
        true(self, document)

    monkeypatch.setattr(coverage._Opened, "__init__", counting)
    return ends


# ---------------------------------------------------------------- revisions of all kinds

TEXT = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(price)/F 4/Rect[60 690 360 730]/P 5 0 R%s>>"
EMPTY = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(prepared)/F 4/Rect[0 0 0 0]/P 5 0 R>>"
FORM = classic_pdf(
    annots=b"/Annots[6 0 R 7 0 R]",
    catalog=b"/AcroForm<</Fields[6 0 R 7 0 R]>>",
    extra=[TEXT % b"", EMPTY],
)
CONTENT, PAGE = re.findall(rb"\n[45] 0 obj\n(.*?)\nendobj", FORM, re.DOTALL)


def sealed(world: World, data: bytes, turn: int) -> bytes:
    holder = (world.first, world.second)[turn % 2]
    return world.sign(data, holder, world.marks(holder, left=20.0 + 45 * (turn % 4)))


def stamped(world: World, data: bytes, _: int) -> bytes:
    """A document time stamp by nobody: what it is worth is not asked here."""
    output = io.BytesIO()
    sign_revision(
        Document(io.BytesIO(data)),
        output,
        profile=document_timestamp("sm3"),
        value_size=64,
        make_value=lambda revision: b"\x30\x22\x04\x20" + revision.digest,
    )
    return output.getvalue()


def qpdf_made(data: bytes, folder: Path, *options: str) -> bytes:
    """*data* written again by qpdf."""
    source, target = folder / "source.pdf", folder / "target.pdf"
    source.write_bytes(data)
    done = run("qpdf", source, *options, target)
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def signed_fields(data: bytes) -> list[Any]:
    """Of the file as it stands: (number, value) of each signature field of the form."""
    fields = Document(io.BytesIO(data)).signature_fields()
    return [
        (each.reference.idnum, each.value.idnum)
        for each in fields
        if each.reference and isinstance(each.value, generic.IndirectObject)
    ]


def written(change: Callable[[Any, int], None]) -> Callable[[World, bytes, int], bytes]:
    """A revision made by a writer."""
    return lambda world, data, turn: update(data, lambda writer: change(writer, turn))


def objects(bodies: Callable[[int], dict[int, bytes]]) -> Callable[[World, bytes, int], bytes]:
    """A revision of these objects."""
    return lambda world, data, turn: append_revision(data, bodies(turn))


def rewrite_field(writer: Any, turn: int, entry: str, value: Any) -> None:
    fields = writer.root["/AcroForm"]["/Fields"]
    field = fields[turn % len(fields)]
    field[name(entry)] = value
    writer.update_container(field)


def add_evidence(writer: Any, turn: int) -> None:
    stream = writer.add_object(generic.StreamObject(stream_data=b"%d" % turn))
    store = generic.DictionaryObject({name("/Certs"): generic.ArrayObject([stream])})
    writer.root[name("/DSS")] = writer.add_object(store)
    writer.update_root()


def list_otherwise(writer: Any, turn: int) -> None:
    """The fields in another order, one less, or one of them below a new one."""
    form = writer.root["/AcroForm"]
    fields = [form["/Fields"].raw_get(each) for each in range(len(form["/Fields"]))]
    if turn % 3 == 0:
        fields.reverse()
    elif turn % 3 == 1:
        del fields[-1]
    else:
        parent = generic.DictionaryObject({name("/T"): generic.pdf_string("above")})
        parent[name("/Kids")] = generic.ArrayObject([fields.pop()])
        fields.append(writer.add_object(parent))
    form[name("/Fields")] = generic.ArrayObject(fields)
    writer.update_container(form)


def add_unlisted(writer: Any, turn: int) -> None:
    """One more widget for a signature that is there, in the form or beside it."""
    fields = writer.root["/AcroForm"]["/Fields"]
    field = fields[turn % len(fields)]
    value = field.raw_get("/V") if "/V" in field else None
    add_widget(writer, f"unlisted {turn}", b"0 g 0 0 9 9 re f" if turn % 2 else None, value=value)
    if turn % 3 == 0:
        del fields[-1]


def hide_marks(writer: Any, turn: int) -> None:
    page = first_page(writer)
    page[name("/Annots")] = generic.ArrayObject(list(page["/Annots"])[: turn % 2])
    writer.update_container(page)


def exchange_value(world: World, data: bytes, turn: int) -> bytes:
    """A field that shows the signature of another one, or the signature written again."""
    fields = signed_fields(data)
    number, value = fields[turn % len(fields)]
    body = re.search(rb"\n%d 0 obj\n(.*?)\nendobj" % (number if turn % 2 else value), data, re.S)[1]
    if turn % 2:
        body = re.sub(rb"/V \d+ 0 R", b"/V %d 0 R" % fields[0][1], body)
    return append_revision(data, {number if turn % 2 else value: body})


def forked(world: World, data: bytes, turn: int) -> bytes:
    """A revision that continues from an earlier one than the last."""
    starts = re.findall(rb"startxref\s+(\d+)", data)
    later = append_revision(data, {200 + turn: b"null"})
    last = re.findall(rb"/Prev (\d+)", later)[-1]
    at = later.rindex(b"/Prev " + last)
    other = starts[turn % len(starts)].ljust(len(last))
    return later[:at] + b"/Prev " + other[: len(last)] + later[at + 6 + len(last) :]


def restreamed(world: World, data: bytes, turn: int) -> bytes:
    """An object stream written again, with a space less or another word."""
    found = re.search(rb"\n(\d+) 0 obj\n(<<[^>]*/Type ?/ObjStm.*?endstream)", data, re.DOTALL)
    body = found[2].replace(b"Price", b"Prize") if turn % 2 else found[2]
    return append_revision(data, {int(found[1]): body})


REVISIONS: dict[str, Callable[[World, bytes, int], bytes]] = {
    "seal": sealed,
    "unseen": lambda world, data, turn: world.sign(data, marks=[]),
    "stamp": stamped,
    "evidence": written(add_evidence),
    "fill": objects(lambda turn: {6: TEXT % b"/V(Price %d)" % turn}),
    "edit": objects(lambda turn: {4: b"<</Length 3>>stream\n0 g\nendstream"}),
    "restore": objects(lambda turn: {4: CONTENT}),
    "empty the field": objects(lambda turn: {6: TEXT % b""}),
    "damage": objects(lambda turn: {6 + turn % 2: b"<</T(a)/T(b)>>"}),
    "mend": objects(lambda turn: {5: PAGE, 6: TEXT % b"", 7: EMPTY}),
    "free": lambda world, data, turn: append_revision(data, {99: b"null"}, free=[3 + turn % 5]),
    "no page": objects(lambda turn: {5: b"null"}),
    "rename": written(
        lambda writer, turn: rewrite_field(writer, turn, "/T", generic.pdf_string(f"other {turn}"))
    ),
    "no field": written(lambda writer, turn: rewrite_field(writer, turn, "/FT", name("/Tx"))),
    "list": written(list_otherwise),
    "unlisted": written(add_unlisted),
    "hide": written(hide_marks),
    "exchange": exchange_value,
    "fork": forked,
    "streams": restreamed,
    "junk": lambda world, data, turn: data + (b"\n" * 5000, b"% remark\n", b" ")[turn % 3],
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same form with its objects in a stream."""
    folder = tmp_path_factory.mktemp("packed")
    return qpdf_made(FORM, folder, "--object-streams=generate", "--stream-data=uncompress")


def chain(world: World, data: bytes, steps: Iterable[tuple[str, int]]) -> bytes:
    """*data* with all of these steps that can be taken."""
    for kind, turn in steps:
        # else there is nothing that could be changed in this way
        with contextlib.suppress(*PARSER_FAILURES):
            data = REVISIONS[kind](world, data, turn)
    return data


def drawn(seed: int) -> list[tuple[str, int]]:
    """Some revisions, half of them seals; what was damaged may be mended at once."""
    chance = random.Random(seed)
    others = list(REVISIONS)[1:]
    kinds: list[str] = []
    while len(kinds) < 9:
        kinds.append(chance.choice([chance.choice(others), "seal"]))
        if kinds[-1] in ("damage", "no page"):
            kinds += ["seal"] * chance.randrange(2) + ["mend"]
    return [(each, chance.randrange(6)) for each in kinds]


CHOSEN = [
    [("seal", 0), ("edit", 0), ("seal", 1), ("restore", 0), ("seal", 2)],
    [("damage", 0), ("seal", 0), ("mend", 0), ("seal", 1)],
    [("seal", 1), ("rename", 2), ("seal", 3), ("seal", 2)],
    [("seal", 1), ("list", 2), ("unseen", 0), ("list", 3), ("seal", 1)],
    [("seal", 1), ("fork", 1), ("seal", 3), ("fork", 2)],
    [("fill", 0), ("seal", 1), ("unlisted", 2), ("seal", 3), ("unlisted", 3), ("seal", 0)],
]
DAILY = 8
"""So many of the chains run every time; the others in `dev.py check-slow`."""


def test_every_kind_of_revision_has_its_turn_every_time() -> None:
    chains = [*CHOSEN, *map(drawn, range(DAILY))]
    assert {kind for chain in chains for kind, _ in chain} == set(REVISIONS)


@pytest.mark.parametrize(
    "steps",
    [
        *CHOSEN,
        *map(drawn, range(DAILY)),
        *(pytest.param(drawn(seed), marks=pytest.mark.slow) for seed in range(DAILY, 60)),
    ],
    ids=lambda steps: " ".join(f"{kind}-{turn}" for kind, turn in steps),
)
def test_any_chain_of_revisions_is_judged_as_if_all_that_was_sealed_were_opened(
    world: World, packed: bytes, steps: list[tuple[str, int]]
) -> None:
    for original in (FORM, packed):
        data = chain(world, original, [("seal", 0), *steps, ("seal", 1)])
        assert read(world, data) == read_plainly(world, data)


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 25))]
)
def test_no_signature_is_judged_more_mildly_than_if_it_were_the_only_one(
    world: World, seed: int
) -> None:
    """The steps are compared once for all; for the later signatures from scratch here."""
    data = chain(world, FORM, [("seal", 0), *drawn(1000 + seed), ("seal", 1)])
    report = read(world, data)
    if isinstance(report[0], type):
        return  # refused as a whole
    within, _ = without_surroundings(io.BytesIO(data))
    document = Document(within)
    embedded = read_signatures(document, document.signature_fields())
    for claim, signature in zip(embedded, report[1], strict=True):
        if signature.coverage == "revision":
            signed = Document(io.BytesIO(data[: claim.end]))
            history = History(Document(within), signed)
            last = signed.reader.total_revisions - 1
            alone = history.changes(claim.dictionary, last, claim.end, signed)
            assert severity(alone) <= severity(signature.changed_later)


def severity(changes: Iterable[Change]) -> int:
    levels = {"suspicious": 1, "forbidden": 2}
    return max((levels.get(each.kind, 0) for each in changes), default=0)


# ---------------------------------------------------------------- what is opened


def sealed_often(world: World, data: bytes, count: int, password: str | None = None) -> bytes:
    for _ in range(count):
        data = world.sign(data, marks=[], password=password)
    return data


def test_of_many_seals_only_what_the_first_one_sealed_is_opened(
    world: World, opened: list[int]
) -> None:
    data = sealed_often(world, classic_pdf(), 12)
    report = world.verify(data)
    assert report.verdict is Verdict.VALID
    assert len(report.signatures) == 12
    assert opened == [report.signatures[0].byte_range[2] + report.signatures[0].byte_range[3]]


def test_after_an_edit_what_was_sealed_last_before_it_is_opened_as_well(
    world: World, opened: list[int]
) -> None:
    before = sealed_often(world, classic_pdf(), 6)
    data = sealed_often(world, append_revision(before, {3: b"null"}), 3)
    report = world.verify(data)
    assert ["changed_forbidden" in codes(each) for each in report.signatures] == [
        *[True] * 6,
        *[False] * 3,
    ]
    assert len(opened) == 2
    assert len(before) in opened


def test_twice_as_many_seals_cost_about_twice_as_much(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in objects that are read."""
    read_objects = 0
    true = PdfFileReader._read_object

    def counting(*arguments: Any, **options: Any) -> Any:
        nonlocal read_objects
        read_objects += 1
        return true(*arguments, **options)

    monkeypatch.setattr(PdfFileReader, "_read_object", counting)
    costs = []
    for count in (15, 30):
        data = sealed_often(world, classic_pdf(), count)
        read_objects = 0
        assert world.verify(data).verdict is Verdict.VALID
        costs.append(read_objects)
    assert costs[0] > 60
    assert costs[1] < 2.1 * costs[0], costs


def test_hundreds_of_later_revisions_are_all_reviewed(world: World) -> None:
    """As long-term archives have them; what the last but one did is found."""
    data = bytearray(world.sign(classic_pdf(), marks=[]))
    previous = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    for turn in range(300):
        number, body = (4, b"null") if turn == 298 else (80, b"(%d)" % turn)
        place = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        table = len(data)
        data += b"xref\n%d 1\n%010d 00000 n \n" % (number, place)
        data += b"trailer\n<</Size 81/Root 1 0 R/Prev %d>>\n" % previous
        data += b"startxref\n%d\n%%%%EOF\n" % table
        previous = table
    found = world.verify(bytes(data)).signatures[0]
    assert "not_reviewed" not in codes(found)
    forbidden = [each for each in found.changed_later if each.kind == "forbidden"]
    assert ("/Contents (4 0 obj)", 1) in {(each.what, each.page) for each in forbidden}


@pytest.mark.parametrize("bits", [("128", "--use-aes=y"), ("256",)], ids=["AES-128", "AES-256"])
def test_an_encrypted_file_is_judged_as_if_all_were_opened(
    world: World, tmp_path: Path, opened: list[int], bits: tuple[str, ...]
) -> None:
    locked = qpdf_made(FORM, tmp_path, "--encrypt", "geheim", "owner", *bits, "--")
    data = sealed_often(world, locked, 4, "geheim")
    found = read(world, data, "geheim")
    assert [each.coverage for each in found[1]] == [*["revision"] * 3, "file"]
    assert len(opened) == 1
    assert found == read_plainly(world, data, "geheim")


def sloppy(data: bytes) -> bytes:
    """A revision whose table strict readers refuse: an object is freed for ever."""
    later = append_revision(data, {80: b"null"}, free=[70])
    return later.replace(b"0000000000 00001 f", b"0000000000 00000 f")


def test_a_file_that_has_to_be_read_leniently_is_judged_as_if_all_were_opened(
    world: World, opened: list[int]
) -> None:
    data = sealed_often(world, sloppy(classic_pdf()), 4)
    found = read(world, data)
    assert "opened_leniently" in {each.code for each in found[4]}
    assert len(opened) == 1
    assert found == read_plainly(world, data)


def test_a_table_that_became_sloppy_between_seals_opens_all(
    world: World, opened: list[int]
) -> None:
    data = sealed_often(world, sloppy(sealed_often(world, classic_pdf(), 2)), 2)
    found = read(world, data)
    assert len(opened) == 3
    assert found == read_plainly(world, data)
    assert [["changed_suspicious" in {one.code for one in each.findings}] for each in found[1]] == [
        [True], [True], [False], [False],
    ]  # fmt: skip


# ---------------------------------------------------------------- which bytes are a revision


def known(data: bytes, end: int, password: str | None = None) -> int | None:
    document = Document(io.BytesIO(data), password)
    return coverage._Revisions(document).ending_at(end)


def test_a_revision_is_known_by_where_it_ends() -> None:
    first = classic_pdf()
    second = append_revision(first, {6: b"null"})
    third = append_revision(second, {7: b"null"})
    assert [known(third, len(each)) for each in (first, second, third)] == [0, 1, 2]
    assert known(third, len(second) - 1) == 1  # less a line's end
    assert known(third, len(second) - 6) == 0  # its own end is missing: the one before counts
    assert known(third, 1000) is None


def test_bytes_whose_table_ends_behind_them_are_no_revision() -> None:
    """The end of a file, inside a string of the trailer that whoever has the rest reads on."""
    whole = classic_pdf()
    tail = re.search(rb"startxref\n\d+\n%%EOF\n", whole)[0]
    whole = whole.replace(b"/Root 1 0 R>>", b"/Root 1 0 R/X(\n" + tail + b")>>")
    end = whole.index(tail) + len(tail)
    with pytest.raises(PdfError):
        Document(io.BytesIO(whole[:end]))
    later = append_revision(whole, {80: b"null"})
    assert known(later, end) is None
    assert known(later, len(whole)) == 0


def test_bytes_whose_table_points_behind_them_are_no_revision() -> None:
    first = classic_pdf(extra=[b"null"])
    row = re.findall(rb"\d{10} 00000 n \n", first)[-1]
    first = first.replace(row, b"%010d 00000 n \n" % (len(first) + 1))
    second = append_revision(first + b"\n6 0 obj\nnull\nendobj\n", {80: b"null"})
    assert known(second, len(second)) == 1
    assert known(second, len(first)) is None


def test_where_an_object_stream_is_written_again_no_revision_is_known(packed: bytes) -> None:
    later = append_revision(packed, {80: b"null"})
    assert known(later, len(packed)) == 0
    assert known(restreamed(None, packed, 1), len(packed)) is None


def test_where_the_encryption_changes_no_revision_is_known(tmp_path: Path) -> None:
    first = qpdf_made(FORM, tmp_path, "--encrypt", "", "owner", "256", "--")
    number = int(re.search(rb"/Encrypt (\d+) 0 R", first)[1])
    body = re.search(rb"\n%d 0 obj\n(.*?)\nendobj" % number, first, re.DOTALL)[1]
    assert known(append_revision(first, {80: b"null"}), len(first), "") == 0
    assert known(append_revision(first, {number: body}), len(first), "") is None
    copied = append_revision(first, {80: body}, trailer=b"/Encrypt 80 0 R")
    assert known(copied, len(first), "") is None
    renamed = append_revision(first, {80: b"null"}, trailer=b"/ID[<01><02>]")
    assert known(renamed, len(first), "") is None


# ---------------------------------------------------------------- where objects stand


def test_objects_are_found_where_the_library_finds_them(world: World, packed: bytes) -> None:
    """Looked up through an index instead of in all sections."""
    steps = [("seal", 0), ("free", 1), ("edit", 0), ("mend", 0), ("seal", 1), ("fill", 0)]
    for original in (FORM, packed):
        data = chain(world, original, steps)
        reader = Document(io.BytesIO(data)).reader
        plain = PdfFileReader(io.BytesIO(data), strict=False).xrefs
        assert type(plain) is XRefCache
        assert reader.total_revisions > 5
        for number in range(60):
            for generation in range(3):
                reference = generic.Reference(number, generation)
                assert last_change(reader.xrefs, reference) == last_change(plain, reference)
                for revision in range(reader.total_revisions):
                    place = plain.get_historical_ref(reference, revision)
                    assert reader.xrefs.get_historical_ref(reference, revision) == place


def last_change(xrefs: XRefCache, reference: generic.Reference) -> int | None:
    try:
        return xrefs.get_last_change(reference)
    except KeyError:
        return None
