"""Where trust comes from over the network: the administrator's platform, and the trust list.

Neither address comes from a document; both are set for this machine. What the platform says is
pinned by its root, what the list says is signed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from app.errors import ServiceUnavailable
from app.remote.http_client import exchange, open_connections
from app.remote.platform_connection import PlatformConnection
from app.settings import Settings
from app.store import kept_trust_list
from app.store.trusted_platforms import TrustedPlatform, keep
from crypto.validation.trust_list import MAX_SIZE, TrustList


def pin_platform(settings: Settings) -> TrustedPlatform:
    """Remember the root of the platform that the administrator has named; ``platform_root`` says
    which it must be, without it the first contact decides.

    Raises :class:`app.errors.PlatformError`, OSError."""
    with PlatformConnection(
        settings.platform_url, root_sm3=settings.platform_root, proxy=settings.proxy
    ) as connection:
        service = connection.service()
    pool = tuple(each for name, each in service.certificates.items() if name != "root")
    made = TrustedPlatform(
        service.origin, service.name, service.root, pool, (), "policy", datetime.now(UTC)
    )
    return keep(settings, made)


def fetch_list(settings: Settings) -> TrustList:
    """Fetch the trust list and keep it, if it is newer.

    Raises :class:`app.errors.PlatformError`, :class:`app.errors.TrustListRejected`, OSError."""
    url = settings.trust_list
    with open_connections(url, settings.proxy) as http:
        status, data = exchange(http, url, "GET", url, content=None, headers={}, limit=MAX_SIZE)
    if status != 200:
        raise ServiceUnavailable(url, "http")
    return kept_trust_list.take(settings, data)
