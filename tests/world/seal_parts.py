"""A seal and a seal signature put together part by part, right or wrong."""

import io
import secrets
from dataclasses import dataclass, field

from PIL import Image

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der

G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
DIGEST = gm.sm3(b"the protected bytes")


def small_signature(private: bytes, e: bytes) -> tuple[int, int]:
    """A signature of *e* whose r needs no more than 30 bytes and seven bits: one in 512 is.

    GB/T 32918.2 §6.1 with one nonce after another, the point of each by one addition."""
    d, k = int.from_bytes(private, "big"), secrets.randbelow(gm.N - 100_000) + 1
    point = gm.public_key_of(k.to_bytes(32, "big"))
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    while (r := (int.from_bytes(e, "big") + x) % gm.N) >> 247:
        slope = (y - G[1]) * pow(x - G[0], -1, gm.P) % gm.P
        x, y = (further := (slope * slope - x - G[0]) % gm.P), (slope * (x - further) - y) % gm.P
        k += 1
    return r, pow(1 + d, -1, gm.N) * (k - r * d) % gm.N


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (12, 12), (255, 0, 0, 90)).save(out, "PNG")
    return out.getvalue()


PICTURE = png()


@dataclass
class Parts:
    """The pieces of SES_SealInfo and what surrounds them; a test replaces one."""

    maker: SoftKey
    holder: SoftKey
    version: int = 4
    header: bytes = b""
    es_id: bytes = der.encode(0x16, b"32130000000001")
    certificates: list[bytes] = field(default_factory=list)
    list_type: bytes = der.encode(2, b"\x01")
    times: bytes = b""
    picture: bytes = b""
    extensions: bytes = b""
    value_tag: int = 3
    raw_value: bool = False
    loose_value: bool = False
    timestamp: bytes = b""
    tbs_version: int | None = None
    moment: bytes = der.encode(0x18, b"20261123093015Z")
    digest: bytes = der.encode(3, b"\x00" + DIGEST)
    tbs_extensions: bytes = b""

    def info(self) -> bytes:
        entries = self.certificates or [der.encode(4, self.holder.certificate)]
        old = self.version == 1
        times = self.times or b"".join(
            der.encode(0x17 if old else 0x18, text[2 * old :])
            for text in (b"20260601010203Z", b"20260602000000Z", b"20290602000000Z")
        )
        properties = der.encode(
            0x30,
            der.encode(2, b"\x01"),
            der.encode(0x0C, "测试印章".encode()),
            b"" if old else self.list_type,
            der.encode(0x30, *entries),
            times,
        )
        picture = self.picture or self.picture_of(b"PNG")
        header = self.header or der.encode(
            0x30,
            der.encode(0x16, b"ES"),
            der.encode(2, bytes((self.version,))),
            der.encode(0x16, b"GOMAIN"),
        )
        return der.encode(0x30, header, self.es_id, properties, picture, self.extensions)

    @staticmethod
    def picture_of(kind: bytes, width: bytes = b"\x28", height: bytes = b"\x28") -> bytes:
        return der.encode(
            0x30,
            der.encode(0x16, kind),
            der.encode(4, PICTURE),
            der.encode(2, width),
            der.encode(2, height),
        )

    def value(self, key: SoftKey, signed: bytes) -> bytes:
        """The signature field in the shape asked for."""
        signature = key.sign(signed)
        r, s = gm.signature_values(signature)
        if self.raw_value:
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        elif self.loose_value:  # 02 20 00 79 …, as koal writes one in 128
            r, s = small_signature(key.private, gm.sm2_e(key.public, signed))
            signature = der.encode(
                0x30, *(der.encode(2, number.to_bytes(32, "big")) for number in (r, s))
            )
        prefix = b"\x00" if self.value_tag == 3 else b""
        return der.encode(self.value_tag, prefix, signature)

    def seal(self) -> bytes:
        info = self.info()
        certificate = der.encode(4, self.maker.certificate)
        algorithm = der.oid("1.2.156.10197.1.501")
        if self.version == 1:
            signed = der.encode(0x30, info, certificate, algorithm)
            return der.encode(
                0x30,
                info,
                der.encode(0x30, certificate, algorithm, self.value(self.maker, signed)),
            )
        value = self.value(self.maker, info)
        return der.encode(0x30, info, certificate, algorithm, value, self.timestamp)

    def signature(self) -> bytes:
        certificate = der.encode(4, self.holder.certificate)
        algorithm = der.oid("1.2.156.10197.1.501")
        version = self.version if self.tbs_version is None else self.tbs_version
        old = self.version == 1
        tbs = der.encode(
            0x30,
            der.encode(2, bytes((version,))),
            self.seal(),
            self.moment,
            self.digest,
            der.encode(0x16, b"/Doc_0/Signs/Sign_0/Signature.xml"),
            certificate + algorithm if old else self.tbs_extensions,
        )
        value = self.value(self.holder, tbs)
        if old:
            return der.encode(0x30, tbs, value)
        return der.encode(0x30, tbs, certificate, algorithm, value, self.timestamp)
