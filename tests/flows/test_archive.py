"""PDF/A-1b judged by others. No validator of it can be had from the registries that the tests
use, so qpdf parses what was added, poppler draws it, and the clauses of ISO 19005-1 that a seal may
break are looked at one by one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from tests.world.clerk import Clerk
from tests.world.documents import classic_pdf

RGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PACKET = b"<pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>"
TEXT = b"0.9 g 150 560 220 220 re f 0 g BT /F 24 Tf 150 660 Td (PRICE 1000 EACH) Tj ET"
AT = ("--at", "1:90,60")


def archived(components: int = 3, profile: bytes = RGB) -> bytes:
    """Says that it is PDF/A-1b; its colours are those of the output intent."""
    stream = b"<<%s/Length %d>>stream\n%s\nendstream"
    return classic_pdf(
        content=TEXT,
        catalog=b"/Metadata 6 0 R/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1"
        b"/OutputConditionIdentifier(sRGB)/DestOutputProfile 7 0 R>>]",
        extra=[
            stream % (b"/Type/Metadata/Subtype/XML", len(PACKET), PACKET),
            stream % (b"/N %d" % components, len(profile), profile),
        ],
    ).replace(b"%PDF-1.7", b"%PDF-1.4")


def parsed(path: Path) -> dict[str, Any]:
    """Every object of a file as qpdf reads it, by its name there."""
    command = ["qpdf", "--json=2", "--json-stream-data=none", path]
    done = subprocess.run(command, capture_output=True, check=True)
    objects: dict[str, Any] = json.loads(done.stdout)["qpdf"][1]
    return objects


def dictionaries(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from dictionaries(each)
    elif isinstance(value, list):
        for each in value:
            yield from dictionaries(each)


def offences(path: Path) -> set[str]:
    """What a file holds that PDF/A-1b forbids, of all that a seal could bring."""
    found = set()
    for each in dictionaries(parsed(path)):
        kind = each.get("/Subtype")
        if each.get("/SMask", "/None") != "/None":
            found.add("6.4 soft mask")
        if any(each.get(name, 1) != 1 for name in ("/CA", "/ca")):
            found.add("6.4 constant alpha")
        if each.get("/BM", "/Normal") not in ("/Normal", "/Compatible"):
            found.add("6.4 blend mode")
        if isinstance(each.get("/Group"), dict) and each["/Group"].get("/S") == "/Transparency":
            found.add("6.4 transparency group")
        if each.get("/Type") in ("/XRef", "/ObjStm"):
            found.add("6.1.4 cross-reference stream")
        if kind == "/Image" and (each.get("/Interpolate") or "/Alternates" in each):
            found.add("6.2.4 image")
        if kind == "/Image" and each.get("/ImageMask") and each.get("/BitsPerComponent", 1) != 1:
            found.add("6.2.4 stencil of more than one bit")
        if kind in ("/Type1", "/TrueType", "/Type0") and "/FontDescriptor" not in each:
            found.add("6.3.4 font not embedded")
        if kind == "/Widget":
            if not each.get("/F", 0) & 4 or each["/F"] & (1 | 2 | 32):
                found.add("6.5.3 not printed, or hidden")
            if set(each.get("/AP", {})) != {"/N"} or "/AA" in each or "/C" in each:
                found.add("6.5.3 other appearances, or colours")
        if each.get("/NeedAppearances"):
            found.add("6.9 appearances to be made anew")
        if "LZW" in str(each.get("/Filter")) or ("/F" in each and "/Length" in each):
            found.add("6.1.10 filter, or external stream")
        if each.get("/S") in ("/JavaScript", "/Launch", "/ImportData", "/ResetForm"):
            found.add("6.6.1 action")
    return found


def stamp(clerk: Clerk, folder: Path, data: bytes, *options: str) -> tuple[Path, str]:
    source, output = folder / "archive.pdf", folder / "out.pdf"
    source.write_bytes(data)
    output.unlink(missing_ok=True)
    done = clerk("stamp", source, "--seal", clerk.seal, *AT, *options, "-o", output)
    assert done.code == 0, done.err
    return output, done.err


def test_a_stencil_brings_nothing_that_pdfa1_forbids(clerk: Clerk, tmp_path: Path) -> None:
    data = archived()
    output, told = stamp(clerk, tmp_path, data, "--stencil")
    assert offences(output) == offences(tmp_path / "archive.pdf") == {"6.3.4 font not embedded"}
    assert "PDF/A-1" not in told
    assert output.read_bytes().startswith(data)
    assert clerk("verify", output).code == 0
    masks = [each for each in dictionaries(parsed(output)) if each.get("/ImageMask")]
    assert [(each["/BitsPerComponent"], each["/Subtype"]) for each in masks] == [(1, "/Image")]


def test_the_usual_seal_is_transparent_and_the_judge_sees_it(clerk: Clerk, tmp_path: Path) -> None:
    output, told = stamp(clerk, tmp_path, archived())
    assert {"6.4 soft mask", "6.4 blend mode"} <= offences(output)
    assert "--stencil" in told


def test_a_date_beside_the_seal_is_told_to_break_it(clerk: Clerk, tmp_path: Path) -> None:
    output, told = stamp(clerk, tmp_path, archived(), "--stencil", "--date", "cn")
    assert "6.4 blend mode" in offences(output)
    assert "请不要加日期" in told


@pytest.mark.parametrize(
    "data", [archived(4, b"CMYK"), archived().replace(b"/OutputIntents", b"/OtherIntentss")]
)
def test_where_red_has_no_meaning_no_seal_keeps_the_promise(
    clerk: Clerk, tmp_path: Path, data: bytes
) -> None:
    _, told = stamp(clerk, tmp_path, data, "--stencil")
    assert "RGB" in told
    assert "不再符合 PDF/A-1" in told


def drawn(path: Path) -> Image.Image:
    target = path.with_suffix("")
    subprocess.run(["pdftoppm", "-r", "100", "-singlefile", path, target], check=True)
    with Image.open(target.with_suffix(".ppm")) as picture:
        return picture.convert("RGB")


def test_poppler_shows_the_text_between_the_strokes_of_a_stencil(
    clerk: Clerk, tmp_path: Path
) -> None:
    output, _ = stamp(clerk, tmp_path, archived(), "--stencil")
    before, after = drawn(tmp_path / "archive.pdf"), drawn(output)
    pairs = list(zip(before.get_flattened_data(), after.get_flattened_data(), strict=True))
    red = sum(a[0] > 150 and a[1] < 80 and b != a for b, a in pairs)
    black = sum(max(a) < 60 for _, a in pairs), sum(max(b) < 60 for b, _ in pairs)
    touched = sum(a != b for b, a in pairs)
    assert red > 1500
    assert touched < 6 * red, "what is no ink is left as it was"
    assert black[0] > 0.5 * black[1], "the text stays readable"
