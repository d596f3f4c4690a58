"""An objection to a seal, as anybody hands it in to the platform."""

from __future__ import annotations

import json
import secrets
from typing import Any

import httpx

from crypto.algorithms import gm

SECRET = "s" * 43


def statement(seal_code: str, /, **changes: Any) -> str:
    body = {
        "type": "dispute-v1",
        "document_sm3": "ab" * 32,
        "seal_code": seal_code,
        "reason": "不是我们盖的",
        "name": "",
        "contact": "0527-12345678",
        "at": "2026-11-25T00:00:00Z",
    } | changes
    return json.dumps({k: v for k, v in body.items() if v is not None}, ensure_ascii=False)


def hand_in(url: str, text: str, key: str = "", **more: Any) -> httpx.Response:
    body = {"statement": text, "secret_sm3": gm.sm3(SECRET.encode()).hex(), **more}
    headers = {"Idempotency-Key": key or secrets.token_hex(8)}
    return httpx.post(f"{url}/v1/disputes", json=body, headers=headers)
