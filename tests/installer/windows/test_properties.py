"""The MSI's properties: held to the settings, to the document for wixl and to the manual."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from app.settings import MACHINE_KEY, NAMES
from app.settings_sources.registry import registry_name
from installer.windows import msi
from installer.windows.properties import PROPERTIES

ROOT = Path(__file__).parents[3]
MANUALS = (ROOT / "docs" / "deployment.zh-CN.md", ROOT / "docs" / "deployment.md")
SPACE = {"w": "http://schemas.microsoft.com/wix/2006/wi"}


def bundle(folder: Path) -> Path:
    """Files as a bundle has them, short and long names, one folder in another."""
    for name in (
        *("SealDesk.exe", "sealdesk-cli.exe", "bin/sealdesk.cmd", "_internal/python311.dll"),
        *("_internal/device/virtual/sealdesk-vukey.dll", "_internal/a b.txt", "_internal/a c.txt"),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"content of " + name.encode())
    return folder


def document(folder: Path, version: str = "1.2.3") -> ET.Element:
    return msi.document(folder, version, msi.package_code(folder, version))


def test_a_property_writes_the_setting_where_the_program_reads_it() -> None:
    assert msi.KEY == MACHINE_KEY
    for each in PROPERTIES:
        if each.setting:
            assert each.setting in NAMES
            assert each.value == registry_name(each.setting)


@pytest.mark.parametrize("path", MANUALS, ids=lambda path: path.name)
def test_the_manual_names_every_property_and_its_setting(path: Path) -> None:
    manual = path.read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (?:`([a-z0-9_]+)`)?", manual, re.M))
    kept = {each.name: each.setting for each in PROPERTIES}
    assert named == {**kept, "INSTALLDIR": "", "ADDLOCAL": ""}


def test_both_manuals_have_the_same_structure() -> None:
    chinese, english = (path.read_text(encoding="utf-8").splitlines() for path in MANUALS)
    for mark in ("## ", "| ", "```", "1. ", "4. "):
        chapters = [sum(line.startswith(mark) for line in page) for page in (chinese, english)]
        assert chapters[0] == chapters[1], mark


def test_components_are_the_same_in_every_release(tmp_path: Path) -> None:
    folder = bundle(tmp_path)

    def guids(root: ET.Element) -> dict[str | None, str | None]:
        return {e.get("Id"): e.get("Guid") for e in root.iter("Component")}

    first = document(folder)
    (folder / "_internal" / "new.txt").write_bytes(b"new")
    (folder / "SealDesk.exe").write_bytes(b"other")
    second = document(folder, "1.3.0")
    before, after = guids(first), guids(second)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    assert len(set(after.values())) == len(after)
    products = [root.find("Product") for root in (first, second)]
    assert products[0].get("UpgradeCode") == products[1].get("UpgradeCode")
    assert products[0].get("Id") != products[1].get("Id")


def test_short_names_are_short_and_unique_in_their_folder(tmp_path: Path) -> None:
    names = [e.get("Name") or "" for e in document(bundle(tmp_path)).iter("File")]
    assert "ABTXT" not in names
    shorts = [name.partition("|")[0] for name in names]
    assert all(re.fullmatch(r"[\w~-]{1,8}(\.\w{1,3})?", short) for short in shorts)
    assert {"AB~1.TXT|a b.txt", "AC~1.TXT|a c.txt"} <= set(names)


def test_the_virtual_ukey_comes_with_training_alone(tmp_path: Path) -> None:
    root = document(bundle(tmp_path))
    owner = {f.get("Name"): c.get("Id") for c in root.iter("Component") for f in c.iter("File")}
    ukey = next(c for name, c in owner.items() if str(name).endswith("sealdesk-vukey.dll"))
    features = {
        feature.get("Id"): {ref.get("Id") for ref in feature.iter("ComponentRef")}
        for feature in root.iter("Feature")
    }
    assert [name for name, components in features.items() if ukey in components] == ["Training"]
    levels = {feature.get("Id"): feature.get("Level") for feature in root.iter("Feature")}
    assert levels == {"Main": "1", "Desktop": "1", "Command": "1", "Training": "1000"}


def test_the_default_program_of_a_kind_of_file_is_not_taken() -> None:
    for value in msi.registry():
        assert not re.fullmatch(r"Software\\Classes\\\.\w+", value.key), value
        assert "UserChoice" not in value.key


def test_what_is_packed_decides_the_package_code(tmp_path: Path) -> None:
    folder = bundle(tmp_path)
    code = msi.package_code(folder, "1.2.3")
    assert msi.package_code(folder, "1.2.3") == code
    assert msi.package_code(folder, "1.2.4") != code
    (folder / "SealDesk.exe").write_bytes(b"other")
    assert msi.package_code(folder, "1.2.3") != code
