"""A folder of contracts: made once and kept, and what pyHanko makes of the RSA-signed twins.

    python bulk.py make FOLDER COUNT             sealed/*.pdf, twins/*.pdf and the two roots
    python bulk.py floor FOLDER PART PARTS       reads and hashes (SM3) that part of sealed/
    python bulk.py pyhanko FOLDER PART PARTS     validates that part of twins/, inside one process

Every contract has ten pages and a number of its own; each twin is the same contract.
"""

import io
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

NUMBER = b"No. 000000"


def make(folder: Path, count: int) -> None:
    """Fill *folder*; it comes into being whole or not at all."""
    import prepare
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    from crypto.algorithms.keys import SoftKey
    from crypto.pdf.marks.drawing import Mark
    from crypto.pdf.reading.document import Document
    from crypto.pdf.signing.sign import sign_revision
    from crypto.pdf.signing.values import SignatureMaker
    from crypto.seal.structure import Seal

    growing = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(growing, ignore_errors=True)
    for name in ("sealed", "twins"):
        (growing / name).mkdir(parents=True)
    prepare.make_sm2_seal(growing)
    prepare.make_rsa_identity(growing)
    template = contract()
    seal = (growing / "seal.der").read_bytes()
    key = SoftKey.load((growing / "signer.key").read_bytes(), (growing / "signer.der").read_bytes())
    maker = SignatureMaker("ses", key, seal)
    picture, mark = Seal.parse(seal).picture, Mark(0, 120, 180, 40, 40)
    now = datetime.now(UTC).replace(microsecond=0)
    signer = signers.SimpleSigner.load(growing / "rsa.key", growing / "rsa.pem")
    if signer is None:
        raise SystemExit("pyHanko cannot read the identity made for it")
    for number in range(count):
        original = template.replace(NUMBER, b"No. %06d" % number)
        with (growing / "sealed" / f"{number:06d}.pdf").open("w+b") as output:
            sign_revision(
                Document(io.BytesIO(original)),
                output,
                profile=maker.label,
                marks=[mark],
                picture=picture,
                value_size=maker.size,
                make_value=lambda revision: maker.make(revision, now),
                signed_at=now,
            )
        with (growing / "twins" / f"{number:06d}.pdf").open("w+b") as output:
            signers.sign_pdf(
                IncrementalPdfFileWriter(io.BytesIO(original)),
                signers.PdfSignatureMetadata(field_name="Sig1"),
                signer,
                new_field_spec=fields.SigFieldSpec("Sig1", on_page=0, box=(60, 60, 173, 173)),
                output=output,
            )
    shutil.rmtree(folder, ignore_errors=True)
    growing.rename(folder)


def contract() -> bytes:
    """Ten pages, the first with :data:`NUMBER` in its content, which is not compressed."""
    import prepare
    import pymupdf

    buffer = io.BytesIO()
    prepare.make_document(buffer, 10, 0)
    document = pymupdf.open("pdf", buffer.getvalue())
    [written] = document[0].get_contents()  # one stream a page, as in every contract
    number = b"\nq BT /helv 9 Tf 300 780 Td (%s) Tj ET Q" % NUMBER
    document.update_stream(written, document.xref_stream(written) + number, compress=0)
    data: bytes = document.tobytes(garbage=3)
    if data.count(NUMBER) != 1:
        raise SystemExit("the contract does not bear its number once")
    return data


def part_of(folder: Path, part: int, parts: int) -> list[Path]:
    return sorted(folder.glob("*.pdf"))[part::parts]


def floor(folder: Path, part: int, parts: int) -> int:
    """What no verifier can do without."""
    from crypto.algorithms import gm

    for path in (files := part_of(folder / "sealed", part, parts)):
        gm.sm3(path.read_bytes())
    return len(files)


def pyhanko(folder: Path, part: int, parts: int) -> int:
    """How many of the twins pyHanko finds valid."""
    from asn1crypto import pem, x509
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    root = x509.Certificate.load(pem.unarmor((folder / "rsa-root.pem").read_bytes())[2])
    good = 0
    for path in part_of(folder / "twins", part, parts):
        with path.open("rb") as stream:
            context = ValidationContext(trust_roots=[root], allow_fetching=False)
            [signature] = PdfFileReader(stream).embedded_signatures
            good += validate_pdf_signature(signature, context).bottom_line
    return good


if __name__ == "__main__":
    what, name, *numbers = sys.argv[1:]
    if what == "make":
        make(Path(name), int(numbers[0]))
    else:
        job = {"floor": floor, "pyhanko": pyhanko}[what]
        print(job(Path(name), int(numbers[0]), int(numbers[1])))
