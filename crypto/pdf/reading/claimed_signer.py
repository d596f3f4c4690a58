"""Whose signature a value claims to be, where it covers nothing that could be checked.

A file that was merged or saved again has signatures that no longer hold, and a person still wants
to know whose they were. Nothing here is proved: the report calls such a signature invalid.
"""

from __future__ import annotations

from pyhanko.pdf_utils import generic

from crypto.pdf.reading.access import entry
from crypto.pdf.reading.failures import PARSER_FAILURES
from crypto.pdf.reading.signatures import MAX_CONTENTS
from crypto.pki.certificate import Certificate
from crypto.seal.structure import Seal, SealSignature


def claimed_signer(
    dictionary: generic.DictionaryObject,
) -> tuple[Seal | None, Certificate | None]:
    """The seal and the signer's certificate in the /Contents of a signature *dictionary*, as far as
    they can be read."""
    try:
        contents = entry(dictionary, "/Contents").original_bytes
    except PARSER_FAILURES:
        return None, None
    if len(contents) > MAX_CONTENTS:
        return None, None
    try:
        value = SealSignature.parse(contents, padded=True)
        return value.seal, value.signer
    except PARSER_FAILURES:
        pass
    from crypto.pki.cms import SignedData

    try:
        data = SignedData.parse(contents, padded=True)
        signer = data.signers[0]
        return None, next(each for each in data.certificates if signer.names(each))
    except PARSER_FAILURES:
        return None, None
