"""The list of parts of a bundle, as CycloneDX 1.5, and the texts of their licences.

A part is in the list if one of its modules is in the program's archive or one of its files in the
bundle: what the lock names and the bundle leaves out is not listed.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

from packaging.utils import canonicalize_name

from installer.system import ROOT, BuildFailed

COMMON_LICENCES = Path("/usr/share/common-licenses")  # of Debian's base-files
_NAMESPACE = uuid.UUID("4bb4b1a5-2b3d-4a8e-9f0e-6a8f1c2d3e4f")
# Named in the metadata, but their wheels carry no text of it.
_TEXTS: Mapping[str, tuple[str, ...]] = {
    "pyside6-essentials": ("LGPL-3", "GPL-3"),
    "shiboken6": ("LGPL-3", "GPL-3"),
}
_FILE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


@dataclass(frozen=True)
class Part:
    """One thing in the bundle that somebody else has made."""

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]
    purl: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)


def packages(site: Path, modules: Iterable[str], files: Iterable[str]) -> list[Part]:
    """The distributions in *site* of which *modules* (dotted) or *files* (names, lower case) are
    in the bundle."""
    names, present = set(modules), set(files)
    found = []
    for folder in sorted(site.glob("*.dist-info")):
        recorded = [line.split(",")[0] for line in _lines(folder / "RECORD")]
        if any(_module(path) in names or _binary(path) in present for path in recorded):
            found.append(of_folder(folder))
    return found


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _module(path: str) -> str:
    """``a/b/__init__.py`` → ``a.b``; empty for what is no module."""
    if not path.endswith(".py"):
        return ""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _binary(path: str) -> str:
    low = path.lower()
    return low if low.endswith((".pyd", ".dll", ".so")) or ".so." in low else ""


def of_folder(folder: Path, notes: Mapping[str, str] | None = None) -> Part:
    """The distribution whose ``.dist-info`` is *folder*."""
    said = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    name, version = canonicalize_name(said["Name"]), said["Version"]
    licence = said["License-Expression"] or said["License"] or ""
    if not licence or "\n" in licence or len(licence) > 80:
        classes = [text for text in said.get_all("Classifier") or () if "License ::" in text]
        licence = classes[0].rpartition(" :: ")[2] if classes else "see its text"
    texts = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and (path.name.upper().startswith(_FILE_NAMES) or path.parent.name == "licenses")
    ]
    named = _TEXTS.get(name, ()) if texts or name in _TEXTS else _common(licence)
    texts += [COMMON_LICENCES / text for text in named]
    return Part(name, version, licence, tuple(texts), f"pkg:pypi/{name}@{version}", notes or {})


def _common(licence: str) -> tuple[str, ...]:
    """The text that Debian has of a licence known by its name."""
    for name, text in {"BSD": "BSD", "Apache": "Apache-2.0", "LGPL": "LGPL-3"}.items():
        if licence.startswith(name):
            return (text,)
    return ()


def write(
    folder: Path, parts: Iterable[Part], version: str, epoch: int, notes: Mapping[str, str]
) -> None:
    """Write ``parts.cdx.json`` and ``licences/`` into *folder*. *notes* go with the program itself.

    Raises :class:`BuildFailed` where a part comes without the text of its licence.
    """
    ordered = sorted(parts, key=lambda part: part.name)
    texts = folder / "licences"
    texts.mkdir()
    (texts / "SealDesk.txt").write_bytes((ROOT / "LICENSE").read_bytes())
    for part in ordered:
        if not part.texts:
            raise BuildFailed(f"{part.name} comes without the text of its licence")
        whole = "\n\n".join(path.read_text("utf-8", errors="replace") for path in part.texts)
        (texts / f"{part.name}.txt").write_text(whole, encoding="utf-8")
    text = json.dumps(document(ordered, version, epoch, notes), indent=1, ensure_ascii=False)
    (folder / "parts.cdx.json").write_text(text + "\n", encoding="utf-8")


def document(
    parts: Iterable[Part], version: str, epoch: int, notes: Mapping[str, str]
) -> dict[str, object]:
    """The list as CycloneDX 1.5 has it."""
    components = [_component("library", part) for part in parts]
    made = dt.datetime.fromtimestamp(epoch, dt.UTC)
    serial = uuid.uuid5(_NAMESPACE, json.dumps([version, epoch, components], sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": made.isoformat().replace("+00:00", "Z"),
            "component": _component(
                "application", Part("SealDesk", version, "AGPL-3.0-or-later", (), "", notes)
            ),
        },
        "components": components,
    }


def _component(kind: str, part: Part) -> dict[str, object]:
    made: dict[str, object] = {
        "type": kind,
        "bom-ref": f"{part.name}@{part.version}",
        "name": part.name,
        "version": part.version,
        "licenses": [{"license": {"name": part.licence}}],
    }
    if part.purl:
        made["purl"] = part.purl
    if part.notes:
        made["properties"] = [
            {"name": f"sealdesk:{key}", "value": value} for key, value in sorted(part.notes.items())
        ]
    return made
