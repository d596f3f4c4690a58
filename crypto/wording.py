"""Findings as people read them: each matter once, what failed before what holds.

    told(report.signatures[0].findings, "zh_CN") -> [Sentence(level, text, count), …]

A riding seam of 55 pages has 55 findings that its slices match, and says so in one sentence; eleven
hidden marks are told once, with their pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crypto.verdict import Finding, Level

ORDER = (Level.INVALID, Level.UNKNOWN, Level.CHANGED, Level.OK, Level.NOTICE)
"""The worst first; what needs no action last."""

_OF_ONE_PLACE = ("page", "field")
"""Details in which findings about the same matter may differ."""


@dataclass(frozen=True)
class Sentence:
    """What one or several findings say."""

    level: Level
    text: str
    count: int = 1
    """How many findings say it."""


def told(findings: Iterable[Finding], language: str = "zh_CN") -> list[Sentence]:
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
    return next((f for level in amiss for f in findings if f.level is level), None)


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
