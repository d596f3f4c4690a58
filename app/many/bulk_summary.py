"""What came of verifying many documents, in words: for a screen, a table, a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime
from typing import Any

from app.errors import phrase
from app.many.bulk import NOT_CHECKED, UNREADABLE, Outcome, Run
from crypto.verdict import Finding, Level, beijing, one_line, say
from crypto.wording import as_sentences as sentences

COLUMNS = ("file", "verdict", "signatures", "seals", "signers", "signed_at", "findings")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_TOLD = (Level.INVALID, Level.UNKNOWN, Level.CHANGED)
"""Levels that the summary names; what is in order is in the reports."""


def verdict_word(outcome: Outcome, language: str) -> str:
    """The verdict in words, for a document that could be judged or not."""
    own = {UNREADABLE: "bulk.unreadable", NOT_CHECKED: "bulk.not_checked"}
    if outcome.verdict in own:
        return phrase(own[outcome.verdict], language)
    return say("verdicts", outcome.verdict, language)


def told(outcome: Outcome, language: str) -> list[str]:
    """What is not in order, in sentences: the error, or the findings that cost the verdict."""
    answer = outcome.answer
    if "error" in answer:
        error = answer["error"]
        return [f"[{error['code']}] {error['title']}：{error['cause']}"]
    everything = [*answer.get("findings", ())]
    for signature in answer.get("signatures", ()):
        everything += signature["findings"]
    found = [Finding(finding["code"], finding["details"]) for finding in everything]
    return [
        f"[{say('levels', sentence.level.value, language)}] {sentence.text}"
        for sentence in sentences(filter(_is_told, found), language)
    ]


def _is_told(finding: Finding) -> bool:
    """Does it cost the verdict, or say what an unsigned file is?"""
    return finding.level in _TOLD or finding.code == "electronic_invoice"


def totals(run: Run, language: str) -> str:
    """One line: how many of which verdict."""
    counts = Counter(verdict_word(outcome, language) for outcome in run.outcomes)
    text = say("report", "comma", language).join(f"{word} {n}" for word, n in counts.items())
    return phrase("bulk.total", language).format(total=len(run.outcomes), counts=text)


def summary_csv(run: Run, language: str) -> bytes:
    """The summary: UTF-8 with a byte order mark, so that Excel shows Chinese; a text that a
    spreadsheet would run as a formula gets an apostrophe before it."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(phrase(f"bulk.column_{column}", language) for column in COLUMNS)
    for outcome in run.outcomes:
        signatures = outcome.answer.get("signatures", ())
        cells = (
            str(outcome.path),
            f"{outcome.verdict} {verdict_word(outcome, language)}",
            str(len(signatures)) if "signatures" in outcome.answer else "",
            "; ".join(f"{s['seal']['name']} {s['seal']['code']}" for s in signatures if s["seal"]),
            "; ".join(s["signer"]["holder"] for s in signatures if s["signer"]),
            "; ".join(_signed_at(s["times"], language) for s in signatures),
            " ".join(told(outcome, language)),
        )
        rows.writerow(_harmless(cell) for cell in cells)
    return text.getvalue().encode("utf-8-sig", "replace")


def _harmless(text: str) -> str:
    shown = one_line(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown


def _signed_at(times: dict[str, Any], language: str) -> str:
    """The trusted time, or the claimed one, named as such."""
    for kind in ("trusted", "claimed"):
        if times[kind]:
            moment = beijing(datetime.fromisoformat(times[kind]))
            return phrase(f"bulk.{kind}", language).format(time=moment)
    return "—"
