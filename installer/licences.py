"""Writes resources/licences.toml: the packages the desktop program comes with, and their licences.

    python3 dev.py licences        after the lock has changed; tests/test_licences.py compares

Which packages those are, and their versions, says the lock (installer/requirements.lock); what
their licence is says each distribution's own metadata.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "installer" / "requirements.lock"
WRITTEN = ROOT / "resources" / "licences.toml"

# Read from their metadata once, by hand: the lock wants them on Windows only.
WINDOWS_ONLY: Mapping[str, str] = {
    "colorama": "BSD-3-Clause",
    "pywin32-ctypes": "BSD-3-Clause",
    "tzdata": "Apache-2.0",
}

_FULL_TEXT = 80
"""Characters from which on a License field holds the text and not the name of a licence."""


def asked_for() -> set[str]:
    """The product's own dependencies, without its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}


def needed_by(name: str) -> set[str]:
    """What a distribution asks for on some system, its extras left out."""
    try:
        requirements = map(Requirement, requires(name) or ())
    except PackageNotFoundError:  # see WINDOWS_ONLY: none of them needs another
        return set()
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if "extra" not in str(requirement.marker)
    }


def shipped() -> dict[str, str]:
    """Name and version of what the product needs, directly or not, on some system."""
    entries = re.findall(r"^([A-Za-z0-9._-]+==\S+)", LOCK.read_text(encoding="utf-8"), re.M)
    locked: dict[str, str] = {
        canonicalize_name(name): version
        for name, _, version in (e.partition("==") for e in entries)
    }
    found: set[str] = set()
    open_ = asked_for()
    while open_:
        found |= open_
        open_ = {name for user in open_ for name in needed_by(user)} & set(locked) - found
    return {name: locked[name] for name in sorted(found)}


def licence_of(name: str) -> str:
    """What the distribution's metadata says. Raises :class:`LookupError` where it says nothing."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return WINDOWS_ONLY[name]
    for field in ("License-Expression", "License"):
        text = str(said[field] or "").strip() if field in said else ""
        if text and text != "UNKNOWN" and len(text) < _FULL_TEXT and "\n" not in text:
            return text
    for classifier in said.get_all("Classifier") or ():
        if classifier.startswith("License :: "):
            return str(classifier).rpartition(" :: ")[2]
    raise LookupError(f"{name} does not say under which licence it is")


def written() -> str:
    """The file's text."""
    lines = ["# Written by installer/licences.py (dev.py licences). Not to be edited.\n"]
    for name, version in shipped().items():
        licence = licence_of(name).replace('"', "'")
        lines.append(f'\n[{name}]\nversion = "{version}"\nlicence = "{licence}"\n')
    return "".join(lines)


if __name__ == "__main__":
    WRITTEN.write_text(written(), encoding="utf-8")
