"""What the user is told when something goes wrong, and what a batch and a script make of it.

Every error class the user can meet has an entry, under its own name, in
``resources/messages.zh_CN.toml`` and ``resources/messages.en.toml``; :func:`explain` finds it. The
classes of ``crypto`` and ``device`` know nothing of this module, so what a batch and the command
line do with them stands in one table here.

    AppError                      something the product itself found out
    ├── UsageError, LinkNotEnabled, WindowBusy, Cancelled, TokenAmbiguous, NothingToArchive
    ├── FileError                 FileNotReadable, NotAPdf (FileEmpty, WebPage, Packed,
    │                             MailAttachment, OfdNotSupported),
    │                             PlatformNotNamed, FileRepairable, SignedFileDamaged,
    │                             ChangesForbidden, SealWouldHarm, OutputExists,
    │                             OutputNotWritable, SavedElsewhere, OutputVerificationFailed
    ├── SealUseError              SealNotFound, SealAmbiguous, SealNotUsable, NotAuthorised,
    │                             LeaseExpired, LeaseRefused, ApprovalNeeded
    ├── TokenWithoutSeal; approvals: UseRequestNotFound, UseRequestWrong, DecisionRefused,
    │   PolicyTermsWrong; grants: GrantNotFound, OfferNotOpen, GrantTermsWrong; phones:
    │   PhoneNotFound, PhoneNotProved, PairingOver
    ├── PlacementError            PageRangeInvalid, PositionInvalid, NoSeam, PageOutOfRange,
    │                             OutsidePage, SeamTooThin, FieldNotFound, TemplateNotFound,
    │                             DateWithoutSeal, KeywordNotFound
    ├── PlatformError             PlatformNotSet, PlatformUnreachable, PlatformRefused,
    │                             SealChangeRefused, PlatformUntrusted, PlatformAnswerInvalid,
    │                             ServiceUnavailable, TimestampUntrusted, EvidenceMissing,
    │                             ApplicationRejected, ApplicationOpen, StaffKeyMissing
    ├── ApplicationNotFound, ApplicationFieldWrong
    └── LocalDataError            SettingsInvalid, SettingLocked, UpdateForbidden, UpdateRejected,
                                  PlatformNotMetYet, TrustListRejected, JournalDamaged,
                                  AuditRecordDamaged, CabinetDamaged, CabinetTooNew, CabinetLocked

One module, though long: whoever adds an error sees here all others, their exit codes and what a
batch does with them; and callers raise errors of several families, which they need not know apart.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tomllib
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import cache
from importlib import resources
from inspect import get_annotations
from typing import Any, ClassVar, dataclass_transform

from app.addresses import without_login
from crypto.beijing import in_beijing
from crypto.frozen import frozen

if sys.platform == "win32":
    import _winapi

LANGUAGES = ("zh_CN", "en")
UNKNOWN_CODE = "E-999"
_LONGEST_VALUE = 300


class ExitCode(IntEnum):
    """What the command line returns for an error.

    0 to 3 are the answers of ``sealdesk verify`` (0 is success everywhere)."""

    UNREADABLE = 4
    """A document cannot be read."""
    SEAL = 10
    """The seal may not be used: unknown, suspended, expired, not authorised."""
    PIN = 11
    TOKEN = 12
    PLATFORM = 13
    OUTPUT = 14
    """The result could not be written or did not pass its own verification."""
    PLACEMENT = 15
    LOCAL_DATA = 16
    """Settings, cabinet or journal."""
    APPROVAL = 17
    """The use waits for an approval, or did not get it."""
    USAGE = 64
    """The command line itself is wrong (sysexits' EX_USAGE)."""
    UNKNOWN = 70
    CANCELLED = 130


@frozen
class Message:
    """One error in the user's language."""

    title: str
    cause: str
    remedy: str
    code: str
    """"E-201": stable, the same in every language."""


@dataclass_transform(eq_default=False)
class AppError(Exception):
    """Base of the product's own errors; the fields of each are the placeholders of its text.

    Fields are declared and given as a dataclass has them. They are no dataclasses: to make sixty
    of these took every command longer than to read its settings."""

    stops_batch: ClassVar[bool] = False
    """Whether a batch ends here, because the next document would fail the same way."""
    exit_code: ClassVar[ExitCode] = ExitCode.UNKNOWN
    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        declared = get_annotations(cls)
        own = [name for name, kind in declared.items() if not kind.startswith("ClassVar")]
        cls._fields = tuple(dict.fromkeys([*cls._fields, *own]))

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        given = dict(zip(fields, values, strict=False), **named)
        missing = [name for name in fields if name not in given and not hasattr(type(self), name)]
        if missing or len(given) != len(values) + len(named) or not given.keys() <= {*fields}:
            raise TypeError(f"{type(self).__name__} is made with {', '.join(fields) or 'nothing'}")
        for name in fields:
            setattr(self, name, given[name] if name in given else getattr(type(self), name))
        super().__init__(*(getattr(self, name) for name in fields))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({shown})"

    def __str__(self) -> str:
        """For logs, in English: the class and its fields."""
        return without_login(repr(self))


# --- the command and the person ------------------------------------------------------------------


class UsageError(AppError):
    """The command line asks for something that makes no sense.

    *problem* is a word of the entry's table, or a text of argparse's in the person's language;
    *about* is what it is said of: an option, a file."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    stops_batch: ClassVar[bool] = True
    problem: str
    about: str | None = None


class LinkNotEnabled(AppError):
    """A web page has opened a ``sealdesk:`` address; nothing of it was read, nothing sent."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class WindowBusy(AppError):
    """The window is open already and does not answer; no second one is opened."""

    exit_code: ClassVar[ExitCode] = ExitCode.CANCELLED


class Cancelled(AppError):
    """The person stopped it; nothing was written."""

    exit_code: ClassVar[ExitCode] = ExitCode.CANCELLED
    stops_batch: ClassVar[bool] = True


# --- files ---------------------------------------------------------------------------------------


class FileError(AppError):
    """Something about a file."""

    exit_code: ClassVar[ExitCode] = ExitCode.UNREADABLE
    path: str


_WINDOWS = {
    **dict.fromkeys((32, 33), "in_use"),  # ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION
    **dict.fromkeys((53, 64, 67), "missing"),  # the computer or its share is not there
    **dict.fromkeys((111, 206), "too_long"),
    **dict.fromkeys((123, 161), "name"),
    112: "full",
    336: "folder",  # ERROR_DIRECTORY
}
"""Error numbers of Windows that have no errno of their own → the problem."""

if sys.platform == "win32":

    def windows_error(path: str) -> int:
        """Why Windows lets nobody read or write *path*: 0 if it does, 336 for a folder."""
        if os.path.isdir(path):
            return 336
        for access in (0x80000000, 0x40000000):  # GENERIC_READ, GENERIC_WRITE
            try:  # shared by all, what is there, nothing special
                _winapi.CloseHandle(_winapi.CreateFile(path, access, 7, 0, 3, 0, 0))
            except OSError as error:
                return error.winerror
        return 0

else:

    def windows_error(path: str) -> int:
        """0: another system's errors tell by themselves."""
        return 0


class FileProblem(StrEnum):
    """Why the system refused a file."""

    MISSING = "missing"
    DENIED = "denied"
    IN_USE = "in_use"
    """Another program has it open and shares it with nobody."""
    FOLDER = "folder"
    """A folder stands where a file was expected."""
    FULL = "full"
    TOO_LONG = "too_long"
    """Its name is longer than file systems keep."""
    NAME = "name"
    """Its name is reserved, or has a character, on some of the systems that people use."""
    OTHER = "other"

    @classmethod
    def of(cls, error: OSError) -> FileProblem:
        """The reason inside an OSError. On Windows the number of its own says more; an ``open``
        there tells only that it was denied, so the file is asked once more."""
        number = getattr(error, "winerror", None) or 0
        if not number and error.errno == errno.EACCES and isinstance(error.filename, str):
            number = windows_error(error.filename)
        if number in _WINDOWS:
            return cls(_WINDOWS[number])
        known = {
            errno.EBUSY: cls.IN_USE,
            errno.ETXTBSY: cls.IN_USE,
            errno.ENOENT: cls.MISSING,
            errno.ENOTDIR: cls.MISSING,
            errno.EACCES: cls.DENIED,
            errno.EPERM: cls.DENIED,
            errno.EROFS: cls.DENIED,
            errno.EISDIR: cls.FOLDER,
            errno.ENOSPC: cls.FULL,
            errno.EDQUOT: cls.FULL,
            errno.ENAMETOOLONG: cls.TOO_LONG,
        }
        return known.get(error.errno or 0, cls.OTHER)


class FileNotReadable(FileError):
    """The system refuses to read the file."""

    reason: FileProblem = FileProblem.OTHER


class NotAPdf(FileError):
    """The file does not begin like a PDF."""


class FileEmpty(NotAPdf):
    """The file holds nothing."""


class WebPage(NotAPdf):
    """A page of a server, most often one that asks to sign in or has not found the file."""


class Packed(NotAPdf):
    """An archive, in which a PDF may be."""


class MailAttachment(NotAPdf):
    """A mail, or what a mail program encodes or signs an attachment into."""


class OfdNotSupported(NotAPdf):
    """An OFD: a document in its own right, and not one that is judged here."""


class PlatformNotNamed(FileError):
    """The file does not say on which platform it was sealed."""


class FileRepairable(FileError):
    """Readers open the file although its table is off; a repaired copy can be stamped."""

    fault: str
    """As :class:`crypto.pdf.mending.Fault`, or "rewritten"."""


class SignedFileDamaged(FileError):
    """The same of a file that holds signatures: no copy of it would be what was signed."""

    fault: str


class ChangesForbidden(FileError):
    """The author allows nobody who opens the file to change it (owner password)."""


class SealWouldHarm(FileError):
    """With the seal, a signature that the document has would be judged worse than it is."""

    who: str
    """Whose signature."""
    reason: str
    """The finding that it would get."""


class OutputExists(FileError):
    """The output exists already; nothing is ever overwritten."""

    exit_code: ClassVar[ExitCode] = ExitCode.OUTPUT


class OutputNotWritable(FileError):
    """The system refuses to write the result."""

    exit_code: ClassVar[ExitCode] = ExitCode.OUTPUT
    reason: FileProblem = FileProblem.OTHER


class SavedElsewhere(FileError):
    """The result is good and lies in another place than it should."""

    exit_code: ClassVar[ExitCode] = ExitCode.OUTPUT
    saved: str = ""
    """Where it is."""
    reason: str = "other"
    """Why it is not where it should be: a :class:`FileProblem`, or "exists"."""


class OutputVerificationFailed(FileError):
    """What was written does not pass verification; it has been removed."""

    exit_code: ClassVar[ExitCode] = ExitCode.OUTPUT
    findings: str = ""
    """Codes of the failed checks."""
    blames: str = "seal"
    """"seal", or "document" where nothing that failed is about the seal."""

    @property
    def stops_batch(self) -> bool:  # type: ignore[override]
        """A seal fails with the next document, too."""
        return self.blames == "seal"


class NothingToArchive(AppError):
    """None of the files can be archived; there is no package."""

    exit_code: ClassVar[ExitCode] = ExitCode.OUTPUT
    refused: int
    """How many there were."""
    reasons: str = ""
    """The first of them, each with why, in the person's language."""


# --- the right to use a seal ---------------------------------------------------------------------


class SealUseError(AppError):
    """This seal may not be used now."""

    exit_code: ClassVar[ExitCode] = ExitCode.SEAL
    stops_batch: ClassVar[bool] = True
    seal: str
    """Its name, or what the user typed."""


class SealNotFound(SealUseError):
    """No seal of that code, name or id is in the cabinet."""


class TokenWithoutSeal(AppError):
    """The key holds no certificate of a seal of this platform."""

    exit_code: ClassVar[ExitCode] = ExitCode.SEAL
    platform: str
    """Its origin."""


class SealAmbiguous(SealUseError):
    """Several seals are meant, or none was named and there are several."""

    known: str
    """Code and name of each that may be meant."""


class SealNotUsable(SealUseError):
    """The seal itself is not in force."""

    reason: str
    """As :meth:`app.store.cabinet.SealRecord.usable` gives it: "suspended", "expired", …"""


class NotAuthorised(SealUseError):
    """The person has no authorisation that covers this use."""

    reason: str
    """"none", "withdrawn", "term", "uses", "scope", "kind" (not said, of several), "counterparty"
    (the same), "approval" or "document" (approved for another file)."""


class LeaseExpired(SealUseError):
    """The platform confirmed the seal too long ago to stamp offline."""

    since: datetime
    """When the seal's status was last confirmed."""


class LeaseRefused(SealUseError):
    """Nothing was reserved, or nothing that may be used now, to stamp without the platform."""

    reason: str
    """"none", "spent", "over", "clock" (it went back), "disagrees" (cabinet and secret store) or
    "other_use" (it was reserved for documents of another kind, or another party)."""


class ApprovalNeeded(SealUseError):
    """The seal's policy asks for an approval that is not there (yet)."""

    exit_code: ClassVar[ExitCode] = ExitCode.APPROVAL
    stops_batch: ClassVar[bool] = False
    state: str
    """"ask" (nobody was asked), "pending", "rejected", "withdrawn", "lapsed", "used", "offline" (no
    use without the platform) or "policy" (none was set since the seal was made anew)."""
    who: str
    """Who is to approve, or has rejected it; "" if that is not known."""


class UseRequestNotFound(AppError):
    """No request of that number, or none for that document, is known here."""

    exit_code: ClassVar[ExitCode] = ExitCode.APPROVAL
    which: str


class UseRequestWrong(AppError):
    """What was asked for cannot be asked for."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: str
    """"none_needed", "text" or "copies"."""


class DecisionRefused(AppError):
    """The decision does not count, or nobody should decide on what is shown."""

    exit_code: ClassVar[ExitCode] = ExitCode.APPROVAL
    what: str
    """"already", "reason", "pictures", "document", "unseen" or "phone"."""


class PolicyTermsWrong(AppError):
    """A policy of use that cannot be."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: str
    """"copy", "twice", "number", "offline" or "names"."""


class GrantNotFound(AppError):
    """No grant of that number, code or name is known here."""

    exit_code: ClassVar[ExitCode] = ExitCode.SEAL
    which: str


class OfferNotOpen(AppError):
    """The platform has no grant that this code accepts: a slip, or it was taken or has ended."""

    exit_code: ClassVar[ExitCode] = ExitCode.SEAL


class GrantTermsWrong(AppError):
    """What was asked for cannot be granted."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    what: str
    """"until", "hours", "quota", "grantee", "copy", "approval" or "entries"."""


class PhoneNotFound(AppError):
    """No phone of that number or name is bound, or several have that name."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    which: str


class PhoneNotProved(AppError):
    """Whoever answered in a phone's place did not know the secret of the QR code, or another phone
    did."""

    exit_code: ClassVar[ExitCode] = ExitCode.PLATFORM


class PairingOver(AppError):
    """No phone came in time."""

    exit_code: ClassVar[ExitCode] = ExitCode.CANCELLED


# --- where the seal goes -------------------------------------------------------------------------


class PlacementError(AppError):
    """The seal cannot be put where it was asked for; it is never moved silently."""

    exit_code: ClassVar[ExitCode] = ExitCode.PLACEMENT


class PageRangeInvalid(PlacementError):
    """A page range that cannot be read."""

    text: str
    """The part that is wrong."""


class PositionInvalid(PlacementError):
    """A position (coordinates, a keyword) that cannot be read."""

    text: str


class NoSeam(PlacementError):
    """A riding seam on a document of one page."""

    path: str


class PageOutOfRange(PlacementError):
    """The document has no such page."""

    page: int
    """As the user counts, from 1."""
    count: int


class OutsidePage(PlacementError):
    """The seal would not lie wholly on the page."""

    page: int
    """As the user counts, from 1."""
    width_mm: float
    height_mm: float
    left_mm: float
    top_mm: float
    right_mm: float
    bottom_mm: float


class SeamTooThin(PlacementError):
    """So many pages share one seal that a slice would not be seen."""

    pages: int
    """That were to share one seal."""
    slice_mm: float
    most: int
    """How many may."""


class FieldNotFound(PlacementError):
    """The document has no empty signature field of that name on a page."""

    name: str
    known: str | None
    """Those it has; None: it has none."""


class TemplateNotFound(PlacementError):
    """No usual place is kept under that name."""

    stops_batch: ClassVar[bool] = True
    name: str
    known: str | None
    """Those that are kept; None: there are none."""


class DateWithoutSeal(PlacementError):
    """A date mark with no whole seal beside it, or none without a date of its own."""

    page: int
    """As the user counts, from 1."""


class KeywordNotFound(PlacementError):
    """The text does not occur, or not that often."""

    keyword: str
    found: int
    wanted: int | None = None
    """Which occurrence was asked for; None: any."""


# --- the platform --------------------------------------------------------------------------------


class PlatformError(AppError):
    """Communication with the platform or another service failed."""

    exit_code: ClassVar[ExitCode] = ExitCode.PLATFORM
    stops_batch: ClassVar[bool] = True


class PlatformNotSet(PlatformError):
    """No platform address is configured."""


class PlatformUnreachable(PlatformError):
    """No answer came."""

    url: str
    reason: str = "other"
    """"refused", "timeout", "tls", "proxy", "busy", "http", "size", "address" or "other"."""


class PlatformRefused(PlatformError):
    """The platform answered no (RFC 9457 problem+json)."""

    problem: str
    """The answer's stable code, e.g. "certificate_not_valid"."""
    detail: str
    """What the platform says of it."""
    status: int = 0
    request_id: str = ""


class SealChangeRefused(PlatformError):
    """The platform does not let this key suspend or resume the seal."""

    seal: str
    """Its name."""
    reason: str
    """Who may, or what is in the way: "keeper", "stopped" (already), "representative", "doubt"
    (lost, or its key in doubt), "market", "police", "platform", "in_use" or "ended"."""


class PlatformUntrusted(PlatformError):
    """The server is not the platform that is expected. Nothing was signed or sent to it."""

    url: str
    reason: str
    """"insecure", "root", "fingerprint" (not the one a person entered), "certificates", "origin",
    "status", "ledger", "ledger_shorter", "ledger_other", "registry", "registry_manifest",
    "registry_shard", "registry_epoch", "receipt", "seal",
    "evidence" (a package that does not prove itself), "report" (no good seal of the platform on
    it), "report_digest" (about another file) or "release" (a record of a version of the program
    that it has not signed, or about something else)."""


class PlatformAnswerInvalid(PlatformError):
    """An answer that does not follow the interface."""

    url: str
    what: str


class ServiceUnavailable(PlatformError):
    """A time-stamping or revocation service gave no usable answer."""

    url: str
    reason: str = "other"
    """"refused", "timeout", "tls", "proxy", "busy", "login", "request", "missing", "moved", "page",
    "http", "size", "address" or "other"."""
    status: int | None = None
    """HTTP's, where there was an answer."""

    @classmethod
    def answered(cls, url: str, status: int) -> ServiceUnavailable:
        """What an answer with a *status* other than 200 comes to."""
        reasons = {400: "request", 401: "login", 403: "login", 404: "missing", 407: "proxy"}
        reasons |= {410: "missing", 429: "busy", 503: "busy", 511: "page"}
        reason = "moved" if 300 <= status < 400 else reasons.get(status, "http")
        return cls(url, reason, status)


class TimestampUntrusted(PlatformError):
    """A time stamp was received that does not prove the time by this desk's trust."""

    url: str
    reason: str
    """"unknown" (an authority nobody here trusts) or "wrong"."""


class EvidenceMissing(PlatformError):
    """Validation material for long-term verification is not available."""

    subject: str
    """Whose certificate's revocation nothing tells."""


class ApplicationRejected(PlatformError):
    """An application for a seal did not lead to one (yet)."""

    application: str
    """Its identifier in the cabinet."""
    state: str
    """"pending", "awaiting_licence", "rejected", "returned", "withdrawn", "lapsed", or "draft",
    "drafted", "submitted", "in_review", "approved", "fulfilled", "collected" where what was asked
    for is not possible in that state."""
    reason: str


class ApplicationOpen(PlatformError):
    """Another application of this key is under way; nothing was sent."""

    application: str
    """Its identifier in the cabinet."""


class ApplicationNotFound(AppError):
    """No application in the cabinet has that identifier."""

    exit_code: ClassVar[ExitCode] = ExitCode.SEAL
    application: str
    """What the user typed."""


class ApplicationFieldWrong(AppError):
    """Something in an application cannot be right, found before anything was sent."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE
    field: str
    """Its name, see :mod:`app.remote.application_form`."""
    problem: str
    """"missing", "unsigned", "media", "size" or a problem of
    :class:`crypto.pki.unit_codes.CodeError`, …: a word of the entry's table."""


# --- which key is meant --------------------------------------------------------------------------


class StaffKeyMissing(PlatformError):
    """No certificate for this work for the platform is on the key."""

    role: str
    """reviewer or auditor."""


class TokenAmbiguous(AppError):
    """Several smart keys are plugged in, and nothing says which is meant."""

    exit_code: ClassVar[ExitCode] = ExitCode.TOKEN
    stops_batch: ClassVar[bool] = True
    serials: str


# --- what is kept on this machine ----------------------------------------------------------------


class LocalDataError(AppError):
    """Something kept on this machine cannot be used."""

    exit_code: ClassVar[ExitCode] = ExitCode.LOCAL_DATA
    stops_batch: ClassVar[bool] = True


class SettingsInvalid(LocalDataError):
    """A setting has an invalid value."""

    where: str
    """File, registry key or environment variable."""
    key: str
    """"" if the whole file cannot be read."""
    problem: str
    line: int = 0
    """In the file, from 1; 0: not known."""


class SettingLocked(LocalDataError):
    """The administrator has fixed this setting."""

    key: str


class UpdateForbidden(LocalDataError):
    """Nobody is to be told of new versions, or nothing is installed here by the program."""

    locked: bool
    """The administrator says so."""


class UpdateRejected(LocalDataError):
    """A package of a new version is not what it should be. It was not started."""

    file: str
    reason: str
    """"size", "digest", "unsigned", "signature", "publisher", "own" (this program bears no
    signature, so that there is none to compare with) or "folder"."""


class PlatformNotMetYet(LocalDataError):
    """The administrator has named a platform that this desk has never been connected to."""

    origin: str


class TrustListRejected(LocalDataError):
    """A trust list is not taken."""

    where: str
    reason: str
    """malformed, signer or older."""


class JournalDamaged(LocalDataError):
    """The usage journal was changed or cut."""

    path: str
    line: int
    """The first line that is wrong, from 1."""


class AuditRecordDamaged(LocalDataError):
    """What an auditor has seen of a platform's ledger cannot be read."""

    path: str


class CabinetDamaged(LocalDataError):
    """The seal cabinet's file cannot be read; it is left as it is."""

    path: str
    detail: str


class CabinetTooNew(LocalDataError):
    """The cabinet was written by a later version of the program."""

    path: str


class CabinetLocked(LocalDataError):
    """The cabinet's key is not available."""

    reason: str
    """"missing", "wrong", "exposed", "timeout", "off", "none", "forbidden" or "store"."""


# --- what a batch and a script make of an error --------------------------------------------------

_EXIT_CODES = {
    # device
    "TokenError": ExitCode.TOKEN,
    "PinError": ExitCode.PIN,
    "ReturnCode": ExitCode.TOKEN,
    "ProfileError": ExitCode.TOKEN,
    "BuildError": ExitCode.TOKEN,
    # crypto
    "PdfError": ExitCode.UNREADABLE,
    "ImprintError": ExitCode.SEAL,
    "SealError": ExitCode.SEAL,
    "GrantError": ExitCode.SEAL,
    "StatementError": ExitCode.PLATFORM,
    "MerkleError": ExitCode.PLATFORM,
    "RegistryFileError": ExitCode.PLATFORM,
    "CertificateError": ExitCode.UNREADABLE,
    "DerError": ExitCode.UNREADABLE,
    "CmsError": ExitCode.UNREADABLE,
    "AppearanceError": ExitCode.UNREADABLE,
    "TimestampError": ExitCode.PLATFORM,
    # the system
    "OSError": ExitCode.UNREADABLE,
    "KeyboardInterrupt": ExitCode.CANCELLED,
}
_STOPPING = {
    "TokenError",
    "ReturnCode",
    "ProfileError",
    "ImprintError",
    "SealError",
    "KeyboardInterrupt",
}
"""Of classes without a ``stops_batch`` of their own: those that the next document meets again."""
_OF_THE_DOCUMENT = {
    "NotAPdf",
    "FileRepairable",
    "SignedFileDamaged",
    "ChangesForbidden",
    "SealWouldHarm",
    "PlacementError",
    "PdfError",
}


def exit_code(error: BaseException) -> int:
    """The command line's exit code for *error*."""
    if isinstance(error, AppError):
        return error.exit_code
    known = (_EXIT_CODES[name] for name in _names(error) if name in _EXIT_CODES)
    return next(known, ExitCode.UNKNOWN)


def stops_batch(error: BaseException) -> bool:
    """Would the next document of a batch fail the same way?

    An unknown error counts against its own document only."""
    own = getattr(error, "stops_batch", None)
    return own if isinstance(own, bool) else any(name in _STOPPING for name in _names(error))


def lies_in_the_document(error: BaseException) -> bool:
    """Would the same document fail the same way again, until it or its places are changed?"""
    if isinstance(error, OutputVerificationFailed):
        return not error.stops_batch
    return any(name in _OF_THE_DOCUMENT for name in _names(error))


# --- the texts -----------------------------------------------------------------------------------


def explain(
    error: BaseException, language: str = "zh_CN", *, command_line: bool = False
) -> Message:
    """*error* in the user's language, from the entry of its class or the nearest base class.

    On the *command line* the remedy names an option where the window's names a button.
    An error nobody has foreseen gives E-999; a traceback never reaches the user."""
    table = messages(language)
    entry = next((table[name] for name in _names(error) if name in table), table["Unknown"])
    words = entry.get("words", {})

    def worded(name: str) -> str:
        value = getattr(error, name, None)
        if isinstance(error, ApplicationRejected) and name == "reason":
            value = platform_reason(error.reason, language)
        return _worded(value, words.get(name, {}))

    def fill(template: str) -> str:
        return _PLACEHOLDER.sub(lambda found: worded(found[1]), template)

    remedy = entry["remedy"]
    if command_line:
        remedy = entry.get("command_line", remedy)
    return Message(fill(entry["title"]), fill(entry["cause"]), fill(remedy), entry["code"])


def phrase(key: str, language: str = "zh_CN") -> str:
    """A text that is no error, e.g. ``phrase("journal.document")``. Raises KeyError."""
    node: Any = messages(language)["phrases"]
    for part in key.split("."):
        node = node[part]
    return str(node)


def platform_reason(text: str, language: str) -> str:
    """What a platform gives as its reason, in that language as far as it is known.

    It stands on record in Chinese, sentence by sentence. Those that the rules write are in
    ``[phrases.platform_says]``; any other is a person's own words, and stays as it is."""
    if language == "zh_CN" or not text:
        return text
    known, words = _platform_sentences(), messages(language)["phrases"]["platform_says"]
    parts = []
    for sentence in (part.strip() for part in text.split("；")):
        begun, mark, rest = sentence.partition("：")  # a sentence that a person goes on with
        if sentence in known:
            parts.append(words[known[sentence]])
        elif mark and begun in known:
            parts.append(f"{words[known[begun]]}: {rest}")
        else:
            parts.append(sentence)
    return "; ".join(filter(None, parts))


@cache
def _platform_sentences() -> dict[str, str]:
    told: dict[str, str] = messages("zh_CN")["phrases"]["platform_says"]
    return {sentence: key for key, sentence in told.items()}


@cache
def messages(language: str) -> dict[str, Any]:
    """All entries of a language (one of :data:`LANGUAGES`; another reads as English)."""
    name = language if language in LANGUAGES else "en"
    source = resources.files("resources") / f"messages.{name}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))


_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def _names(error: BaseException) -> list[str]:
    return [ancestor.__name__ for ancestor in type(error).__mro__]


def _worded(value: object, words: dict[str, str]) -> str:
    """A field's value as the entry's ``words`` put it: by value, "none", or "other" around {}."""
    if value is None:
        return words.get("none", "—")
    text = _shown(value)
    return words.get(text, words.get("other", "{}").replace("{}", text))


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return in_beijing(value).strftime("%Y-%m-%d %H:%M")
    text = without_login(f"{value:.1f}" if isinstance(value, float) else str(value))
    if len(text) > _LONGEST_VALUE:
        text = text[:_LONGEST_VALUE] + "…"
    # control characters in file names and server answers must not reach the terminal
    return "".join(char if char.isprintable() else "�" for char in text)
