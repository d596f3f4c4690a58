"""日期章: where and how the day of stamping shows, and every way to misuse it."""

import asyncio
import io
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.reader import PdfFileReader

from crypto.beijing import BEIJING
from crypto.pdf.marks import drawing as pdf_marks
from crypto.pdf.marks.date import agrees, appearance
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing import sign
from crypto.pdf.signing.sign import PROFILES, sign_revision
from crypto.pdf.signing.values import SignatureMaker
from crypto.report.pdf import render
from crypto.seal import date_mark
from crypto.seal.date_mark import DateMark, Style, day_of, shapes, text_of, width_mm
from crypto.verdict import Times, Verdict
from tests.world.documents import annotate, classic_pdf, form_stream, run, update
from tests.world.sealing import SIGNED_AT, World, codes

DPI = 200
TODAY = SIGNED_AT.astimezone(BEIJING).date()
BELOW = DateMark(0, 120, 245)
"""Under the mark that World.marks puts at 100, 200 mm."""

days = st.dates(date(1000, 1, 1))
styles = st.sampled_from(["cn", "iso"])


# ---------------------------------------------------------------- the text


@given(days, styles)
def test_a_date_is_written_and_read_back(day: date, style: Style) -> None:
    assert day_of(text_of(style, day)) == day


@pytest.mark.parametrize(
    "text",
    [
        *("", "2024年10月18", "2024年2月30日", "2024年13月1日", "2024年02月3日", "2024年2月03日"),
        *("2024-2-3", "2024-02-30", "2024-00-10", "2024-10-00", "0999-01-01", "24-10-18"),
        *("2024-10-18\n", " 2024-10-18", "２０２４-10-18", "2024/10/18", "2024-10月18日"),
        *("二〇二四年十月十八日", "2024年0月1日", "2024-10-1８", "20240-10-18"),
    ],
)
def test_only_dates_as_they_are_stamped_are_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - also what datetime says of the 30th of February
        day_of(text)


@given(days, styles, st.floats(3, 10))
def test_no_date_needs_more_than_its_room(day: date, style: Style, height: float) -> None:
    mark = DateMark(0, 100, 100, height, style)
    assert 0 < width_mm(text_of(style, day), height) <= mark.room_mm


# ---------------------------------------------------------------- in a document


@pytest.mark.parametrize("style", ["cn", "iso"])
@pytest.mark.parametrize("profile", ["ses", "ses-adobe"])
def test_a_seal_with_its_date_is_valid_and_the_report_shows_the_date(
    world: World, style: Style, profile: str
) -> None:
    mark = DateMark(0, 120, 245, 4.5, style)
    report = world.verify(world.sign(classic_pdf(), dates=[mark], profile=profile))
    (signature,) = report.signatures
    assert report.verdict is Verdict.VALID
    assert {"mark_matches", "date_matches"} <= codes(signature)
    text = text_of(style, TODAY)
    assert [each.date for each in signature.marks] == ["", text]
    where = signature.marks[1]
    width = width_mm(text, 4.5)
    said = (where.left_mm, where.top_mm, where.width_mm, where.height_mm)
    assert said == pytest.approx((120 - width / 2, 245, width, 4.5), abs=0.01)
    assert report.to_json()["signatures"][0]["marks"][1]["date"] == text
    paper = pymupdf.open(stream=render(report))
    assert f"日期章 {text}" in "".join(page.get_text() for page in paper).replace("\n", "")
    (finding,) = (each for each in signature.findings if each.code == "date_matches")
    assert text in finding.text("zh_CN")
    assert text in finding.text("en")


def test_a_cms_seal_has_its_date_judged_as_well(world: World) -> None:
    def sealed(dated: datetime) -> Any:
        maker = SignatureMaker("cms", world.first.key, world.first.seal)
        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(classic_pdf())),
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=lambda revision: maker.make(revision, SIGNED_AT),
            marks=world.marks(world.first),
            picture=world.first.picture,
            dates=[BELOW],
            signed_at=dated,
        )
        return world.verify(output.getvalue()).signatures[0]

    # the time of such a signature is its /M, by which the date was chosen
    assert "date_matches" in codes(sealed(SIGNED_AT))
    assert sealed(SIGNED_AT).verdict is Verdict.VALID


def test_the_day_is_that_of_beijing(world: World) -> None:
    late = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)  # half past midnight in Beijing
    (signature,) = world.verify(world.sign(classic_pdf(), dates=[BELOW], dated=late)).signatures
    assert signature.marks[1].date == "2026年11月21日"


def test_an_encrypted_document_has_its_date_recognised(world: World, tmp_path: Path) -> None:
    plain, locked = tmp_path / "plain.pdf", tmp_path / "locked.pdf"
    plain.write_bytes(classic_pdf())
    done = run("qpdf", "--encrypt", "geheim", "owner", "256", "--", plain, locked)
    assert done.returncode == 0, done.stderr
    data = world.sign(locked.read_bytes(), dates=[BELOW], password="geheim")
    report = world.verify(data, password="geheim")
    assert report.verdict is Verdict.VALID
    assert "date_matches" in codes(report.signatures[0])


def test_dates_of_one_size_share_one_drawing(world: World) -> None:
    marks = [Mark(page, 100, 200, 40.0, 40.0) for page in (0, 1)]
    dates = [DateMark(page, 120, 245) for page in (0, 1)]
    data = world.sign(classic_pdf(pages=2), marks=marks, dates=dates)
    assert data.count(b"/ActualText") == 1
    (signature,) = world.verify(data).signatures
    assert signature.verdict is Verdict.VALID
    assert [each.code for each in signature.findings].count("date_matches") == 2


def test_a_date_without_marks_or_time_is_not_drawn(world: World) -> None:
    given: dict[str, Any] = {
        "profile": PROFILES["ses"],
        "value_size": 100,
        "make_value": lambda revision: b"",
        "picture": world.first.picture,
        "dates": [BELOW],
    }
    for changes in ({"signed_at": SIGNED_AT}, {"marks": world.marks(world.first)}):
        with pytest.raises(ValueError, match="beside a seal"):
            sign_revision(Document(io.BytesIO(classic_pdf())), io.BytesIO(), **given, **changes)
    with pytest.raises(ValueError, match="no page 9"):
        world.sign(classic_pdf(), dates=[DateMark(8, 100, 100)])


# ---------------------------------------------------------------- other programs


def test_qpdf_poppler_and_mupdf_find_nothing_wrong(world: World, tmp_path: Path) -> None:
    path = tmp_path / "dated.pdf"
    path.write_bytes(world.sign(classic_pdf(), dates=[BELOW]))
    checked = run("qpdf", "--check", path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    drawn = run("pdftoppm", "-r", "40", "-png", path, tmp_path / "page")
    assert (drawn.returncode, drawn.stderr) == (0, b"")
    pymupdf.TOOLS.mupdf_warnings()
    pymupdf.open(path)[0].get_pixmap()
    assert pymupdf.TOOLS.mupdf_warnings() == ""
    assert b"Total document signed" in run("pdfsig", "-nocert", path).stdout


def test_pdfsig_and_pyhanko_find_an_rsa_signature_with_seal_and_date_good(
    world: World, rsa_key: Any, tmp_path: Path
) -> None:
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.validation import async_validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    def signed(original: bytes, left: float) -> bytes:
        maker = SignatureMaker("pades", rsa_key)
        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(original)),
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=lambda revision: maker.make(revision, SIGNED_AT),
            marks=world.marks(world.first, left=left),
            picture=world.first.picture,
            dates=[DateMark(0, left + 20, 245)],
            signed_at=SIGNED_AT,
        )
        return output.getvalue()

    path = tmp_path / "rsa.pdf"
    path.write_bytes(signed(signed(classic_pdf(), 20), 100))
    told = run("pdfsig", "-nocert", path).stdout.decode()
    assert told.count("Signature is Valid") == 4  # each field of both signatures
    first = PdfFileReader(io.BytesIO(path.read_bytes())).embedded_signatures[0]
    trusting = ValidationContext(trust_roots=[], allow_fetching=False, moment=SIGNED_AT)
    status = asyncio.run(async_validate_pdf_signature(first, trusting))
    assert status.intact
    assert status.valid
    assert status.modification_level == ModificationLevel.FORM_FILLING


# ---------------------------------------------------------------- where it shows


NOTHING_SHOWN = io.BytesIO()
Image.new("RGBA", (8, 8), (255, 255, 255, 0)).save(NOTHING_SHOWN, "PNG")
"""An imprint of which nothing is seen, so that all that is red is the date."""

PAGES = {
    "plain": {},
    "turned 90": {"rotate": 90},
    "turned 180": {"rotate": 180},
    "turned 270": {"rotate": 270},
    "cropped and turned": {"crop": (50, 60, 500, 700), "rotate": 90},
    "negative origin, turned": {"media": (-100, -200, 400, 600), "rotate": 270},
    "user unit": {"unit": 1.5, "media": (0, 0, 400, 500)},
    "user unit, cropped, turned": {
        "unit": 2.0, "media": (-50, 0, 300, 400), "crop": (0, 20, 290, 390), "rotate": 180,
    },
}  # fmt: skip


def rendered(data: bytes, folder: Path) -> Image.Image:
    """The first page as poppler draws it at :data:`DPI`."""
    path, target = folder / "drawn.pdf", folder / "drawn"
    path.write_bytes(data)
    done = run("pdftoppm", "-r", str(DPI), "-cropbox", "-singlefile", path, target)
    assert done.returncode == 0, done.stderr
    return Image.open(target.with_suffix(".ppm")).convert("RGB")


def painted(text: str, height_mm: float, left_mm: float, top_mm: float, size: Any) -> Image.Image:
    """What a preview paints: the shapes, filled (white on black), at :data:`DPI`."""
    scale, fine = DPI / 25.4, 4
    picture = Image.new("1", (size[0] * fine, size[1] * fine))
    contour: list[tuple[float, float]] = []

    def place(x: float, y: float) -> tuple[float, float]:
        return (left_mm + x) * scale * fine, (top_mm + y) * scale * fine

    for operator, at in shapes(text, height_mm):
        points = list(zip(at[::2], at[1::2], strict=True))
        if operator == "m":
            contour = [points[0]]
        elif operator == "l":
            contour.append(points[0])
        elif operator == "c":
            (x0, y0), ((x1, y1), (x2, y2), (x3, y3)) = contour[-1], points
            for step in range(1, 9):
                t, u = step / 8, 1 - step / 8
                weights = (u**3, 3 * u * u * t, 3 * u * t * t, t**3)
                xs = sum(w * x for w, x in zip(weights, (x0, x1, x2, x3), strict=True))
                ys = sum(w * y for w, y in zip(weights, (y0, y1, y2, y3), strict=True))
                contour.append((xs, ys))
        else:
            corners = [place(*point) for point in contour]
            across, down = zip(*corners, strict=True)
            left, top = int(min(across)) - 1, int(min(down)) - 1
            box = (left, top, int(max(across)) + 2, int(max(down)) + 2)
            layer = Image.new("1", (box[2] - left, box[3] - top))
            ImageDraw.Draw(layer).polygon([(x - left, y - top) for x, y in corners], fill=1)
            # counters are holes
            picture.paste(ImageChops.logical_xor(picture.crop(box), layer), box)
    left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)
    box = (left // fine, top // fine, -(-right // fine), -(-bottom // fine))
    ink = picture.crop(tuple(fine * each for each in box)).convert("L")
    shown = Image.new("L", size)
    shown.paste(ink.reduce(fine), box[:2])
    return shown


@pytest.mark.parametrize(
    ("style", "page"),
    [
        # every run: each page once, and each style on every second one
        pytest.param(
            style,
            page,
            id=f"{style}-{name}",
            marks=() if (turn + kind) % 2 == 0 else pytest.mark.slow,
        )
        for turn, (name, page) in enumerate(PAGES.items())
        for kind, style in enumerate(["cn", "iso"])
    ],
)
def test_the_page_shows_the_shapes_of_the_preview_in_red(
    world: World, page: dict[str, Any], style: Style, tmp_path: Path
) -> None:
    unit = page.get("unit", 1.0)
    data = world.sign(
        classic_pdf(content=b"", **page),
        marks=[Mark(0, 25, 60, 40.0, 40.0)],
        picture=NOTHING_SHOWN.getvalue(),
        dates=[DateMark(0, 45, 110, 6.0, style)],
    )
    drawn = rendered(data, tmp_path)  # poppler draws as if there were no UserUnit
    red = ImageChops.invert(drawn.getchannel("G"))
    text = text_of(style, TODAY)
    left = 45 - width_mm(text, 6.0) / 2
    wanted = painted(text, 6.0 / unit, left / unit, 110 / unit, drawn.size)
    box, expected = red.point(lambda v: 255 * (v > 127)).getbbox(), wanted.getbbox()
    assert box is not None
    assert expected is not None
    scale = 25.4 / DPI * unit
    for one, other in zip(box, expected, strict=True):
        assert abs(one - other) * scale <= 0.3
    ink = sum(wanted.histogram()[128:])
    differing = ImageChops.difference(red, wanted).histogram()
    assert ink > 200
    assert sum(differing[160:]) < 0.05 * ink
    darkest = min(
        (pixel for _, pixel in drawn.getcolors(1 << 24) or []), key=lambda pixel: pixel[1]
    )
    assert darkest == (229, 0, 0)


def test_black_text_under_the_date_stays_black(world: World, tmp_path: Path) -> None:
    content = b"0 g 250 100 200 60 re f"
    data = world.sign(
        classic_pdf(content=content), dates=[DateMark(0, 123, 250, 10.0)],
        picture=NOTHING_SHOWN.getvalue(),
    )  # fmt: skip
    with_date, without = rendered(data, tmp_path), rendered(classic_pdf(content=content), tmp_path)
    black = without.convert("L").point(lambda v: 255 * (v < 10))
    drawn = with_date.convert("L").point(lambda v: 255 * (v >= 10))
    assert black.getbbox()
    assert ImageChops.multiply(black, drawn).getbbox() is None


# ---------------------------------------------------------------- the day


def test_a_date_of_another_day_than_the_signature_is_not_believed(world: World) -> None:
    for shift in (-1, 1, -365):
        data = world.sign(classic_pdf(), dates=[BELOW], dated=SIGNED_AT + timedelta(days=shift))
        report = world.verify(data)
        assert report.verdict is Verdict.UNKNOWN
        assert "date_differs" in codes(report.signatures[0])
        assert "date_matches" not in codes(report.signatures[0])


def test_a_proved_time_decides_and_midnight_may_pass_while_stamping() -> None:
    midnight = datetime(2024, 10, 17, 16, 0, tzinfo=UTC)  # in Beijing
    claimed = midnight - timedelta(days=3)
    just_after = Times(claimed, midnight + timedelta(minutes=2), "timestamp")
    assert agrees("2024年10月17日", just_after)
    assert agrees("2024-10-18", just_after)
    assert not agrees("2024-10-15", just_after), "the claimed time does not count"
    later = Times(claimed, midnight + timedelta(minutes=11), "timestamp")
    assert not agrees("2024年10月17日", later)
    assert agrees("2024年10月18日", later)
    before = Times(midnight - timedelta(minutes=1))
    assert agrees("2024-10-17", before)
    assert not agrees("2024-10-18", before)


def test_without_a_time_no_date_agrees() -> None:
    assert not agrees("2024-10-18", Times())
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert not agrees("2024-10-18", Times(first))


# ---------------------------------------------------------------- a second signer


SECOND = DateMark(0, 35, 235)


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf(), dates=[BELOW])


def second(world: World, sealed: bytes, dates: Any = (SECOND,), **given: Any) -> bytes:
    """The second holder's seal beside the first one's."""
    marks = given.pop("marks", world.marks(world.second, left=20))
    return world.sign(sealed, world.second, marks, dates=dates, **given)


def test_a_second_signers_date_is_as_harmless_as_its_seal(world: World, sealed: bytes) -> None:
    first, later = world.verify(second(world, sealed)).signatures
    assert first.verdict is Verdict.VALID
    assert [change.kind for change in first.changed_later] == ["seal_added"] * 2
    assert later.verdict is Verdict.VALID
    assert "date_matches" in codes(later)


def distrusted(world: World, data: bytes, expected: str) -> None:
    """The second signature's date is not believed, and the first signature not called good."""
    first, later = world.verify(data).signatures
    assert expected in codes(later), sorted(codes(later))
    assert later.verdict is not Verdict.VALID
    assert "mark_covers" in codes(first), sorted(codes(first))
    assert first.verdict is Verdict.UNKNOWN


Tamper = Callable[[Any, generic.StreamObject, generic.DictionaryObject], None]


def entries(**changes: Any) -> Tamper:
    """Change entries of the form."""

    def tamper(writer: Any, form: Any, widget: Any) -> None:
        for key, value in changes.items():
            form[name(f"/{key}")] = value

    return tamper


def widget_entries(**changes: Any) -> Tamper:
    def tamper(writer: Any, form: Any, widget: Any) -> None:
        for key, value in changes.items():
            widget[name(f"/{key}")] = value

    return tamper


def content(change: Callable[[bytes], bytes]) -> Tamper:
    def tamper(writer: Any, form: Any, widget: Any) -> None:
        form._data = change(form.data)

    return tamper


def array(*numbers: float) -> generic.ArrayObject:
    return generic.ArrayObject([generic.FloatObject(each) for each in numbers])


def dictionary(**given: Any) -> generic.DictionaryObject:
    return generic.DictionaryObject({name(f"/{key}"): value for key, value in given.items()})


def other_text(text: str) -> Callable[[bytes], bytes]:
    """The same shapes under another statement of what they are."""
    spoken = text.encode("utf-16-be").hex().upper().encode()

    def change(data: bytes) -> bytes:
        head, _, rest = data.partition(b">>> BDC")
        return head[: head.index(b"<FEFF")] + b"<FEFF" + spoken + b">>> BDC" + rest

    return change


def scaled_rect(factor: float) -> Tamper:
    def tamper(writer: Any, form: Any, widget: Any) -> None:
        left, bottom, right, top = (float(each) for each in widget["/Rect"])
        wide, high = (right - left) * factor, (top - bottom) * factor
        widget[name("/Rect")] = array(left, bottom, left + wide, bottom + high)

    return tamper


def turned_rect(writer: Any, form: Any, widget: Any) -> None:
    left, bottom, right, top = (float(each) for each in widget["/Rect"])
    widget[name("/Rect")] = array(right, top, left, bottom)


def roll_over(key: str) -> Tamper:
    def tamper(writer: Any, form: Any, widget: Any) -> None:
        cover = form_stream(writer, b"1 g 0 0 900 900 re f", (0, 0, 900, 900))
        widget["/AP"][name(key)] = cover

    return tamper


def states(writer: Any, form: Any, widget: Any) -> None:
    """A dictionary of states instead of one appearance."""
    widget["/AP"][name("/N")] = dictionary(On=widget["/AP"].raw_get("/N"))
    widget[name("/AS")] = name("/On")


def blend(**changes: Any) -> Tamper:
    def tamper(writer: Any, form: Any, widget: Any) -> None:
        state = form["/Resources"]["/ExtGState"]["/Multiply"]
        for key, value in changes.items():
            state[name(f"/{key}")] = value

    return tamper


def extra_resource(writer: Any, form: Any, widget: Any) -> None:
    form["/Resources"][name("/Font")] = generic.DictionaryObject()


def extra_state(writer: Any, form: Any, widget: Any) -> None:
    form["/Resources"]["/ExtGState"][name("/Other")] = dictionary(BM=name("/Normal"))


def swapped_date(writer: Any, form: Any, widget: Any) -> None:
    """Outlines of another day under the words of this one."""
    height = float(form["/BBox"][3])
    other = appearance(text_of("cn", TODAY - timedelta(days=40)), height, 0).data
    form._data = form.data.split(b"\n")[0] + b"\n" + other.split(b"\n", 1)[1]


WHITE = b"1 g 0 0 500 500 re f "
TAMPERED: dict[str, Tamper] = {
    "a matrix that enlarges": entries(Matrix=array(4, 0, 0, 4, 0, 0)),
    "a matrix that mirrors": entries(Matrix=array(-1, 0, 0, 1, 0, 0)),
    "a matrix that shears": entries(Matrix=array(1, 0, 0.3, 1, 0, 0)),
    "no matrix": lambda writer, form, widget: form.pop(name("/Matrix")),
    "a box that is smaller than the text": entries(BBox=array(0, 0, 40, 14.1732)),
    "a box that is shifted": entries(BBox=array(-50, 0, 60, 14.1732)),
    "a white ground before": content(lambda data: WHITE + data),
    "a white ground after": content(lambda data: data + WHITE),
    "a white ground inside": content(lambda data: data.replace(b"\nf Q", b"\nf " + WHITE + b"Q")),
    "something after": content(lambda data: data + b" "),
    "black": content(lambda data: data.replace(b"0.898 0.000 0.000 rg", b"0.000 0.000 0.000 rg")),
    "white": content(lambda data: data.replace(b"0.898 0.000 0.000 rg", b"1.000 1.000 1.000 rg")),
    "not multiplied": content(lambda data: data.replace(b"/Multiply gs ", b"")),
    "outlines of another day": swapped_date,
    "words of another day": content(other_text("2024年10月18日")),
    "words that are no day": content(other_text("2024年13月18日")),
    "no words": content(lambda data: data.split(b"\n", 1)[1]),
    "words that are no date": content(other_text("同意本合同全部条款")),
    "half a surrogate": content(lambda data: data.replace(b"5E74", b"D800")),
    "another blend mode": blend(BM=name("/Normal")),
    "a list of blend modes": blend(BM=generic.ArrayObject([name("/Multiply")])),
    "a faint state": blend(ca=generic.FloatObject("0.1")),
    "a soft mask": blend(SMask=dictionary(S=name("/Luminosity"))),
    "another resource": extra_resource,
    "another state": extra_state,
    "a group": entries(Group=dictionary(S=name("/Transparency"), I=generic.BooleanObject(True))),
    "a layer": entries(OC=dictionary(Type=name("/OCG"))),
    "a reference XObject": entries(Ref=dictionary(F=generic.pdf_string("x.pdf"))),
    "an encoding": lambda writer, form, widget: form.compress(),
    "a form type of its own": entries(FormType=generic.NumberObject(2)),
    "a field's layer": widget_entries(OC=dictionary(Type=name("/OCG"))),
    "a background": widget_entries(MK=dictionary(BG=array(1, 1, 1))),
    "a border": widget_entries(BS=dictionary(W=generic.NumberObject(9))),
    "a rectangle over the page": widget_entries(Rect=array(0, 0, 595, 842)),
    "a rectangle twice as large": scaled_rect(2),
    "a rectangle a little larger": scaled_rect(1.001),
    "a rectangle turned over": turned_rect,
    "a roll-over appearance": roll_over("/R"),
    "an appearance when pressed": roll_over("/D"),
    "appearance states": states,
    "not printed": widget_entries(F=generic.NumberObject(128)),
    "not locked": widget_entries(F=generic.NumberObject(4)),
    "shown only in print": widget_entries(F=generic.NumberObject(4 | 32 | 128)),
    "toggling when the mouse comes": widget_entries(F=generic.NumberObject(4 | 128 | 256)),
    "partly off the page": widget_entries(Rect=array(-20, 100, 86.2, 114.1732)),
}  # fmt: skip


def tampering(monkeypatch: pytest.MonkeyPatch, tamper: Tamper) -> None:
    """A signer whose program draws dates otherwise."""
    make_widget = pdf_marks._widget
    forms: list[Any] = []

    def drawing(text: str, height: float, rotation: int) -> generic.StreamObject:
        forms.append(appearance(text, height, rotation))
        return forms[-1]

    def widget(writer: Any, page: Any, field_name: str, value: Any, rect: Any) -> Any:
        made = make_widget(writer, page, field_name, value, rect)
        if "-date-" not in field_name:
            return made

        class Later(generic.DictionaryObject):
            def __setitem__(self, key: Any, each: Any) -> Any:
                super().__setitem__(key, each)
                if key == "/AP":
                    tamper(writer, forms[-1], self)

        return Later(made)

    monkeypatch.setattr(pdf_marks, "appearance", drawing)
    monkeypatch.setattr(pdf_marks, "_widget", widget)


@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_date_that_is_not_exactly_ours_is_refused(
    world: World, sealed: bytes, tamper: Tamper, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampering(monkeypatch, tamper)
    distrusted(world, second(world, sealed), "mark_unreadable")


@pytest.mark.parametrize(
    "tamper",
    [
        widget_entries(F=generic.NumberObject(2 | 4 | 128)),
        widget_entries(F=generic.NumberObject(32 | 128)),
        widget_entries(Rect=array(-500, -500, -393.8, -485.8268)),
        lambda writer, form, widget: annotate(writer, widget.container_ref),
    ],
    ids=["hidden", "not viewed", "off the page", "in no place"],
)
def test_a_hidden_date_is_refused(
    world: World, sealed: bytes, tamper: Tamper, monkeypatch: pytest.MonkeyPatch
) -> None:
    if tamper.__name__ == "<lambda>":
        monkeypatch.setattr(pdf_marks, "_annotate", lambda writer, page, widget: None)
        monkeypatch.setattr(pdf_marks, "_annotate", _only_seals(pdf_marks))
    else:
        tampering(monkeypatch, tamper)
    report = world.verify(second(world, sealed))
    first, later = report.signatures
    assert "mark_hidden" in codes(later)
    assert later.verdict is Verdict.UNKNOWN
    assert report.verdict is Verdict.UNKNOWN
    assert first.verdict is not Verdict.VALID


def test_a_date_with_an_action_is_refused(
    world: World, sealed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tampering(monkeypatch, widget_entries(A=dictionary(S=name("/URI"), URI=name("/x"))))
    first, later = world.verify(second(world, sealed)).signatures
    assert "mark_unreadable" in codes(later)
    assert {"mark_covers", "changed_forbidden"} <= codes(first)


@pytest.mark.parametrize("height", [0.5, 2.9, 10.1, 40])
def test_a_date_of_absurd_height_is_refused(world: World, sealed: bytes, height: float) -> None:
    mark = DateMark(0, 105, 20, height)
    distrusted(world, second(world, sealed, [mark]), "mark_unreadable")


def test_a_date_alone_on_a_page_is_refused(world: World) -> None:
    """There it might be taken for the date of something else."""
    sealed = world.sign(classic_pdf(pages=2))
    distrusted(world, second(world, sealed, [DateMark(1, 100, 100)]), "mark_unreadable")


@pytest.mark.parametrize(
    ("size", "place"),
    [(30, (105, 100)), (30, (35, 20)), (1, (35, 235)), (29, (35, 235))],
    ids=["in another's text", "far above", "under a seal hardly seen", "under a smaller seal"],
)
def test_a_later_date_that_is_not_beside_a_whole_seal_harms_the_earlier_signature(
    world: World, sealed: bytes, size: float, place: tuple[float, float]
) -> None:
    """It could fill in a blank in what the first one has sealed, or date the first one's seal."""
    marks = [Mark(0, 20, 200, float(size), float(size))]
    data = second(world, sealed, [DateMark(0, *place)], marks=marks)
    first, later = world.verify(data).signatures
    assert "date_matches" in codes(later)
    assert "mark_covers" in codes(first)
    assert first.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"q /Multiply", b"0 0 9 9 re W n q /Multiply"),
        (b"/Imprint Do", b"1 0 0 1 2 0 cm /Imprint Do"),
    ],
    ids=["clipped", "outside its own box"],
)
def test_a_later_date_beside_a_seal_that_is_not_seen_harms_the_earlier_signature(
    world: World, sealed: bytes, old: bytes, new: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = pdf_marks._appearance

    def hiding(*given: Any) -> generic.StreamObject:
        form = draw(*given)
        form._data = form.data.replace(old, new)
        return form

    monkeypatch.setattr(pdf_marks, "_appearance", hiding)
    distrusted(world, second(world, sealed), "mark_hidden")


def test_a_date_over_an_earlier_signers_date_harms_the_earlier_signature(
    world: World, sealed: bytes
) -> None:
    """13 and 16 over each other read as 18."""
    marks = world.marks(world.second, left=60)
    data = second(world, sealed, [DateMark(0, 119, 245)], marks=marks)
    first, later = world.verify(data).signatures
    assert later.verdict is Verdict.VALID
    assert "mark_covers" in codes(first)
    beside = second(world, sealed, [DateMark(0, 60, 245)], marks=marks)
    assert "mark_covers" not in codes(world.verify(beside).signatures[0])


def test_the_date_of_a_signature_without_a_seal_is_compared_with_its_time(
    world: World, rsa_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> set[str]:
        maker = SignatureMaker("pades", rsa_key)
        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(classic_pdf())),
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=lambda revision: maker.make(revision, SIGNED_AT),
            marks=world.marks(world.first),
            picture=world.first.picture,
            dates=[BELOW],
            signed_at=SIGNED_AT,
        )
        return codes(world.verify(output.getvalue()).signatures[0])

    assert "date_matches" in found()
    monkeypatch.setattr(sign, "signing_day", lambda moment: TODAY - timedelta(days=900))
    assert "date_differs" in found()


def test_more_dates_than_seals_are_refused(world: World, sealed: bytes) -> None:
    distrusted(world, second(world, sealed, [SECOND, DateMark(0, 105, 100)]), "mark_unreadable")


def test_a_date_beside_a_wrong_picture_is_refused(world: World, sealed: bytes) -> None:
    data = second(world, sealed, picture=world.first.picture)
    first, later = world.verify(data).signatures
    assert [each.code for each in later.findings].count("mark_unreadable") == 2
    assert "date_matches" not in codes(later)
    assert "mark_covers" in codes(first)


def test_a_later_date_of_another_day_harms_the_first_signer_no_more_than_is_said(
    world: World, sealed: bytes
) -> None:
    data = second(world, sealed, dated=SIGNED_AT - timedelta(days=7))
    distrusted(world, data, "date_differs")


def test_the_appearance_of_an_earlier_date_serves_only_on_its_own_day(world: World) -> None:
    """Reusing the first signer's drawing is no forgery; what counts is the day it shows."""
    week_ago = SIGNED_AT - timedelta(days=7)
    sealed = world.sign(classic_pdf(), dates=[BELOW], dated=week_ago)
    (first,) = world.verify(sealed).signatures
    assert "date_differs" in codes(first)
    (again,) = world.verify(world.sign(classic_pdf(), dates=[BELOW], dated=week_ago)).signatures
    assert "date_differs" in codes(again)


def test_a_date_added_in_an_earlier_signers_name_is_forbidden(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        form = writer.root["/AcroForm"]
        dated = form["/Fields"][1].get_object()
        copy = generic.DictionaryObject({**dated, name("/T"): generic.pdf_string("Seal-x-date-1")})
        copy[name("/V")] = dated.raw_get("/V")
        copy[name("/AP")] = dated.raw_get("/AP")
        copy[name("/P")] = dated.raw_get("/P")
        reference = writer.add_object(copy)
        annotate(writer, reference)
        form["/Fields"].append(reference)
        writer.update_container(form["/Fields"])

    report = world.verify(update(sealed, change))
    assert report.verdict is Verdict.INVALID
    assert {"changed_forbidden", "mark_foreign"} <= codes(report.signatures[0])


@pytest.mark.parametrize("key", ["/Rect", "/F", "/AP"])
def test_a_date_moved_hidden_or_redrawn_later_is_forbidden(
    world: World, sealed: bytes, key: str
) -> None:
    def change(writer: Any) -> None:
        dated = writer.root["/AcroForm"]["/Fields"][1].get_object()
        new = {
            "/Rect": array(100, 100, 206.2, 114.1732),
            "/F": generic.NumberObject(2),
            "/AP": dictionary(N=form_stream(writer, WHITE, (0, 0, 100, 14))),
        }
        dated[name(key)] = new[key]
        writer.update_container(dated)

    report = world.verify(update(sealed, change))
    assert report.verdict is Verdict.INVALID
    assert "changed_forbidden" in codes(report.signatures[0])


def test_a_date_without_a_signature_is_an_unsigned_mark(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        for field in writer.root["/AcroForm"]["/Fields"]:
            node = field.get_object()
            del node["/V"]
            writer.update_container(node)

    report = world.verify(update(sealed, change))
    # the last revision takes the signature away, and the report says so as well
    assert report.verdict is Verdict.UNKNOWN
    assert sorted(each.code for each in report.findings) == [
        "signatures_hidden",
        "unsigned_mark",
        "unsigned_mark",
    ]


def test_other_outlines_are_another_date_mark(
    world: World, sealed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verifier compares with its own outlines, not with what the file says of itself."""
    glyphs = dict(date_mark._glyphs())
    glyphs["1"], glyphs["2"] = glyphs["2"], glyphs["1"]
    with monkeypatch.context() as changed:
        changed.setattr(date_mark, "_glyphs", lambda: glyphs)
        data = second(world, sealed)
    distrusted(world, data, "mark_unreadable")


def _only_seals(module: Any) -> Callable[..., None]:
    """Dates that no page lists."""
    annotate_page = module._annotate

    def annotate_seals(writer: Any, page: Any, widget: Any) -> None:
        if "-date-" not in str(widget.get_object()["/T"]):
            annotate_page(writer, page, widget)

    return annotate_seals


@pytest.mark.wants("qpdf", "pdftoppm", "pdfsig")
def test_the_judges_are_there() -> None:
    assert all(shutil.which(each) for each in ("qpdf", "pdftoppm", "pdfsig"))
