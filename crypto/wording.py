"""Findings as people read them: each matter once, what failed before what holds.

    as_sentences(report.signatures[0].findings, "zh_CN") -> [Sentence(level, text, count), …]

A riding seam of 55 pages has 55 findings that its slices match, and says so in one sentence; eleven
hidden marks are told once, with their pages. And the first sentence of all: who, what decides, and
what to do.

    conclusion(report, "zh_CN") -> Conclusion(sentence, action)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from crypto.frozen import frozen
from crypto.proofs import WEAK, question
from crypto.verdict import (
    Finding,
    Level,
    Report,
    SignatureReport,
    Verdict,
    beijing,
    one_line,
    say,
)

ORDER = (Level.INVALID, Level.UNKNOWN, Level.CHANGED, Level.OK, Level.NOTICE)
"""The worst first; what needs no action last."""

_OF_ONE_PLACE = ("page", "field")
"""Details in which findings about the same matter may differ."""


@frozen
class Sentence:
    """What one or several findings say."""

    level: Level
    text: str
    count: int = 1
    """How many findings say it."""


def as_sentences(findings: Iterable[Finding], language: str = "zh_CN") -> list[Sentence]:
    """Each matter of *findings* once, by level (:data:`ORDER`) and else in their own order. What
    was found on several pages names them all: "第 1–55、60 页"."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...]], list[Finding]] = {}
    for finding in findings:
        matter = tuple(item for item in finding.details.items() if item[0] not in _OF_ONE_PLACE)
        groups.setdefault((finding.code, matter), []).append(finding)
    sentences: dict[tuple[Level, str], Sentence] = {}
    for group in groups.values():
        details = {**group[0].details, **_pages(group, language)}
        sentence = Sentence(group[0].level, Finding(group[0].code, details).text(language))
        before = sentences.get((sentence.level, sentence.text))
        count = len(group) + (before.count if before else 0)
        sentences[sentence.level, sentence.text] = replace(sentence, count=count)
    return sorted(sentences.values(), key=lambda sentence: ORDER.index(sentence.level))


def decisive(findings: Sequence[Finding]) -> Finding | None:
    """The finding that costs the most; None where nothing is amiss."""
    amiss = (Level.INVALID, Level.UNKNOWN, Level.CHANGED)
    worst = next((f for level in amiss for f in findings if f.level is level), None)
    if worst is not None and worst.level is Level.UNKNOWN:
        # why nothing can be proved of it
        demo = next((f for f in findings if f.code == "demo_seal"), None)
        return demo or _issuer_first(worst, findings)
    return worst


def _issuer_first(worst: Finding, findings: Sequence[Finding]) -> Finding:
    """Where nobody vouches for signer or seal, nothing else can be proved."""
    if question(worst.code) in (None, "issuer"):
        return worst
    unknown = (f for f in findings if f.level is Level.UNKNOWN)
    return next((f for f in unknown if question(f.code) == "issuer"), worst)


def is_of_a_demo(report: Report) -> bool:
    """Is there a seal in it that only the demo which made it can prove?"""
    return any(finding.code == "demo_seal" for s in report.signatures for finding in s.findings)


@frozen
class Conclusion:
    """What a person reads first."""

    sentence: str
    """Who sealed or signed, and the fact that decides the verdict."""
    action: str
    """What to do with the file now."""


def conclusion(report: Report, language: str = "zh_CN") -> Conclusion:
    """The first sentence about a document, and what to do. It names company and seal, and the worst
    finding; where nothing is amiss, who signed and when."""
    verdict = report.verdict
    action = say("advice", _advice(report), language)
    if verdict is Verdict.UNSIGNED:
        key = "UNSIGNED_MARK" if report.unsigned_marks else "UNSIGNED"
        if any(finding.code == "electronic_invoice" for finding in report.findings):
            key = "UNSIGNED_INVOICE"
            action = say("advice", key, language)
        return Conclusion(say("conclusions", key, language), action)
    signature = _deciding(report)
    if signature is None:  # the signatures are better than what was found about the whole
        amiss = decisive(report.findings)
        reason = amiss.text(language) if amiss else ""
        if not report.signatures:  # all there were are hidden
            return Conclusion(reason, action)
        return Conclusion(say("conclusions", "DOCUMENT", language).format(reason=reason), action)
    amiss = decisive(signature.findings)
    alone = len({s.who for s in report.signatures if _kind(s) == "seal"}) < _SEVERAL
    words = {
        "who": _who(signature, language) if amiss else _everybody(report, language),
        "what": _what(signature, language),
        "did": say("conclusions", _DID[_kind(signature)], language).format(
            what=_what(signature, language) if alone else say("conclusions", "seal", language)
        ),
        "time": _when([signature] if amiss else report.signatures, language),
        "reason": amiss.text(language) if amiss else "",
    }
    return Conclusion(say("conclusions", verdict.value, language).format_map(words), action)


def _deciding(report: Report) -> SignatureReport | None:
    """The signature that the document's verdict comes from: not one that only suffers from another,
    which nobody vouches for."""
    worst = [s for s in report.signatures if s.verdict is report.verdict]
    causes = [s for s in worst if (f := decisive(s.findings)) is None or f.code != "mark_covers"]
    return next(iter(causes or worst), None)


def _advice(report: Report) -> str:
    """Which advice fits: where a proof is missing, how to come by it."""
    verdict = report.verdict
    signature = _deciding(report)
    amiss = decisive(signature.findings) if signature else None
    if verdict is Verdict.INVALID and amiss is not None and amiss.code.startswith(_ALLOWED):
        return "INVALID_unauthorised"
    if verdict is not Verdict.UNKNOWN or signature is None:
        return verdict.value
    if amiss is not None and amiss.code == "demo_seal":
        return "UNKNOWN_demo"
    if amiss is not None and amiss.code == WEAK and amiss.details.get("whose") != "timestamp":
        return "UNKNOWN_weak"
    for proof in signature.proofs:
        if proof.action and amiss is not None and question(amiss.code) == proof.what:
            return f"UNKNOWN_{proof.action}"
    return verdict.value


_ALLOWED = ("approval_", "grant_", "ticket_missing")
"""Findings about whether somebody was allowed to seal: another copy of the file helps nobody."""
_DID = {"seal": "sealed", "signature": "signed", "timestamp": "stamped"}
_SEVERAL = 2
_NAMED = 3
"""Signers named in the first sentence; more are counted."""


def _kind(signature: SignatureReport) -> str:
    if signature.seal:
        return "seal"
    return "timestamp" if signature.format == "timestamp" else "signature"


_OTHER_KIND = 99
"""A seal's type that says nothing about it (GB/T 38540-2020, 其他)."""


def _what(signature: SignatureReport, language: str) -> str:
    """Seal, signature or time stamp; a seal by its kind, where its name does not say it."""
    kind = signature.seal.type if signature.seal else _OTHER_KIND
    word = say("seal_types", str(kind), language)
    if kind == _OTHER_KIND or word in signature.who or not word:
        return say("conclusions", _kind(signature), language)
    return word


def _who(signature: SignatureReport, language: str) -> str:
    return one_line(signature.who) or say("report", "unnamed", language)


def _everybody(report: Report, language: str) -> str:
    """Those who sealed or signed; time-stamping authorities only where nobody else did."""
    people = [s for s in report.signatures if _kind(s) != "timestamp"] or report.signatures
    names = list(dict.fromkeys(_who(s, language) for s in people))
    text = say("conclusions", "and", language).join(names[:_NAMED])
    if len(names) <= _NAMED:
        return text
    return say("conclusions", "others", language).format(who=text, count=len(names))


def _when(signatures: Iterable[SignatureReport], language: str) -> str:
    """When the last of them was made."""
    moments = [moment for s in signatures if (moment := s.times.best)]
    if not moments:
        return say("conclusions", "unknown_time", language)
    return beijing(max(moments))[:16]


def _pages(group: Sequence[Finding], language: str) -> Mapping[str, str]:
    numbers = {
        int(finding.details["page"])
        for finding in group
        if finding.details.get("page", "").isdecimal()
    }
    return {"page": page_ranges(numbers, language)} if numbers else {}


def page_ranges(pages: Iterable[int], language: str = "zh_CN") -> str:
    """Page numbers in ranges: "1–3、7" in Chinese, "1–3, 7" in English."""
    ranges: list[list[int]] = []
    for number in sorted(set(pages)):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    parts = [str(first) if first == last else f"{first}–{last}" for first, last in ranges]
    return ("、" if language == "zh_CN" else ", ").join(parts)
