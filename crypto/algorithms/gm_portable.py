"""The portable SM2 engine: the pure-Python ``gmssl`` package, with its three defects kept out.

1. its constructor strips every leading ``0``/``4`` of a public key: we pass an empty key and
assign;
2. it draws nonces from :mod:`random`: we always pass one from :mod:`secrets`;
3. it checks no ranges and no curve membership: :mod:`crypto.algorithms.gm` and :meth:`on_curve` do.

It is not constant time: tests compare with it, and it is used only where libcrypto has no SM2.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from gmssl.sm2 import CryptSM2, default_ecc_table

from crypto.asn1 import der

_P = int(default_ecc_table["p"], 16)
_A = int(default_ecc_table["a"], 16)
_B = int(default_ecc_table["b"], 16)
_N = int(default_ecc_table["n"], 16)


class PortableEngine:
    """SM2 by gmssl; the same operations as
    :class:`crypto.algorithms.gm_libcrypto.LibcryptoEngine`."""

    name = "gmssl (portable)"

    def multiply(self, scalar: bytes, point: bytes | None) -> bytes:
        """scalar · point (the base point if None); ValueError if not on the curve or infinity."""
        number = int.from_bytes(scalar, "big") % _N
        if number == 0 or (point is not None and not self.on_curve(point)):
            raise ValueError("the point is not on the SM2 curve, or the product is infinity")
        base = default_ecc_table["g"] if point is None else point.hex()
        return bytes.fromhex(_gmssl()._kg(number, base))

    def on_curve(self, point: bytes) -> bool:
        """Is X‖Y a point of the curve?"""
        if len(point) != 64:
            return False
        x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
        return x < _P and y < _P and (y * y - (x * x * x + _A * x + _B)) % _P == 0

    def sign(self, private: bytes, e: bytes) -> bytes:
        """DER signature over the 32-byte *e* (GB/T 32918.2 §6.1)."""
        signer = _gmssl(private=private)
        while True:
            nonce = f"{secrets.randbelow(_N - 1) + 1:064x}"
            raw = signer.sign(e, nonce)
            if raw:  # None: r = 0, r + k = n or s = 0; draw again
                r, s = int(raw[:64], 16), int(raw[64:], 16)
                return der.sequence(der.integer(r), der.integer(s))

    def signer(self, private: bytes) -> Callable[[bytes], bytes]:
        """:meth:`sign` with that key."""
        return partial(self.sign, private)

    def verify(self, public: bytes, e: bytes, signature: bytes) -> bool:
        """Is the DER *signature* right for *e*? ValueError if the key is not on the curve."""
        if not self.on_curve(public):
            raise ValueError("the point is not on the SM2 curve")
        values = der.parse(signature).children(der.SEQUENCE)
        r, s = values.integer(), values.integer()
        values.finish()
        try:
            return _gmssl(public=public).verify(f"{r:064x}{s:064x}", e) is True
        except TypeError:  # gmssl's answer to a sum at infinity: no valid signature leads there
            return False


def _gmssl(private: bytes = b"", public: bytes = b"") -> CryptSM2:
    engine = CryptSM2(private_key=private.hex(), public_key="")
    engine.public_key = public.hex()
    return engine
