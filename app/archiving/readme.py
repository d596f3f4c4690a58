"""What people read in an archive package: the list, and how to check everything without a program.

Chinese and English side by side. A line that begins with ``$`` is a command for a POSIX shell in
the unpacked folder; tests/app/archiving/test_archiving.py runs these very lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.archiving import package
from app.archiving.metadata import About
from app.archiving.package import Item, Refused
from app.errors import LANGUAGES, phrase
from app.spreadsheet import table_csv
from crypto.verdict import beijing, one_line, say

COLUMNS = (
    *("number", "name", "result", "reason", "verdict", "seals", "holders", "sealed_at", "pages"),
    *("entry", "size", "sm3", "sha256", "place"),
)


def index(items: Sequence[Item], refused: Sequence[Refused], language: str) -> bytes:
    """The list as CSV in UTF-8 with a byte order mark: what was taken in, then what was not."""
    rows: list[list[object]] = [[phrase(f"archive_list.{name}", language) for name in COLUMNS]]
    rows += [[_cells(item, language).get(name, "") for name in COLUMNS] for item in items]
    for refusal in refused:
        words = reason(refusal, language)
        cells = {
            "name": refusal.name,
            "result": phrase("archive.left_out", language),
            "reason": words,
            "entry": _entry(refusal.journal),
        }
        rows.append([cells.get(name, "") for name in COLUMNS])
    return table_csv(rows)


def reason(refused: Refused, language: str) -> str:
    """Why a file was not taken in, in words."""
    words = phrase(f"archive_refused.{refused.reason}", language)
    return f"{words} {refused.detail}".strip()


def _cells(item: Item, language: str) -> Mapping[str, object]:
    verdict = say("verdicts", item.verdict, language) if item.verdict else ""
    return {
        **vars(item),
        "result": phrase(f"archive.taken_{item.kind}", language),
        "verdict": verdict,
        "sealed_at": beijing(datetime.fromisoformat(item.sealed_at)) if item.sealed_at else "",
        "pages": item.pages or "",
        "entry": _entry(item.journal),
        "place": item.folder,
    }


def _entry(journal: Mapping[str, Any] | None) -> object:
    return journal["sequence"] if journal else ""


def readme(items: Sequence[Item], refused: Sequence[Refused], about: About, now: datetime) -> str:
    """README.txt, whole."""
    members = f"{len(items):,}"
    lines = [*_both("title"), ""]
    if about.unit:
        lines += _both("unit", unit=one_line(about.unit))
    lines += _both("made", time=beijing(now), taken=members, left_out=f"{len(refused):,}")
    lines += ["", *_both("contents"), "", *_both("how"), ""]
    lines += [*_both("sha256"), f"$ sha256sum -c --quiet {package.SHA256_SUMS} && echo SHA-256 OK"]
    lines += ["    SHA-256 OK", "", *_both("sm3")]
    lines.append(
        f"$ cut -c 67- {package.SM3_SUMS} | xargs openssl dgst -sm3 -r"
        f" | diff - {package.SM3_SUMS} && echo SM3 OK"
    )
    lines += ["    SM3 OK", "", *_both("nothing_more")]
    names = f"! -name {package.SHA256_SUMS} ! -name {package.SM3_SUMS}"
    lines.append(
        f"$ test $(find . -type f {names} | wc -l) -eq $(wc -l < {package.SM3_SUMS})"
        " && echo COUNT OK"
    )
    lines += ["    COUNT OK", "", *_both("windows")]
    lines += ["    certutil -hashfile 0001\\document.pdf SHA256", "", *_both("documents"), ""]
    lines += [*_both("not_proved"), ""]
    return "\n".join(lines)


def _both(key: str, **blanks: str) -> list[str]:
    """A text in Chinese, then in English."""
    return [
        line
        for language in LANGUAGES
        for line in phrase(f"archive_readme.{key}", language).format(**blanks).splitlines()
    ]
