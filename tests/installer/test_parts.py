"""installer/parts.py: what is in the list, and that nothing goes without its licence."""

import json
from pathlib import Path

import pytest

from installer import parts
from installer.system import BuildFailed


def distribution(site: Path, name: str, *files: str, licence: str = "MIT") -> None:
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\nLicense-Expression: {licence}\n")
    (folder / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))
    (folder / "LICENSE").write_text(f"the licence of {name}")


def test_only_what_is_in_the_bundle_is_listed(tmp_path: Path) -> None:
    distribution(tmp_path, "used", "used/__init__.py", "used/part.py")
    distribution(tmp_path, "binary", "Binary/Core.pyd")
    distribution(tmp_path, "unused", "unused/__init__.py")
    found = parts.packages(tmp_path, ["used", "json"], ["binary/core.pyd"])
    assert [(part.name, part.version, part.licence) for part in found] == [
        ("binary", "1.0", "MIT"),
        ("used", "1.0", "MIT"),
    ]


def test_list_and_licences_are_written_the_same_each_time(tmp_path: Path) -> None:
    distribution(tmp_path / "site", "used", "used.py")
    found = parts.packages(tmp_path / "site", ["used"], [])
    written = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        parts.write(folder, found, "0.1.0", 1_700_000_000, {"commit": "abc"})
        written.append((folder / "parts.cdx.json").read_bytes())
    assert written[0] == written[1]
    listed = json.loads(written[0])
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.5")
    assert listed["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert [part["purl"] for part in listed["components"]] == ["pkg:pypi/used@1.0"]
    assert (tmp_path / "one" / "licences" / "used.txt").read_text() == "the licence of used"


def test_a_part_without_the_text_of_its_licence_stops_the_build(tmp_path: Path) -> None:
    bare = parts.Part("bare", "1.0", "MIT", ())
    with pytest.raises(BuildFailed, match="bare"):
        parts.write(tmp_path, [bare], "0.1.0", 0, {})
