"""手机审批: a phone's passkey stands in for a Ukey that has bound it (第八条、第十九条).

The Ukey signs a :class:`Binding`: this passkey acts for me, at this origin, for these seals, until
this date. Afterwards the passkey signs the SHA-256 of a text as the challenge of a WebAuthn
assertion. A :class:`PhoneSignature` has both, so it is checked without any platform, and with
OpenSSL alone (docs/platform.md).

What that proves: the passkey that this Ukey bound has signed exactly this text, on the page of this
origin, after its phone had verified its user. What it does not prove: who touched the sensor, on
which device (a passkey may be synced; the binding keeps what the phone said), and when.

WebAuthn is read where it is fixed: authenticator data of an assertion without extensions has 37
bytes, and the COSE key of ES256 has 77 bytes in one form. So there is no CBOR here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from datetime import datetime
from typing import Any, ClassVar

from crypto.algorithms.keys import SM2_WITH_SM3
from crypto.asn1 import der
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.public_key import PublicKey
from crypto.seal.purpose_text import PurposeText, PurposeTextError, read_time

ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
MAX_SIZE = 12 * 1024
"""Bytes of a :class:`PhoneSignature`."""
MAX_CREDENTIAL = 384
"""Bytes of a passkey's name, so that it can stand in a text."""
MAX_CLIENT_DATA = 2048
SECRET_SIZE = 16
"""Bytes of the secret that goes from the computer's screen to the phone's camera."""
ANY_SEAL = "*"
"""Every seal for which the Ukey's holder may act."""
SYNCED, ELIGIBLE, LOCAL = "synced", "eligible", "none"
"""What a passkey said of its copies: there are some, there may be some, there can be none."""

_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""SubjectPublicKeyInfo of a P-256 key, before X‖Y."""
_COSE_X, _COSE_Y = bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820")
_USER_PRESENT, _USER_VERIFIED, _MAY_BE_SYNCED, _IS_SYNCED = 0x01, 0x04, 0x08, 0x10
_HAS_KEY, _HAS_EXTENSIONS = 0x40, 0x80
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?")
_KEY = re.compile(r"[0-9a-f]{128}")


class PhoneError(ValueError):
    """A passkey, its binding or what it signed is not what it has to be."""


# --- texts -------------------------------------------------------------------------------------


def _problem_of_passkey(said: Binding | PairingProof) -> str:
    if not _KEY.fullmatch(said.key_es256) or not _KEY.fullmatch(said.key_ecdh):
        return "no keys of a phone"
    if said.backup not in (SYNCED, ELIGIBLE, LOCAL):
        return "copies of the passkey that are neither there nor not"
    try:
        size = len(read_base64url(said.credential))
    except PhoneError as error:
        return str(error)
    return "" if 1 <= size <= MAX_CREDENTIAL else "a passkey without a name"


@frozen
class PairingProof(PurposeText):
    """What the phone says of itself while it is paired. Its page makes an HMAC-SHA256 over this
    text with the secret from the computer's screen, which the platform never sees: so whatever the
    platform hands on to the computer is what the phone said. Hence every fact about the phone that
    the binding repeats stands in here."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-PHONE-PROOF-V1"

    origin: str
    pairing: str
    credential: str
    """The passkey's name, base64url without padding."""
    key_es256: str
    """P-256 key X‖Y that signs, hex."""
    key_ecdh: str
    """P-256 key X‖Y that pages are encrypted for, hex; its private half cannot leave the phone's
    browser."""
    aaguid: str
    """Model of the authenticator, 32 hex digits; zeros if it does not say."""
    backup: str
    """:data:`SYNCED`, :data:`ELIGIBLE` or :data:`LOCAL`."""
    phone: str
    """What the phone calls itself."""
    nonce: str

    @property
    def problem(self) -> str:
        return _problem_of_passkey(self)

    def mac(self, secret: bytes) -> bytes:
        """HMAC-SHA256 under the pairing's secret."""
        return hmac.digest(secret, self.encode(), "sha256")


def six_digits(mac: bytes) -> str:
    """What both screens show of the proof's HMAC, for a person to compare."""
    return f"{int.from_bytes(mac[:8], 'big') % 1_000_000:06}"


@frozen
class Binding(PurposeText):
    """What the Ukey signs, so that a passkey acts for it."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-PHONE-V1"

    origin: str
    """``https://host[:port]`` of the platform whose page may use the passkey."""
    rp_id: str
    """Exactly that host: WebAuthn's relying party."""
    pairing: str
    enterprise: str
    """Credit code; "" for a person's own."""
    person: str
    certificate: str
    """Serial number of the Ukey's certificate, hex: whose passkey it is."""
    seals: str
    """Codes with a blank between, or :data:`ANY_SEAL`."""
    credential: str
    key_es256: str
    key_ecdh: str
    aaguid: str
    backup: str
    phone: str
    from_: str
    until: str
    nonce: str

    @property
    def problem(self) -> str:
        try:
            if host_of(self.origin) != self.rp_id:
                return "the passkey is not for the host of the origin"
        except PhoneError as error:
            return str(error)
        if self.seals != ANY_SEAL and not re.fullmatch(r"\d{14}( \d{14})*", self.seals):
            return "no seals that it is for"
        try:
            if read_time(self.from_) >= read_time(self.until):
                return "it ends before it begins"
        except PurposeTextError as error:
            return str(error)
        return _problem_of_passkey(self)

    @property
    def sha256(self) -> str:
        """What the texts that the passkey signs call the binding, hex."""
        return hashlib.sha256(self.encode()).hexdigest()

    def is_for(self, seal_code: str) -> bool:
        """Does the binding cover that seal?"""
        return self.seals == ANY_SEAL or seal_code in self.seals.split()

    def holds(self, at: datetime) -> bool:
        """Is *at* within its term?"""
        return read_time(self.from_) <= at <= read_time(self.until)

    def takes_up(self, proof: PairingProof) -> bool:
        """Does it bind the passkey of *proof*, and is it for the same pairing?"""
        return all(
            getattr(self, name) == getattr(proof, name)
            for name in (
                *("origin", "pairing", "credential", "key_es256", "key_ecdh"),
                *("aaguid", "backup", "phone", "nonce"),
            )
        )


@frozen
class LossQuestion(PurposeText):
    """Asks which seals the phone can report as lost. Its passkey signs this, so that nobody else
    learns of them."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-LOSS-LIST-V1"

    origin: str
    binding: str
    """:attr:`Binding.sha256`."""
    until: str
    nonce: str

    @property
    def problem(self) -> str:
        try:
            read_time(self.until)
        except PurposeTextError as error:
            return str(error)
        return ""


@frozen
class LossReport(PurposeText):
    """挂失 by the phone, where the Ukey itself is lost: the seals are suspended at once."""

    PURPOSE: ClassVar = "SUQIAN-SEAL-LOSS-V1"

    origin: str
    binding: str
    """:attr:`Binding.sha256`."""
    seals: str
    """Codes with a blank between."""
    reason: str
    """lost or key_compromised."""
    until: str
    nonce: str

    @property
    def problem(self) -> str:
        if not re.fullmatch(r"\d{14}( \d{14})*", self.seals):
            return "no seals"
        if self.reason not in ("lost", "key_compromised"):
            return "no reason for a report of loss"
        try:
            read_time(self.until)
        except PurposeTextError as error:
            return str(error)
        return ""


# --- WebAuthn ----------------------------------------------------------------------------------


def host_of(origin: str) -> str:
    """The host of an origin, which is the only relying party id that is used.

    Raises :class:`PhoneError` if no passkey can be had there: browsers want https and a name, or
    ``http://localhost``."""
    found = _ORIGIN.fullmatch(origin)
    if found is None or found[2].startswith("[") or re.fullmatch(r"[\d.]+", found[2]):
        raise PhoneError("passkeys need an address with a name, not with numbers")
    if found[1] != "https" and found[2] != "localhost":
        raise PhoneError("passkeys need https")
    return found[2]


@frozen
class NewPasskey:
    """A passkey that was just made, as its authenticator data say."""

    credential: bytes
    key: bytes
    """X‖Y, P-256."""
    aaguid: bytes
    backup: str

    @classmethod
    def parse(cls, authenticator_data: bytes, rp_id: str) -> NewPasskey:
        """Read the authenticator data of a registration: ES256, with user verification.

        Raises :class:`PhoneError`."""
        flags = _checked(authenticator_data, rp_id)
        if not flags & _HAS_KEY or flags & _HAS_EXTENSIONS:
            raise PhoneError("not the data of a new passkey")
        rest = authenticator_data[37:]
        size = int.from_bytes(rest[16:18], "big")
        credential, key = rest[18 : 18 + size], rest[18 + size :]
        if not 1 <= size <= MAX_CREDENTIAL or len(key) != 77:
            raise PhoneError("a passkey of another kind")
        if key[:10] != _COSE_X or key[42:45] != _COSE_Y:
            raise PhoneError("a passkey of another kind")
        return cls(credential, key[10:42] + key[45:], rest[:16], _backup(flags))


def _checked(authenticator_data: bytes, rp_id: str) -> int:
    """The flags, if the data are for *rp_id* and the phone has verified its user."""
    if len(authenticator_data) < 37:
        raise PhoneError("no authenticator data")
    if authenticator_data[:32] != hashlib.sha256(rp_id.encode()).digest():
        raise PhoneError("the passkey was used for another host")
    flags = authenticator_data[32]
    if not flags & _USER_PRESENT or not flags & _USER_VERIFIED:
        raise PhoneError("the phone has not verified its user")
    if flags & _IS_SYNCED and not flags & _MAY_BE_SYNCED:
        raise PhoneError("flags that contradict one another")
    return flags


def _backup(flags: int) -> str:
    if flags & _IS_SYNCED:
        return SYNCED
    return ELIGIBLE if flags & _MAY_BE_SYNCED else LOCAL


def check_client_data(client_data: bytes, type_: str, origin: str, challenge: bytes) -> None:
    """What the browser wrote down is *type_* (``webauthn.get`` or ``webauthn.create``) on a page of
    *origin* itself over *challenge*. Raises :class:`PhoneError`."""
    if len(client_data) > MAX_CLIENT_DATA:
        raise PhoneError("client data larger than any")
    try:
        said = json.loads(client_data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise PhoneError("no client data") from error
    if not isinstance(said, dict) or said.get("type") != type_:
        raise PhoneError("client data of something else")
    if said.get("origin") != origin or said.get("crossOrigin", False) is not False:
        raise PhoneError("signed on the page of another origin")
    if "topOrigin" in said or said.get("challenge") != write_base64url(challenge):
        raise PhoneError("signed is another text")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name twice")
    return made


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    """Is *signature* (DER) over *message* by the P-256 *key* (X‖Y), ECDSA with SHA-256?"""
    public = PublicKey.parse(der.parse(spki(key)))
    return public.verify(ECDSA_WITH_SHA256, message, signature)


def spki(key: bytes) -> bytes:
    """SubjectPublicKeyInfo, DER, of a P-256 key X‖Y: what OpenSSL reads."""
    return _SPKI + key


# --- what a phone has signed -------------------------------------------------------------------


@frozen
class Assertion:
    """What a passkey gave for one text."""

    client_data: bytes
    """JSON, as the browser wrote it."""
    authenticator_data: bytes
    """37 bytes."""
    signature: bytes
    """DER."""

    @property
    def message(self) -> bytes:
        """What :attr:`signature` is over."""
        return self.authenticator_data + hashlib.sha256(self.client_data).digest()


@frozen
class PhoneSignature:
    """A text's signature by a phone, with all that is needed to check it::

    SEQUENCE { binding OCTET STRING,           -- text, UTF-8
               signature BIT STRING,           -- SM2 with SM3 over binding
               certificate OCTET STRING,       -- the Ukey's, DER
               clientData OCTET STRING,        -- JSON
               authenticatorData OCTET STRING, -- 37 bytes
               assertion BIT STRING }          -- ES256, DER
    """

    binding: Binding
    binding_signature: bytes
    certificate: Certificate
    """The Ukey's that has bound the phone; yet to be trusted."""
    assertion: Assertion

    def encode(self) -> bytes:
        """DER."""
        return der.sequence(
            der.octet_string(self.binding.encode()),
            der.bit_string(self.binding_signature),
            der.octet_string(self.certificate.der),
            der.octet_string(self.assertion.client_data),
            der.octet_string(self.assertion.authenticator_data),
            der.bit_string(self.assertion.signature),
        )

    @classmethod
    def parse(cls, data: bytes) -> PhoneSignature:
        """Read one, and check that the certificate's key has signed the binding, which names that
        certificate. Raises :class:`PhoneError`."""
        if len(data) > MAX_SIZE:
            raise PhoneError("larger than any signature of a phone")
        try:
            fields = der.parse(data).children(der.SEQUENCE)
            text, signature, certificate_der = fields.octets(), fields.bits(), fields.octets()
            assertion = Assertion(fields.octets(), fields.octets(), fields.bits())
            fields.finish()
            certificate = Certificate.parse(certificate_der)
        except (der.DerError, CertificateError) as error:
            raise PhoneError(f"no signature of a phone: {error}") from error
        made = cls(checked_binding(text, certificate, signature), signature, certificate, assertion)
        if made.encode() != data:
            raise PhoneError("not in its one form")
        return made

    def check(self, text: bytes, at: datetime) -> None:
        """Return if the bound passkey has signed *text*, its phone had verified the user, and *at*
        is within the binding's term. Raises :class:`PhoneError`."""
        if not self.binding.holds(at):
            raise PhoneError("outside the term of the phone's binding")
        check_assertion(self.binding, self.assertion, text)

    @property
    def backup(self) -> str:
        """What the passkey said of its copies when it signed."""
        return _backup(self.assertion.authenticator_data[32])


def check_assertion(binding: Binding, given: Assertion, text: bytes) -> None:
    """Return if the passkey of *binding* has signed *text*. Raises :class:`PhoneError`."""
    digest = hashlib.sha256(text).digest()
    check_client_data(given.client_data, "webauthn.get", binding.origin, digest)
    flags = _checked(given.authenticator_data, binding.rp_id)
    if len(given.authenticator_data) != 37 or flags & (_HAS_KEY | _HAS_EXTENSIONS):
        raise PhoneError("not the data of a signature")
    if not verifies(bytes.fromhex(binding.key_es256), given.message, given.signature):
        raise PhoneError("the phone's signature is wrong")


def checked_binding(text: bytes, certificate: Certificate, signature: bytes) -> Binding:
    """The binding in *text*, if the key of *certificate*, which it names, has signed it.

    Raises :class:`PhoneError`."""
    try:
        binding = Binding.parse(text)
    except PurposeTextError as error:
        raise PhoneError(f"no binding of a phone: {error}") from error
    if binding.certificate != f"{certificate.serial:x}":
        raise PhoneError("the binding names another certificate")
    if not certificate.public_key.verify(SM2_WITH_SM3, text, signature):
        raise PhoneError("the signature of the binding is wrong")
    return binding


def write_base64url(data: bytes) -> str:
    """Without padding, as WebAuthn writes it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_base64url(text: str) -> bytes:
    """The other way, in its one form. Raises :class:`PhoneError`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PhoneError("not base64url") from error
    if write_base64url(data) != text:
        raise PhoneError("not base64url in its one form")
    return data
