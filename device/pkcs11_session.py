"""An open PKCS#11 session: keys, certificates and data objects on the token."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from device import encoding
from device.cryptoki import DirectCalls, translated, vendor_number
from device.profiles import Sm2Profile, VendorProfile
from device.token import (
    BadSignature,
    DeviceFault,
    Input,
    Key,
    KeyNotFound,
    NotLoggedIn,
    TokenFull,
    TokenRemoved,
    UnsupportedKey,
)

_log = logging.getLogger(__name__)

_APPLICATION = "SealDesk"
_RSA_BITS = 2048
_SM2_USER_ID = b"1234567812345678"
_E_SIZE = 32
_SIGNING = MechanismFlag.SIGN | MechanismFlag.VERIFY
_PRIVATE_TEMPLATE = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}


class Pkcs11Session:
    """`device.token.Session` over one python-pkcs11 session."""

    def __init__(
        self,
        session: Any,
        calls: DirectCalls,
        profile: VendorProfile,
        is_present: Callable[[], bool],
    ) -> None:
        self.handle: int = session.handle
        self.profile = profile
        self.logged_in = False
        self._session = session
        self._calls = calls
        self._is_present = is_present
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Log out and close. Errors of a session that is gone are logged, not raised."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.logged_in:
                self._calls.logout(self.handle)
        except pkcs11.PKCS11Error as error:
            _log.debug("logout failed: %s", type(error).__name__)
        try:
            self._session.close()
        except pkcs11.PKCS11Error as error:
            _log.debug("closing a session failed: %s", type(error).__name__)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Around every use: errors become ours, and a vague fault of an absent key is a removal."""
        if self._closed and not self._is_present():
            raise TokenRemoved("the token was pulled out")
        if self._closed:
            raise NotLoggedIn("the session is closed, by its owner or by a newer login")
        try:
            with translated():
                yield
        except (DeviceFault, KeyNotFound) as error:
            if not isinstance(error, TokenFull) and not self._is_present():
                raise TokenRemoved("the token was pulled out") from error
            raise

    def _objects(self, **wanted: Any) -> list[Any]:
        """Found and read to the end: a half-read search would block the next one."""
        self._calls.check_session(self.handle)  # a search that fails to start cannot be caught
        template = {Attribute[name]: value for name, value in wanted.items()}
        return list(self._session.get_objects(template))

    # ---- PINs: for Pkcs11Token only

    def set_pin(self, old: str, new: str) -> None:
        self._session.set_pin(old, new)

    def init_pin(self, new: str) -> None:
        self._session.init_pin(new)

    def feature(self, kind: int, attribute: int) -> int | None:
        """A number on the vendor's hardware feature object, e.g. the PIN tries left."""
        with self.working():
            for item in self._objects(CLASS=ObjectClass.HW_FEATURE, HW_FEATURE_TYPE=kind):
                return int(item[attribute])
        return None

    # ---- keys

    def keys(self) -> list[Key]:
        self._require_login()
        with self.working():
            privates = self._objects(CLASS=ObjectClass.PRIVATE_KEY)
            publics = self._objects(CLASS=ObjectClass.PUBLIC_KEY)
            certificates = self._certificate_objects()
            keys = [self._key(private, publics, certificates) for private in privates]
        usable: list[Key] = [key for key in keys if key is not None]
        if privates and not usable:
            raise UnsupportedKey("the token holds keys, but none that SealDesk can sign with")
        return usable

    def _require_login(self) -> None:
        if not self.logged_in:
            raise NotLoggedIn("keys need a session opened with the PIN")

    def _key(
        self, private: Any, publics: list[Any], certificates: list[tuple[bytes, bytes]]
    ) -> Pkcs11Key | None:
        method = self._method(private)
        if method is None or not hasattr(private, "sign"):
            return None
        key_id = _read(private, Attribute.ID) or b""
        label = _read(private, Attribute.LABEL) or ""
        spki = self._public_key(method.algorithm, private, publics, key_id, label)
        if spki is None:  # some keys keep only the certificate
            spki = _spki_by_id(certificates, key_id)
        if spki is None:
            return None
        matching = tuple(der for _, der in certificates if _same_key(der, spki))
        return Pkcs11Key(self, private, label, key_id, spki, matching, method)

    def _method(self, private: Any) -> _Method | None:
        """How to sign with this key, or None.

        An SM2-curve key never gets CKM_ECDSA: that makes well-formed values that are no SM2.
        """
        kind = _read(private, Attribute.KEY_TYPE)
        curve = _read(private, Attribute.EC_PARAMS)
        if kind == KeyType.RSA and "rsa" in self.profile.algorithms:
            return _Method("rsa", Input.MESSAGE, int(Mechanism.SHA256_RSA_PKCS))
        if kind == KeyType.EC and curve == encoding.P256_CURVE:
            offered = "ec-p256" in self.profile.algorithms
            return _Method("ec-p256", Input.MESSAGE, int(Mechanism.ECDSA)) if offered else None
        sm2 = self.profile.sm2
        if sm2 is None or (curve is not None and curve != encoding.SM2_CURVE):
            return None
        if kind == sm2.key_type or (sm2.key_type is None and curve == encoding.SM2_CURVE):
            return _sm2_method(sm2)
        return None

    def _public_key(
        self, algorithm: str, private: Any, publics: list[Any], key_id: bytes, label: str
    ) -> bytes | None:
        """From the public object of the same id (label, if there is no id), or the private one."""
        for public in publics:
            by_id = key_id and _read(public, Attribute.ID) == key_id
            by_label = not key_id and _read(public, Attribute.LABEL) == label
            if by_id or by_label:
                spki = _spki_of(algorithm, public)
                if spki is not None:
                    return spki
        return _spki_of(algorithm, private)

    def generate_key(self, algorithm: str, label: str) -> Key:
        self._require_login()
        key_id = secrets.token_bytes(16)
        common = {
            "id": key_id,
            "label": label,
            "store": True,
            "capabilities": _SIGNING,
            "private_template": _PRIVATE_TEMPLATE,
        }
        with self.working():
            if algorithm == "rsa" and "rsa" in self.profile.algorithms:
                self._session.generate_keypair(KeyType.RSA, _RSA_BITS, **common)
            elif algorithm == "ec-p256" and "ec-p256" in self.profile.algorithms:
                curve = {Attribute.EC_PARAMS: encoding.P256_CURVE}
                parameters = self._session.create_domain_parameters(KeyType.EC, curve, local=True)
                parameters.generate_keypair(**common)
            elif algorithm == "sm2" and self.profile.sm2 and self.profile.sm2.generate is not None:
                self._generate_sm2(self.profile.sm2.generate, common)
            else:
                raise UnsupportedKey(f"profile {self.profile.name} makes no {algorithm} keys")
        for key in self.keys():
            if key.key_id == key_id:
                return key
        raise KeyNotFound("the token made a key and does not show it")

    def _generate_sm2(self, mechanism: int, common: dict[str, Any]) -> None:
        kind = self.profile.sm2.key_type if self.profile.sm2 else None
        self._session.generate_keypair(
            KeyType.EC if kind is None else vendor_number(KeyType, kind),
            mechanism=vendor_number(Mechanism, mechanism),
            public_template={Attribute.EC_PARAMS: encoding.SM2_CURVE},
            **common,
        )

    def delete_key(self, key_id: bytes) -> None:
        self._require_login()
        with self.working():
            found = [
                item
                for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY)
                for item in self._objects(CLASS=kind, ID=key_id)
            ]
            for item in found:
                item.destroy()
        if not found:
            raise KeyNotFound(f"there is no key with the id {key_id.hex()}")

    # ---- certificates

    def certificates(self) -> list[bytes]:
        with self.working():
            return [der for _, der in self._certificate_objects()]

    def _certificate_objects(self) -> list[tuple[bytes, bytes]]:
        """(CKA_ID, DER) of every certificate."""
        found = self._objects(CLASS=ObjectClass.CERTIFICATE)
        pairs = [(_read(item, Attribute.ID) or b"", _read(item, Attribute.VALUE)) for item in found]
        return [(key_id, der) for key_id, der in pairs if der]

    def store_certificate(self, der: bytes, label: str, key_id: bytes) -> None:
        """Raises ValueError if `der` is no certificate."""
        parts = encoding.certificate_parts(der)
        with self.working():
            old = self._objects(CLASS=ObjectClass.CERTIFICATE, VALUE=der)
            self._session.create_object(
                {
                    Attribute.CLASS: ObjectClass.CERTIFICATE,
                    Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: False,
                    Attribute.LABEL: label,
                    Attribute.ID: key_id,
                    Attribute.SUBJECT: parts["subject"],
                    Attribute.ISSUER: parts["issuer"],
                    Attribute.SERIAL_NUMBER: parts["serial"],
                    Attribute.VALUE: der,
                }
            )
            for item in old:
                item.destroy()

    # ---- data objects

    def _data_objects(self, label: str) -> list[Any]:
        return self._objects(CLASS=ObjectClass.DATA, LABEL=label)

    def read_data(self, label: str) -> bytes | None:
        with self.working():
            for item in self._data_objects(label):
                return bytes(item[Attribute.VALUE])
        return None

    def write_data(self, label: str, data: bytes) -> None:
        with self.working():
            old = self._data_objects(label)
            if old:
                with suppress(pkcs11.AttributeReadOnly, pkcs11.FunctionNotSupported):
                    old[0][Attribute.VALUE] = data
                    return
            # New before old goes: pulling the key out between the two loses nothing.
            self._session.create_object(
                {
                    Attribute.CLASS: ObjectClass.DATA,
                    Attribute.TOKEN: True,
                    Attribute.PRIVATE: False,
                    Attribute.LABEL: label,
                    Attribute.APPLICATION: _APPLICATION,
                    Attribute.VALUE: data,
                }
            )
            for item in old:
                item.destroy()

    def delete_data(self, label: str) -> None:
        with self.working():
            for item in self._data_objects(label):
                item.destroy()

    # ---- unlocking by a statement

    def pin_unlocker(self, signer: bytes, recipient: bytes) -> None:
        if not self.profile.unlock.statement:
            return
        with self.working():
            self._calls.pin_unlocker(self.handle, b"\x04" + signer, b"\x04" + recipient)


@dataclass(frozen=True)
class _Method:
    """How a key signs."""

    algorithm: str
    input: Input
    mechanism: int
    parameter: bytes | None = None
    shape: str = "raw"


def _sm2_method(sm2: Sm2Profile) -> _Method | None:
    if sm2.sign_e is not None:
        return _Method("sm2", Input.SM2_E, sm2.sign_e, None, sm2.value)
    if sm2.sign_message is not None:
        user_id = _SM2_USER_ID if sm2.user_id == "parameter" else None
        return _Method("sm2", Input.MESSAGE, sm2.sign_message, user_id, sm2.value)
    return None


class Pkcs11Key:
    """`device.token.Key` on a PKCS#11 token."""

    def __init__(
        self,
        session: Pkcs11Session,
        private: Any,
        label: str,
        key_id: bytes,
        public_key: bytes,
        certificates: tuple[bytes, ...],
        method: _Method,
    ) -> None:
        self._session = session
        self._private = private
        self._method = method
        self.label = label
        self.key_id = key_id
        self.public_key = public_key
        self.certificates = certificates

    @property
    def algorithm(self) -> str:
        return self._method.algorithm

    @property
    def input(self) -> Input:
        return self._method.input

    @property
    def certificate(self) -> bytes | None:
        return self.certificates[0] if self.certificates else None

    def sign(self, data: bytes) -> bytes:
        if self.input is Input.SM2_E and len(data) != _E_SIZE:
            raise ValueError(f"e has {_E_SIZE} bytes, not {len(data)}")
        if self.algorithm == "ec-p256":  # CKM_ECDSA takes the digest
            data = hashlib.sha256(data).digest()
        mechanism = vendor_number(Mechanism, self._method.mechanism)
        with self._session.working():
            value: bytes = self._private.sign(
                data, mechanism=mechanism, mechanism_param=self._method.parameter
            )
        if self.algorithm != "rsa":
            return encoding.raw_signature(value, self.algorithm, self._method.shape)
        if len(value) != encoding.rsa_size(self.public_key):
            raise BadSignature(f"the token returned {len(value)} bytes for an RSA signature")
        return value


def _read(item: Any, attribute: Attribute) -> Any:
    """An attribute, or None where the token has none or does not show it."""
    try:
        return item[attribute]
    except (
        pkcs11.AttributeTypeInvalid,
        pkcs11.AttributeSensitive,
        pkcs11.AttributeValueInvalid,
        pkcs11.FunctionFailed,
    ):
        return None


def _spki_of(algorithm: str, item: Any) -> bytes | None:
    if algorithm == "rsa":
        modulus = _read(item, Attribute.MODULUS)
        exponent = _read(item, Attribute.PUBLIC_EXPONENT)
        return encoding.rsa_spki(modulus, exponent) if modulus and exponent else None
    point = _read(item, Attribute.EC_POINT)
    curve = encoding.SM2_CURVE if algorithm == "sm2" else encoding.P256_CURVE
    try:
        return encoding.ec_spki(curve, encoding.ec_point(point)) if point else None
    except ValueError:
        return None


def _spki_by_id(certificates: list[tuple[bytes, bytes]], key_id: bytes) -> bytes | None:
    for other_id, der in certificates:
        if key_id and other_id == key_id:
            with suppress(ValueError):
                return encoding.certificate_parts(der)["spki"]
    return None


def _same_key(certificate: bytes, spki: bytes) -> bool:
    """A certificate that cannot be read matches no key; crypto will say why it is bad."""
    try:
        found = encoding.certificate_parts(certificate)["spki"]
        return encoding.public_bits(found) == encoding.public_bits(spki)
    except ValueError:
        return False
