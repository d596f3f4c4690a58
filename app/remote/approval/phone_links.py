"""The address that a QR code on the approver's own screen gives to the phone."""

from __future__ import annotations

from app.errors import DecisionRefused
from app.remote.approval.asking import told_anew
from app.remote.approval.client import ApprovalClient
from app.remote.approval.deciding import Secrets, page_key
from app.store.cabinet import Cabinet
from app.store.use_requests import UseRequestRecord
from crypto.seal.phone import write_base64url


def phone_link(
    platform: ApprovalClient, cabinet: Cabinet, store: Secrets, record: UseRequestRecord
) -> str:
    """Where the phone of whoever is signed in decides on *record*. The pages' key stands behind
    ``#``, if this computer has it: so the address is for one's own screen, and for no messenger.

    Raises :class:`app.errors.DecisionRefused` ("phone" if this person has no link),
    :class:`app.errors.PlatformError`."""
    fresh = told_anew(record, platform.use_request(record.id))
    cabinet.keep_use_request(fresh)
    answer = fresh.my_answer
    if answer is None or not answer.link:
        raise DecisionRefused("phone")
    key = page_key(store, fresh)
    fragment = f"#{write_base64url(key)}" if key else ""
    return f"{platform.origin}/m/a/{answer.link}{fragment}"
