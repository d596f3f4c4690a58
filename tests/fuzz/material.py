"""What the fuzzer starts from: one small world (tests/world) and good values of every kind.

Made anew in each process, so everything that is validly signed in it is known: whatever else
verifies was forged.
"""

import hashlib
import io
import zlib
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache, cached_property
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils import generic

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.algorithms.merkle import Checkpoint, Tree, sign_checkpoint
from crypto.asn1 import der
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.dss import add_dss
from crypto.pdf.signing.sign import document_timestamp, sign_revision
from crypto.pdf.signing.values import TOKEN_ROOM, SignatureMaker
from crypto.pki.certificate import OCSP_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.certificate_making import make_request as ask_certificate
from crypto.pki.cms import hash_bytes
from crypto.pki.cms_make import add_timestamp, make_signed_data
from crypto.pki.ocsp import Answer, CertificateId
from crypto.pki.ocsp import make_request as ask_ocsp
from crypto.pki.ocsp import make_response as answer_ocsp
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import Request, make_token
from crypto.pki.timestamp import make_request as ask_time
from crypto.pki.timestamp import make_response as answer_time
from crypto.seal.date_mark import DateMark
from crypto.seal.making import make_signature
from crypto.seal.registry_files import encode_shard
from crypto.seal.statement import SealChange
from crypto.seal.structure import Extension, Seal
from crypto.validation.trust import Trust
from tests.world.authority import ForeignAuthority, ForeignKey
from tests.world.documents import append_revision, classic_pdf, update
from tests.world.seal_parts import Parts
from tests.world.sealing import NOW, SIGNED_AT, World, make_world
from tests.world.seals import imprint

DOCUMENT = b"covered bytes"
POLICY = "1.2.3"


@dataclass(frozen=True)
class Material:
    """The world, and its good values by kind. All times are of tests/world."""

    world: World

    @classmethod
    def make(cls) -> "Material":
        """A fresh world; its seals are small, so that a document is a few thousand bytes."""
        world = make_world()
        world.first = world.holder("32130000000017", imprint(size=24))
        world.second = world.holder("32130000000025", imprint("darkred", 24, "2"), size_mm=(30, 30))
        world.trust = world.trusting(world.first, world.second)
        return cls(world)

    @cached_property
    def root(self) -> Certificate:
        return Certificate.parse(self.world.authority.key.certificate)

    @cached_property
    def holder(self) -> Certificate:
        return Certificate.parse(self.world.first.key.certificate)

    @cached_property
    def tsa(self) -> SoftKey:
        return self.world.authority.key_for(
            "时间戳", usage=("digitalSignature",), extended_key_usage=[TIME_STAMPING]
        )

    @cached_property
    def responder(self) -> SoftKey:
        return self.world.authority.key_for("OCSP", extended_key_usage=[OCSP_SIGNING])

    @cached_property
    def foreign(self) -> ForeignAuthority:
        """An RSA root: read, not trusted."""
        return ForeignAuthority()

    @cached_property
    def foreign_key(self) -> ForeignKey:
        """P-256, certified here, so that its signatures can be VALID."""
        private = ec.generate_private_key(ec.SECP256R1())
        spki = private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return ForeignKey(private, self.world.authority.issue("P-256", spki))

    @cached_property
    def trust(self) -> Trust:
        """The world's trust, and its revocation list."""
        return replace(self.world.trust, crls=(Crl.parse(self.crl),))

    # ------------------------------------------------------------ single values

    @cached_property
    def seal(self) -> Seal:
        return Seal.parse(self.world.first.seal)

    @cached_property
    def seal_signature(self) -> bytes:
        value = make_signature(
            seal=self.world.first.seal,
            digest=gm.sm3(DOCUMENT),
            property_info="PDF",
            signed_at=SIGNED_AT,
            key=self.world.first.key,
            extensions=[Extension("1.2.3", False, b"x")],
        )
        return value

    @cached_property
    def old_seal_signature(self) -> bytes:
        """GM/T 0031-2014, its time as text: the other shape that the parser reads."""
        moment = der.bit_string(b"2026-11-22T09:00:00+08:00")
        digest = der.bit_string(gm.sm3(DOCUMENT))
        maker, holder = self.world.maker, self.world.first.key
        return Parts(maker, holder, version=1, moment=moment, digest=digest).signature()

    @cached_property
    def certificates(self) -> list[bytes]:
        return [self.root.der, self.holder.der, self.foreign.certificate, self.tsa.certificate]

    @cached_property
    def crl(self) -> bytes:
        return make_crl(
            issuer=self.world.authority.name,
            issuer_key=self.world.authority.key,
            authority_spki=self.world.authority.key.spki,
            number=3,
            this_update=NOW,
            next_update=NOW + timedelta(days=1),
            entries=[(5, NOW, 1), (6, NOW, None)],
        )

    @cached_property
    def certificate_request(self) -> bytes:
        key = self.world.first.key
        return ask_certificate(self.holder.subject, key.spki, key.sign)

    @cached_property
    def ocsp_request(self) -> bytes:
        return ask_ocsp(self.holder, self.root, nonce=b"n" * 16)

    @cached_property
    def ocsp_response(self) -> bytes:
        answer = Answer(
            certificate_id=CertificateId.of(self.holder, self.root),
            state="good",
            revoked_at=None,
            reason=None,
            this_update=NOW,
            next_update=NOW + timedelta(days=1),
        )
        return answer_ocsp(
            [answer],
            key=self.responder,
            produced_at=NOW,
            certificates=[self.responder.certificate],
        )

    @cached_property
    def time_request(self) -> Request:
        return ask_time(gm.sm3(DOCUMENT), nonce=5, policy=POLICY)

    @cached_property
    def time_response(self) -> bytes:
        return answer_time(
            self.time_request.der, key=self.tsa, policy=POLICY, serial=2, now=SIGNED_AT
        )

    def token(self, data: bytes, hash_name: str) -> bytes:
        """A time stamp over *bytes*."""
        return make_token(
            key=self.tsa,
            hash_name=hash_name,
            digest=hash_bytes(hash_name, data),
            policy=POLICY,
            serial=1,
            generated=SIGNED_AT,
        )

    @cached_property
    def signed_data(self) -> list[bytes]:
        """SM2 with a seal and a time stamp; P-256 in the international form."""
        key, seal = self.world.first.key, self.world.first.seal
        chinese = make_signed_data(key=key, digest=gm.sm3(DOCUMENT), seal=seal, gb_types=True)
        digest = hashlib.sha256(DOCUMENT).digest()
        return [
            chinese,
            add_timestamp(
                make_signed_data(key=key, digest=gm.sm3(DOCUMENT)), self.token(b"x", "sm3")
            ),
            make_signed_data(key=self.foreign_key, digest=digest, signing_time=SIGNED_AT),
        ]

    @cached_property
    def statement(self) -> bytes:
        return self.world.statement(self.world.first).token

    @cached_property
    def shard(self) -> bytes:
        """A shard of the registry, before it is compressed."""
        changes = [
            SealChange("32130000000017", state, reason, NOW, NOW + timedelta(minutes=1))
            for state, reason in (("suspended", "遗失"), ("active", ""), ("cancelled", "注销"))
        ]
        return zlib.decompress(encode_shard({"32130000000017": changes}).partition(b"\n")[2])

    @cached_property
    def checkpoint(self) -> str:
        return sign_checkpoint(Checkpoint("seal.example/registry", 7, self.tree.root()), self.log)

    @cached_property
    def log(self) -> SoftKey:
        return SoftKey.generate()

    @cached_property
    def tree(self) -> Tree:
        tree = Tree()
        for number in range(7):
            tree.append(bytes([number]))
        return tree

    # ------------------------------------------------------------ documents

    def signed(self, original: bytes, profile: str) -> bytes:
        """*original* signed by the first holder, or by the foreign key in profile pades."""
        pades = profile == "pades"
        holder = self.world.first
        maker = SignatureMaker(
            profile,
            self.foreign_key if pades else holder.key,
            b"" if pades else holder.seal,
        )
        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(original)),
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=lambda revision: maker.make(revision, SIGNED_AT, b""),
            marks=() if pades else self.world.marks(holder),
            picture=b"" if pades else holder.picture,
            signed_at=SIGNED_AT,
            signer_name="测试",
        )
        return output.getvalue()

    @cached_property
    def plain_documents(self) -> list[bytes]:
        """Unsigned: with a classic table, with a cross-reference stream, with a form and fields."""
        field = b"<</FT/Tx/T(note)/V(before)/Type/Annot/Subtype/Widget/Rect[60 60 200 80]/P 5 0 R>>"
        form = classic_pdf(
            catalog=b"/AcroForm<</Fields[6 0 R]>>", annots=b"/Annots[6 0 R]", extra=[field]
        )
        return [classic_pdf(), stream_pdf(), form]

    @cached_property
    def sealed_documents(self) -> list[bytes]:
        """Signed in every way the product signs, once and twice, with evidence and with changes."""
        classic, streamed, form = self.plain_documents
        sealed = self.world.sign(classic)
        twice = self.world.sign(
            sealed, self.world.second, self.world.marks(self.world.second, left=20)
        )
        evidence = io.BytesIO()
        add_dss(
            Document(io.BytesIO(sealed)),
            evidence,
            [self.root.der],
            [self.crl],
            [self.ocsp_response],
        )
        stamped = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(sealed)),
            stamped,
            profile=document_timestamp("sm3"),
            value_size=TOKEN_ROOM,
            make_value=lambda revision: make_token(
                key=self.tsa,
                hash_name="sm3",
                digest=revision.digest,
                policy=POLICY,
                serial=2,
                generated=NOW,
            ),
        )
        return [
            sealed,
            twice,
            self.world.sign(streamed),
            update(self.world.sign(form), _retitle),
            filled(self.world),
            evidence.getvalue(),
            stamped.getvalue(),
            self.world.sign(classic, dates=[DateMark(0, 100, 250)]),
            self.signed(classic, "cms"),
            self.signed(classic, "pades"),
        ]


@cache
def material() -> Material:
    """The world of this process."""
    return Material.make()


def _retitle(writer: Any) -> None:
    """A later revision that may be: other document properties."""
    title = generic.DictionaryObject({generic.pdf_name("/Title"): generic.pdf_string("later")})
    writer.set_info(writer.add_object(title))


def filled(world: World) -> bytes:
    """A sealed form with a text field and a box, both filled in by a later revision."""
    text = b"<</FT/Tx/T(x)/DA(/F 12 Tf)/Type/Annot/Subtype/Widget/F 4/P 5 0 R%s"
    text += b"/Rect[60 590 360 630]>>"
    button = b"<</FT/Btn/T(y)/Type/Annot/Subtype/Widget/F 4/Rect[60 540 80 560]/P 5 0 R%s"
    button += b"/AP<</N<</Off 8 0 R/On 9 0 R>>>>>>"

    def look(content: bytes) -> bytes:
        entries = b"/Type/XObject/Subtype/Form/BBox[0 0 300 40]/Resources<</Font<</F 3 0 R>>>>"
        return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)

    sealed = world.sign(
        classic_pdf(
            catalog=b"/AcroForm<</Fields[6 0 R 7 0 R]/DR<</Font<</F 3 0 R>>>>>>",
            annots=b"/Annots[6 0 R 7 0 R]",
            extra=[text % b"", button % b"/AS/Off", look(b""), look(b"4 4 m 200 30 l S")],
        )
    )
    said = b"/Tx BMC BT 0 g /F 12 Tf 4 14 Td (100) Tj ET EMC"
    changes = {6: text % b"/V(100)/AP<</N 90 0 R>>", 90: look(said), 7: button % b"/V/On/AS/On"}
    return append_revision(sealed, changes)


def stream_pdf() -> bytes:
    """A one-page document whose objects stand in an object stream behind a table in a stream."""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ]
    offsets = [sum(len(each) + 1 for each in bodies[:index]) for index in range(len(bodies))]
    header = b" ".join(b"%d %d" % pair for pair in enumerate(offsets, 1)) + b" "
    content = header + b" ".join(bodies)
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    container = len(out)
    out += b"4 0 obj\n<</Type/ObjStm/N 3/First %d/Length %d>>stream\n" % (len(header), len(content))
    out += content + b"\nendstream\nendobj\n"
    start = len(out)
    rows = [(0, 0, 65535), *((2, 4, index) for index in range(3)), (1, container, 0), (1, start, 0)]
    table = b"".join(
        kind.to_bytes(1, "big") + place.to_bytes(4, "big") + more.to_bytes(2, "big")
        for kind, place, more in rows
    )
    out += b"5 0 obj\n<</Type/XRef/W[1 4 2]/Size 6/Root 1 0 R/Length %d>>stream\n" % len(table)
    out += table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(out)
