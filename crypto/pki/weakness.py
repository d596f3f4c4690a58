"""Which signatures are no longer safe, by their digest and by the key that made them.

The one rule for every signature there is: values, seals, certificates, revocation lists, time
stamps. Safe means that a forgery costs at least some 2^112 steps (NIST SP 800-131A): SHA-224 or
better or SM3, RSA from 2048 bits, curves from 224 bits. DSA is no longer to be used (FIPS 186-5).
A weak signature disproves nothing; it proves nothing either.
"""

from __future__ import annotations

from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.pki.names_and_algorithms import (
    DSA_SIGNATURES,
    ECDSA_SIGNATURES,
    EDWARDS_DIGESTS,
    PLAIN_ECDSA_SIGNATURES,
    RSA_PSS,
    RSA_SIGNATURES,
    pss_parameters,
)
from crypto.pki.public_key import PublicKey

BROKEN = {
    "1.2.840.113549.2.2": "md2",
    "1.2.840.113549.2.4": "md4",
    "1.2.840.113549.2.5": "md5",
    "1.2.840.113549.1.1.2": "md2",
    "1.2.840.113549.1.1.3": "md4",
    "1.2.840.113549.1.1.4": "md5",
}
"""Digests, alone or with RSA, that prove nothing any more: named, never computed."""
_WEAK_DIGESTS = {"sha1", *BROKEN.values()}
_ENOUGH_BITS = {"rsa": 2048, "ec": 224}
_FAMILIES = (
    RSA_SIGNATURES,
    ECDSA_SIGNATURES,
    PLAIN_ECDSA_SIGNATURES,
    DSA_SIGNATURES,
    EDWARDS_DIGESTS,
)


def weaknesses(
    key: PublicKey | None, algorithm: str, parameters: bytes = b"", *digests: str
) -> tuple[str, ...]:
    """What is weak about a signature by *key* under *algorithm* (dotted OID, DER of its
    parameters), over something that is known by *digests*: "sha1", "md5", "rsa-1024", "ec-192",
    "dsa" and the like, each once. *key* None: it is not known."""
    named = (*digests, BROKEN.get(algorithm, ""), signature_hash(algorithm, parameters))
    found = [name for name in named if name in _WEAK_DIGESTS]
    if key is not None and (weak := _key_weakness(key)):
        found.append(weak)
    return tuple(dict.fromkeys(found))


def _key_weakness(key: PublicKey) -> str:
    if key.kind == "dsa":
        return "dsa"
    enough = _ENOUGH_BITS.get(key.kind, 0)
    return f"{key.kind}-{key.bits}" if enough and 0 < key.bits < enough else ""


def signature_hash(algorithm: str, parameters: bytes = b"") -> str:
    """The digest under a signature algorithm; "" if it names none that is known."""
    if algorithm == RSA_PSS:
        try:
            return pss_parameters(parameters)[0]
        except ValueError:
            return ""
    if algorithm == SM2_WITH_SM3:
        return "sm3"
    return next((family[algorithm] for family in _FAMILIES if algorithm in family), "")


def refused(key: PublicKey, algorithm: str) -> bool:
    """Is it a signature of *key*'s kind under a digest that is never computed? Then nobody can say
    here whether it is right."""
    return key.kind == "rsa" and algorithm in BROKEN
