"""取回: the seals of a key that comes to a new computer, from the platform into the cabinet.

The cabinet stays with the old computer, its key in that one's keyring; the certificates lie on the
Ukey. So whoever has the key and its PIN can have the seals again: what the platform delivers is
checked as at the first collection (:func:`app.remote.collecting.check_delivery`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from app.errors import PlatformRefused
from app.remote.collecting import check_delivery, keep_seal
from app.remote.platform_account import PlatformClient, PlatformSeal
from app.signing import TokenKey
from app.store.cabinet import Cabinet, SealRecord
from crypto.pki.certificate import Certificate

_WORTH_HAVING = ("active", "suspended")


def restore(
    platform: PlatformClient,
    cabinet: Cabinet,
    keys: Sequence[TokenKey],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[SealRecord]:
    """Put the seals of *keys* that the platform has and the cabinet has not into the cabinet.

    Signs in with each key whose certificate is the platform's and of no known seal. Raises
    :class:`app.errors.PlatformError`; what was taken before stays."""
    known = {seal.certificate for seal in cabinet.seals()}
    issuer = platform.service().certificates["issuing"].subject
    taken: list[SealRecord] = []
    for key in keys:
        if key.certificate in known or Certificate.parse(key.certificate).issuer != issuer:
            continue
        try:
            platform.sign_in(key)
        except PlatformRefused:
            continue  # a certificate of old that is not in force: another may be
        for found in platform.seals():
            own = next((each for each in keys if each.certificate == found.certificate), None)
            if own is None or found.certificate in known or found.state not in _WORTH_HAVING:
                continue
            taken.append(_take(found, own, platform, cabinet, clock()))
            known.add(found.certificate)
    return taken


def _take(
    found: PlatformSeal,
    own: TokenKey,
    platform: PlatformClient,
    cabinet: Cabinet,
    now: datetime,
) -> SealRecord:
    data = platform.seal_data(found)
    check_delivery(found, data, own, platform, now)
    return keep_seal(found, data, platform, cabinet, now)
