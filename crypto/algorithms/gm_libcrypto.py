"""The native SM2 engine: OpenSSL 3's libcrypto, the very library CPython itself has loaded.

No package is added and the most reviewed implementation there is does the secret arithmetic in
constant time. Every call's result is checked and every object freed; an OpenSSL without SM2 (some
distributions cut it) raises :class:`EngineUnavailable` and :mod:`crypto.algorithms.gm` falls back
to the portable engine.
"""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_size_t, c_void_p, create_string_buffer
from functools import lru_cache

from crypto.algorithms.windows_imports import library_of
from crypto.asn1 import der

_NID_SM2 = 1172  # obj_mac.h: stable since OpenSSL 1.1.1
_UNCOMPRESSED = 4
_KEYS = 64
_EC_KEY = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.156.10197.1.301"))


class EngineUnavailable(RuntimeError):
    """This libcrypto cannot be loaded or has no SM2."""


def _load() -> ctypes.CDLL:
    import _hashlib  # maps libcrypto into this process

    if sys.platform == "win32":
        own = library_of(_hashlib.__file__, "libcrypto")
        if own is None or own.OpenSSL_version_num() >> 28 < 3:
            raise EngineUnavailable("CPython brings no OpenSSL 3")
        return own
    else:
        if os.path.exists("/proc/self/maps"):
            with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
                paths = {line.split(maxsplit=5)[5].strip() for line in maps if "libcrypto" in line}
            candidates = sorted(paths)
        else:
            candidates = []
        # A CPython with OpenSSL linked statically exports it from _hashlib itself.
        for name in [*candidates, getattr(_hashlib, "__file__", "") or "", "libcrypto.so.3"]:
            try:
                library = ctypes.CDLL(name)
                if library.OpenSSL_version_num() >> 28 >= 3:
                    return library
            except (OSError, AttributeError):
                continue
        raise EngineUnavailable("no OpenSSL 3 libcrypto in this process")


class _Key:
    """A key inside the library, freed when nobody refers to it any more."""

    def __init__(self, handle: int, free: ctypes._NamedFuncPointer) -> None:
        self.handle = handle
        weakref.finalize(self, free, handle).atexit = False


_PROTOTYPES: dict[str, tuple[type | None, list[type]]] = {
    "OpenSSL_version": (c_char_p, [c_int]),
    "EC_GROUP_new_by_curve_name": (c_void_p, [c_int]),
    "EC_POINT_new": (c_void_p, [c_void_p]),
    "EC_POINT_clear_free": (None, [c_void_p]),
    "EC_POINT_oct2point": (c_int, [c_void_p, c_void_p, c_char_p, c_size_t, c_void_p]),
    "EC_POINT_point2oct": (c_size_t, [c_void_p, c_void_p, c_int, c_void_p, c_size_t, c_void_p]),
    "EC_POINT_mul": (c_int, [c_void_p] * 6),
    "BN_bin2bn": (c_void_p, [c_char_p, c_int, c_void_p]),
    "BN_clear_free": (None, [c_void_p]),
    "d2i_PUBKEY": (c_void_p, [c_void_p, POINTER(c_char_p), c_long]),
    "d2i_AutoPrivateKey": (c_void_p, [c_void_p, POINTER(c_char_p), c_long]),
    "EVP_PKEY_free": (None, [c_void_p]),
    "EVP_PKEY_is_a": (c_int, [c_void_p, c_char_p]),
    "EVP_PKEY_CTX_new": (c_void_p, [c_void_p, c_void_p]),
    "EVP_PKEY_CTX_free": (None, [c_void_p]),
    "EVP_PKEY_sign_init": (c_int, [c_void_p]),
    "EVP_PKEY_sign": (c_int, [c_void_p, c_void_p, POINTER(c_size_t), c_char_p, c_size_t]),
    "EVP_PKEY_verify_init": (c_int, [c_void_p]),
    "EVP_PKEY_verify": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t]),
    "ERR_clear_error": (None, []),
}
"""Functions of libcrypto: result and arguments."""
_DESTRUCTORS = {
    "EC_POINT_new": "EC_POINT_clear_free",
    "BN_bin2bn": "BN_clear_free",
    "d2i_PUBKEY": "EVP_PKEY_free",
    "d2i_AutoPrivateKey": "EVP_PKEY_free",
    "EVP_PKEY_CTX_new": "EVP_PKEY_CTX_free",
}
"""What makes an object → what frees it. The group lives as long as the engine."""


class LibcryptoEngine:
    """SM2 by libcrypto. Private keys are 32 bytes, points 64 bytes X‖Y, signatures DER."""

    def __init__(self) -> None:
        library = self._library = _load()
        try:
            for name, (result, arguments) in _PROTOTYPES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except AttributeError as error:
            raise EngineUnavailable(str(error)) from error
        self._group = library.EC_GROUP_new_by_curve_name(_NID_SM2)
        if not self._group:
            raise EngineUnavailable("this OpenSSL was built without SM2")
        self.name = str(library.OpenSSL_version(0).decode())
        self._public_key = lru_cache(maxsize=_KEYS)(self._read_public_key)

    def multiply(self, scalar: bytes, point: bytes | None) -> bytes:
        """scalar · point (the base point if None), constant time in *scalar*.

        Raises ValueError if the point is not on the curve or the product is infinity."""
        lib, group = self._library, self._group
        with (
            self._object("BN_bin2bn", scalar, len(scalar), None) as number,
            self._object("EC_POINT_new", group) as product,
        ):
            if point is None:
                done = lib.EC_POINT_mul(group, product, number, None, None, None)
            else:
                with self._point(point) as factor:
                    done = lib.EC_POINT_mul(group, product, None, factor, number, None)
            self._check(done == 1, "EC_POINT_mul")
            out = create_string_buffer(65)
            size = lib.EC_POINT_point2oct(group, product, _UNCOMPRESSED, out, 65, None)
            self._check(size == 65, "the product is the point at infinity")
            return out.raw[1:]

    def on_curve(self, point: bytes) -> bool:
        """Is X‖Y a point of the curve (infinity has no such form)?"""
        try:
            with self._point(point):
                return True
        except ValueError:
            return False

    def sign(self, private: bytes, e: bytes) -> bytes:
        """DER signature over the 32-byte *e* (GB/T 32918.2 §6.1), nonce by OpenSSL's DRBG."""
        return self.signer(private)(e)

    def signer(self, private: bytes) -> Callable[[bytes], bytes]:
        """As :meth:`sign`, for who signs again and again: to read a key takes as long as to sign
        twice. It is wiped when nobody has the signer any more."""
        lib, key = self._library, self._read_private_key(private)

        def sign(e: bytes) -> bytes:
            with self._object("EVP_PKEY_CTX_new", key.handle, None) as context:
                self._check(lib.EVP_PKEY_sign_init(context) == 1, "EVP_PKEY_sign_init")
                size = c_size_t(128)
                out = create_string_buffer(size.value)
                done = lib.EVP_PKEY_sign(context, out, byref(size), e, len(e))
                self._check(done == 1, "EVP_PKEY_sign")
                return out.raw[: size.value]

        return sign

    def verify(self, public: bytes, e: bytes, signature: bytes) -> bool:
        """Is the DER *signature* right for the 32-byte *e* (GB/T 32918.2 §7.1)?

        Raises ValueError if the key is not on the curve."""
        lib, key = self._library, self._public_key(public)
        with self._object("EVP_PKEY_CTX_new", key.handle, None) as context:
            self._check(lib.EVP_PKEY_verify_init(context) == 1, "EVP_PKEY_verify_init")
            done = lib.EVP_PKEY_verify(context, signature, len(signature), e, len(e))
            lib.ERR_clear_error()
            return bool(done == 1)

    def _read_public_key(self, public: bytes) -> _Key:
        """Reading a key takes a third of a verification; companies sign with the same again and
        again. Only public keys are kept; a private one lives as long as its :meth:`signer`."""
        lib = self._library
        info = der.sequence(_EC_KEY, der.bit_string(b"\x04" + public))
        start = c_char_p(info)
        handle = lib.d2i_PUBKEY(None, byref(start), len(info))
        self._check(bool(handle), "not a key on the SM2 curve")
        key = _Key(handle, self._destructor("d2i_PUBKEY"))
        self._check(lib.EVP_PKEY_is_a(handle, b"SM2") == 1, "not an SM2 key")
        return key

    def _read_private_key(self, private: bytes) -> _Key:
        lib = self._library
        inner = der.sequence(der.integer(1), der.octet_string(private))
        info = der.sequence(der.integer(0), _EC_KEY, der.octet_string(inner))
        start = c_char_p(info)
        handle = lib.d2i_AutoPrivateKey(None, byref(start), len(info))
        self._check(bool(handle), "libcrypto returned no object")
        key = _Key(handle, self._destructor("d2i_AutoPrivateKey"))
        # OpenSSL 3.0.13, which CPython 3.11 brings on Windows, leaves there what it tried in
        # vain before it read the key; TLS in this thread would take that for its own error.
        lib.ERR_clear_error()
        self._check(lib.EVP_PKEY_is_a(key.handle, b"SM2") == 1, "not an SM2 key")
        return key

    @contextmanager
    def _point(self, point: bytes) -> Iterator[int]:
        lib, group = self._library, self._group
        data = b"\x04" + point
        with self._object("EC_POINT_new", group) as handle:
            # oct2point refuses what is not on the curve
            done = lib.EC_POINT_oct2point(group, handle, data, len(data), None)
            self._check(done == 1, "the point is not on the SM2 curve")
            yield handle

    @contextmanager
    def _object(self, constructor: str, *arguments: object) -> Iterator[int]:
        """A new object, freed in the end by what goes with its *constructor*."""
        handle: int | None = getattr(self._library, constructor)(*arguments)
        if not handle:
            self._check(False, "libcrypto returned no object")
        try:
            yield handle or 0
        finally:
            self._destructor(constructor)(handle)

    def _destructor(self, constructor: str) -> ctypes._NamedFuncPointer:
        free: ctypes._NamedFuncPointer = getattr(self._library, _DESTRUCTORS[constructor])
        return free

    def _check(self, ok: bool, what: str) -> None:
        if not ok:
            self._library.ERR_clear_error()
            raise ValueError(what)
