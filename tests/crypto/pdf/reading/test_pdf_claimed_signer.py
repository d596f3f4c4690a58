"""A signature that no longer holds still says whose it was, and is believed no more for that."""

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.reading.signatures import claimed_signer
from crypto.verdict import Verdict
from crypto.wording import conclusion
from tests.world.documents import classic_pdf
from tests.world.sealing import World, codes


def test_a_file_saved_again_by_another_program_names_the_seal(world: World, tmp_path: Path) -> None:
    sealed, saved = tmp_path / "sealed.pdf", tmp_path / "saved.pdf"
    sealed.write_bytes(world.sign(classic_pdf()))
    subprocess.run(["qpdf", sealed, saved], check=True)
    report = world.verify(saved.read_bytes())
    (signature,) = report.signatures
    assert report.verdict is Verdict.INVALID
    assert "byte_range_malformed" in codes(signature)
    assert signature.seal is not None
    assert signature.seal.code == world.first.code
    assert signature.signer is not None
    assert not signature.intact
    assert signature.seal.name in conclusion(report).sentence


@given(st.binary(max_size=200))
def test_whatever_the_value_holds_nobody_is_named_by_mistake(contents: bytes) -> None:
    value = generic.DictionaryObject({name("/Contents"): generic.ByteStringObject(contents)})
    assert claimed_signer(value) == (None, None)
    assert claimed_signer(generic.DictionaryObject()) == (None, None)
