"""What is written into a PDF, looked at by judges that share no code with us."""

import hashlib
import io
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader

from crypto.asn1 import der
from crypto.pdf.marks import drawing
from crypto.pdf.marks import picture as pdf_picture
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import (
    PdfEncrypted,
    PdfError,
    PdfLocked,
    PdfPasswordWrong,
    PdfUnreadable,
    PdfUnsupported,
)
from crypto.pdf.signing.sign import sign_revision
from crypto.pki.certificate import Certificate
from crypto.seal.imprint import ImprintError, Raster, decode_imprint
from crypto.seal.structure import SealSignature
from crypto.verdict import Verdict
from tests.world.documents import (
    MM,
    add_widget,
    append_revision,
    classic_pdf,
    contents_of,
    run,
    update,
)
from tests.world.sealing import World, codes
from tests.world.seals import imprint

TOLERANCE_MM = 0.3
DPI = 200


@pytest.fixture(scope="session")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf(pages=2))


# ---------------------------------------------------------------- the signature


def test_openssl_verifies_the_signature_over_the_very_bytes_in_the_file(
    world: World, sealed: bytes, openssl: Any
) -> None:
    ((_, contents),) = contents_of(sealed)
    tbs, certificate, _, signature = list(der.parse(contents, trailing=True).children())
    assert tbs.raw in contents
    spki = Certificate.parse(certificate.content).public_key.spki
    value = der.bit_string_value(signature)
    assert openssl.sm2_verifies(spki, tbs.raw, value)
    assert not openssl.sm2_verifies(spki, tbs.raw[:-1] + b"\0", value)


def test_openssl_verifies_the_chain_pair_by_pair(world: World, sealed: bytes, openssl: Any) -> None:
    value = SealSignature.parse(contents_of(sealed)[0][1], padded=True)
    issuer = openssl.pem(world.authority.certificate.der)
    for each in (value.certificate, value.seal.maker_certificate):
        openssl.run(
            *("verify", "-vfyopt", "distid:1234567812345678", "-partial_chain"),
            *("-CAfile", issuer, openssl.pem(each)),
        )


def test_the_digest_is_the_plain_sm3_of_the_bytes_outside_the_gap(sealed: bytes) -> None:
    (((zero, gap_start, gap_end, rest), contents),) = contents_of(sealed)
    assert zero == 0
    assert gap_end + rest == len(sealed)
    assert sealed[gap_start : gap_start + 1] + sealed[gap_end - 1 : gap_end] == b"<>"
    covered = sealed[:gap_start] + sealed[gap_end:]
    value = SealSignature.parse(contents, padded=True)
    assert value.digest == hashlib.new("sm3", covered).digest()
    assert value.property_info == f"PDF;ByteRange=[0 {gap_start} {gap_end} {rest}]"


def test_the_original_stands_unchanged_at_the_front(world: World, tmp_path: Path) -> None:
    original = classic_pdf(pages=3)
    path = tmp_path / "原件.pdf"
    path.write_bytes(original)
    assert world.sign(path.read_bytes())[: len(original)] == original
    assert path.read_bytes() == original


def test_a_seal_changes_no_document_properties(world: World, demo_pdf: Path) -> None:
    original = demo_pdf.read_bytes()
    before = pymupdf.open(stream=original).metadata
    assert pymupdf.open(stream=world.sign(original)).metadata == before


def test_a_value_larger_than_reserved_is_refused_and_nothing_is_signed(world: World) -> None:
    with pytest.raises(ValueError, match="were reserved"):
        world.sign(classic_pdf(), reserve=-2000)


def test_raising_from_a_step_stops_the_work(world: World) -> None:
    from crypto.pdf.signing.sign import PROFILES, SigningStep, sign_revision

    class Cancelled(Exception):
        pass

    for wanted in SigningStep:
        met: list[SigningStep] = []

        def step(
            which: SigningStep, wanted: SigningStep = wanted, met: list[SigningStep] = met
        ) -> None:
            met.append(which)
            if which == wanted:
                raise Cancelled

        output = io.BytesIO()
        with pytest.raises(Cancelled):
            sign_revision(
                Document(io.BytesIO(classic_pdf())),
                output,
                profile=PROFILES["ses"],
                marks=world.marks(world.first),
                picture=world.first.picture,
                value_size=100,
                make_value=lambda revision: b"",
                signed_at=world.status and __import__("datetime").datetime.now().astimezone(),
                signer_name="x",
                step=step,
            )
        assert met[-1] == wanted
        assert b"/Contents <" not in output.getvalue()


# ---------------------------------------------------------------- other programs


def test_qpdf_finds_nothing_wrong(world: World, sealed: bytes, tmp_path: Path) -> None:
    twice = world.sign(sealed, world.second, world.marks(world.second, left=20))
    for number, data in enumerate((sealed, twice)):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(data)
        done = run("qpdf", "--check", path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert b"WARNING" not in done.stderr


def test_pdfsig_lists_every_mark_and_the_covered_range(sealed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(sealed)
    listed = run("pdfsig", "-nocert", path).stdout.decode()
    (((_, gap_start, gap_end, rest), _),) = contents_of(sealed)
    assert "Signature #1" in listed
    assert f"[0 - {gap_start}], [{gap_end} - {gap_end + rest}]" in listed
    assert "Total document signed" in listed


@pytest.mark.parametrize("profile", ["ses", "ses-adobe"])
def test_pyhanko_accepts_the_second_seal_as_filling_in(
    world: World, sealed: bytes, profile: str
) -> None:
    from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult, ModificationLevel

    first = world.sign(classic_pdf(pages=2), profile=profile)
    marks = [Mark(page, 20, 30, 30.0, 30.0) for page in (0, 1)]
    reader = PdfFileReader(io.BytesIO(world.sign(first, world.second, marks, profile=profile)))
    result = DEFAULT_DIFF_POLICY.review_file(reader, reader.total_revisions - 2)
    assert isinstance(result, DiffResult), result
    assert result.modification_level <= ModificationLevel.FORM_FILLING
    if profile == "ses":  # an own SubFilter name is skipped, not a ValueError for the whole file
        assert reader.embedded_signatures == []


def test_poppler_and_mupdf_draw_it_without_a_complaint(sealed: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(sealed)
    done = run("pdftoppm", "-r", "40", "-png", path, tmp_path / "page")
    assert done.returncode == 0
    assert done.stderr == b""
    pymupdf.TOOLS.mupdf_warnings()
    pymupdf.open(stream=sealed)[0].get_pixmap()
    assert pymupdf.TOOLS.mupdf_warnings() == ""


# ---------------------------------------------------------------- where it shows


def rendered(data: bytes, folder: Path, page: int = 1) -> Image.Image:
    """The page as poppler draws it at :data:`DPI`."""
    path = folder / "drawn.pdf"
    path.write_bytes(data)
    target = folder / "drawn"
    done = run(
        *("pdftoppm", "-r", str(DPI), "-cropbox", "-f", str(page), "-l", str(page)),
        *("-singlefile", path, target),
    )
    assert done.returncode == 0, done.stderr
    return Image.open(target.with_suffix(".ppm")).convert("RGB")


def red_box_mm(picture: Image.Image, unit: float = 1.0) -> tuple[float, float, float, float]:
    """Left, top, width, height of all that is red, in millimetres."""
    red, green, _ = picture.split()
    mask = Image.composite(
        Image.new("L", picture.size, 255), Image.new("L", picture.size, 0),
        Image.eval(green, lambda value: 255 if value < 140 else 0),
    )  # fmt: skip
    bright = Image.eval(red, lambda value: 255 if value > 200 else 0)
    box = Image.composite(mask, Image.new("L", picture.size, 0), bright).getbbox()
    assert box, "no red on the page"
    scale = 25.4 / DPI * unit  # poppler draws as if there were no UserUnit
    left, top, right, bottom = (each * scale for each in box)
    return left, top, right - left, bottom - top


FULL = "a square with a full red frame"


def frame() -> bytes:
    """An imprint that reaches its edges, so that what is drawn can be measured."""
    picture = Image.new("RGBA", (400, 400), (255, 0, 0, 255))
    picture.paste((255, 255, 255, 0), (10, 10, 390, 390))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


PAGES = {
    "plain": {},
    "turned 90": {"rotate": 90},
    "turned 180": {"rotate": 180},
    "turned 270": {"rotate": 270},
    "cropped": {"crop": (50, 60, 500, 700)},
    "cropped and turned": {"crop": (50, 60, 500, 700), "rotate": 90},
    "negative origin": {"media": (-100, -200, 400, 600)},
    "negative origin, turned": {"media": (-100, -200, 400, 600), "rotate": 270},
    "user unit": {"unit": 1.5, "media": (0, 0, 400, 500)},
    "user unit, cropped, turned": {
        "unit": 2.0, "media": (-50, 0, 300, 400), "crop": (0, 20, 290, 390), "rotate": 180,
    },
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_the_mark_stands_where_it_was_put_and_has_its_filed_size(
    world: World, page: dict[str, Any], tmp_path: Path
) -> None:
    data = world.sign(
        classic_pdf(content=b"", **page), marks=[Mark(0, 25, 60, 40.0, 40.0)], picture=frame()
    )
    drawn = red_box_mm(rendered(data, tmp_path), page.get("unit", 1.0))
    assert drawn == pytest.approx((25, 60, 40, 40), abs=TOLERANCE_MM)
    (mark,) = world.verify(data).signatures[0].marks
    said = (mark.left_mm, mark.top_mm, mark.width_mm, mark.height_mm)
    assert said == pytest.approx((25, 60, 40, 40), abs=0.01)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_imprint_stands_upright_on_a_turned_page(
    world: World, rotate: int, tmp_path: Path
) -> None:
    """A picture whose top left quarter alone is red."""
    picture = Image.new("RGBA", (100, 100), (255, 255, 255, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 50, 50))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = world.sign(
        classic_pdf(content=b"", rotate=rotate), marks=[Mark(0, 30, 50, 40.0, 40.0)],
        picture=buffer.getvalue(),
    )  # fmt: skip
    drawn = red_box_mm(rendered(data, tmp_path))
    assert drawn == pytest.approx((30, 50, 20, 20), abs=TOLERANCE_MM)


def test_slices_of_a_riding_seam_show_their_part(world: World, tmp_path: Path) -> None:
    halves = [
        Mark(0, 190, 100, 20.0, 40.0, (0.0, 0.0, 0.5, 1.0)),
        Mark(1, 190, 100, 20.0, 40.0, (0.5, 0.0, 1.0, 1.0)),
    ]
    picture = Image.new("RGBA", (400, 400), (255, 255, 255, 0))
    picture.paste((255, 0, 0, 255), (100, 100, 300, 300))  # the middle 20 mm square
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = world.sign(classic_pdf(pages=2, content=b""), marks=halves, picture=buffer.getvalue())
    left = red_box_mm(rendered(data, tmp_path, 1))
    right = red_box_mm(rendered(data, tmp_path, 2))
    assert left == pytest.approx((200, 110, 10, 20), abs=TOLERANCE_MM)
    assert right == pytest.approx((190, 110, 10, 20), abs=TOLERANCE_MM)


def test_slices_and_whole_marks_match_the_seal(world: World) -> None:
    marks = [
        Mark(0, 100, 200, 40.0, 40.0),
        Mark(0, 190, 100, 20.0, 40.0, (0.0, 0.0, 0.5, 1.0)),
        Mark(1, 190, 100, 20.0, 40.0, (0.5, 0.0, 1.0, 1.0)),
    ]
    data, done = world.sign_details(classic_pdf(pages=2), marks=marks)
    report = world.verify(data)
    assert report.verdict is Verdict.VALID
    (signature,) = report.signatures
    assert signature.fields == done.field_names
    assert [each.code for each in signature.findings].count("mark_matches") == 3
    assert "mark_size_differs" not in codes(signature)
    assert [mark.page for mark in signature.marks] == [1, 1, 2]


def test_several_marks_share_one_value_and_one_picture(world: World) -> None:
    marks = [Mark(page, 20, 30, 40.0, 40.0) for page in (0, 1)]
    data = world.sign(classic_pdf(pages=2), marks=marks)
    fields = PdfFileReader(io.BytesIO(data)).root["/AcroForm"]["/Fields"]
    values = {each.get_object().raw_get("/V").idnum for each in fields}
    assert len(fields) == 2
    assert len(values) == 1
    assert len(contents_of(data)) == 1
    assert data.count(b"/SMask") == 1


def test_pages_of_mixed_sizes_are_each_measured(world: World, tmp_path: Path) -> None:
    document = pymupdf.open()
    for width, height in ((210, 297), (297, 420), (105, 148)):
        document.new_page(width=width * MM, height=height * MM)
    marks = [Mark(page, 30, 40, 40.0, 40.0) for page in range(3)]
    data = world.sign(document.tobytes(), marks=marks, picture=frame())
    for page in (1, 2, 3):
        drawn = red_box_mm(rendered(data, tmp_path, page))
        assert drawn == pytest.approx((30, 40, 40, 40), abs=TOLERANCE_MM)


def test_black_text_under_the_seal_stays_black(world: World, tmp_path: Path) -> None:
    content = b"0 g 100 400 200 100 re f"  # a black bar
    solid = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    buffer = io.BytesIO()
    solid.save(buffer, "PNG")
    mark = Mark(0, 50, 110, 40.0, 80.0)
    data = world.sign(classic_pdf(content=content), marks=[mark], picture=buffer.getvalue())
    picture = rendered(data, tmp_path)

    def pixel(x_mm: float, y_mm: float) -> tuple[int, ...]:
        return picture.getpixel((round(x_mm / 25.4 * DPI), round(y_mm / 25.4 * DPI)))

    assert max(pixel(70, 297 - 450 / MM)) < 10  # under the seal: black
    assert pixel(70, 185)[0] > 240 > 15 > pixel(70, 185)[1]  # on paper: red


def stencilled(world: World, edit: Callable[[Any], None] = lambda _: None) -> bytes:
    """A document sealed without transparency, with a mask that *edit* changed before."""
    original = drawing._mask

    def changed(*arguments: Any) -> generic.StreamObject:
        made = original(*arguments)
        edit(made)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_mask", changed)
        patch.setattr("tests.world.sealing.sign_revision", partial(sign_revision, stencil=True))
        return world.sign(classic_pdf())


def test_a_seal_without_transparency_is_valid_and_shows_the_text_between_its_strokes(
    world: World, tmp_path: Path
) -> None:
    data = stencilled(world)
    report = world.verify(data)
    assert report.verdict is Verdict.VALID
    assert "mark_matches" in codes(report.signatures[0])
    for word in (b"/SMask", b"/BM", b"/ca", b"/CA", b"/Group", b"/ExtGState"):
        assert word not in data
    twice = world.sign(data, world.second, world.marks(world.second, left=30))
    assert world.verify(twice).verdict is Verdict.VALID


@pytest.mark.parametrize("opaque", [False, True])
def test_a_stencil_paints_the_ink_and_nothing_else(
    world: World, tmp_path: Path, opaque: bool
) -> None:
    """A ring on white, or on nothing, over a black bar: the bar is seen inside the ring."""
    picture = Image.new("RGBA", (80, 80), (255, 255, 255, 255 if opaque else 0))
    picture.paste((220, 0, 0, 255), (0, 0, 80, 80))
    picture.paste((255, 255, 255, 255 if opaque else 0), (20, 20, 60, 60))
    buffer = io.BytesIO()
    (picture.convert("RGB") if opaque else picture).save(buffer, "PNG")
    holder = world.holder("32130000000066", buffer.getvalue())
    mark = Mark(0, 50, 110, 40.0, 40.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world.sealing.sign_revision", partial(sign_revision, stencil=True))
        black = classic_pdf(content=b"0 g 100 300 300 300 re f")
        data = world.sign(black, holder, [mark])
    assert world.verify(data, trust=world.trusting(holder)).verdict is Verdict.VALID
    page = rendered(data, tmp_path)

    def pixel(x_mm: float, y_mm: float) -> tuple[int, ...]:
        return page.getpixel((round(x_mm / 25.4 * DPI), round(y_mm / 25.4 * DPI)))

    assert max(pixel(70, 130)) < 10, "the bar, inside the ring"
    assert pixel(54, 130)[0] > 200 > 60 > pixel(54, 130)[1], "the ring, over the bar"


MASKS: list[Callable[[Any], None]] = [
    lambda mask: mask.update({generic.pdf_name("/Decode"): generic.ArrayObject()}),
    lambda mask: mask.update({generic.pdf_name("/Interpolate"): generic.BooleanObject(True)}),
    lambda mask: mask.update({generic.pdf_name("/Width"): generic.NumberObject(8)}),
    lambda mask: mask.update({generic.pdf_name("/ImageMask"): generic.BooleanObject(False)}),
    lambda mask: mask.update({generic.pdf_name("/SMask"): generic.NullObject()}),
    lambda mask: mask.update({generic.pdf_name("/Alternates"): generic.ArrayObject()}),
    lambda mask: mask.update({generic.pdf_name("/D"): generic.ArrayObject()}),
]


@pytest.mark.parametrize("change", MASKS)
def test_a_mask_of_any_other_form_is_not_believed(
    world: World, change: Callable[[Any], None]
) -> None:
    found = codes(world.verify(stencilled(world, change)).signatures[0])
    assert "mark_unreadable" in found
    assert "mark_matches" not in found


def test_a_mask_that_shows_another_picture_is_not_the_seals(world: World) -> None:
    def nothing(mask: Any) -> None:
        made = generic.StreamObject(stream_data=b"\xff" * len(mask.data))
        mask._data, mask._encoded_data = made.data, None
        mask.pop(generic.pdf_name("/Filter"), None)

    found = codes(world.verify(stencilled(world, nothing)).signatures[0])
    assert "mark_matches" not in found


def test_the_pixels_embedded_are_the_pixels_of_the_seal(world: World) -> None:
    data = world.sign(classic_pdf())
    number = int(re.search(rb"/Imprint (\d+) 0 R", data)[1])
    reader = PdfFileReader(io.BytesIO(data))
    image = reader.get_object(generic.Reference(number, 0, reader))
    raster = decode_imprint(world.first.picture)
    assert image.data == raster.rgb
    assert image["/SMask"].data == raster.alpha


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "JPEG"])
def test_every_kind_of_picture_is_drawn(world: World, kind: str) -> None:
    picture = Image.new("RGB", (60, 60), "white")
    picture.paste("red", (10, 10, 50, 50))
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    holder = world.holder("32130000000066", buffer.getvalue())
    report = world.verify(world.sign(classic_pdf(), holder), trust=world.trusting(holder))
    assert report.verdict is Verdict.VALID


@pytest.mark.parametrize("picture", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_damaged_picture_is_its_own_error(world: World, picture: bytes) -> None:
    with pytest.raises(ImprintError):
        decode_imprint(picture)


def test_a_mark_on_a_page_that_does_not_exist_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no page 2"):
        world.sign(classic_pdf(), marks=[Mark(1, 0, 0, 40.0, 40.0)])


# ---------------------------------------------------------------- kinds of files


def both_valid(world: World, original: bytes, password: str | None = None) -> bytes:
    """Seal twice, verify both times, and let qpdf look at the result."""
    once = world.sign(original, password=password)
    report = world.verify(once, password=password)
    assert report.verdict is Verdict.VALID, sorted(codes(report.signatures[0]))
    twice = world.sign(once, world.second, world.marks(world.second, left=20), password=password)
    report = world.verify(twice, password=password)
    found = [each.verdict for each in report.signatures]
    assert found == [Verdict.VALID, Verdict.VALID], report.signatures[0].findings
    assert twice[: len(original)] == original
    return twice


def qpdf_made(data: bytes, folder: Path, *options: str) -> bytes:
    """*data* written again by qpdf."""
    source, target = folder / "source.pdf", folder / "target.pdf"
    source.write_bytes(data)
    done = run("qpdf", source, *options, target)
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        ("--object-streams=disable",),
        ("--object-streams=generate",),
        ("--linearize",),
        ("--linearize", "--object-streams=generate"),
        ("--qdf",),
    ],
    ids=["classic table", "object streams", "linearised", "linearised, streams", "qdf"],
)
def test_every_file_layout_can_be_sealed_twice(
    world: World, demo_pdf: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    twice = both_valid(world, qpdf_made(demo_pdf.read_bytes(), tmp_path, *options))
    path = tmp_path / "twice.pdf"
    path.write_bytes(twice)
    assert run("qpdf", "--check", path).returncode == 0


ENCRYPTED = [("128", "--use-aes=y"), ("256",), ("256", "--force-R5")]


@pytest.mark.parametrize("bits", ENCRYPTED, ids=["AES-128", "AES-256", "AES-256 of Acrobat 9"])
def test_encrypted_files_stay_encrypted_and_can_be_sealed(
    world: World, tmp_path: Path, bits: tuple[str, ...]
) -> None:
    options = ("--encrypt", "geheim", "owner", *bits, "--")
    data = qpdf_made(classic_pdf(), tmp_path, *options)
    with pytest.raises(PdfEncrypted):
        world.sign(data)
    with pytest.raises(PdfPasswordWrong):
        world.sign(data, password="falsch")
    twice = both_valid(world, data, password="geheim")
    with pytest.raises(PdfEncrypted):
        world.verify(twice)
    path = tmp_path / "twice.pdf"
    path.write_bytes(twice)
    assert run("qpdf", "--check", "--password=geheim", path).returncode == 0
    both_valid(world, data, password="owner")


@pytest.mark.parametrize("bits", ENCRYPTED, ids=["AES-128", "AES-256", "AES-256 of Acrobat 9"])
def test_a_file_encrypted_without_a_user_password_needs_none(
    world: World, tmp_path: Path, bits: tuple[str, ...]
) -> None:
    data = qpdf_made(classic_pdf(), tmp_path, "--encrypt", "", "owner", *bits, "--")
    twice = both_valid(world, data)
    path = tmp_path / "twice.pdf"
    path.write_bytes(twice)
    assert run("qpdf", "--check", path).returncode == 0
    for password in ("", None):
        assert world.verify(twice, password=password).verdict is Verdict.VALID
    with pytest.raises(PdfPasswordWrong):
        world.verify(twice, password="falsch")


@pytest.mark.parametrize("bits", ENCRYPTED[1:], ids=["AES-256", "AES-256 of Acrobat 9"])
def test_what_an_owner_forbids_is_forbidden_whatever_the_revision(
    tmp_path: Path, bits: tuple[str, ...]
) -> None:
    options = ("--encrypt", "", "owner", *bits, "--modify=none", "--")
    data = qpdf_made(classic_pdf(), tmp_path, *options)
    assert not Document(io.BytesIO(data)).may_be_changed
    assert Document(io.BytesIO(data), "owner").may_be_changed


@pytest.mark.parametrize("password", ["", "geheim", "密码", "x" * 127])
def test_a_password_of_acrobat_9_is_taken_as_other_programs_take_it(
    tmp_path: Path, password: str
) -> None:
    options = ("--encrypt", password, "owner", "256", "--force-R5", "--")
    data = qpdf_made(classic_pdf(), tmp_path, *options)
    assert Document(io.BytesIO(data), password).pages()
    with pytest.raises(PdfPasswordWrong):
        Document(io.BytesIO(data), "y" + password[1:])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb"/R 5", b"/R 6"),
        (rb"/R 5", b"/R 8"),
        (rb"/R 5", b"/R 1"),
        (rb"/R 5", b"/R null"),
        (rb"/P -4", b"/P -8"),
        (rb"/UE <[0-9a-f]{4}", b"/UE <0000"),
        (rb"/Perms <[0-9a-f]{4}", b"/Perms <0000"),
        (rb"/U <[0-9a-f]{4}", b"/U <0000"),
        (rb"/UE <[0-9a-f]{2}", b"/UE <"),
        (rb"/V 5", b"/V 4"),
    ],
)
def test_settings_of_an_encryption_that_do_not_fit_are_refused(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    options = ("--qdf", "--encrypt", "", "owner", "256", "--force-R5", "--")
    data = qpdf_made(classic_pdf(), tmp_path, *options)
    changed = re.sub(old, new, data)
    assert changed != data
    with pytest.raises(PdfError):
        Document(io.BytesIO(changed)).pages()


@pytest.mark.parametrize(
    "number",
    [b"0.00000001", b"-0.0000001", b".00000000000000000001", b"0.0", b"-.0", b"1%040d.0" % 0],
)
def test_a_number_that_is_written_again_is_one(world: World, tmp_path: Path, number: bytes) -> None:
    """Also one so small or large that the library would write an exponent, which PDF has not."""
    data = classic_pdf(annots=b"/Odd[%s 2.50]" % number)
    twice = both_valid(world, data)
    assert b"/Odd [" in twice[len(data) :]
    path = tmp_path / "twice.pdf"
    path.write_bytes(twice)
    assert run("qpdf", "--check", path).returncode == 0
    page = Document(io.BytesIO(twice)).pages()[0].reference.get_object()
    assert [float(each) for each in page["/Odd"]] == [float(number), 2.5]


def test_a_hybrid_file_can_be_sealed_twice(world: World) -> None:
    """As old Word writes them: a classic table whose trailer points to an xref stream as well."""
    plain = classic_pdf()
    start = int(re.findall(rb"startxref\n(\d+)", plain)[-1])
    body, table = plain[:start], plain[start:]
    rows = b"\1" + start.to_bytes(4, "big") + b"\0"
    stream = b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 1]/Index[6 1]/Root 1 0 R"
    stream += b"/Length %d>>stream\n%s" % (len(rows), rows)
    stream += b"\nendstream\nendobj\n"
    table = table.replace(b"/Size 6", b"/Size 7/XRefStm %d" % start).replace(
        b"0 6\n0000000000 65535 f ", b"0 7\n0000000000 65535 f "
    )
    table = table.replace(b"trailer", b"0000000000 65535 f \ntrailer")
    table = re.sub(rb"startxref\n\d+", b"startxref\n%d" % (start + len(stream)), table)
    both_valid(world, body + stream + table)


def test_incremental_updates_before_sealing_are_part_of_what_is_sealed(world: World) -> None:
    body = b"<</Length 44>>stream\nBT /F 24 Tf 72 700 Td (Price 2000000) Tj ET  \nendstream"
    both_valid(world, append_revision(classic_pdf(), {4: body}))


FIELD = b"<</FT/Tx/T(name)/Type/Annot/Subtype/Widget/Rect[10 10 90 30]/P 5 0 R>>"


@pytest.mark.parametrize(
    ("catalog", "annots", "extra"),
    [
        (b"/AcroForm<</Fields[6 0 R]>>", b"/Annots[6 0 R]", [FIELD]),
        (b"/AcroForm<</Fields 7 0 R>>", b"/Annots 7 0 R", [FIELD, b"[6 0 R]"]),
        (b"/AcroForm 7 0 R", b"/Annots[6 0 R]", [FIELD, b"<</Fields[6 0 R]/DA(/F 0 Tf)>>"]),
        (b"/AcroForm 7 0 R", b"/Annots 9 0 R",
         [FIELD, b"<</Fields 8 0 R>>", b"[6 0 R]", b"[6 0 R]"]),
        (b"/AcroForm<</Fields[]>>", b"", []),
        (b"/AcroForm<<>>", b"/Annots[]", []),
        (b"/AcroForm null", b"/Annots null", []),
    ],
    ids=["direct", "shared array", "indirect form", "all indirect", "empty", "no fields", "null"],
)  # fmt: skip
def test_every_way_to_keep_fields_and_annotations_can_be_sealed(
    world: World, catalog: bytes, annots: bytes, extra: list[bytes]
) -> None:
    original = classic_pdf(catalog=catalog, annots=annots, extra=extra)
    if annots == b"/Annots 7 0 R":
        # one array as fields and annotations: what the second seal adds has two meanings at once
        once = world.sign(original)
        assert world.verify(once).verdict is Verdict.VALID
        return
    both_valid(world, original)


@pytest.mark.parametrize("permission", [1, 2, 3])
def test_a_certified_document_is_locked(world: World, permission: int) -> None:
    certified = classic_pdf(
        catalog=b"/Perms<</DocMDP 6 0 R>>",
        extra=[
            b"<</Type/Sig/Reference[<</TransformMethod/DocMDP/TransformParams<</P %d>>>>]>>"
            % permission
        ],
    )
    with pytest.raises(PdfLocked, match=f"P={permission}"):
        world.sign(certified)


def signed_with(world: World, change: Callable[[Any], None]) -> bytes:
    """A document that the first holder has signed, with what *change* writes afterwards."""
    return update(world.sign(classic_pdf()), change)


def fields_locked(action: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        signature = field["/V"]
        reference = {"/TransformMethod": "/FieldMDP", "/TransformParams": {"/Action": action}}
        signature[generic.pdf_name("/Reference")] = generic.ArrayObject([as_pdf(reference)])
        writer.update_container(signature)

    return change


def field_has_lock(action: str) -> Callable[[Any], None]:
    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        field[generic.pdf_name("/Lock")] = as_pdf({"/Type": "/SigFieldLock", "/Action": action})
        writer.update_container(field)

    return change


def as_pdf(raw: Any) -> Any:
    if isinstance(raw, dict):
        made = {generic.pdf_name(key): as_pdf(each) for key, each in raw.items()}
        return generic.DictionaryObject(made)
    return generic.pdf_name(raw)


@pytest.mark.parametrize("action", ["/All", "/Exclude"])
@pytest.mark.parametrize("lock", [fields_locked, field_has_lock])
def test_a_signature_that_locks_the_fields_forbids_a_seal_and_is_named(
    world: World, lock: Callable[[str], Callable[[Any], None]], action: str
) -> None:
    document = signed_with(world, lock(action))
    with pytest.raises(PdfLocked) as refused:
        world.sign(document, world.second, world.marks(world.second, left=30))
    assert refused.value.locker == world.first.code
    assert len(world.sign(document, marks=[])) > len(document)  # nobody sees that one


@pytest.mark.parametrize("lock", [fields_locked, field_has_lock])
def test_a_signature_that_locks_named_fields_leaves_room_for_a_seal(
    world: World, lock: Callable[[str], Callable[[Any], None]]
) -> None:
    world.sign(signed_with(world, lock("/Include")), world.second)


@pytest.mark.parametrize("written", [b"<feff007a0068002d0043004e>", b"(zh-CN)", b"<efbbbf7a68>"])
def test_a_text_that_is_written_again_keeps_its_bytes(world: World, written: bytes) -> None:
    original = classic_pdf(catalog=b"/Lang" + written)
    twice = world.sign(world.sign(original), world.second, world.marks(world.second, left=30))
    report = world.verify(twice)
    assert report.verdict is Verdict.VALID
    assert codes(report.signatures[0]) & {"changed_forbidden", "changed_suspicious"} == set()


def test_an_xfa_form_is_refused(world: World) -> None:
    with pytest.raises(PdfUnsupported):
        world.sign(classic_pdf(catalog=b"/AcroForm<</Fields[]/XFA[]>>"))


def test_an_empty_signature_field_stays_free(world: World) -> None:
    original = update(
        classic_pdf(), lambda writer: add_widget(writer, "here", None, rect=(10, 10, 99, 99))
    )
    data = both_valid(world, original)
    empty = [each for each in Document(io.BytesIO(data)).signature_fields() if not each.value]
    assert [each.name for each in empty] == ["here"]


def test_the_bundled_document_keeps_its_text(world: World, demo_pdf: Path) -> None:
    original = demo_pdf.read_bytes()
    data = both_valid(world, original)
    before, after = pymupdf.open(stream=original), pymupdf.open(stream=data)
    assert [page.get_text() for page in before] == [page.get_text() for page in after]


def test_decoded_pictures_are_kept_up_to_a_bound_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    payload = 100 * 100 * 4
    monkeypatch.setattr(pdf_picture, "_rasters", {})
    monkeypatch.setattr(pdf_picture, "_MAX_RASTERS", 3 * payload)
    pictures = [imprint(size=100, text="x" * (n % 2), colour=f"#ff00{n:02x}") for n in range(10)]
    for picture in pictures:
        raster = pdf_picture._decoded(picture)
        assert raster == decode_imprint(picture)
        assert pdf_picture._decoded(picture) is raster  # for the next mark of the same seal
        assert sum(each.byte_count for each in pdf_picture._rasters.values()) <= 3 * payload
    assert 10 * payload > pdf_picture._MAX_RASTERS
    assert Raster(1, 1, b"rgb", None).byte_count == 3


@pytest.mark.parametrize("size", range(5))
def test_a_file_that_counts_too_few_objects_is_refused(world: World, size: int) -> None:
    """New objects would take the numbers of others: the signature itself was lost that way."""
    plain = classic_pdf()
    assert b"/Size 6" in plain
    with pytest.raises(PdfUnreadable, match="fewer objects"):
        world.sign(plain.replace(b"/Size 6", b"/Size %d" % size))
