"""What a platform makes: the seal of a holder, and its word on whether the seal is in force.

The only place of the tests where a seal or a statement gets its usual values.
"""

import io
from datetime import datetime, timedelta
from typing import Any

from PIL import Image, ImageDraw

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.seal.making import make_seal
from crypto.seal.statement import SealStatement, SignedStatement


def imprint(colour: str = "red", size: int = 240, text: str = "") -> bytes:
    """A round seal as PNG with a transparent ground; different colours or texts differ clearly."""
    picture = Image.new("RGBA", (size, size), (255, 255, 255, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4, 4, size - 4, size - 4), outline=colour, width=size // 20)
    draw.polygon(
        [(size * x, size * y) for x, y in ((0.5, 0.25), (0.7, 0.7), (0.3, 0.7))], fill=colour
    )
    if text:
        draw.rectangle((size * 0.1, size * 0.8, size * 0.9, size * 0.9), fill=colour)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def seal_of(
    certificate: bytes, code: str, picture: bytes, made: datetime, maker: SoftKey, **changes: Any
) -> bytes:
    """The seal of the holder of *certificate*: 40 mm square, in force for 700 days."""
    facts: dict[str, Any] = {
        "es_id": code,
        "vendor": "TEST",
        "seal_type": 1,
        "name": "宿迁市测试单位",
        "signer_certificates": [certificate],
        "created": made,
        "valid_from": made,
        "valid_until": made + timedelta(days=700),
        "picture": picture,
        "width_mm": 40,
        "height_mm": 40,
        "maker": maker,
    }
    return make_seal(**facts | changes)


def statement_on(
    certificate: bytes, code: str, issued: datetime, status: SoftKey, **changes: Any
) -> SignedStatement:
    """What the platform says of the seal *code*: active, until an hour later."""
    facts: dict[str, Any] = {
        "seal_code": code,
        "state": "active",
        "reason": "",
        "effective_at": None,
        "recorded_at": None,
        "certificate_serial": Certificate.parse(certificate).serial,
        "certificate_valid": True,
        "issued_at": issued,
        "next_update": issued + timedelta(hours=1),
    }
    return SignedStatement.parse(SealStatement(**facts | changes).encode(status))
