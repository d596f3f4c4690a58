"""What is taken from an array at once is what pyHanko gives for each of its elements."""

import io

import pymupdf
import pytest
from pyhanko.pdf_utils import generic

from crypto.pdf.reading.access import follow, items_of
from crypto.pdf.reading.document import Document
from tests.world.documents import classic_pdf


@pytest.mark.parametrize("encryption", [pymupdf.PDF_ENCRYPT_NONE, pymupdf.PDF_ENCRYPT_AES_256])
def test_elements_are_what_pyhanko_gives_encrypted_or_not(encryption: int) -> None:
    array = b"[1 (text) <61> /N 1 0 R [(inner)] <</K (deep)>> null true]"
    with pymupdf.open(stream=classic_pdf(catalog=b"/Odd " + array)) as pdf:
        data = pdf.tobytes(encryption=encryption, owner_pw="owner")
    odd = follow(Document(io.BytesIO(data)).root.raw_get("/Odd"))
    found = items_of(odd)
    assert found == [odd.raw_get(index) for index in range(len(odd))]
    assert not [each for each in found if isinstance(each, generic.DecryptedObjectProxy)]
    assert found[1] == "text"
    assert isinstance(found[4], generic.IndirectObject)
    assert items_of(found[5]) == ["inner"]
    assert items_of(found[0]) == items_of(None) == []
