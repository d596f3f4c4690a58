"""Making seals and seal signatures of GB/T 38540-2020; what is made is read back and verified.

:mod:`crypto.seal.structure` describes and reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crypto.algorithms.keys import SM2_WITH_SM3, SigningKey
from crypto.asn1 import der
from crypto.seal.structure import Extension, Seal, SealError, SealSignature

VERSION = 4
"""The structure version written: GB/T 38540-2020."""


def make_seal(
    *,
    es_id: str,
    vendor: str,
    seal_type: int,
    name: str,
    signer_certificates: Sequence[bytes],
    created: datetime,
    valid_from: datetime,
    valid_until: datetime,
    picture: bytes,
    picture_type: str = "PNG",
    width_mm: int,
    height_mm: int,
    extensions: Sequence[Extension] = (),
    maker: SigningKey,
) -> bytes:
    """SESeal of GB/T 38540-2020 §6.1, DER: *signer_certificates* (DER) may use it, *maker* signs
    it.

    Sizes are whole millimetres. The result is parsed and verified before it is returned; raises
    :class:`SealError` if a value does not fit the structure."""
    try:
        info = der.sequence(
            der.sequence(der.ia5("ES"), der.integer(VERSION), der.ia5(vendor)),
            der.ia5(es_id),
            der.sequence(
                der.integer(seal_type),
                der.utf8(name),
                der.integer(1),
                der.sequence(
                    *(der.octet_string(certificate) for certificate in signer_certificates)
                ),
                der.generalized_time(created),
                der.generalized_time(valid_from),
                der.generalized_time(valid_until),
            ),
            der.sequence(
                der.ia5(picture_type),
                der.octet_string(picture),
                der.integer(width_mm),
                der.integer(height_mm),
            ),
            der.sequence(*map(_ext_data, extensions)) if extensions else b"",
        )
    except ValueError as error:
        raise SealError(f"a value does not fit into a seal: {error}") from error
    value = der.sequence(
        info,
        der.octet_string(maker.certificate),
        der.oid(SM2_WITH_SM3),
        der.bit_string(maker.sign(info)),
    )
    if not Seal.parse(value).signature_valid():
        raise SealError("the maker's signature does not fit the maker's certificate")
    return value


def make_signature(
    *,
    seal: bytes,
    digest: bytes,
    property_info: str,
    signed_at: datetime,
    key: SigningKey,
    extensions: Sequence[Extension] = (),
) -> bytes:
    """SES_Signature of GB/T 38540-2020 §7.1, DER: *seal* (SESeal DER) put on the *digest* (32-byte
    SM3 of what *property_info* names) by *key*.

    The signature is verified with the key's certificate before it is returned; raises
    :class:`SealError` if it does not fit, or the seal does not allow that certificate."""
    if not Seal.parse(seal).allows(key.certificate):
        raise SealError("the signer's certificate is not in the seal's list")
    tbs = _to_be_signed(seal, digest, property_info, signed_at, extensions)
    value = _signature(tbs, key.certificate, key.sign(tbs))
    if not SealSignature.parse(value).signature_valid():
        raise SealError("the key's signature does not fit its certificate")
    return value


def draft_signature(
    *, seal: bytes, digest: bytes, property_info: str, signed_at: datetime, certificate: bytes
) -> bytes:
    """The same without a key and without validity: what a document would look like with it.

    Raises :class:`SealError`."""
    tbs = _to_be_signed(seal, digest, property_info, signed_at, ())
    nothing = der.sequence(der.integer(1), der.integer(1))
    return _signature(tbs, certificate, nothing)


def _to_be_signed(
    seal: bytes,
    digest: bytes,
    property_info: str,
    signed_at: datetime,
    extensions: Sequence[Extension],
) -> bytes:
    if len(digest) != 32:
        raise SealError("an SM3 digest has 32 bytes")
    try:
        return der.sequence(
            der.integer(Seal.parse(seal).version),
            seal,
            der.generalized_time(signed_at),
            der.bit_string(digest),
            der.ia5(property_info),
            der.context(0, der.sequence(*map(_ext_data, extensions))) if extensions else b"",
        )
    except ValueError as error:
        raise SealError(f"a value does not fit into a signature: {error}") from error


def _signature(tbs: bytes, certificate: bytes, signature: bytes) -> bytes:
    return der.sequence(
        tbs,
        der.octet_string(certificate),
        der.oid(SM2_WITH_SM3),
        der.bit_string(signature),
    )


def add_timestamp(value: bytes, token: bytes) -> bytes:
    """The SES_Signature *value* (v4, v5; DER) with *token*, a TimeStampToken over the bytes of its
    `signature`, as timeStamp [0]; it replaces an earlier one. Nothing signed changes.

    Raises :class:`SealError`."""
    if SealSignature.parse(value).generation == "v1":
        raise SealError("a v1 signature has no place for a time stamp")
    parts = [part.raw for part in der.parse(value).children()][:4]
    return der.sequence(*parts, der.context(0, der.bit_string(token)))


def _ext_data(extension: Extension) -> bytes:
    # criticality is written out although FALSE is the default: every real reader expects it
    return der.sequence(
        der.oid(extension.kind),
        der.boolean(extension.critical),
        der.octet_string(extension.value),
    )
