"""手机: pairing one with the Ukey, and ending that (第八条).

The QR code carries a secret that only this computer and the phone's camera see. What the platform
hands on of the phone's answer is believed only under that secret's HMAC; then the Ukey signs the
binding (:mod:`crypto.seal.phone`).
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from app.errors import PairingOver, PhoneNotFound, PhoneNotProved, PlatformRefused
from app.remote.lending_client import LendingClient
from app.remote.platform_connection import from_base64, plain, to_base64
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.seal.phone import (
    ANY_SEAL,
    SECRET_SIZE,
    Binding,
    PairingProof,
    checked_binding,
    host_of,
    six_digits,
    write_base64url,
)
from crypto.seal.purpose_text import write_time

TERM = timedelta(days=365)
"""Of a binding, if the certificate lives so long."""
_LOOK_S = 1.0
BORDER = 4
"""Modules of white around a QR code (ISO/IEC 18004)."""


@frozen
class Pairing:
    """A pairing that was begun."""

    id: str
    url: str
    """What the QR code says: a page of the platform, and the secret behind ``#``."""
    secret: bytes
    nonce: str
    person: str
    enterprise: str
    """Name of the unit; "" for a person's own."""
    uscc: str
    until: datetime


@frozen
class Answered:
    """A phone has answered, and knew the secret."""

    proof: PairingProof
    digits: str
    """Six, as on the phone's screen."""


@frozen
class Phone:
    """A phone that the Ukey has bound."""

    id: str
    state: str
    """active or revoked."""
    binding: Binding
    bound_at: datetime

    @property
    def in_use(self) -> bool:
        return self.state == "active" and self.binding.holds(datetime.now(UTC))


class PhonesClient(LendingClient):
    """A platform as who pairs a phone sees it."""

    def begin_pairing(self) -> Pairing:
        """Open one, as whoever is signed in."""
        answer = self._call("POST", "/v1/phone-pairings", {})
        with self._reading("pairing"):
            identity, secret = plain(answer["id"]), secrets.token_bytes(SECRET_SIZE)
            host_of(self.origin)
            return Pairing(
                identity,
                f"{self.origin}/m/p/{identity}#{write_base64url(secret)}",
                secret,
                plain(answer["nonce"]),
                str(answer["person"]),
                str(answer["enterprise"]),
                str(answer["uscc"]),
                datetime.fromisoformat(str(answer["expires_at"])),
            )

    def look_at_pairing(self, begun: Pairing) -> Answered | None:
        """What a phone has answered; None: nothing yet.

        Raises :class:`app.errors.PhoneNotProved` if it did not know the secret,
        :class:`app.errors.PairingOver`."""
        try:
            answer = self._call("GET", f"/v1/phone-pairings/{begun.id}")
        except PlatformRefused as error:
            if error.problem == "not_found":
                raise PairingOver from error
            raise
        with self._reading("pairing"):
            if answer["proof"] is None:
                return None
            proof = PairingProof.parse(from_base64(answer["proof"]))
            mac = from_base64(answer["mac"])
        named = (proof.origin, proof.pairing, proof.nonce)
        right = hmac.compare_digest(proof.mac(begun.secret), mac)
        if not right or named != (self.origin, begun.id, begun.nonce):
            raise PhoneNotProved
        return Answered(proof, six_digits(mac))

    def bind_phone(
        self, begun: Pairing, answered: Answered, key: SigningKey, now: datetime
    ) -> Phone:
        """Sign the binding with the Ukey, and hand it in."""
        certificate, proof = Certificate.parse(key.certificate), answered.proof
        binding = Binding(
            origin=self.origin,
            rp_id=host_of(self.origin),
            pairing=begun.id,
            enterprise=begun.uscc,
            person=begun.person,
            certificate=f"{certificate.serial:x}",
            seals=ANY_SEAL,
            credential=proof.credential,
            key_es256=proof.key_es256,
            key_ecdh=proof.key_ecdh,
            aaguid=proof.aaguid,
            backup=proof.backup,
            phone=proof.phone,
            from_=write_time(now),
            until=write_time(min(now + TERM, certificate.not_after)),
            nonce=begun.nonce,
        )
        text = binding.encode()
        body = {
            "pairing": begun.id,
            "text": to_base64(text),
            "signature": to_base64(key.sign(text)),
        }
        made = self._phone(self._call("POST", "/v1/phones", body), certificate)
        if made.binding != binding:
            raise PhoneNotProved
        return made

    def phones(self, certificate: bytes) -> list[Phone]:
        """Those that the signed-in *certificate* (DER) has bound, the newest first; each is
        believed by that certificate's own signature."""
        held = Certificate.parse(certificate)
        answer = self._call("GET", "/v1/phones")
        with self._reading("phones"):
            items = list(answer["items"])
        return [self._phone(item, held) for item in items]

    def revoke_phone(self, phone: Phone, key: SigningKey, now: datetime) -> Phone:
        """解除, at once."""
        body = self._decision(key, "revoke-phone", phone.id, phone.binding.sha256, now)
        path = f"/v1/phones/{plain(phone.id)}/revocation"
        return self._phone(self._call("POST", path, body), Certificate.parse(key.certificate))

    def _phone(self, answer: object, held: Certificate) -> Phone:
        with self._reading("phone"):
            if not isinstance(answer, dict):
                raise ValueError("no phone")
            text, signature = from_base64(answer["binding"]), from_base64(answer["signature"])
            binding = checked_binding(text, held, signature)
            bound_at = datetime.fromisoformat(str(answer["bound_at"]))
            return Phone(plain(answer["id"]), str(answer["state"]), binding, bound_at)


def wait_for_phone(
    client: PhonesClient,
    begun: Pairing,
    *,
    ended: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], None] = time.sleep,
) -> Answered | None:
    """Look every second until a phone has answered; None if *ended* says so first. Raises as
    :meth:`PhonesClient.look_at_pairing`."""
    while not ended():
        answered = client.look_at_pairing(begun)
        if answered is not None:
            return answered
        if datetime.now(UTC) > begun.until + timedelta(minutes=1):
            raise PairingOver
        sleep(_LOOK_S)
    return None


def chosen(phones: list[Phone], which: str) -> Phone:
    """The one in use with that id, or with that name if only one has it. Raises
    :class:`app.errors.PhoneNotFound`."""
    found = [phone for phone in phones if phone.in_use and which in (phone.id, phone.binding.phone)]
    if len(found) != 1:
        raise PhoneNotFound(which)
    return found[0]


def qr_matrix(text: str) -> list[list[bool]]:
    """The modules of *text*'s QR code, level M, with its white border; True is dark."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=BORDER)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(module) for module in line] for line in code.get_matrix()]


def qr_lines(text: str) -> list[str]:
    """The same for a terminal: two modules in one character, white where the code is white."""
    matrix = qr_matrix(text)
    if len(matrix) % 2:
        matrix.append([False] * len(matrix[0]))
    halves = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return [
        "".join(halves[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(matrix[::2], matrix[1::2], strict=True)
    ]
