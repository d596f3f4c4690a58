"""Checks an archive package as a stranger would: without network and without unpacking.

    check(package, own=…) → CheckedArchive

Every digest of both lists, every document judged again with the certificates that came with it,
every package inside. A package comes from a stranger: its directory, sizes and numbers are bounded.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from app.archiving import package
from app.archiving.metadata import About, facts, metadata
from app.archiving.package import Item, Refused
from app.archiving.readme import index, readme
from app.errors import LANGUAGES, FileNotReadable, FileProblem
from app.evidence.checking import DOCUMENT, FORMAT, hashes, judge, read_member
from app.evidence.opening import (
    MALFORMED,
    Budget,
    Opened,
    budget_for,
    opened_zip,
    problem_of,
)
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate
from crypto.validation.trust import Trust

_MAX_PACKAGE = 64 * 1024 * 1024 * 1024
_IN_MEMORY = 32 * 1024 * 1024
_SOLE = frozenset((package.README, package.INDEX, package.MANIFEST, *package.SUMS))
_NOTHING = ("", "", "", "", 0)
"""Verdict, seals, signers, time and pages of a package."""
_OF_ITEM = ("number", "kind", "name", "size", "sm3", "sha256", "verdict", "seals", "holders")


@frozen
class Judged:
    """A document of the package, or of one inside it."""

    place: str
    """Its folder, after those of the packages that it is in: ``0002/0001/``."""
    name: str
    packed: str
    """The verdict by the roots that came along: as good as those are."""
    own: str
    """By the roots that the checker trusts; "" where nobody was asked."""


@frozen
class CheckedArchive:
    """The result of checking a package."""

    problems: tuple[str, ...]
    """What does not hold, as ``kind:member``; kinds are keys of phrases.archive_problem."""
    items: tuple[Item, ...] = ()
    refused: tuple[Refused, ...] = ()
    judged: tuple[Judged, ...] = ()
    anchors: tuple[Certificate, ...] = ()
    """Roots that came along: nothing here proves them."""

    @property
    def holds(self) -> bool:
        """Is everything as it was when the package was made?"""
        return not self.problems


Step = Callable[[str, int, int], None]


def check(
    path: Path, *, own: Trust | None, step: Step = lambda what, done, total: None
) -> CheckedArchive:
    """Check the package at *path*; *own*: what the checker trusts, None: nothing is judged by it.

    Raises :class:`app.errors.FileNotReadable`; a damaged package is an answer, not an error."""
    try:
        with path.open("rb") as stream:
            return _check(stream, own, step, 0, budget_for(stream))
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error


def check_nested(stream: BinaryIO, depth: int) -> tuple[str, str]:
    """What kind of package a zip is, "archive" or "evidence", and why it is not taken in: "" or a
    word of :data:`app.archiving.package.REASONS`. Raises OSError."""
    budget = budget_for(stream)
    kind = _kind(stream, budget)
    if not kind:
        return "", "no_package"
    if depth >= package.MAX_DEPTH:
        return kind, "too_deep"
    found = _check_inside(stream, kind, None, depth, budget)
    if any(problem.startswith("too_deep") for problem in found.problems):
        return kind, "too_deep"
    return kind, "package_damaged" if found.problems else ""


@frozen
class _Said:
    """What the manifest says of the whole package: list and metadata are made of it."""

    language: str
    about: About
    made_at: datetime

    @classmethod
    def read(cls, manifest: Any) -> _Said:
        """Raises ValueError, KeyError, TypeError or AttributeError."""
        about, made_at = About(**manifest["about"]), datetime.fromisoformat(manifest["made_at"])
        plain = all(isinstance(value, str) for value in vars(about).values())
        if manifest["language"] not in LANGUAGES or not plain or made_at.tzinfo is None:
            raise ValueError("a package of another kind")
        return cls(manifest["language"], about, made_at)


@dataclass
class _Found:
    """What was found so far."""

    problems: list[str] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    anchors: dict[bytes, Certificate] = field(default_factory=dict)

    def add(self, place: str, found: CheckedArchive) -> None:
        """Of a package at *place*."""
        for problem in found.problems:
            kind, _, member = problem.partition(":")
            self.problems.append(f"{kind}:{place}{member}")
        for judged in found.judged:
            self.judged.append(Judged(place + judged.place, judged.name, judged.packed, judged.own))
        self.anchors |= {anchor.der: anchor for anchor in found.anchors}


def _check(
    stream: BinaryIO, own: Trust | None, step: Step, depth: int, budget: Budget
) -> CheckedArchive:
    try:
        with opened_zip(stream, budget) as opened:
            return _opened(opened, own, step, depth)
    except MALFORMED as error:
        return CheckedArchive((f"not_an_archive:{problem_of(error)}",))


def _opened(opened: Opened, own: Trust | None, step: Step, depth: int) -> CheckedArchive:
    names = [member.filename for member in opened.infolist()]
    if sum(member.file_size for member in opened.infolist()) > _MAX_PACKAGE:
        return CheckedArchive(("not_an_archive:size",))
    manifest = json.loads(read_member(opened, package.MANIFEST))
    items, refused = _listed(manifest)
    said = _Said.read(manifest)
    found = _Found()
    found.problems += _sums(opened, names, lambda: step("check", 0, len(items)))
    folders = package.by_folder(names)
    known = {"", *(item.folder for item in items)}
    found.problems += [f"unlisted:{folder}" for folder in folders if folder not in known]
    found.problems += [f"unlisted:{name}" for name in folders.get("", ()) if name not in _SOLE]
    if found.problems:
        return CheckedArchive(tuple(found.problems), items, refused)
    read = {
        package.INDEX: index(items, refused, said.language),
        package.README: readme(items, refused, said.about, said.made_at).encode(),
    }
    found.problems += [
        f"list_differs:{name}" for name, text in read.items() if read_member(opened, name) != text
    ]
    for done, item in enumerate(items):
        step("check", done, len(items))
        _item(opened, item, folders.get(item.folder, []), own, depth, found, said)
    return CheckedArchive(
        tuple(found.problems),
        items,
        refused,
        tuple(found.judged),
        tuple(found.anchors.values()),
    )


def _sums(opened: Opened, names: Iterable[str], step: Callable[[], None]) -> Iterator[str]:
    """Compare every member with both lists of digests; gives problems. *step* is called before each
    member."""
    names = {name: None for name in names if name not in package.SUMS}
    sha256, sm3 = (package.read_sums(read_member(opened, name)) for name in package.SUMS)
    for listed, sums in ((sha256, package.SHA256_SUMS), (sm3, package.SM3_SUMS)):
        yield from (f"missing:{name}" for name in listed if name not in names)
        yield from (f"not_in:{sums} {name}" for name in names if name not in listed)
    for name in names:
        step()
        with opened.open(name) as source:
            found = hashes(source, None, budget=opened.budget)
        if found["sha256"] != sha256.get(name) or found["sm3"] != sm3.get(name):
            yield f"altered:{name}"


def _item(
    opened: Opened,
    item: Item,
    names: list[str],
    own: Trust | None,
    depth: int,
    found: _Found,
    said: _Said,
) -> None:
    """One file: is it what the list says, and does it hold by itself?"""
    member = DOCUMENT if item.kind == "document" else package.NESTED
    if member not in names:
        found.problems.append(f"missing:{item.folder}{member}")
        return
    with opened.open(item.folder + member) as source:
        digests = hashes(source, None, budget=opened.budget)
        if any(getattr(item, key) != value for key, value in digests.items()):
            found.problems.append(f"list_differs:{item.folder}")
            return
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as spooled:
        stream = cast("BinaryIO", spooled)
        if item.kind == "document":
            _document(opened, item, names, own, stream, found, said)
            return
        if (item.verdict, item.seals, item.holders, item.sealed_at, item.pages) != _NOTHING:
            found.problems.append(f"list_differs:{item.folder}")
        if names != [package.NESTED]:
            found.problems.append(f"unlisted:{item.folder}")
            return
        with opened.open(item.folder + package.NESTED) as source:
            hashes(source, cast("IO[bytes]", stream), budget=opened.budget)
        if _kind(stream, opened.budget) != item.kind:
            found.problems.append(f"list_differs:{item.folder}")
            return
        found.add(item.folder, _check_inside(stream, item.kind, own, depth + 1, opened.budget))


def _document(
    opened: Opened,
    item: Item,
    names: list[str],
    own: Trust | None,
    stream: BinaryIO,
    found: _Found,
    said: _Said,
) -> None:
    try:
        checked = judge(opened, names, stream, own, folder=item.folder)
        about = read_member(opened, item.folder + package.METADATA)
    except MALFORMED as error:
        found.problems.append(f"not_a_package:{item.folder} {problem_of(error)}")
        return
    for problem in checked.problems:
        kind, _, member = problem.partition(":")
        found.problems.append(f"{kind}:{item.folder}{member}")
    if checked.report is None:
        return
    packed = checked.report.verdict.value
    told = facts(checked.report, said.language)
    differs = packed != item.verdict or any(getattr(item, key) != told[key] for key in told)
    if differs or about != metadata(item, checked.report, said.about):
        found.problems.append(f"list_differs:{item.folder}")
    judged = checked.own.verdict.value if checked.own else ""
    found.judged.append(Judged(item.folder, item.name, packed, judged))
    found.anchors |= {anchor.der: anchor for anchor in checked.anchors}


def _check_inside(
    stream: BinaryIO, kind: str, own: Trust | None, depth: int, budget: Budget
) -> CheckedArchive:
    """A package within a package."""
    if depth >= package.MAX_DEPTH:
        return CheckedArchive(("too_deep:",))
    if kind == "archive":
        return _check(stream, own, lambda what, done, total: None, depth, budget)
    try:
        with (
            opened_zip(stream, budget) as opened,
            tempfile.SpooledTemporaryFile(_IN_MEMORY) as document,
        ):
            names = [member.filename for member in opened.infolist()]
            checked = judge(opened, names, cast("BinaryIO", document), own)
    except MALFORMED as error:
        return CheckedArchive((f"not_a_package:{problem_of(error)}",))
    if checked.report is None:
        return CheckedArchive(checked.problems)
    verdict = checked.own.verdict.value if checked.own else ""
    judged = Judged("", checked.report.file.name, checked.report.verdict.value, verdict)
    return CheckedArchive(checked.problems, judged=(judged,), anchors=checked.anchors)


def _kind(stream: BinaryIO, budget: Budget) -> str:
    """Whose format a zip says it has: "archive", "evidence", or "" for any other file."""
    stream.seek(0)
    try:
        with opened_zip(stream, budget) as opened:
            manifest = json.loads(read_member(opened, package.MANIFEST))
        said = manifest.get("format")
    except MALFORMED:
        return ""
    finally:
        stream.seek(0)
    return {package.FORMAT: "archive", FORMAT: "evidence"}.get(str(said), "")


# --- the list ------------------------------------------------------------------------------------


def _listed(manifest: Any) -> tuple[tuple[Item, ...], tuple[Refused, ...]]:
    """What the manifest says. Raises ValueError, KeyError or TypeError."""
    if not isinstance(manifest, dict) or manifest.get("format") != package.FORMAT:
        raise ValueError("no manifest of ours")
    items = tuple(_read_item(row) for row in manifest["items"])
    if len(items) > package.MAX_ITEMS or [i.number for i in items] != [*range(1, len(items) + 1)]:
        raise ValueError("items out of order")
    refused = tuple(_read_refused(row) for row in manifest["refused"])
    return items, refused


def _read_item(row: Mapping[str, Any]) -> Item:
    journal = row["journal"]
    if journal is not None and not isinstance(journal, dict):
        raise ValueError("a use that is none")
    made = Item(
        **{name: row[name] for name in _OF_ITEM},
        sealed_at=row["sealed_at"],
        pages=row["pages"],
        journal=journal,
    )
    numbers, texts = (
        (made.number, made.size, made.pages),
        (
            *(made.name, made.sm3, made.sha256, made.verdict),
            *(made.seals, made.holders, made.sealed_at),
        ),
    )
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    if not whole or not all(isinstance(text, str) for text in texts):
        raise ValueError("an item of another shape")
    if made.kind not in ("document", "evidence", "archive") or row["folder"] != made.folder:
        raise ValueError("an item of another kind")
    return made


def _read_refused(row: Mapping[str, Any]) -> Refused:
    made = Refused(str(row["name"]), str(row["reason"]), str(row["detail"]), row["journal"])
    if made.reason not in package.REASONS:
        raise ValueError("an unknown reason")
    return made
