"""The pages of a request as the requester's client encrypts them."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
from dataclasses import dataclass, field

import pymupdf
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from PIL import Image


def drawn(text: str) -> bytes:
    """One page of a document, WebP."""
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_text((72, 120), text, fontname="china-s", fontsize=28)
    for line in range(24):
        page.insert_text(
            (72, 170 + 24 * line), "本合同一式两份，双方各执一份。", fontname="china-s"
        )
    pixels = page.get_pixmap(dpi=110)
    document.close()
    out = io.BytesIO()
    Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples).save(out, "WEBP")
    return out.getvalue()


@dataclass
class Preview:
    name: str = "采购合同.pdf"
    pages: tuple[bytes, ...] = field(default_factory=lambda: (drawn("第一页"), drawn("第二页")))
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def sha256(self) -> str:
        digests = b"".join(hashlib.sha256(each).digest() for each in self.pages)
        return hashlib.sha256(digests).hexdigest()

    def encrypted(self, request_text: bytes) -> list[bytes]:
        """Facts, then pages."""
        facts = {"document_name": self.name, "salt": self.salt.hex()}
        digest = hashlib.sha256(request_text).digest()
        return [
            AESGCM(self.key).encrypt(
                number.to_bytes(12, "big"), content, digest + number.to_bytes(4, "big")
            )
            for number, content in enumerate((json.dumps(facts).encode(), *self.pages))
        ]
