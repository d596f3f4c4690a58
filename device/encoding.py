"""Public keys and signature values in the many shapes in which tokens give them."""

from __future__ import annotations

from device.token import BadSignature

SM2_CURVE = bytes.fromhex("06082a811ccf5501822d")
"""DER OBJECT IDENTIFIER 1.2.156.10197.1.301 (GB/T 32918)."""
P256_CURVE = bytes.fromhex("06082a8648ce3d030107")
_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
_RSA_ENCRYPTION = bytes.fromhex("06092a864886f70d010101")
_NULL = b"\x05\x00"
_SEQUENCE, _INTEGER, _BIT_STRING, _OCTET_STRING, _VERSION = 0x30, 0x02, 0x03, 0x04, 0xA0
_ORDER_SM2 = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COORDINATE = 32


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _take(data: bytes, tag: int) -> tuple[bytes, bytes, bytes]:
    """(whole, content, rest) of the element that `data` begins with; ValueError if not `tag`."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError(f"expected DER tag {tag:#x}")
    length, start = data[1], 2
    if length >= 0x80:
        size = length & 0x7F
        start += size
        if not 1 <= size <= 4 or len(data) < start:
            raise ValueError("DER length not supported")
        length = int.from_bytes(data[2:start], "big")
    end = start + length
    if len(data) < end:
        raise ValueError("DER value cut short")
    return data[:end], data[start:end], data[end:]


def ec_point(attribute: bytes) -> bytes:
    """X || Y (64 bytes) from CKA_EC_POINT: DER OCTET STRING, bare 04 || X || Y, or X || Y."""
    point = attribute
    if len(point) == 2 * _COORDINATE + 3 and point[:2] == bytes([_OCTET_STRING, 65]):
        point = point[2:]
    if len(point) == 2 * _COORDINATE + 1 and point[0] == 4:
        point = point[1:]
    if len(point) != 2 * _COORDINATE:
        raise ValueError(f"no uncompressed 256-bit point: {len(attribute)} bytes")
    return point


def ec_spki(curve: bytes, point: bytes) -> bytes:
    """SubjectPublicKeyInfo for X || Y on the curve with this DER object identifier."""
    algorithm = _der(_SEQUENCE, _EC_PUBLIC_KEY, curve)
    return _der(_SEQUENCE, algorithm, _der(_BIT_STRING, b"\x00\x04", point))


def rsa_spki(modulus: bytes, exponent: bytes) -> bytes:
    """SubjectPublicKeyInfo for big-endian modulus and exponent."""
    numbers = b"".join(
        _der(_INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))
        for value in (int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))
    )
    algorithm = _der(_SEQUENCE, _RSA_ENCRYPTION, _NULL)
    return _der(_SEQUENCE, algorithm, _der(_BIT_STRING, b"\x00", _der(_SEQUENCE, numbers)))


def public_bits(spki: bytes) -> bytes:
    """The key itself, without the algorithm, which certificates write in different ways."""
    _, content, _ = _take(spki, _SEQUENCE)
    _, _, rest = _take(content, _SEQUENCE)
    return _take(rest, _BIT_STRING)[1]


def rsa_size(spki: bytes) -> int:
    """Bytes of an RSA modulus, and so of a signature."""
    _, numbers, _ = _take(public_bits(spki)[1:], _SEQUENCE)
    _, modulus, _ = _take(numbers, _INTEGER)
    return (int.from_bytes(modulus, "big").bit_length() + 7) // 8


def certificate_parts(der: bytes) -> dict[str, bytes]:
    """``serial``, ``issuer``, ``subject`` and ``spki`` of an X.509 certificate, each as DER.

    Raises ValueError. Only finds its way through TBSCertificate; validity is crypto's matter.
    """
    _, certificate, _ = _take(der, _SEQUENCE)
    _, rest, _ = _take(certificate, _SEQUENCE)
    if rest[:1] == bytes([_VERSION]):
        rest = _take(rest, _VERSION)[2]
    serial, _, rest = _take(rest, _INTEGER)
    rest = _take(rest, _SEQUENCE)[2]
    issuer, _, rest = _take(rest, _SEQUENCE)
    rest = _take(rest, _SEQUENCE)[2]
    subject, _, rest = _take(rest, _SEQUENCE)
    spki = _take(rest, _SEQUENCE)[0]
    return {"serial": serial, "issuer": issuer, "subject": subject, "spki": spki}


def raw_signature(value: bytes, algorithm: str, shape: str = "raw") -> bytes:
    """r || s (64 bytes) of an SM2 or P-256 signature given as r || s or DER.

    `shape` says which of the two the vendor promises; the other one is taken too, since modules of
    one vendor differ. Raises BadSignature unless r and s lie in [1, n - 1].
    """
    raw = value if len(value) == 2 * _COORDINATE and shape == "raw" else _from_der(value)
    if raw is None and len(value) == 2 * _COORDINATE:
        raw = value
    if raw is None:
        raise BadSignature(f"the token returned {len(value)} bytes that are no signature")
    order = _ORDER_SM2 if algorithm == "sm2" else _ORDER_P256
    for half in (raw[:_COORDINATE], raw[_COORDINATE:]):
        if not 0 < int.from_bytes(half, "big") < order:
            raise BadSignature("the token returned a signature value out of range")
    return raw


def _from_der(value: bytes) -> bytes | None:
    try:
        _, content, rest = _take(value, _SEQUENCE)
        _, r, tail = _take(content, _INTEGER)
        _, s, end = _take(tail, _INTEGER)
        if rest or end or not r or not s or r[0] >= 0x80 or s[0] >= 0x80:
            return None
        numbers = (int.from_bytes(r, "big"), int.from_bytes(s, "big"))
        return b"".join(number.to_bytes(_COORDINATE, "big") for number in numbers)
    except (ValueError, OverflowError):
        return None
