"""Verifying for the window, in the worker processes of :mod:`app.many.bulk`: a received document is
never parsed in the window's process."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import Message, explain
from app.many.bulk import SECONDS, Order, Outcome, verify_all
from app.verifying import StatusService
from crypto.pdf.reading.failures import PdfTooComplex
from crypto.report.reading import read_report
from crypto.verdict import Report

MOST_WORKERS = 4

Conclusion = Report | Message
"""What is said of a document: its report, or why there is none."""


def check_files(
    paths: Sequence[Path],
    order: Order,
    platform: StatusService | None,
    found: Callable[[int, Outcome, Conclusion], None],
    stopped: Callable[[], bool],
) -> None:
    """Verify *paths*; *found* hears of each as soon as it is settled, by its place in *paths*.

    Ends early, and with it the workers, once *stopped* says so."""
    verify_all(
        paths,
        order,
        jobs=min(MOST_WORKERS, os.cpu_count() or 1),
        seconds=SECONDS,
        platform=platform,
        done=lambda index, outcome: found(index, outcome, conclusion(outcome, order.language)),
        stopped=stopped,
    )


def conclusion(outcome: Outcome, language: str) -> Conclusion:
    """The conclusion in *outcome*, read strictly: a document may have taken its worker over."""
    error = outcome.answer.get("error")
    if isinstance(error, dict):
        words = [error.get(name) for name in ("title", "cause", "remedy", "code")]
        if all(isinstance(word, str) for word in words):
            return Message(*map(str, words))
    try:
        return read_report(outcome.answer)
    except ValueError:
        return explain(PdfTooComplex("answer"), language)
