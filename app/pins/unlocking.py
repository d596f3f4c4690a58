"""口令重置: a Ukey whose PIN is locked or forgotten takes a new one with the platform's permission.

    draft → handed in → two reviewers approve → the statement is fetched and used within 24 hours

The Ukey cannot sign while its PIN is locked. So the application has a key of its own, which is made
here, kept in the cabinet until the matter is over, and good for nothing else. The statement is
fetched when a new PIN is at hand and is never kept.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from app.errors import PlatformAnswerInvalid
from app.remote.application_form import PERSONAL, check
from app.remote.applications import follow, for_seal, now_utc, rejected, send
from app.remote.platform_account import PlatformClient
from app.store.applications import DONE, ApplicationRecord
from app.store.cabinet import Cabinet, SealRecord
from crypto.algorithms.keys import SM2_WITH_SM3, SoftKey
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.seal.application_form import PIN_RESET
from crypto.seal.unlocking import SIGNER, UnlockStatement
from device.profiles import profile_named
from device.token import Token, UnlockProblem, UnlockRefused

READY = "fulfilled"
"""The state of an application whose statement can be fetched."""


# --- applying ------------------------------------------------------------------------------------


def seals_of(token: Token, cabinet: Cabinet) -> list[SealRecord]:
    """The seals in the cabinet whose certificate is on *token*; no PIN is needed to see it."""
    with token.open() as session:
        held = set(session.certificates())
    usable = (seal for seal in cabinet.seals() if seal.state not in ("cancelled", "replaced"))
    return [seal for seal in usable if seal.certificate in held]


def under_way(serial: str, cabinet: Cabinet) -> ApplicationRecord | None:
    """The application to reset the PIN of that Ukey that is not over; the newest."""
    every = (each for each in cabinet.applications.all() if each.kind == PIN_RESET)
    own = (each for each in every if each.fields.get("token_serial") == serial)
    return next((each for each in own if each.open), None)


def newest(serial: str, cabinet: Cabinet) -> ApplicationRecord | None:
    """The latest application for that Ukey, in whatever state."""
    every = (each for each in cabinet.applications.all() if each.kind == PIN_RESET)
    return next((each for each in every if each.fields.get("token_serial") == serial), None)


def draft(
    token: Token, seal: SealRecord, fields: Mapping[str, str], cabinet: Cabinet
) -> ApplicationRecord:
    """The application about *token*, which holds the certificate of *seal*, with what was typed in
    its *fields*: the one that is under way, or a new one."""
    known = under_way(token.info.serial, cabinet)
    if known is not None and not known.editable:
        return known
    record = for_seal(PIN_RESET, seal, {**fields, **_about(token, seal)}, cabinet)
    if record.private:
        return record
    made = SoftKey.generate().private
    return cabinet.applications.change(record.id, lambda each: replace(each, private=made))


def _about(token: Token, seal: SealRecord) -> dict[str, str]:
    request = token.unlock_request()
    about = {
        "token_serial": token.info.serial,
        "token_certificate": f"{Certificate.parse(seal.certificate).serial:x}",
    }
    if request is not None:
        about["token_nonce"] = request.nonce.hex()
        about["token_secret"] = base64.b64encode(request.secret).decode()
    return about


def hand_in(
    identity: str,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> ApplicationRecord:
    """提交. Raises as :func:`app.remote.applications.send`."""
    record = cabinet.applications.get(identity)
    if record.editable:
        check(record)
    return send(identity, None, platform, cabinet, clock)


def by_statement(token: Token) -> bool:
    """Is this Ukey unlocked by the platform's statement, and not by its maker's own tool?"""
    return token.unlock_request() is not None


def vendor_tool(token: Token) -> str:
    """Name of the maker's own program that sets a locked PIN anew; "" where it is not known."""
    return profile_named(token.info.profile).unlock.tool


# --- unlocking -----------------------------------------------------------------------------------


@frozen
class Unlocked:
    """What came of it."""

    record: ApplicationRecord
    by_vendor: bool
    """The platform agrees, and the maker's own tool sets the new PIN."""


def unlock(
    identity: str,
    token: Token,
    new_pin: str,
    platform: PlatformClient,
    cabinet: Cabinet,
    clock: Callable[[], datetime] = now_utc,
) -> Unlocked:
    """Fetch the statement for *token* and set *new_pin* with it; safe to repeat until the Ukey has
    taken it.

    Raises :class:`app.errors.ApplicationRejected` while there is none,
    :class:`app.errors.PlatformError`, :class:`device.token.UnlockRefused` and
    :class:`device.token.PinNotAllowed`: nothing has changed then."""
    record = follow(identity, None, platform, cabinet, clock)
    if record.fields.get("token_serial") != token.info.serial:
        raise UnlockRefused(UnlockProblem.OTHER_KEY)
    if record.state != READY:
        raise rejected(record)
    text, signature = platform.unlock_statement(record.server_id)
    if text:
        _check(text, signature, record, platform)
        token.unlock(text, signature, new_pin)
    return Unlocked(_over(record, cabinet), by_vendor=not text)


def _check(
    text: bytes, signature: bytes, record: ApplicationRecord, platform: PlatformClient
) -> None:
    """Is it the platform's, and what was asked for? The Ukey checks the same again."""
    signer = platform.service().certificates.get(SIGNER)
    try:
        said = UnlockStatement.parse(text)
    except ValueError as error:
        raise PlatformAnswerInvalid(platform.origin, "unlock") from error
    fields = record.fields
    right = (
        signer is not None
        and signer.public_key.verify(SM2_WITH_SM3, text, signature)
        and (said.origin, said.application) == (platform.origin, record.server_id)
        and (said.serial, said.nonce) == (fields["token_serial"], fields["token_nonce"])
        and said.certificate == fields["token_certificate"]
    )
    if not right:
        raise PlatformAnswerInvalid(platform.origin, "unlock")


def _over(record: ApplicationRecord, cabinet: Cabinet) -> ApplicationRecord:
    """Forget the application's key and what belongs to it."""
    cabinet.applications.keep_letter(record.id, record.letter_name, b"")
    return cabinet.applications.change(
        record.id,
        lambda known: replace(
            known,
            state=DONE,
            told=DONE,
            next="",
            private=b"",
            body=b"",
            fields={k: v for k, v in known.fields.items() if k not in PERSONAL},
        ),
    )
