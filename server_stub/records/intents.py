"""What somebody signed with a Ukey, as the ledger keeps it, checked again by the audit.

A record's ``intent`` holds the exact text, the signature, and whose key it is: the serial number of
a certificate of ours, or the bare key of an application whose certificate is yet to be made.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.pki.certificate import Certificate
from crypto.pki.public_key import PublicKey
from crypto.seal.phone import PhoneSignature


def phone_problem(
    said: Mapping[str, Any], at: datetime, certificate: Callable[[str], bytes | None]
) -> str | None:
    """The same for a record's ``by_phone``: text and evidence of a phone that a Ukey has bound
    (:class:`crypto.seal.phone.PhoneSignature`), recorded *at*."""
    try:
        evidence = PhoneSignature.parse(base64.b64decode(said["evidence"], validate=True))
        evidence.check(str(said["text"]).encode(), at)
    except (KeyError, TypeError, ValueError) as error:
        return f"what a phone has signed does not hold: {error}"
    if certificate(evidence.binding.certificate) != evidence.certificate.der:
        return "the phone was bound with a certificate that is not on record"
    return None


def problem(intent: Mapping[str, Any], certificate: Callable[[str], bytes | None]) -> str | None:
    """What is wrong with *intent*, None if nothing; *certificate*: DER by serial number."""
    try:
        text, signature = str(intent["text"]), bytes.fromhex(intent["signature"])
        serial, spki = intent["certificate"], intent["spki"]
        if serial is not None:
            known = certificate(serial)
            if known is None:
                return f"it is signed with a certificate {serial} that is not on record"
            key = Certificate.parse(known).public_key
        else:
            key = PublicKey.parse(der.parse(base64.b64decode(spki, validate=True)))
    except (KeyError, TypeError, ValueError) as error:
        return f"what was signed cannot be read: {error}"
    if not key.verify(SM2_WITH_SM3, text.encode(), signature):
        return "the signature does not fit what was signed"
    return None
