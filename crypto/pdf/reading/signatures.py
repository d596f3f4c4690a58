"""What each signature in a PDF claims to be, read strictly: its byte range, its value, its kind.

Signatures are told apart by content, never by name (docs/design/standards.md §3.3). A signature
that is malformed says how in :attr:`EmbeddedSignature.problems`; it is reported, never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from pyhanko.pdf_utils import generic, misc

from crypto.asn1 import der
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.digests import Covered
from crypto.pdf.reading.document import Document, Field
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfTooComplex
from crypto.pki.certificate import Certificate
from crypto.seal.structure import Seal, SealError, SealSignature
from crypto.verdict import Finding

if TYPE_CHECKING:
    from crypto.pki.cms import SignedData

MAX_SIGNATURES = 500
MAX_CONTENTS = 32 * 1024 * 1024
MAX_DICTIONARY = 64 * 1024
"""Bytes of a signature dictionary before its /Contents."""
HASH_NAMES = {"sm3", "sha1", "sha224", "sha256", "sha384", "sha512"}
"""Digests over the byte range that are computed in the one pass."""
_RSA_WITH_SHA256 = "1.2.840.113549.1.1.11"
_ONE_CASE = (b"0123456789abcdef", b"0123456789ABCDEF")
_PDF_DATE = re.compile(r"D:(\d{14}|\d{12})(?:([+-])(\d\d)'?(?:(\d\d)'?)?|Z)?")
_HEX = b"0123456789abcdefABCDEF" + b" \t\n\r\x0b\x0c"


@dataclass
class EmbeddedSignature:
    """One signature dictionary with the fields that point to it, as read so far."""

    fields: list[Field]
    dictionary: generic.DictionaryObject
    filter: str = ""
    subfilter: str = ""
    byte_range: tuple[int, ...] = ()
    covered: Covered | None = None
    """None: the byte range or the contents are malformed, `problems` says how."""
    contents: bytes = b""
    kind: str = "unknown"
    """ses, cms, timestamp, pkcs1 or unknown."""
    seal_signature: SealSignature | None = None
    signed_data: SignedData | None = None
    digest: bytes = b""
    problems: list[Finding] = field(default_factory=list)

    @property
    def end(self) -> int:
        """One past the last byte covered; 0 if nothing is."""
        return self.covered.end if self.covered else 0


def read_signatures(document: Document, fields: Sequence[Field]) -> list[EmbeddedSignature]:
    """The signatures that *fields* point to, in order of appearance.

    Raises :class:`PdfTooComplex`; never for what one signature contains."""
    size = document.stream.seek(0, 2)
    return [_read_signature(group, document, size) for group in _groups(fields)]


def stated_certificates(signature: EmbeddedSignature) -> list[bytes]:
    """/Cert of the signature dictionary: one certificate or several, DER."""
    stated = entry(signature.dictionary, "/Cert")
    listed = list(stated) if isinstance(stated, list) else [stated]
    return [
        value.original_bytes for value in map(follow, listed) if hasattr(value, "original_bytes")
    ]


def stated_time(signature: EmbeddedSignature) -> datetime | None:
    """/M of the signature dictionary: when the signer claims to have signed, UTC; None if that is
    not stated or cannot be read."""
    text = str(entry(signature.dictionary, "/M", ""))
    found = _PDF_DATE.match(text)
    if not found:
        return None
    numbers, sign, hours, minutes = found.groups()
    try:
        moment = datetime.strptime(numbers.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return moment + shift if sign == "-" else moment - shift
    except (ValueError, OverflowError):
        return None


def claimed_signer(
    dictionary: generic.DictionaryObject,
) -> tuple[Seal | None, Certificate | None]:
    """Whose signature a *dictionary* claims to be where it covers nothing that can be checked: the
    seal and the signer's certificate in its /Contents, as far as they can be read.

    A file that was merged or saved again has signatures that no longer hold, and a person still
    wants to know whose they were. Nothing of it is proved."""
    from crypto.pki.cms import SignedData

    try:
        contents = entry(dictionary, "/Contents").original_bytes
    except PARSER_FAILURES:
        return None, None
    if len(contents) > MAX_CONTENTS:
        return None, None
    try:
        value = SealSignature.parse(contents, padded=True)
        return value.seal, value.signer
    except PARSER_FAILURES:
        pass

    try:
        data = SignedData.parse(contents, padded=True)
        signer = data.signers[0]
        return None, next(
            certificate for certificate in data.certificates if signer.names(certificate)
        )
    except PARSER_FAILURES:
        return None, None


def stands_in(signature: EmbeddedSignature, candidate: Field) -> bool:
    """Is this the signature that *candidate*, a field of another view of the file, points to? One
    that cannot be read is not, and says nothing about the others."""
    try:
        value = follow(candidate.value)
        if not isinstance(value, generic.DictionaryObject):
            return False
        raw = entry(value, "/ByteRange")
        return (
            isinstance(raw, generic.ArrayObject) and tuple(map(follow, raw)) == signature.byte_range
        )
    except PARSER_FAILURES:
        return False


def _groups(fields: Sequence[Field]) -> list[list[Field]]:
    """Signed fields grouped by the signature they share."""
    groups: dict[Any, list[Field]] = {}
    for candidate in fields:
        if candidate.value is None:
            continue
        raw: Any = candidate.value
        shared = isinstance(raw, generic.IndirectObject)
        key = key_of(raw) if shared else id(raw)
        groups.setdefault(key, []).append(candidate)
    if len(groups) > MAX_SIGNATURES:
        raise PdfTooComplex(f"more than {MAX_SIGNATURES} signatures")
    return list(groups.values())


def _read_signature(fields: list[Field], document: Document, size: int) -> EmbeddedSignature:
    code, reason = "contents_malformed", "/V is not a dictionary"
    try:
        value = follow(fields[0].value)
    except PARSER_FAILURES as error:
        value, code, reason = None, _unread(error), str(error)
    if not isinstance(value, generic.DictionaryObject):
        signature = EmbeddedSignature(fields, generic.DictionaryObject())
        signature.problems.append(Finding(code, {"reason": reason[:200]}))
        return signature
    signature = EmbeddedSignature(fields, value)
    try:
        signature.filter = str(entry(value, "/Filter", ""))
        signature.subfilter = str(entry(value, "/SubFilter", ""))
        _check_place(signature, document, _read_range(signature, document.stream, size))
        _read_value(signature)
    except _Malformed as error:
        signature.problems.append(Finding(error.code, {"reason": error.reason}))
        signature.covered = None
    except PARSER_FAILURES as error:
        signature.problems.append(Finding(_unread(error), {"reason": str(error)[:200]}))
        signature.covered = None
    return signature


def _unread(error: BaseException) -> str:
    """The finding about a signature that cannot be read: where only a strict reader stops (one
    entry written twice), nothing is disproved."""
    strict = isinstance(error, misc.PdfStrictReadError)
    return "value_unsupported" if strict else "contents_malformed"


class _Malformed(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def _read_range(signature: EmbeddedSignature, stream: BinaryIO, size: int) -> int:
    """Exactly two ranges from 0, the gap exactly the /Contents string (docs/design/pdf.md §3).

    Returns where the gap begins."""
    raw = entry(signature.dictionary, "/ByteRange")
    if not isinstance(raw, generic.ArrayObject) or len(raw) != 4:
        raise _Malformed("byte_range_malformed", "not four numbers")
    numbers = tuple(follow(number) for number in raw)
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise _Malformed("byte_range_malformed", "not four whole numbers")
    signature.byte_range = numbers
    first, gap_start, gap_end, rest = numbers
    end = gap_end + rest
    if first != 0 or not 0 < gap_start < gap_end or end > size or rest <= 0:
        raise _Malformed("byte_range_malformed", f"{list(numbers)} in {size} bytes")
    if gap_end - gap_start > 2 * MAX_CONTENTS + 2:
        raise _Malformed("contents_malformed", "the gap is too large")
    stream.seek(gap_start)
    gap = stream.read(gap_end - gap_start)
    digits = gap[1:-1]
    if gap[:1] + gap[-1:] != b"<>" or digits.translate(None, _HEX):
        raise _Malformed("byte_range_malformed", "the gap is not the /Contents string alone")
    if not digits or len(digits) % 2 or all(digits.translate(None, one) for one in _ONE_CASE):
        # the signature does not cover the gap: all digits must be in one case, without spaces
        signature.problems.append(Finding("contents_unusual"))
    try:
        contents = bytes.fromhex(digits.decode("ascii"))
    except ValueError as error:
        raise _Malformed("contents_malformed", str(error)) from error
    stated = signature.dictionary.raw_get("/Contents", decrypt=generic.EncryptedObjAccess.RAW)
    if getattr(stated, "original_bytes", stated) != contents:
        raise _Malformed("byte_range_malformed", "the gap is not this signature's /Contents")
    signature.contents = contents
    signature.covered = Covered("sm3", gap_start, gap_end, end)
    return int(gap_start)


def _check_place(signature: EmbeddedSignature, document: Document, gap_start: int) -> None:
    """The gap must lie in the very object that is the signature dictionary: not in another one
    that holds the same string, and never in an object stream."""
    value: Any = signature.fields[0].value
    reference = (
        value if isinstance(value, generic.IndirectObject) else signature.fields[0].reference
    )
    if reference is None:
        raise _Malformed("byte_range_malformed", "the signature has no place in the file")
    place = document.reader.xrefs[
        generic.Reference(reference.idnum, reference.generation, document.reader)
    ]
    if not isinstance(place, int):
        raise _Malformed("byte_range_malformed", "the signature is inside an object stream")
    if not place < gap_start:
        raise _Malformed("byte_range_malformed", "the gap is not inside the signature")
    document.stream.seek(place)
    between = document.stream.read(min(gap_start - place, MAX_DICTIONARY + 1))
    if len(between) > MAX_DICTIONARY or re.search(rb"\bendobj\b", between):
        raise _Malformed("byte_range_malformed", "the gap is not inside the signature")


def _read_value(signature: EmbeddedSignature) -> None:
    """What kind of value /Contents holds, by its first elements (docs/design/standards.md §3.3)."""
    if not any(signature.contents):
        raise _Malformed("contents_malformed", "empty")
    try:
        outer = der.parse(signature.contents, trailing=True)
        if any(signature.contents[outer.end :]):
            raise _Malformed("contents_malformed", "bytes after the value")
        if outer.tag == der.OCTET_STRING:
            signature.kind = "pkcs1"
            return
        first = outer.children(der.SEQUENCE).peek()
    except der.DerError:
        first = der.OID if _is_ber_cms(signature.contents) else None
    if first == der.OID:
        _read_cms(signature)
    elif first == der.SEQUENCE:
        _read_seal_signature(signature)


def _is_ber_cms(contents: bytes) -> bool:
    """Some signers write their CMS with indefinite lengths."""
    if not contents.startswith(b"\x30\x80"):
        return False
    from crypto.pki.cms import looks_like_cms

    return looks_like_cms(contents)


def _read_cms(signature: EmbeddedSignature) -> None:
    from crypto.pki.cms import CmsError, SignedData
    from crypto.pki.timestamp import TimestampError, TimestampToken
    from crypto.validation.cms_check import is_timestamp

    signature.kind = "cms"
    try:
        data = signature.signed_data = SignedData.parse(signature.contents, padded=True)
        hash_name = data.signers[0].digest_name if data.signers else ""
        if is_timestamp(data):
            signature.kind = "timestamp"
            hash_name = TimestampToken.parse(signature.contents, padded=True).hash_name
    except (CmsError, TimestampError) as error:
        signature.signed_data = None
        signature.problems.append(Finding("value_unreadable", {"reason": str(error)[:200]}))
        return
    if signature.covered and hash_name in HASH_NAMES:
        signature.covered = replace(signature.covered, hash_name=hash_name)


def _read_seal_signature(signature: EmbeddedSignature) -> None:
    signature.kind = "ses"
    try:
        value = signature.seal_signature = SealSignature.parse(signature.contents, padded=True)
    except SealError as error:
        signature.problems.append(Finding("value_unreadable", {"reason": str(error)}))
        return
    if signature.covered:
        signature.covered = replace(signature.covered, hash_name=_hash_name(value))
    _, gap_start, gap_end, rest = signature.byte_range
    stated = value.property_info
    if stated.startswith("PDF;ByteRange=") and (
        stated != f"PDF;ByteRange=[0 {gap_start} {gap_end} {rest}]"
    ):
        raise _Malformed("byte_range_malformed", "the signed range is another one")


def _hash_name(value: SealSignature) -> str:
    """SM3; old GM/T 0031 signatures made with RSA use the hash of their algorithm."""
    if len(value.digest) == 20:
        return "sha1"
    return "sha256" if value.signature_algorithm == _RSA_WITH_SHA256 else "sm3"
