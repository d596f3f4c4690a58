"""What was stamped, looked at by programs that share nothing with us."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from server_stub.web.serving import RunningServer
from tests.world.clerk import Clerk, excerpt, pem
from tests.world.documents import contents_of

DISTID = "distid:1234567812345678"
DPI = 200
TOLERANCE_MM = 0.3


def judge(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], capture_output=True, encoding="utf-8", errors="replace", check=False
    )


def parts(value: bytes) -> list[bytes]:
    """The fields of a DER SEQUENCE as whole elements, told apart by their lengths alone."""
    content, found = body(value), []
    while content:
        size = header(content) + length(content)
        found.append(content[:size])
        content = content[size:]
    return found


def header(element: bytes) -> int:
    return 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)


def length(element: bytes) -> int:
    return element[1] if element[1] < 0x80 else int.from_bytes(element[2 : header(element)], "big")


def body(element: bytes) -> bytes:
    return element[header(element) :][: length(element)]


@pytest.fixture(scope="session")
def value(stamped_once: Path) -> bytes:
    """The SES_Signature of the stamped file."""
    ((_, contents),) = contents_of(stamped_once.read_bytes())
    return contents[: header(contents) + length(contents)]


def verified(folder: Path, certificate: bytes, message: bytes, signature: bytes) -> bool:
    """Openssl's word on an SM2 signature by the key of a certificate."""
    (folder / "signer.pem").write_text(pem(certificate), encoding="ascii")
    (folder / "message").write_bytes(message)
    (folder / "signature").write_bytes(signature)
    key = judge("openssl", "x509", "-in", folder / "signer.pem", "-pubkey", "-noout").stdout
    (folder / "key.pem").write_text(key, encoding="ascii")
    done = judge(
        *("openssl", "dgst", "-sm3", "-verify", folder / "key.pem", "-sigopt", DISTID),
        *("-signature", folder / "signature", folder / "message"),
    )
    return done.returncode == 0 and "Verified OK" in done.stdout


def test_openssl_verifies_the_signature_over_the_exact_bytes_that_were_signed(
    value: bytes, tmp_path: Path
) -> None:
    """GB/T 38540-2020 §7.1: { toSign, cert, signatureAlgID, signature }."""
    to_sign, certificate, _, signature, *_ = parts(value)
    assert verified(tmp_path, body(certificate), to_sign, body(signature)[1:])
    changed = to_sign[:-1] + bytes([to_sign[-1] ^ 1])
    assert not verified(tmp_path, body(certificate), changed, body(signature)[1:])


def test_openssl_verifies_the_seal_that_is_inside(value: bytes, tmp_path: Path) -> None:
    """§6.1: the seal is { eSealInfo, cert, signAlgID, signedValue }, second in toSign."""
    seal = parts(parts(value)[0])[1]
    info, certificate, _, signature, *_ = parts(seal)
    assert verified(tmp_path, body(certificate), info, body(signature)[1:])


def test_the_digest_is_sm3_over_the_byte_range(stamped_once: Path, value: bytes) -> None:
    data = stamped_once.read_bytes()
    (((start, first, second, rest), _),) = contents_of(data)
    assert (start, second + rest) == (0, len(data)), "everything but the value itself"
    assert data[first : first + 1] + data[second - 1 : second] == b"<>"
    digest = hashlib.new("sm3", data[:first] + data[second:]).digest()
    assert body(parts(parts(value)[0])[3])[1:] == digest


def test_openssl_walks_both_chains_pair_by_pair(
    value: bytes, city: RunningServer, tmp_path: Path
) -> None:
    authority = city.platform.authority
    signer = body(parts(value)[1])
    maker = body(parts(parts(parts(value)[0])[1])[1])
    issuing, root = authority.certificate("issuing"), authority.certificate("root")
    for chain in ((signer, issuing, root), (maker, issuing, root)):
        for number, (below, above) in enumerate(pairwise(chain)):
            subject, issuer = tmp_path / f"{number}-subject.pem", tmp_path / f"{number}-issuer.pem"
            subject.write_text(pem(below), encoding="ascii")
            issuer.write_text(pem(above), encoding="ascii")
            done = judge(
                *("openssl", "verify", "-partial_chain", "-no_check_time", "-vfyopt", DISTID),
                *("-trusted", issuer, subject),
            )
            assert done.returncode == 0, done.stdout + done.stderr


def test_qpdf_finds_nothing_wrong(stamped_once: Path) -> None:
    done = judge("qpdf", "--check", stamped_once)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No syntax or stream encoding errors found" in done.stdout


def test_pdfsig_sees_a_signature_over_the_whole_document_for_each_mark(stamped_once: Path) -> None:
    done = judge("pdfsig", "-nocert", stamped_once)
    assert done.returncode == 0
    marks = 4
    assert len(re.findall(r"Signature Field Name: Seal-\w+-\d", done.stdout)) == marks
    assert done.stdout.count("Total document signed") == marks


# ---------------------------------------------------------------- where the seal is to be seen


def rendered(path: Path, page: int) -> Image.Image:
    """The page as poppler shows it."""
    target = path.with_name(f"{path.stem}-{page}")
    arguments = ("-r", str(DPI), "-f", str(page), "-l", str(page), "-singlefile")
    done = judge("pdftoppm", *arguments, path, target)
    assert done.returncode == 0, done.stderr
    with Image.open(f"{target}.ppm") as picture:
        return picture.convert("RGB")


def difference(before: Image.Image, after: Image.Image) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of all that stamping changed, in millimetres."""
    changed = ImageChops.difference(before, after).convert("L")
    box = changed.point(lambda value: 255 if value > 40 else 0).getbbox()
    assert box is not None, "no seal is to be seen"
    left, top, right, bottom = (edge / DPI * 25.4 for edge in box)
    return left, top, right, bottom


@pytest.mark.parametrize(
    ("rotation", "centre"), [(0, (150, 240)), (90, (200, 60)), (180, (35, 52))]
)
def test_poppler_shows_the_seal_where_it_was_asked_for_and_changes_nothing_else(
    clerk: Clerk, tmp_path: Path, rotation: int, centre: tuple[int, int]
) -> None:
    source, target = tmp_path / "page.pdf", tmp_path / "sealed.pdf"
    source.write_bytes(excerpt(1, rotation))
    x, y = centre
    answer = clerk("stamp", source, "-o", target, "--seal", clerk.seal, "--at", f"1:{x},{y}")
    assert answer.code == 0, answer.err
    changed = difference(rendered(source, 1), rendered(target, 1))
    assert changed == pytest.approx((x - 20, y - 20, x + 20, y + 20), abs=TOLERANCE_MM)


def test_the_slices_of_a_riding_seam_make_the_whole_seal_again(
    stamped_once: Path, tmp_path: Path
) -> None:
    """All pages fanned out, their right edges beside one another: one seal of 40 mm."""
    before, after = tmp_path / "before.pdf", Path(shutil.copy(stamped_once, tmp_path))
    before.write_bytes(excerpt(3))
    unsealed, sealed = ([rendered(path, page) for page in (1, 2, 3)] for path in (before, after))
    half = (20**2 - (20 - 40 / 3) ** 2) ** 0.5  # as far as the ring reaches in an outer third
    for page, reach in ((1, 20), (2, half)):  # the first page bears a whole seal as well
        changed = difference(unsealed[page], sealed[page])
        expected = (210 - 40 / 3, 148.5 - reach, 210, 148.5 + reach)
        left, top, right, bottom = changed
        assert (left, top, bottom) == pytest.approx(expected[:2] + expected[3:], abs=TOLERANCE_MM)
        assert right <= 210 + 0.1
    whole = difference(fanned_out(unsealed), fanned_out(sealed))
    assert whole == pytest.approx((0, 128.5, 40, 168.5), abs=2 * TOLERANCE_MM)


def fanned_out(pages: list[Image.Image]) -> Image.Image:
    """The right edge of each page, one beside the other."""
    width = round(40 / len(pages) / 25.4 * DPI)
    whole = Image.new("RGB", (width * len(pages), pages[0].height))
    for number, page in enumerate(pages):
        strip = page.crop((page.width - width, 0, page.width, page.height))
        whole.paste(strip, (number * width, 0))
    return whole
