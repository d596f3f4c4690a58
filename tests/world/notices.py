"""What police and market supervision post to a platform, signed with the simulated city's keys."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import httpx

from server_stub.web.serving import RunningServer
from tests.world.applicant import b64

_numbers = itertools.count(1)


def notice(
    server: RunningServer,
    sender: str,
    action: str,
    what: str,
    reason: str = "licence_revoked",
    **changes: Any,
) -> httpx.Response:
    """What *sender* posts."""
    body = {
        "sender": sender,
        "number": f"N{next(_numbers)}",
        "action": action,
        "object": what,
        "reason": reason,
        "effective_at": datetime.now(UTC).isoformat(),
    }
    body |= changes
    names = ("sender", "number", "action", "object", "reason", "effective_at")
    lines = ("SUQIAN-SEAL-NOTICE-V1", server.platform.origin, *(body[name] for name in names), "")
    signer = str(changes.get("signed_by", body["sender"]))
    body.pop("signed_by", None)
    signature = server.platform.city.sign_notice(signer, "\n".join(lines))
    return httpx.post(f"{server.url}/v1/notices", json=body | {"signature": b64(signature)})
