"""What is fuzzed, and what may never happen: one check per parser that reads strangers' bytes.

A check raises nothing for what is malformed (each module's documented error is caught), and
AssertionError for what must not be: another exception, a forged signature that verifies, a value
read otherwise than asn1crypto reads it, a call that takes more than :data:`BOUND` seconds.
"""

import base64
import io
import json
import random
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import pymupdf
import pypdfium2
from asn1crypto import core, parser
from PIL import Image, ImageDraw

from crypto.algorithms import gm
from crypto.algorithms.merkle import (
    HASH_SIZE,
    MerkleError,
    edge_places,
    leaf_hash,
    open_checkpoint,
    verify_consistency,
    verify_inclusion,
)
from crypto.asn1 import ber, der
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfError
from crypto.pdf.reading.surroundings import without_surroundings
from crypto.pdf.signing.sign import PROFILES, sign_revision
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import Certificate, load_certificates
from crypto.pki.certificate_making import Request
from crypto.pki.chain import build_chain
from crypto.pki.cms import CmsError, SignedData, SignerInfo, digest_of, looks_like_cms
from crypto.pki.cms_facts import signer_facts
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.ocsp import OcspRequest, OcspResponse
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import Request as TimeRequest
from crypto.pki.timestamp import TimestampError, TimestampToken, make_response, open_response
from crypto.rendering.mupdf_engine import glyphs_of
from crypto.rendering.ofd_picture import ofd_as_pdf
from crypto.rendering.one_page import PictureError
from crypto.report.reading import read_report
from crypto.seal.imprint import ImprintError
from crypto.seal.making import make_signature
from crypto.seal.registry_files import (
    Manifest,
    RegistryFileError,
    ShardInfo,
    decode_shard,
    pack_entries,
    parse_tile_name,
    unpack_entries,
)
from crypto.seal.statement import PREFIX, SignedStatement, StatementError
from crypto.seal.structure import Seal, SealError, SealSignature, is_signature
from crypto.validation.cms_check import check_cms
from crypto.validation.revocation import Evidence
from crypto.validation.seal_check import check_seal, check_signature
from crypto.verdict import Verdict, plain, verdict_of
from tests.crypto.asn1.der_edits import operate
from tests.fuzz import approvals, lookalikes, marks
from tests.fuzz.material import DOCUMENT, POLICY, material
from tests.fuzz.pdf_mutations import mutate
from tests.world.ofd_seals import Design, package, path_objects, pixel_ofd, vector_ofd
from tests.world.sealing import NOW, SIGNED_AT

BOUND = 10.0
"""Seconds of the processor that one input may cost (issue 3: no hang over 10 s)."""

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


@dataclass(frozen=True)
class Target:
    """One thing that is fuzzed."""

    name: str
    seeds: Callable[[], Sequence[bytes]]
    examine: Callable[[bytes], None]
    change: Callable[[bytes, random.Random], bytes]
    """The structure-aware mutator; raises ValueError where the bytes have no structure."""
    max_size: int = 16_384

    def check(self, data: bytes) -> None:
        """Examine one input, and how long that takes."""
        start = time.process_time()
        self.examine(data)
        spent = time.process_time() - start
        assert spent < BOUND, f"{self.name}: {spent:.1f} s for {len(data)} bytes"


# ---------------------------------------------------------------- DER


def _elements(value: der.Tlv) -> list[der.Tlv]:
    """Every element of *value*, itself first. Raises :class:`der.DerError`."""
    found = [value]
    for element in found:
        if element.tag & 0x20:
            found += element.children()
    return found


_READERS: Sequence[Callable[[der.Tlv], object]] = (
    *(der.integer_value, der.oid_value, der.bit_string_value, der.named_bits),
    *(der.text_value, der.time_value),
)


def examine_der(data: bytes) -> None:
    """Bounded, exact and of one mind with asn1crypto about what both accept."""
    try:
        elements = _elements(der.parse(data))
    except der.DerError:
        return
    for element in elements:
        assert der.encode(element.tag, element.content) == element.raw
        for read in _READERS:
            with suppress(der.DerError):
                read(element)
        _compare(element)


def _compare(element: der.Tlv) -> None:
    """With asn1crypto, element by element and, for some types, by value."""
    kind, method, tag, _, content, trailer = parser.parse(element.raw, strict=True)
    assert (kind << 6 | method << 5 | tag, content, trailer) == (element.tag, element.content, b"")
    try:
        if element.tag == der.INTEGER:
            own: object = der.integer_value(element)
            assert der.integer(der.integer_value(element)) == element.raw
            assert core.Integer.load(element.raw).native == own
        elif element.tag == der.OID:
            own = der.oid_value(element)
            assert der.oid(der.oid_value(element)) == element.raw
            assert core.ObjectIdentifier.load(element.raw).dotted == own
        elif element.tag == der.UTF8:
            own = der.text_value(element)
            with suppress(UnicodeDecodeError):
                assert core.UTF8String.load(element.raw).native == own
        elif element.tag == der.UTC_TIME:
            own = der.time_value(element)
            with suppress(ValueError):
                assert core.UTCTime.load(element.raw).native == own
    except der.DerError:
        return


def examine_ber(data: bytes) -> None:
    """What comes out is DER, and DER stays as it is."""
    try:
        normal = ber.to_der(data)
    except der.DerError:
        return
    assert ber.to_der(normal) == normal
    with suppress(der.DerError):
        elements = _elements(der.parse(data))
        if not any(each.tag in (0x24, 0x2C, 0x33, 0x34, 0x36, 0x3E) for each in elements):
            assert normal == data
    for element in _elements(der.parse(normal)):
        assert der.encode(element.tag, element.content) == element.raw


def indefinite(data: bytes, dice: random.Random) -> bytes:
    """DER of another shape, some of its elements of indefinite length."""
    value = operate(data, dice)

    def write(element: der.Tlv) -> bytes:
        if not element.tag & 0x20:
            return element.raw
        inner = b"".join(map(write, element.children()))
        if dice.random() < 0.3:
            return bytes((element.tag, 0x80)) + inner + b"\0\0"
        if dice.random() < 0.2 and len(inner) < 0x1000000:
            return bytes((element.tag, 0x84)) + len(inner).to_bytes(4, "big") + inner
        return der.encode(element.tag, inner)

    return write(der.parse(value))


def _der_seeds() -> list[bytes]:
    good = material()
    values = [der.integer(-5), der.oid("1.2.156.10197.1.301"), der.utf8("印章"), der.boolean(True)]
    values += [der.time(NOW), der.generalized_time(NOW), der.bit_flags({1, 9})]
    return [der.sequence(*values), good.seal_signature, *good.certificates, *good.signed_data]


# ---------------------------------------------------------------- seals


def examine_seal(data: bytes) -> None:
    """Nothing is believed of a seal or a signature but what was signed."""
    good = material()
    with suppress(SealError):
        is_signature(data)
    with suppress(SealError):
        seal = Seal.parse(data)
        judged = check_seal(seal, good.trust, NOW)
        assert verdict_of(judged.findings) not in GOOD or seal.signed in _known_seals()
    with suppress(SealError):
        value = SealSignature.parse(data)
        found = check_signature(value, gm.sm3(DOCUMENT), good.trust, NOW)
        if verdict_of(found.findings) in GOOD:
            assert value.signed in {each.signed for each in _known_signatures()}
        plain(check_signature(value, None, good.trust, NOW))


@cache
def _known_signatures() -> list[SealSignature]:
    good = material()
    return [SealSignature.parse(each) for each in (good.seal_signature, good.old_seal_signature)]


@cache
def _known_seals() -> set[bytes]:
    return {each.seal.signed for each in _known_signatures()}


# ---------------------------------------------------------------- certificates and lists


def examine_certificate(data: bytes) -> None:
    """No chain holds but over what the authorities signed."""
    good = material()
    known = {Certificate.parse(each).tbs for each in good.certificates}
    for parse in (Certificate.parse, Request.parse, load_certificates):
        with suppress(CertificateError):
            found = parse(data)
            for each in found if isinstance(found, list) else [found]:
                str(each.subject)
                assert each.public_key.bits >= 0
                if isinstance(each, Certificate):
                    each.may_sign()
                    chain = build_chain(each, [each], [good.root], NOW)
                    assert not chain.anchored or each.tbs in known
                    _ = good.holder.issued_by(each), each.issued_by(each), each.fingerprint


def examine_revocation(data: bytes) -> None:
    """Lists and OCSP responses say nothing that their issuer did not sign."""
    good = material()
    with suppress(CertificateError):
        crl = Crl.parse(data)
        assert not crl.issued_by(good.root) or crl.tbs == Crl.parse(good.crl).tbs
    with suppress(CertificateError):
        OcspRequest.parse(data)
    with suppress(CertificateError):
        response = OcspResponse.parse(data)
        if response.answer(good.holder, good.root):
            assert response.tbs == OcspResponse.parse(good.ocsp_response).tbs
    evidence = Evidence.read([data], [data])
    evidence.revocation(good.holder, [good.holder, good.root])


# ---------------------------------------------------------------- time stamps and CMS


def examine_timestamp(data: bytes) -> None:
    """A token proves what its authority signed, a response answers the question asked."""
    good = material()
    with suppress(TimestampError):
        token = TimestampToken.parse(data, padded=True)
        if token.facts(digest_of(DOCUMENT), [Certificate.parse(good.tsa.certificate)]).intact:
            assert token.signed.content in _known_times()
    with suppress(TimestampError):
        token = open_response(data, good.time_request)
        assert (token.digest, token.nonce) == (gm.sm3(DOCUMENT), 5)
    with suppress(TimestampError):
        assert TimeRequest.parse(data).der == data
    make_response(data, key=good.tsa, policy=POLICY, serial=9, now=NOW)


@cache
def _known_times() -> set[bytes | None]:
    good = material()
    answered = open_response(good.time_response, good.time_request)
    return {TimestampToken.parse(_token()).signed.content, answered.signed.content}


@cache
def _token() -> bytes:
    return material().token(DOCUMENT, "sm3")


def examine_cms(data: bytes) -> None:
    """A SignedData is good only over the bytes and the attributes that were signed."""
    good = material()
    looks_like_cms(data)
    try:
        value = SignedData.parse(data, padded=True)
    except CmsError:
        return
    known = {
        _attributes(signer)
        for each in good.signed_data
        for signer in SignedData.parse(each).signers
    }
    for signer in value.signers:
        facts = signer_facts(value, signer, digest_of(DOCUMENT), good.trust.pool)
        trusted = facts.certificate is not None and facts.certificate.der in (
            good.holder.der,
            good.foreign_key.certificate,
        )
        assert not (facts.intact and trusted) or _attributes(signer) in known
        assert not (trusted and signer_facts(value, signer, digest_of(b"other")).intact)
    judged = check_cms(value, digest_of(DOCUMENT), good.trust, NOW, claimed=SIGNED_AT)
    plain(judged)
    if verdict_of(judged.findings) in GOOD:
        assert _attributes(value.signers[0]) in known


def _attributes(signer: SignerInfo) -> frozenset[tuple[str, tuple[bytes, ...]]]:
    """What is signed, in no order: a SET that is not sorted counts as sorted (RFC 5652 §5.4)."""
    return frozenset((each.kind, tuple(sorted(each.values))) for each in signer.attributes or ())


# ---------------------------------------------------------------- statements and the log


def examine_statement(data: bytes) -> None:
    """As a token, and as a body that the platform signed: malformed or believed, nothing else."""
    good = material()
    with suppress(StatementError):
        found = SignedStatement.parse(data)
        if good.trust.believes(found):
            assert found.statement == SignedStatement.parse(good.statement).statement
    status = good.world.status
    body = der.octet_string(data[:8192])
    signature = der.bit_string(status.sign(PREFIX + data[:8192]))
    with suppress(StatementError):
        signed = der.sequence(body, der.octet_string(status.certificate), signature)
        SignedStatement.parse(signed)


def examine_checkpoint(data: bytes) -> None:
    """A note opens only to the checkpoint that was signed; a proof holds for what it proves."""
    good = material()
    text = data.decode("utf-8", "replace")
    with suppress(MerkleError):
        checkpoint = open_checkpoint(text, good.log.public)
        assert (checkpoint.size, checkpoint.root) == (7, good.tree.root())
    # the same bytes as a proof: index, size, then steps
    index, size = data[:1] or b"\0", data[1:2] or b"\0"
    steps = [data[at : at + HASH_SIZE] for at in range(2, min(len(data), 2_000), HASH_SIZE)]
    leaf = leaf_hash(bytes([index[0]]))
    if verify_inclusion(leaf, index[0], size[0], steps, good.tree.root()):
        assert index[0] < 7
    if verify_consistency(index[0], 7, steps, leaf, good.tree.root()):
        assert (index[0], leaf) == (1, good.tree.root(1))


def _checkpoint_seeds() -> list[bytes]:
    good = material()
    inclusion = bytes((3, 7)) + b"".join(good.tree.inclusion_proof(3, 7))
    consistency = bytes((1, 7)) + b"".join(good.tree.consistency_proof(1, 7))
    return [good.checkpoint.encode(), inclusion, consistency]


def _change_text(data: bytes, dice: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    what = dice.randrange(4)
    if what == 0:
        lines.insert(at, dice.choice(lines))
    elif what == 1:
        del lines[at]
    elif what == 2:
        lines[at] = base64.b64encode(dice.randbytes(dice.choice((4, 32, 70))))
    else:
        lines[at] = lines[at] + dice.choice((b" ", b"\r", b"+", b"=", b"0", b"\xc2\xa0"))
    return b"\n".join(lines)


def _change_statement(data: bytes, dice: random.Random) -> bytes:
    if data[:1] != b"{":
        return operate(data, dice)
    words = [b"null", b"true", b"[]", b'"' + b"9" * dice.randrange(6000) + b'"', b"{}", b"1e999"]
    words += [b'"9999-12-31T23:59:59+00:00"', b'"0001-01-01T00:00:00+23:59"', b'"\\ud800"']
    places = [at + 1 for at, byte in enumerate(data) if byte == ord(":")]
    at = dice.choice(places)
    ends = [data.find(each, at) for each in (b",", b"}")]
    return data[:at] + dice.choice(words) + data[min(end for end in ends if end >= 0) :]


def examine_registry(data: bytes) -> None:
    """A registry's files, and a report's JSON, are read or refused."""
    with suppress(RegistryFileError):
        unpack_entries(data)
    with suppress(RegistryFileError):
        parse_tile_name(data[:200].decode("latin-1"))
    with suppress(RegistryFileError):
        found = decode_shard(b"SEALDESK-SHARD-V1\n" + zlib.compress(data), "321300-0")
        assert all(each.seal_code == code for code, row in found.items() for each in row)
    with suppress(RegistryFileError):
        assert Manifest.parse(Manifest.parse(data).encode()) == Manifest.parse(data)
    with suppress(ValueError, RecursionError):
        told = json.loads(data)
        report = read_report(told)
        assert report.to_json()["verdict"] == report.verdict


def _change_bytes(data: bytes, dice: random.Random) -> bytes:
    if data[:1] == b"{":
        return _change_statement(data, dice)
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        out[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
    return bytes(out)


def _registry_seeds() -> list[bytes]:
    good = material()
    report = verify_pdf(io.BytesIO(good.sealed_documents[0]), "", good.trust, NOW).to_json()
    edge = tuple(good.tree.node(*place) for place in edge_places(7))
    shards = {"321300-0": ShardInfo("00" * 32, len(good.shard), 1)}
    return [
        good.shard,
        pack_entries([b"one", b"two"]),
        Manifest("seal.example/registry", 1, 7, edge, NOW.isoformat(), shards).encode(),
        b"x001/067.p/5",
        json.dumps(report).encode(),
    ]


# ---------------------------------------------------------------- documents


@cache
def _known_bytes() -> set[bytes]:
    """SM3 of what each signature of the seeds covers."""
    known = set()
    for data in material().sealed_documents:
        report = verify_pdf(io.BytesIO(data), "", material().trust, NOW)
        assert report.verdict in (*GOOD, Verdict.UNKNOWN), report.summary()
        known |= {_covered(data, each.byte_range) for each in report.signatures}
    return known


def _covered(data: bytes, numbers: Sequence[int]) -> bytes:
    start, first, second, rest = numbers
    return gm.sm3(data[start : start + first] + data[second : second + rest])


def examine_document(data: bytes) -> None:
    """A report or a :class:`PdfError`; never a good word on bytes that nobody signed."""
    try:
        report = verify_pdf(io.BytesIO(data), "f.pdf", material().trust, NOW)
    except PdfError:
        return
    report.to_json()
    report.summary("en")
    assert report.verdict not in GOOD or report.signatures
    begin = without_surroundings(io.BytesIO(data))[1].before  # from there ranges are counted
    for each in report.signatures:
        if each.verdict in GOOD:
            assert _covered(data[begin:], each.byte_range) in _known_bytes()
            places = [
                (change.page, change.box_mm)
                for change in each.changed_later
                if change.page and change.box_mm and change.kind in TOLD
            ]
            before, after = data[: begin + sum(each.byte_range[2:])], data
            for draw in (_by_mupdf, _by_pdfium):
                looks = [_without(draw(version), places) for version in (before, after)]
                assert looks[0] == looks[1], "a good verdict over pages that are shown otherwise"


TOLD = {"seal_added", "field_added", "field_filled", "note_added"}
"""Kinds of later changes that may show something in their own place under a good verdict."""
DPI = 24


def _by_mupdf(data: bytes) -> list[Image.Image]:
    """The pages as MuPDF shows them, small."""
    with pymupdf.open(stream=data, filetype="pdf") as document:
        maps = [page.get_pixmap(dpi=DPI) for page in document]
    return [Image.frombytes("RGB", (each.width, each.height), each.samples) for each in maps]


def _by_pdfium(data: bytes) -> list[Image.Image]:
    """The pages as PDFium shows them, small; none if it does not open the file."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        return []
    document.init_forms()
    pages = [page.render(scale=DPI / 72, may_draw_forms=True).to_pil() for page in document]
    document.close()
    return [page.convert("RGB") for page in pages]


def _without(
    pages: list[Image.Image], places: list[tuple[int, tuple[float, ...]]]
) -> list[tuple[tuple[int, int], bytes]]:
    """Sizes and pixels of the pages, with the *places* (1-based page; left, top, width and height
    in millimetres) painted out, and a pixel around them."""
    for number, (left, top, width, height) in places:
        if number <= len(pages):
            scale = DPI / 25.4
            box = (left * scale - 2, top * scale - 2)
            end = ((left + width) * scale + 2, (top + height) * scale + 2)
            ImageDraw.Draw(pages[number - 1]).rectangle((*box, *end), fill=0)
    return [(page.size, page.tobytes()) for page in pages]


def examine_ofd_imprint(data: bytes) -> None:
    """A seal's picture as an OFD package is a PDF of one page that engines draw, or is refused."""
    packed = data if data[:4] == b"PK\x03\x04" else package(data.decode("utf-8", "replace"))
    try:
        made = ofd_as_pdf(packed, glyphs_of)
    except PictureError:
        return
    with pymupdf.open(stream=made, filetype="pdf") as document:
        assert document.page_count == 1
        document[0].get_pixmap(dpi=DPI)


def examine_stamping(data: bytes) -> None:
    """What is stamped is the original's bytes and one revision that verifies — or refused."""
    holder = material().world.first
    output = io.BytesIO()
    value = {"seal": holder.seal, "property_info": "", "signed_at": SIGNED_AT, "key": holder.key}
    mark = Mark(0, 20, 20, 40, 40)
    try:
        document = Document(io.BytesIO(data))
        sign_revision(
            document,
            output,
            profile=PROFILES["ses"],
            marks=[mark] if document.pages() else [],
            picture=holder.picture,
            value_size=8_192,
            make_value=lambda revision: make_signature(digest=revision.digest, **value),
            signed_at=SIGNED_AT,
        )
    except (PdfError, ImprintError):
        return
    stamped = output.getvalue()
    assert stamped.startswith(data)
    try:
        report = verify_pdf(io.BytesIO(stamped), "f.pdf", material().trust, NOW)
    except PdfError:
        return  # the product verifies what it wrote and throws this away
    assert report.signatures


def _change_document(data: bytes, dice: random.Random) -> bytes:
    good = material()
    return mutate(data, dice, [*good.sealed_documents, *good.plain_documents])


# ---------------------------------------------------------------- all of them


def _targets() -> list[Target]:
    good = material
    return [
        Target("der", _der_seeds, examine_der, operate),
        Target("ber", _der_seeds, examine_ber, indefinite),
        Target(
            "seal",
            lambda: [good().seal_signature, good().old_seal_signature, good().world.first.seal],
            examine_seal,
            operate,
        ),
        Target(
            "certificate",
            lambda: [*good().certificates, good().certificate_request],
            examine_certificate,
            operate,
        ),
        Target(
            "revocation",
            lambda: [good().crl, good().ocsp_request, good().ocsp_response],
            examine_revocation,
            operate,
        ),
        Target(
            "timestamp",
            lambda: [_token(), good().time_response, good().time_request.der],
            examine_timestamp,
            operate,
        ),
        Target("cms", lambda: good().signed_data, examine_cms, indefinite),
        Target(
            "statement",
            lambda: [good().statement, der.parse(good().statement).children().octets()],
            examine_statement,
            _change_statement,
        ),
        Target("registry", _registry_seeds, examine_registry, _change_bytes),
        Target("checkpoint", _checkpoint_seeds, examine_checkpoint, _change_text, 4_096),
        Target(
            "document",
            lambda: [*good().sealed_documents, *good().plain_documents],
            examine_document,
            _change_document,
            65_536,
        ),
        Target(
            "content",
            lookalikes.content_seeds,
            lookalikes.examine_content,
            lookalikes.change_content,
            8_192,
        ),
        Target(
            "picture",
            lookalikes.picture_seeds,
            lookalikes.examine_picture,
            lookalikes.change_picture,
        ),
        Target(
            "ofd_imprint",
            lambda: [
                path_objects(Design(digits="17")).encode(),
                vector_ofd(Design(digits="1")),
                pixel_ofd(Design(digits="1")),
            ],
            examine_ofd_imprint,
            _change_bytes,
        ),
        Target("mark", marks.mark_seeds, marks.examine_mark, marks.change_mark, 4_096),
        Target(
            "pages",
            lookalikes.file_seeds,
            lookalikes.examine_pages,
            lambda data, dice: mutate(data, dice, lookalikes.file_seeds()),
            65_536,
        ),
        Target(
            "stamping",
            lambda: [*good().plain_documents, good().sealed_documents[0]],
            examine_stamping,
            _change_document,
            65_536,
        ),
        Target("approvals", approvals.seeds, approvals.examine, approvals.change),
    ]


TARGETS: dict[str, Target] = {each.name: each for each in _targets()}


def change(target: Target, data: bytes, dice: random.Random) -> bytes:
    """*data* with its structure changed; a changed seed where *data* has none, or where the change
    goes deeper than can be written again."""
    for _ in range(8):
        with suppress(ValueError, IndexError, RecursionError):
            return target.change(data, dice)
        data = dice.choice(list(target.seeds()))
    return data
