"""The layer that looks: two revisions of a file drawn beside each other by two renderers."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from crypto.bounded import BoundedProcess, Channel, Message, ProcessHeldUp
from crypto.pdf.looking import layer
from crypto.pdf.looking.layer import Difference, Seen, Task, look_with_engines
from crypto.pdf.looking.memory import Memory
from crypto.pdf.looking.touched import touched_pages
from crypto.pdf.reading.document import Document
from crypto.pdf.verify import verify_pdf
from crypto.rendering import looker
from crypto.rendering.compare import Box, Kind, Place
from crypto.rendering.drawing import Raster, Undrawable
from crypto.rendering.looker import Order, Sealed
from crypto.rendering.mupdf_engine import MuPdf
from crypto.verdict import Report, Verdict, ranges
from tests.crypto.pdf.looking import lookers
from tests.world.documents import append_revision, build_pdf, classic_pdf, crashing_pdf
from tests.world.sealing import NOW, World, codes

CONTENT = b"<</Length %d>>stream\n%s\nendstream"


def content(text: bytes) -> bytes:
    return CONTENT % (len(text), text)


def task(data: bytes, end: int, pages: Sequence[int] = (0,), *places: Place) -> Task:
    return Task(data, None, (Sealed(end, places, tuple(pages)),))


PRICE = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET"


def test_a_revision_that_shows_the_same_gives_nothing() -> None:
    first = classic_pdf(pages=2)
    later = append_revision(first, {4: content(PRICE + b" ")})
    assert look_with_engines(task(later, len(first), [0, 1])) == Seen()


def test_text_that_was_replaced_is_found_where_it_stands_by_every_engine() -> None:
    on_screen = b"<</Type/Annot/Subtype/Square/Rect[0 0 1 1]>>"  # so paper may differ
    first = classic_pdf(pages=2, annots=b"/Annots[" + on_screen + b"]")
    later = append_revision(first, {4: content(PRICE.replace(b"1000", b"9000"))})
    seen = look_with_engines(task(later, len(first), [1]))
    assert [each.engine for each in seen.differences] == ["MuPDF", "MuPDF print", "PDFium"]
    for each in seen.differences:
        assert (each.end, each.page) == (len(first), 1)
        (box,) = each.boxes  # "1" of "Price 1000": 24 pt Helvetica at 72, 700 pt
        assert box.near(Box(49, 43, 5, 7), 0)
        assert box.width < 6
        assert box.height < 8
    assert (seen.left_out, seen.failed) == ((), ())


def test_a_layer_for_print_alone_is_seen() -> None:
    layers = b"/OCProperties<</OCGs[6 0 R]/D<</AS[<</Event/%s/OCGs[6 0 R]/Category[/%s]>>]>>>>"
    group = b"<</Type/OCG/Name(L)/Usage<</%s<</%sState/OFF>>>>>>"
    text = b"/OC /L BDC " + PRICE + b" EMC"
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595.276 841.89]"
    page += b"/Resources<</Font<</F 3 0 R>>/Properties<</L 6 0 R>>>>>>"
    first = classic_pdf(
        content=text, catalog=layers % (b"Print", b"Print"), extra=[b"<</Type/OCG/Name(L)>>"]
    )
    first = append_revision(first, {5: page})
    later = append_revision(first, {6: group % (b"Print", b"Print")})
    engines = {each.engine for each in look_with_engines(task(later, len(first))).differences}
    assert engines == {"MuPDF print"}


def test_what_shows_in_print_only_is_seen() -> None:
    annotation = b"<</Type/Annot/Subtype/Square/Rect[100 100 300 300]/F %d/AP<</N 7 0 R>>>>"
    drawing = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 200]/Length 18>>stream\n"
    drawing += b"0 0 200 200 re f  \nendstream"
    first = classic_pdf(annots=b"/Annots[6 0 R]", extra=[annotation % 4, drawing])
    hidden_on_screen = 4 | 32
    printed = append_revision(first, {6: annotation % hidden_on_screen})
    seen = look_with_engines(task(printed, len(first)))
    assert {each.engine for each in seen.differences} >= {"MuPDF"}
    unseen = append_revision(first, {6: annotation % 0})
    engines = {each.engine for each in look_with_engines(task(unseen, len(first))).differences}
    assert "MuPDF print" in engines


def test_another_number_or_size_of_pages_is_seen() -> None:
    first = classic_pdf(pages=2)
    fewer = append_revision(first, {2: b"<</Type/Pages/Count 1/Kids[5 0 R]>>"})
    seen = look_with_engines(task(fewer, len(first)))
    assert {(each.page, each.boxes) for each in seen.differences} == {(None, ())}
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>"
    wider = append_revision(first, {5: page + b"/MediaBox[0 0 596 841.89]>>"})
    seen = look_with_engines(task(wider, len(first)))
    assert [each.engine for each in seen.differences] == ["MuPDF", "PDFium"]
    assert all(each.page == 0 and each.boxes[0].width > 209 for each in seen.differences)


def with_empty_field(*, look: bytes = b"") -> bytes:
    """A page with an unsigned signature field of 100 × 60 points."""
    widget = (
        b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/Rect[100 400 200 460]/F 4/P 5 0 R%s>>" % look
    )
    return append_revision(
        classic_pdf(),
        {
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
            5: b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>"
            b"/MediaBox[0 0 595.276 841.89]/Annots[6 0 R]>>",
            6: widget,
        },
    )


def test_an_unsigned_field_is_not_drawn_as_a_flag() -> None:
    """MuPDF paints one of its own, which no other viewer shows."""
    first = classic_pdf()
    assert look_with_engines(task(with_empty_field(), len(first))).differences == ()


def test_what_an_unsigned_field_really_shows_is_drawn() -> None:
    first = classic_pdf()
    look = b"<</Type/XObject/Subtype/Form/BBox[0 0 100 60]/Length 17>>stream\n"
    look += b"0 0 100 60 re f  \nendstream"
    shown = append_revision(with_empty_field(look=b"/AP<</N 7 0 R>>"), {7: look})
    seen = look_with_engines(task(shown, len(first)))
    assert {each.engine for each in seen.differences} == {"PDFium"}
    (box,) = seen.differences[0].boxes
    assert box.near(Box(35.28, 134.7, 35.28, 21.2), 0)
    place = Place(0, Box(box.left, box.top, box.width, box.height), Kind.SEAL)
    assert look_with_engines(task(shown, len(first), [0], place)) == Seen()


def test_what_takes_too_long_is_told_with_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "SECONDS", -1.0)  # over before any clock has ticked
    first = classic_pdf(pages=5)
    later = append_revision(first, {4: content(PRICE + b" ")})
    assert look_with_engines(task(later, len(first), [3, 0, 1])) == Seen(left_out=(3, 0, 1))


def test_a_page_that_makes_mupdf_abort_is_drawn_past_the_fault() -> None:
    first = crashing_pdf(pages=3)
    later = append_revision(first, {4: content(PRICE + b" ")})
    seen = look_with_engines(task(later, len(first), [0, 2, 1]))
    assert seen == Seen()


def test_a_file_that_no_engine_opens_is_told() -> None:
    seen = look_with_engines(task(b"%PDF-1.7 nothing", 9))
    assert not seen.differences
    assert seen.failed
    assert seen.failed[0][0] is None


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lookers.abort, "ProcessDied"),
        (lookers.hang, "ProcessTimedOut"),
        (lookers.eat, "ProcessOutOfMemory"),
        (lookers.lie, "malformed"),
        (lookers.lie_about_places, "malformed"),
        (lookers.lie_about_pages, "malformed"),
        (lookers.refuse, "RuntimeError: no"),
    ],
)
def test_a_process_that_fails_is_told_and_so_is_what_nobody_has_seen(
    how: Callable[[Channel], None], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looker, "look_when_told", how)
    if how is lookers.hang:  # who answers may take its time
        monkeypatch.setattr(layer, "_PAGE_SECONDS", 1.0)
    seen = look_with_engines(task(classic_pdf(), 9, [0, 1, 2]))
    assert {why for _, why in seen.failed} == {told}  # of either process, where they are slow
    assert set(seen.left_out) >= {2}


def test_what_a_busy_machine_has_not_looked_at_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five honest files were said to be impossible to draw while the machine had no time."""
    receive = BoundedProcess.receive_working

    def till_the_clock_is_over(process: BoundedProcess, seconds: float, clock: float) -> Message:
        if process in heard:
            process.end()
            raise ProcessHeldUp
        said = receive(process, seconds, clock)
        if "looked" in said.head:
            heard.append(process)
        return said

    heard: list[BoundedProcess] = []
    monkeypatch.setattr(looker, "look_when_told", lookers.hang)
    monkeypatch.setattr(BoundedProcess, "receive_working", till_the_clock_is_over)
    assert look_with_engines(task(classic_pdf(), 9, [0, 2, 1])) == Seen(held_up=(2, 1))


def test_many_large_revisions_are_drawn_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = classic_pdf()
    second = append_revision(first, {4: content(PRICE.replace(b"1000", b"9000"))})
    third = append_revision(second, {4: content(PRICE)})
    sealed = tuple(Sealed(len(each), (), (0,)) for each in (first, second))
    together = look_with_engines(Task(third, None, sealed))
    monkeypatch.setattr(layer, "_MAX_DATA", 1)
    assert look_with_engines(Task(third, None, sealed)) == together
    assert {each.end for each in together.differences} == {len(second)}


@pytest.mark.parametrize(
    ("pages", "text"), [((), ""), ((0,), "1"), ((4, 2, 3), "3–5"), ((0, 2, 3, 9), "1, 3–4, 10")]
)
def test_pages_are_listed_as_people_do(pages: tuple[int, ...], text: str) -> None:
    assert ranges(pages) == text


# ---------------------------------------------------------------- drawn ahead


class Orders(Channel):
    """The channel of a process that is given *orders* and asked for the last of them once it has
    looked *patience* times whether it is."""

    def __init__(self, *orders: Order, patience: int = 1_000) -> None:
        self.orders, self.patience = list(orders), patience
        self.said: list[dict[str, Any]] = []

    def receive(self) -> Order:
        return self.orders.pop(0)

    def waiting(self) -> bool:
        self.patience -= 1
        return self.patience < 0

    def send(self, head: dict[str, Any], *parts: bytes) -> None:
        self.said.append(head)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The pages that MuPDF draws."""
    pages: list[int] = []

    def draw(self: MuPdf, page: int, dpi: float) -> Raster:
        pages.append(page)
        return original(self, page, dpi)

    original = MuPdf.draw
    monkeypatch.setattr(MuPdf, "draw", draw)
    return pages


CHANGED = classic_pdf(pages=3)
LATER = append_revision(CHANGED, {4: content(PRICE.replace(b"1000", b"9000"))})
ASKED = Order(LATER, None, (Sealed(len(CHANGED), (), (1, 2)),), 15.0)


def said_to(*orders: Order, patience: int = 1_000) -> list[dict[str, Any]]:
    channel = Orders(*orders, patience=patience)
    looker.look_when_told(channel, looker.GROUPS[0])
    return channel.said


@pytest.mark.parametrize(
    ("foreseen", "patience", "pages"),
    [
        (ASKED, 1_000, [1, 1, 2, 2]),  # all of it, once
        (ASKED, 3, [1, 1, 2, 2]),  # interrupted, and nothing twice
        (replace(ASKED, sealed=(Sealed(len(CHANGED), (), (0,)),)), 1_000, [0, 0, 1, 1, 2, 2]),
        (replace(ASKED, data=CHANGED), 1_000, [1, 1, 2, 2, 1, 1, 2, 2]),
        (replace(ASKED, data=b"%PDF-1.7 nothing"), 1_000, [1, 1, 2, 2]),
        (replace(ASKED, password="another"), 1_000, [1, 1, 2, 2, 1, 1, 2, 2]),
        (replace(ASKED, units={1: 2.0}), 1_000, [1, 1, 2, 2, 1, 1, 2, 2]),
    ],
)
def test_what_was_drawn_ahead_gives_what_drawing_it_when_asked_gives(
    foreseen: Order, patience: int, pages: list[int], drawn: list[int]
) -> None:
    alone = said_to(ASKED)
    assert [said["page"] for said in alone if "differs" in said] == [1, 2]
    drawn.clear()
    assert said_to(replace(foreseen, seconds=None), ASKED, patience=patience) == alone
    assert drawn == pages


def test_a_page_that_cannot_be_drawn_ahead_is_told_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def draw(self: MuPdf, page: int, dpi: float) -> Raster:
        raise Undrawable("no")

    monkeypatch.setattr(MuPdf, "draw", draw)
    alone = said_to(ASKED)
    assert [said["page"] for said in alone if "failed" in said] == [1, 2]
    assert said_to(replace(ASKED, seconds=None), ASKED) == alone


def test_no_more_is_drawn_ahead_than_is_kept(
    drawn: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looker, "MAX_AHEAD", 1)
    channel = Orders(replace(ASKED, seconds=None))
    with pytest.raises(IndexError):  # nobody asks
        looker.look_when_told(channel, looker.GROUPS[0])
    assert drawn == [1, 1]


# ---------------------------------------------------------------- which pages


def shared(pages: int = 4) -> bytes:
    """Pages of which the last two share a form."""
    numbers = range(5, 5 + pages)
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 500 500]/Resources<<%s>>%s>>"
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>stream\n\nendstream"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b" ".join(b"%d 0 R" % n for n in numbers)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        content(PRICE),
        *[page % (b"", b"")] * (pages - 2),
        *[page % (b"/XObject<</X %d 0 R>>" % (5 + pages), b"")] * 2,
        form,
    ]
    return build_pdf(objects)


def touched(data: bytes, base: int | None = 0) -> list[int]:
    return touched_pages(Document(io.BytesIO(data)), base)


def test_only_pages_that_a_later_revision_reaches_are_looked_at() -> None:
    first = shared()
    assert touched(append_revision(first, {90: b"null"})) == []
    assert touched(append_revision(first, {9: content(b"")})) == [2, 3]
    assert touched(append_revision(first, {4: content(b"")})) == [0, 1, 2, 3]
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 500 500]%s>>"
    assert touched(append_revision(first, {6: page % b""})) == [1]
    assert touched(append_revision(first, {90: b"null"}), None) == [0, 1, 2, 3]


def test_pages_with_annotations_come_first() -> None:
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 500 500]/Annots[<<>>]>>"
    data = append_revision(shared(), {7: page})
    assert touched(data) == [2]
    assert touched(append_revision(data, {4: content(b"")})) == [2, 0, 1, 3]


def test_layers_touch_every_page() -> None:
    catalog = b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[]/D<<>>>>>>"
    assert touched(append_revision(shared(), {1: catalog})) == [0, 1, 2, 3]


def test_a_font_of_the_form_touches_the_pages_with_widgets() -> None:
    catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[]/DR<</Font<</F 3 0 R>>>>>>>>"
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 500 500]/Annots[<<>>]>>"
    first = append_revision(shared(), {1: catalog, 7: page})
    assert touched(append_revision(first, {3: b"<</Type/Font>>"}), 1) == [2]
    other = catalog.replace(b"/Fields[]", b"/Fields[]/DA(/F 9 Tf)")
    assert touched(append_revision(first, {1: other}), 1) == [2]


# ---------------------------------------------------------------- in the verdict


def verified(world: World, data: bytes, look: layer.Look) -> Report:
    return verify_pdf(io.BytesIO(data), "x.pdf", world.trust, NOW, look=look)


@pytest.fixture(scope="session")
def countersigned(world: World) -> bytes:
    """Two seals; the first covers an earlier revision."""
    first = world.sign(classic_pdf())
    return world.sign(first, world.second, world.marks(world.second, left=20))


def test_without_a_later_revision_nobody_looks(world: World) -> None:
    def look(task: Task) -> Seen:
        raise AssertionError(task)

    assert verified(world, world.sign(classic_pdf()), look).verdict is Verdict.VALID
    tampered = world.sign(classic_pdf()).replace(b"Price 1000", b"Price 9000")
    assert verified(world, tampered, look).verdict is Verdict.INVALID


def test_a_bad_verdict_is_not_looked_at(world: World, countersigned: bytes) -> None:
    def look(task: Task) -> Seen:
        raise AssertionError(task)

    tampered = countersigned.replace(b"Price 1000", b"Price 9000")
    assert verified(world, tampered, look).verdict is Verdict.INVALID


def test_a_second_seal_is_looked_at_and_stays_good(world: World, countersigned: bytes) -> None:
    tasks: list[Task] = []

    def look(task: Task) -> Seen:
        tasks.append(task)
        return look_with_engines(task)

    report = verified(world, countersigned, look)
    assert report == replace(
        world.verify(countersigned), verified_at=report.verified_at, file=report.file
    )
    (task,) = tasks
    assert task.data == countersigned
    (sealed,) = task.sealed
    assert sealed.pages == (0,)


SEEN: list[tuple[Callable[[int], Seen], str, dict[str, str]]] = [
    (
        lambda end: Seen((Difference(end, 0, "PDFium", (Box(10.4, 20, 30, 5),)),)),
        "look_differs",
        {"page": "1", "left": "10", "top": "20", "width": "30", "height": "5", "engine": "PDFium"},
    ),
    (lambda end: Seen((Difference(end, None, "MuPDF"),)), "look_pages_differ", {"engine": "MuPDF"}),
    (lambda end: Seen(left_out=(4, 5, 6)), "look_incomplete", {"pages": "5–7"}),
    (lambda end: Seen(failed=((2, "ProcessDied"),)), "look_failed", {}),
    (lambda end: Seen(held_up=(2, 1)), "look_held_up", {"pages": "2–3"}),
]


@pytest.mark.parametrize(("seen", "code", "details"), SEEN, ids=lambda each: str(each)[:20])
def test_what_is_seen_leaves_the_verdict_unknown(
    world: World,
    countersigned: bytes,
    seen: Callable[[int], Seen],
    code: str,
    details: dict[str, str],
) -> None:
    report = verified(world, countersigned, lambda task: seen(task.sealed[0].end))
    first, second = report.signatures
    assert report.verdict is Verdict.UNKNOWN
    assert second.verdict is Verdict.VALID
    (finding,) = [each for each in first.findings if each.code.startswith("look_")]
    assert finding.code == code
    assert {key: finding.details[key] for key in details} == details
    for language in ("zh_CN", "en"):
        assert "{" not in finding.text(language)


def test_what_is_seen_in_another_revision_is_nothing_to_this_one(
    world: World, countersigned: bytes
) -> None:
    elsewhere = Difference(7, 0, "PDFium", (Box(1, 1, 1, 1),))
    report = verified(world, countersigned, lambda task: Seen((elsewhere,)))
    assert not any(code.startswith("look_") for code in codes(report.signatures[0]))


def test_many_pages_that_differ_are_counted(world: World, countersigned: bytes) -> None:
    def look(task: Task) -> Seen:
        end = task.sealed[0].end
        return Seen(tuple(Difference(end, n, "PDFium", (Box(1, 1, 1, 1),)) for n in range(30)))

    findings: list[Any] = [
        each
        for each in verified(world, countersigned, look).signatures[0].findings
        if each.code.startswith("look_")
    ]
    assert [each.code for each in findings] == ["look_differs"] * 10 + ["look_differs_more"]
    assert findings[-1].details == {"count": "20"}


def test_what_was_looked_at_is_not_looked_at_again_nor_in_another_process() -> None:
    asked: list[list[int]] = []

    def look(task: Task) -> Seen:
        asked.append([each.end for each in task.sealed])
        end = task.sealed[0].end
        return Seen((Difference(end, 0, "MuPDF", (Box(1, 2, 3, 4),)),), (7,), ((None, "PDFium"),))

    one, two = Sealed(5, (Place(0, Box(1, 2, 3, 4), Kind.FILL),), (0,)), Sealed(9, (), (0,))
    first = Memory()
    once = first.kept(look)
    assert [each.end for each in once(Task(b"%PDF", None, (one,))).differences] == [5]
    assert [each.end for each in once(Task(b"%PDF", None, (one,))).differences] == [5]
    seen = Memory(first.text).kept(look)(Task(b"%PDF", None, (one, two)))
    assert [each.end for each in seen.differences] == [5, 9]
    assert seen.differences[0].boxes == (Box(1, 2, 3, 4),)
    assert (seen.left_out, seen.failed) == ((7, 7), ((None, "PDFium"), (None, "PDFium")))
    assert asked == [[5], [9]]
    changed = Memory(first.text).kept(look)(Task(b"%PDF ", None, (one,)))
    assert [each.end for each in changed.differences] == [5]
    elsewhere = replace(one, places=())
    Memory(first.text).kept(look)(Task(b"%PDF", None, (elsewhere,)))
    assert asked == [[5], [9], [5], [5]]


def test_what_a_busy_machine_has_not_looked_at_is_looked_at_again() -> None:
    answers = [Seen(held_up=(0,)), Seen(left_out=(7,))]
    memory = Memory()
    looks = memory.kept(lambda task: answers.pop(0))
    wanted = Task(b"%PDF", None, (Sealed(5, (), (0,)),))
    assert looks(wanted) == Seen(held_up=(0,))
    assert memory.text == ""
    assert looks(wanted) == Seen(left_out=(7,))
    assert looks(wanted) == Seen(left_out=(7,))
    assert not answers


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"data": 1, "known": [], "seen": {}}', '{"data": "", "known": [1]}',
     '{"data": "a", "known": ["b"], "seen": {"differences": [{"end": 1, "page": -1}]}}'],
)  # fmt: skip
def test_a_text_that_tells_nothing_is_as_good_as_none(text: str) -> None:
    assert Memory(text).text == ""


# ---------------------------------------------------------------- where what is bad shows


def looked_at(world: World, data: bytes) -> Report:
    return verify_pdf(io.BytesIO(data), "a.pdf", world.trust, NOW, look=look_with_engines)


def test_a_page_that_was_replaced_is_told_with_its_place(world: World) -> None:
    """The static review has condemned it; programs are told where, in millimetres and points."""
    sealed = world.sign(classic_pdf(pages=2), marks=[])
    later = append_revision(sealed, {4: content(PRICE.replace(b"1000", b"9000"))})
    (signature,) = looked_at(world, later).signatures
    assert signature.verdict is Verdict.INVALID
    assert not {"look_differs", "look_failed"} & codes(signature)
    assert [each.page for each in signature.shown_changes] == [1, 2]
    for each in signature.shown_changes:
        left, top, width, height = each.box_pt
        # "1" of "Price 1000" stands 61 points behind 72, on a line 142 below the upper edge
        assert 132 < left < 138
        assert 121 < top < 128
        assert width < 17
        assert height < 23
        assert each.box_pt == pytest.approx([n * 72 / 25.4 for n in each.box_mm])


def test_pages_that_show_what_was_sealed_have_no_places(world: World) -> None:
    sealed = world.sign(classic_pdf(), marks=[])
    (signature,) = looked_at(world, append_revision(sealed, {4: content(PRICE + b" ")})).signatures
    assert (signature.verdict, signature.shown_changes) == (Verdict.INVALID, ())
    (signature,) = looked_at(world, append_revision(sealed, {90: b"null"})).signatures
    assert (signature.verdict, signature.shown_changes) == (Verdict.VALID, ())


@pytest.mark.parametrize("name", [b"A", b"P", b"B", b"Dest", b"AA", b"Popup", b"StructParent"])
def test_a_font_may_have_any_name(name: bytes) -> None:
    """Entries of pages and annotations that lead elsewhere are passed over, resources are not."""
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
    page += b"/Resources<</Font<</%s 3 0 R>>>>>>" % name
    first = append_revision(classic_pdf(), {5: page})
    base = Document(io.BytesIO(first)).reader.total_revisions - 1
    later = append_revision(first, {3: b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"})
    assert touched_pages(Document(io.BytesIO(later)), base) == [0]


def test_no_verdict_waits_for_a_place(world: World) -> None:
    """Good signatures are looked at by themselves; what is drawn for bad ones fails alone."""
    first = world.sign(classic_pdf(), marks=[])
    replaced = append_revision(first, {4: content(PRICE.replace(b"1000", b"9000"))})
    second = world.sign(replaced, world.second, world.marks(world.second, left=20))
    data = append_revision(second, {90: b"<</Title(x)>>"})
    asked: list[tuple[bool, list[int], float]] = []

    def look(task: Task) -> Seen:
        asked.append((task.placing, [each.end for each in task.sealed], task.seconds))
        return Seen(left_out=(0,), failed=((0, "PDFium"),))

    bad, good = verified(world, data, look).signatures
    assert asked == [(True, [len(first)], 3.0)]
    assert (bad.verdict, good.verdict) == (Verdict.INVALID, Verdict.VALID)
    assert not {"look_failed", "look_incomplete"} & (codes(bad) | codes(good))
