"""Findings → verdict, and the report: what is said of a document, to a person and as JSON.

A :class:`Finding` is one thing that was proved, could not be proved, or is disproved. Its code
alone decides its level (:data:`LEVELS` is the truth table, explained in docs/verification.md), and
the worst level decides the verdict, so a verdict never says more than its findings:

    ok, notice → VALID    changed → VALID_CHANGED_LATER    unknown → UNKNOWN    invalid → INVALID

Client and server say the same of the same file because both build this :class:`Report`.
JSON schema: docs/report-schema.md, version :data:`SCHEMA`; :mod:`crypto.report.reading` reads it.

This is one module, though long: findings, verdicts and the report's JSON are one data model, and no
part of it is of use without the others.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from crypto.beijing import BEIJING
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.pki.holder_name import holder_of, without_credit_code
from crypto.proofs import Proof, hangs_on_the_clock, proofs_of

SCHEMA = "sealdesk-report/2"


class Level(StrEnum):
    """What a finding does to the verdict, from harmless to fatal."""

    OK = "ok"
    NOTICE = "notice"
    CHANGED = "changed"
    UNKNOWN = "unknown"
    INVALID = "invalid"


class Verdict(StrEnum):
    """The answer for one signature or one document."""

    VALID = "VALID"
    VALID_CHANGED_LATER = "VALID_CHANGED_LATER"
    UNKNOWN = "UNKNOWN"
    INVALID = "INVALID"
    UNSIGNED = "UNSIGNED"
    """A document without any signature: its own answer, neither good nor bad."""


_BY_LEVEL = {
    Level.OK: Verdict.VALID,
    Level.NOTICE: Verdict.VALID,
    Level.CHANGED: Verdict.VALID_CHANGED_LATER,
    Level.UNKNOWN: Verdict.UNKNOWN,
    Level.INVALID: Verdict.INVALID,
}
_RANK = {level: rank for rank, level in enumerate(Level)}

_CODES = {
    Level.OK: (
        "covers_file covers_revision digest_matches signature_valid seal_signature_valid"
        " signer_listed signer_trusted maker_trusted signer_valid_at_signing"
        " maker_valid_at_making seal_valid_at_signing signer_not_revoked time_trusted"
        " status_active seal_valid_now mark_matches timestamp_good date_matches"
        " seal_timestamp_good grant_holds grant_use grant_in_scope grant_approved"
        " use_approved approved_by approved_by_phone"
    ),
    Level.NOTICE: (
        "time_claimed signer_expired_since maker_expired_since seal_expired_since"
        " signer_revoked_since maker_revoked_since status_changed_since"
        " seal_replaced seal_replaced_on"
        " ca_revocation_unknown signer_may_issue version_differs opened_leniently"
        " bytes_after_end bytes_before_start bytes_behind_end seal_code_differs"
        " status_not_published revocation_not_published weak_algorithm_accepted sealed_offline"
        " demo_seal electronic_invoice evidence_added mark_size_differs no_mark"
        " stamp_annotation"
        " maker_may_issue maker_valid_at_use timestamp_unproven seal_timestamp_unproven no_seal"
        " lookalike_seal lookalike_seals_more lookalike_protected lookalikes_not_searched"
        " mark_turned mark_not_printed later_seal later_signature_unseen metadata_changed"
        " bookmarks_changed view_changed page_labels_changed link_inside"
        " unused_objects grant_under_lease ticket_weak"
    ),
    Level.CHANGED: (
        "changed_later field_added field_filled note_added later_signature_seen attachment_added"
    ),
    Level.UNKNOWN: (
        "kind_unknown signer_untrusted maker_untrusted signer_expired_unproven"
        " seal_expired_unproven signer_revoked_unproven maker_revoked_unproven"
        " revocation_unknown status_unknown"
        " status_stale status_pending status_changed_unproven time_missing time_in_future"
        " time_before_seal time_contradicts weak_algorithm changed_suspicious"
        " signatures_hidden value_unsupported timestamp_unfit mark_unreadable mark_unlike"
        " imprint_font_missing imprint_undrawable"
        " unsigned_mark range_incomplete not_reviewed"
        " certificate_missing seal_expired seal_not_yet_valid contents_unusual mark_hidden"
        " signer_purpose_other maker_purpose_unstated clock_contradicts"
        " mark_covers later_seal_hides date_differs value_differs filling_unclear"
        " filling_over_content value_rewritten"
        " markup_added drawing_added link_added mark_tiny mark_only_printed mark_acts"
        " look_differs look_differs_more look_pages_differ look_incomplete look_failed"
        " look_held_up mark_held_up extension_critical"
        " grant_unproved grant_leave_unproved grant_lease_unconfirmed grant_end_unproven"
        " approval_unproved approval_pages_differ ticket_missing_unproven"
    ),
    Level.INVALID: (
        "byte_range_malformed contents_malformed value_unreadable digest_mismatch"
        " damaged_in_transfer"
        " signature_invalid seal_signature_invalid signer_not_listed signer_usage_wrong"
        " maker_usage_wrong maker_purpose_wrong signer_chain_broken maker_chain_broken"
        " signer_not_valid_at_signing maker_not_valid_at_making seal_not_valid_at_signing"
        " signer_revoked_before maker_revoked_before ca_revoked status_not_active"
        " changed_forbidden mark_differs mark_foreign timestamp_invalid check_failed"
        " attributes_wrong seal_timestamp_invalid seal_made_after_timestamp"
        " value_replaced look_replaced content_covered"
        " grant_invalid grant_foreign_grantor grant_no_leave grant_leave_foreign grant_exceeded"
        " grant_term_over grant_outside_kind grant_outside_counterparty grant_outside_hours"
        " grant_unapproved approval_invalid approval_foreign approval_changed"
        " approval_exceeded grant_foreign_seal grant_foreign_grantee"
        " ticket_missing"
        " grant_before_lease grant_lease_over grant_used_after_end"
    ),
}
_SAME_NAME = (
    "field_filled value_replaced look_replaced content_covered value_differs filling_unclear"
    " filling_over_content value_rewritten field_added note_added markup_added drawing_added"
    " unused_objects attachment_added link_added link_inside"
)
CHANGES: Mapping[str, str] = {
    **{kind: kind for kind in _SAME_NAME.split()},
    "seal_added": "later_signature_seen",
    "timestamp_added": "evidence_added",
    "validation_data": "evidence_added",
    "metadata": "metadata_changed",
    "bookmarks": "bookmarks_changed",
    "view": "view_changed",
    "page_labels": "page_labels_changed",
    "suspicious": "changed_suspicious",
    "forbidden": "changed_forbidden",
}
"""Every kind of later change → its finding. A signature added later is judged together with what it
proves; until that is known it is one that merely shows something."""
LEVELS: Mapping[str, Level] = {
    code: level for level, codes in _CODES.items() for code in codes.split()
}
"""Every finding there is, and what it does to a verdict."""


@frozen
class Finding:
    """One thing found; ``details`` fill the blanks of its text."""

    code: str
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        return LEVELS[self.code]

    def text(self, language: str = "zh_CN") -> str:
        """What it means, for people, in *language* ("zh_CN" or "en"): no names of objects or form
        fields, and no parser's reasons; those are in :meth:`technical`."""
        shown = {key: _for_people(key, text, language) for key, text in self.details.items()}
        return _texts(language)["findings"][self.code].format_map(_Blanks(shown, language))

    def technical(self) -> str:
        """Code and details on one line, as support asks for them; the same in every language."""
        details = "; ".join(f"{key}: {one_line(text)}" for key, text in self.details.items())
        return f"{self.code} ({details})" if details else self.code


_SOURCES = {
    "named": "label",
    "value_before": "before",
    "value_after": "after",
    "approved_document": "document",
}
"""Words made of a detail, or said instead where there is none."""
TICK = "✓"
"""The value of a button that is ticked."""
_BY_TICK = ("filled", "rewritten", "corrected", "recorded", "written", "exchanged")
"""Words that are others where a button was ticked, or where its tick was taken away."""
_DOUBTS = (("/NeedAppearances", "doubtful_drawn"), ("trailer /Size", "doubtful_size"))
"""The end of what is said to be suspicious, and the words for it."""
_BY_KIND = ("drawn", "marked")
"""Words that are others for each kind of annotation."""
_ANNOTATION = re.compile(r"(?:^|\s)/([A-Za-z]+)(?: \(\d+ \d+ obj\))?$")
"""The end of what is said of an annotation that was added."""


class _Blanks(dict[str, str]):
    """What fills the blanks of a text: details as they are, and words for those that are missing.

    ``{scope}`` is made of the entries of a grant's scope, ``{approval_fault}`` of why approvals are
    none, ``{approved_document}`` of the document's name.
    ``{altered}`` says what was changed: that a page was turned, where that is all of it, or
    that there are more or fewer.
    ``{weak_thing}`` and ``{weak_advice}`` say whose algorithm is weak and what to do about it,
    ``{stamp_fault}`` why a time stamp proves nothing.
    ``{place}``, ``{party}``, ``{named}``, ``{value_before}``, ``{value_after}`` and ``{values}``
    (both, where they differ) are words made of the details page, who, seal, label, before and
    after, or say that there is none.
    ``{filled}``, ``{rewritten}``, ``{corrected}``, ``{recorded}``, ``{written}`` and
    ``{exchanged}`` say what became of a field, in other words for a tick; ``{unclear}``,
    ``{otherwise}`` and ``{cells}`` what is known of what it shows. ``{differs}`` says where a page
    differs, ``{doubtful}`` what is suspicious, ``{drawn}`` and ``{marked}`` what kind of annotation
    was added, and ``{noted}`` what it says."""

    def __init__(self, details: Mapping[str, str], language: str) -> None:
        super().__init__(details)
        self._language = language

    def __missing__(self, key: str) -> str:
        if key == "place":
            known = "page" if "page" in self else "no_page"
            return say("blanks", known, self._language).format_map(self)
        if key == "altered":
            what = self.get("what", "")
            known = "altered_turned" if _TURNED.search(what) else "altered"
            known = "altered_pages" if _COUNTED.search(what) else known
            return say("blanks", known, self._language).format_map(self)
        if key == "party":
            known = "party_alone" if self.get("who", "") in self.get("seal", "") else "party"
            return say("blanks", known, self._language).format_map(self)
        if key == "scope":
            known_entries = [k for k in ("kind", "counterparty", "hours") if self.get(k)]
            said = (say("blanks", f"scope_{k}", self._language) for k in known_entries)
            return say("blanks", "scope_and", self._language).join(
                sentence.format_map(self) for sentence in said
            )
        if key == "values":
            if self.get("before", "") == self.get("after", ""):
                return ""
            return say("blanks", "values", self._language).format_map(self)
        if key == "approval_fault":
            return say("blanks", f"fault_{self.get('why', 'unreadable')}", self._language)
        if key in ("weak_thing", "weak_advice"):
            known = f"{key}_{self.get('whose', 'value')}"
            return say("blanks", known, self._language).format_map(self)
        if key == "stamp_fault":
            known = "stamp_weak" if self.get("algorithm") else "stamp_untrusted"
            known = f"stamp_{self['why']}" if self.get("why") else known
            return say("blanks", known, self._language).format_map(self)
        if key == "noted":
            return self._say(key) if self.get("after") else ""
        if key == "cells":
            return self._say(key) if self.get("why") == key else ""
        if key == "differs":
            return self._say("differs_in_field" if self.get("why") == "in_field" else key)
        if key == "doubtful":
            known = next((name for end, name in _DOUBTS if self.get("what", "").endswith(end)), key)
            return self._say(known)
        if key == "unclear":
            return self._say(f"unclear_{self.get('why', '')}", key)
        if key == "otherwise":
            part = "_part" if self.get("why") == "part" else "_known" if self.get("shown") else ""
            return self._say(f"otherwise{part}")
        if key in _BY_TICK:
            return self._say(f"{key}{self._became}", key)
        if key in _BY_KIND:
            kind = _ANNOTATION.search(self.get("what", ""))
            return self._say(f"{key}_{kind[1]}" if kind else key, key)
        if key in _SOURCES:
            if self.get(_SOURCES[key]):
                return self._say(key)
            is_button = key == "named" and TICK in (self.get("before"), self.get("after"))
            return self._say(f"no_{key}_tick" if is_button else f"no_{key}")
        return "—"

    @property
    def _became(self) -> str:
        """What became of a field: "_ticked", "_filled" …"""
        before, after = self.get("before", ""), self.get("after", "")
        if before and after:
            return "_again" if before == after else "_changed"
        if TICK in (before, after):
            return "_ticked" if after else "_unticked"
        if before or after:
            return "_filled" if after else ""
        return "_nothing"

    def _say(self, known: str, otherwise: str = "") -> str:
        """The words called *known*; *otherwise* those, if there are none of that name."""
        said = say("blanks", known, self._language)
        if said == known and otherwise:
            said = say("blanks", otherwise, self._language)
        return said.format_map(self)


_TURNED = re.compile(r"(?:^|\s)/Rotate \(\d+ \d+ obj\)$")
"""The end of what is said to have changed of a page, where its direction alone has."""
_COUNTED = re.compile(r"obj\) /Count$")
"""And of the tree of pages, where there are more or fewer."""
_NAMES = ("issuer", "subject", "anchor", "authority")
_IN_A_NAME = re.compile(r"(?:^|, )(CN|O|OU)=(.*?)(?=, (?:[A-Za-z]+|[0-9.]+)=|$)")


def _for_people(key: str, text: str, language: str) -> str:
    """A detail as a sentence shows it: of a distinguished name the name alone, with the
    organisation where the name does not say it; of a state its word. What stands in a document is
    a stranger's: no line breaks, and nothing that turns other words around."""
    if key == "state":
        return say("states", text, language)
    if key == "algorithm":
        kind, _, bits = text.partition("-")
        known = say("algorithms", kind, language)
        return one_line(text.upper() if known == kind else known.replace("{bits}", bits))
    if key in _NAMES and (parts := dict(reversed(_IN_A_NAME.findall(text)))):
        name = next(parts[kind] for kind in ("CN", "O", "OU") if kind in parts)
        organisation = without_credit_code(parts.get("O", ""))
        said = organisation in name or name in organisation
        return one_line(name if said else f"{organisation} {name}")
    return one_line(text)


@cache
def _texts(language: str) -> dict[str, dict[str, str]]:
    source = resources.files("resources").joinpath(f"findings.{language}.toml")
    return tomllib.loads(source.read_text(encoding="utf-8"))


def say(group: str, key: str, language: str = "zh_CN") -> str:
    """A word of the report in *language*: a verdict, a level, a heading; *key* itself if
    unknown."""
    return _texts(language).get(group, {}).get(key, key)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The worst level among *findings* as a verdict; no findings at all prove nothing: UNKNOWN."""
    worst = max((f.level for f in findings), key=_RANK.__getitem__, default=Level.UNKNOWN)
    return _BY_LEVEL[worst]


_ORDER = (
    Verdict.VALID,
    Verdict.VALID_CHANGED_LATER,
    Verdict.UNKNOWN,
    Verdict.INVALID,
)


# --- the report --------------------------------------------------------------------------------


@frozen
class CertificateInfo:
    """A certificate as the report shows it."""

    subject: str
    common_name: str
    organization: str
    issuer: str
    serial: str
    """Hexadecimal."""
    not_before: datetime
    not_after: datetime
    sm3: str
    """Fingerprint, hexadecimal."""
    holder: str = ""
    """What people call its holder (:func:`crypto.pki.holder_name.holder_of`)."""
    credit_code: str = ""
    """The holder's unified social credit code (统一社会信用代码), where the subject has one."""

    @classmethod
    def of(cls, certificate: Certificate) -> CertificateInfo:
        holder = holder_of(certificate.subject, certificate.issuer)
        return cls(
            str(certificate.subject),
            certificate.subject.common_name,
            certificate.subject.organization,
            str(certificate.issuer),
            f"{certificate.serial:x}",
            certificate.not_before,
            certificate.not_after,
            certificate.fingerprint.hex(),
            holder.name,
            holder.credit_code,
        )


@frozen
class SealInfo:
    """The seal inside a signature, or a seal inspected by itself."""

    code: str
    name: str
    type: int
    vendor: str
    version: int
    maker: CertificateInfo | None
    created: datetime
    valid_from: datetime
    valid_until: datetime
    size_mm: tuple[int, int]
    picture_type: str
    picture_sm3: str


@frozen
class Times:
    """When it was signed. A claimed time is never shown as a trusted one."""

    claimed: datetime | None = None
    trusted: datetime | None = None
    trusted_source: str | None = None
    """"timestamp" or "ticket"."""

    @property
    def best(self) -> datetime | None:
        """The time everything is judged at."""
        return self.trusted or self.claimed


@frozen
class PlatformLine:
    """What the platform said of the seal: a line of its own."""

    state: str
    reason: str
    as_of: datetime
    source: str
    """"stapled" (in the signature) or "known" (asked for or cached)."""


@frozen
class MarkInfo:
    """A visible mark, in millimetres from the top left of the page as displayed."""

    page: int
    """1-based."""
    left_mm: float
    top_mm: float
    width_mm: float
    height_mm: float
    field: str
    date: str = ""
    """What a date mark shows; "" for an imprint."""


@frozen
class Change:
    """Something that a later revision did."""

    revision: int
    """1-based number of the revision that did it."""
    kind: str
    """One of the keys of :data:`CHANGES`."""
    page: int | None
    """1-based, where it belongs to one page."""
    what: str
    """Field name or object, as found."""
    label: str = ""
    """What the document itself calls a field, for people."""
    before: str = ""
    """A field's value before; "" for none."""
    after: str = ""
    """A field's value after."""
    box_mm: tuple[float, ...] = ()
    """Left, top, width and height on the page as displayed, in millimetres; empty if it shows
    nowhere."""
    ground: str = ""
    """What lay beneath a signature's look: "blank", "inked" (or it is not known); "" if nothing
    is shown."""
    why: str = ""
    """Why nobody can say what a field shows, or what of it is no longer drawn; "" where no more is
    known."""
    shown: str = ""
    """What a field shows, where that is not its value and can be read."""

    @property
    def code(self) -> str:
        """The finding this change leads to."""
        return CHANGES[self.kind]

    @property
    def finding(self) -> Finding:
        """That finding, with what its text needs."""
        details = {"what": self.text(), "label": self.label}
        details |= {"before": self.before, "after": self.after}
        details |= {"why": self.why, "shown": self.shown}
        if self.page:
            details["page"] = str(self.page)
        return Finding(self.code, {key: value for key, value in details.items() if value})

    def said(self, language: str = "zh_CN") -> str:
        """What kind of change it is, in words."""
        return say("changes", self.kind, language).format_map(
            _Blanks({"what": self.what}, language)
        )

    def text(self, language: str = "zh_CN") -> str:
        where = f"第 {self.page} 页" if language == "zh_CN" else f"page {self.page}"
        what = self.said(language)
        named = one_line(self.what)
        return " ".join(part for part in (where if self.page else "", what, named) if part)


@frozen
class ShownChange:
    """A place on a page that no longer shows what was sealed, as a renderer has seen it."""

    page: int
    """1-based."""
    engine: str
    box_mm: tuple[float, ...]
    """Left, top, width and height on the page as displayed, in millimetres."""
    box_pt: tuple[float, ...]
    """The same in points."""


@frozen
class SignatureReport:
    """All that can be said of one signature."""

    fields: tuple[str, ...]
    """Names of the form fields that share this signature."""
    format: str
    """ses-v1, ses-v4, ses-v5, cms, pkcs7, timestamp or unknown."""
    filter: str
    subfilter: str
    coverage: str
    """file, revision or unclear."""
    byte_range: tuple[int, ...]
    digest_matches: bool | None
    signature_valid: bool | None
    seal_signature_valid: bool | None
    signer_in_seal_list: bool | None
    signer: CertificateInfo | None
    chain: tuple[CertificateInfo, ...]
    seal: SealInfo | None
    seal_chain: tuple[CertificateInfo, ...]
    times: Times
    platform: PlatformLine | None
    marks: tuple[MarkInfo, ...]
    changed_later: tuple[Change, ...]
    findings: tuple[Finding, ...]
    origin: str = ""
    """``https://host[:port]`` where the document says that its platform lives: a claim."""
    shown_changes: tuple[ShownChange, ...] = ()
    """Where what came later shows, as far as it was looked at and is not explained. Whether it is
    good or bad is what the findings say."""

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Issuer, status, revocation and time: each proved, missing or failed."""
        return proofs_of(self.findings, has_seal=self.seal is not None, origin=self.origin)

    @property
    def who(self) -> str:
        """Who signed, as a person says it: the seal, with its holder where the seal's name does not
        say so, or the certificate's holder; "" where neither can be read. Never the name of a form
        field."""
        return self._named("")

    def _named(self, code: str) -> str:
        holder = self.signer.holder if self.signer else ""
        seal = self.seal.name.strip() if self.seal else ""
        if not seal or holder in seal:
            return f"{seal or holder} {code}".strip()
        return f"{seal} {code}".strip() + f"（{holder}）"

    def called(self, language: str = "zh_CN") -> str:
        """:attr:`who` with the seal's code, or words that say that nobody can be named."""
        name = self._named(self.seal.code if self.seal else "")
        return one_line(name) or say("report", "unnamed", language)

    @property
    def intact(self) -> bool:
        """The bytes this signature covers are the bytes that were signed."""
        return bool(self.digest_matches and self.signature_valid)


@frozen
class FileInfo:
    """The file that was looked at."""

    name: str
    size: int
    sm3: str
    pages: int | None
    revisions: tuple[int, ...] = ()
    """Where each version of the document ends, in bytes from the file's beginning, the oldest
    first: :attr:`Change.revision` counts in this list."""


@frozen
class Report:
    """The answer for one document, or for one seal file that was inspected."""

    program: str
    verified_at: datetime
    judged_at: datetime
    """The moment called "now": verified_at unless another was asked for."""
    file: FileInfo
    signatures: tuple[SignatureReport, ...]
    unsigned_marks: tuple[MarkInfo, ...] = ()
    """Visible signature fields that no signature stands behind."""
    findings: tuple[Finding, ...] = ()
    """About the document as a whole."""
    lookalikes: tuple[MarkInfo, ...] = ()
    """Places in the page content that look like a seal's impression and are none."""

    @property
    def verdict(self) -> Verdict:
        """The worst of its signatures and of the findings about the whole; none, and none hidden:
        UNSIGNED."""
        if not self.signatures:
            hidden = any(finding.code == "signatures_hidden" for finding in self.findings)
            return Verdict.UNKNOWN if hidden else Verdict.UNSIGNED
        own = verdict_of(self.findings) if self.findings else Verdict.VALID
        return max((*(s.verdict for s in self.signatures), own), key=_ORDER.index)

    @property
    def hangs_on_the_clock(self) -> bool:
        """Does it call anything expired, or not yet in force? A clock that is off may have made
        that."""
        return any(hangs_on_the_clock(signature.findings) for signature in self.signatures)

    def summary(self, language: str = "zh_CN") -> str:
        """The report in one line: file, verdict, signatures by verdict, digest, time judged at."""
        tally = Counter(signature.verdict for signature in self.signatures)
        counted = say("report", "comma", language).join(
            say("report", "count", language).format(
                number=number, verdict=say("verdicts", verdict.value, language)
            )
            for verdict, number in tally.items()
        )
        counts = say("report", "counts", language).format(all=len(self.signatures), each=counted)
        return say("report", "summary", language).format(
            file=one_line(self.file.name),
            verdict=say("verdicts", self.verdict.value, language),
            counts=counts if self.signatures else "",
            sm3=self.file.sm3,
            judged=beijing(self.judged_at),
        )

    def to_json(self, language: str = "zh_CN") -> dict[str, Any]:
        """The report as JSON-ready data, schema :data:`SCHEMA`."""
        return {
            "schema": SCHEMA,
            "program": self.program,
            "verified_at": _iso(self.verified_at),
            "judged_at": _iso(self.judged_at),
            "verdict": self.verdict.value,
            "verdict_text": say("verdicts", self.verdict.value, language),
            "file": plain(self.file),
            "signatures": [_signature_json(s, language) for s in self.signatures],
            "unsigned_marks": [plain(mark) for mark in self.unsigned_marks],
            "lookalikes": [plain(mark) for mark in self.lookalikes],
            "findings": [_finding_json(f, language) for f in self.findings],
        }


def seal_json(seal: SealInfo, language: str = "zh_CN") -> dict[str, Any]:
    """A seal as JSON-ready data, as it stands inside a report."""
    data: dict[str, Any] = plain(seal)
    data["type_text"] = say("seal_types", str(seal.type), language)
    return data


def _signature_json(signature: SignatureReport, language: str) -> dict[str, Any]:
    data: dict[str, Any] = plain(signature)
    data["seal"] = seal_json(signature.seal, language) if signature.seal else None
    data["intact"] = signature.intact
    data["verdict"] = signature.verdict.value
    data["verdict_text"] = say("verdicts", signature.verdict.value, language)
    data["changed_later"] = [
        {**plain(change), "text": change.text(language)} for change in signature.changed_later
    ]
    data["findings"] = [_finding_json(f, language) for f in signature.findings]
    data["proofs"] = [
        {**plain(proof), "text": proof_text(signature, proof, language)}
        for proof in signature.proofs
    ]
    return data


def proof_text(signature: SignatureReport, proof: Proof, language: str = "zh_CN") -> str:
    """What one of the four lines says: the sentence of the finding that decides it."""
    waits_for_issuer = proof.action in ("trust_platform", "add_file", "open_in_demo")
    if waits_for_issuer and proof.what in ("status", "revocation"):
        return say("proofs", "unasked", language)
    for finding in signature.findings:
        if finding.code == proof.code:
            return finding.text(language)
    if proof.what == "status" and proof.state == "missing":
        return say("proofs", "unknown_status", language)
    return say("proofs", f"no_{proof.what}", language)


def _finding_json(finding: Finding, language: str) -> dict[str, Any]:
    return {
        "code": finding.code,
        "level": finding.level.value,
        "text": finding.text(language),
        "details": dict(finding.details),
    }


def finding_list(findings: Iterable[Finding], language: str = "zh_CN") -> list[dict[str, Any]]:
    """Findings as JSON-ready data: code, level, text, and the details its text is made of."""
    return [_finding_json(finding, language) for finding in findings]


def plain(value: Any) -> Any:
    """Dataclasses, times and tuples of a report as JSON-ready data."""
    if isinstance(value, datetime):
        return _iso(value)
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Finding):
        return None
    if hasattr(value, "__dataclass_fields__"):
        return {key: plain(getattr(value, key)) for key in value.__dataclass_fields__}
    return value


def beijing(moment: datetime) -> str:
    """*moment* in Beijing time, to the second, with its offset: ``2026-11-23 17:00:00 +08:00``."""
    try:
        return f"{moment.astimezone(BEIJING):%Y-%m-%d %H:%M:%S} +08:00"
    except OverflowError:  # a certificate's "for ever": 9999-12-31 23:59:59 UTC
        return f"{moment:%Y-%m-%d %H:%M:%S} +00:00"


def beijing_day(moment: datetime) -> str:
    """The day of *moment* in Beijing: ``2026-11-23``."""
    return beijing(moment)[:10]


def one_line(text: str) -> str:
    """*text* without line breaks and without characters that are not seen or turn text around:
    names in documents come from strangers."""
    return "".join(char if char.isprintable() else " " for char in text)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ranges(pages: Sequence[int]) -> str:
    """Pages (0-based) as people list them: "1, 3–7"."""
    runs: list[list[int]] = []
    for page in sorted(set(pages)):
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    return ", ".join(f"{a + 1}–{b + 1}" if a != b else str(a + 1) for a, b in runs)
