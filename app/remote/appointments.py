"""Appointments apart from an application: the legal representative says with a Ukey of his own who
keeps a seal and who handles an application, and ends that (第十九条).

Each statement is signed by itself; nobody signs in. Whether he is the legal representative, the
platform finds out from the register, by the digest of the identity number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from app.errors import ApplicationFieldWrong, PlatformRefused
from app.remote import application_form as form
from app.remote.platform_account import Appointed, PlatformClient
from app.remote.platform_connection import to_base64
from app.signing import keys_of
from device.token import KeyNotFound, Session

ROLES = ("keeper", "handler")

Answer = TypeVar("Answer")


def give(
    uscc: str,
    role: str,
    about: str,
    name: str,
    id_no: str,
    session: Session,
    platform: PlatformClient,
) -> Appointed:
    """Appoint the person of that *name* and citizen number as *role* for the seal with the code, or
    the application with the platform's identifier, *about*. *session* is of the representative's
    own token (logged in).

    Raises :class:`app.errors.ApplicationFieldWrong` before anything is signed,
    :class:`app.errors.PlatformError`, :class:`device.token.TokenError`."""
    for field, value in (("uscc", uscc), ("handler", name), ("handler_id", id_no)):
        found = form.problem(field, value)
        if found:
            raise ApplicationFieldWrong(field, found)
    person = {"name": name, "id_no": id_no}
    more = {"role": role, "about": about, "person": person}
    what, digest = (role, about), form.identity_digest(id_no)
    return _said(uscc, "appoint", what, digest, more, session, platform, platform.appoint)


def every(uscc: str, session: Session, platform: PlatformClient) -> list[Appointed]:
    """All appointments of an enterprise, newest first, with those that are over."""
    asked = platform.appointments
    return _said(uscc, "list-appointments", ("all",), "-", {}, session, platform, asked)


def end(uscc: str, identity: str, session: Session, platform: PlatformClient) -> Appointed:
    """End an appointment now."""

    def ended(statement: Mapping[str, Any]) -> Appointed:
        return platform.end_appointment(identity, statement)

    return _said(uscc, "end-appointment", (identity,), "-", {}, session, platform, ended)


def _said(
    uscc: str,
    verb: str,
    what: tuple[str, ...],
    digest: str,
    more: Mapping[str, Any],
    session: Session,
    platform: PlatformClient,
    send: Callable[[Mapping[str, Any]], Answer],
) -> Answer:
    """Sign a statement with the keys on the token, one after the other, until the platform takes
    one for the representative's."""
    refusal: BaseException = KeyNotFound("no certificate on the token signs")
    for key in keys_of(session):
        at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        text = platform.text_of_statement(verb, (uscc, *what), digest, at)
        said = {"uscc": uscc, "certificate": to_base64(key.certificate), "at": at}
        try:
            return send({**said, "signature": to_base64(key.sign(text)), **more})
        except PlatformRefused as error:
            if error.problem != "forbidden":
                raise
            refusal = error
    raise refusal
