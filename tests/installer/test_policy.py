"""The administrative templates: held to the settings, to both languages and to their files."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from lxml import etree as ET

from app.settings import NAMES, POLICY_KEY, Settings, read
from app.settings_sources.registry import registry_name
from installer.policy import templates
from installer.policy.templates import CATEGORIES, LANGUAGES, PERSONAL, POLICIES, Policy
from installer.windows import bundle

ROOT = Path(__file__).parents[2]
SPACE = {"p": "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"}


def test_every_setting_is_a_policy_or_a_persons_own() -> None:
    named = [policy.setting for policy in POLICIES]
    assert len(named) == len(set(named))
    assert set(named) | PERSONAL == set(NAMES)
    assert not set(named) & PERSONAL


def test_the_files_are_what_the_list_gives() -> None:
    """After a change: python3 dev.py policy."""
    for path, content in templates.files().items():
        assert path.read_text(encoding="utf-8") == content, path


def test_the_package_brings_them_in_the_folders_of_a_policy_store(tmp_path: Path) -> None:
    bundle.policies(tmp_path)
    folder = tmp_path / "policy"
    brought = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.ad*")}
    assert set(brought) == {"SealDesk.admx", "zh-CN/SealDesk.adml", "en-US/SealDesk.adml"}
    for path in brought.values():
        ET.parse(path)


@pytest.mark.parametrize("name", ["deployment.md", "deployment.zh-CN.md"])
def test_the_manual_writes_policies_where_the_program_reads_them(name: str) -> None:
    manual = (ROOT / "docs" / name).read_text(encoding="utf-8")
    kinds = {registry_name(p.setting): (p.is_list, p.is_switch) for p in POLICIES}
    written = {}
    for key, value, rest in re.findall(r"^reg add HKLM\\(\S+) /v (\S+) (.+) /f$", manual, re.M):
        inside = key.removeprefix(POLICY_KEY).removeprefix("\\")
        assert key.startswith(POLICY_KEY)
        written[inside or value] = (bool(inside), "REG_DWORD" in rest)
    assert set(written) == {"PlatformUrl", "AllowVirtualUkey", "Pkcs11Modules"}
    assert written.items() <= kinds.items()
    advised = re.findall(r"`([a-z0-9_]+)`", manual.partition("`HKLM\\Software\\Policies")[0])
    assert {"allow_own_trust", "platform_root"} < set(advised) & set(NAMES)


def examples(policy: Policy) -> list[Any]:
    """What the editor may write for *policy*, as the registry gives it back."""
    if policy.is_switch:
        return [0, 1]
    if policy.hours is not None:
        return list(policy.hours)
    if policy.is_list:
        return [["first", "second"]]
    return list(policy.choices)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.setting)
def test_what_the_editor_writes_the_program_reads(policy: Policy) -> None:
    for value in examples(policy):
        read(policy.setting, value, "registry")
    kind = {field.name: str(field.type) for field in fields(Settings)}[policy.setting]
    assert policy.is_list == kind.startswith("tuple")
    assert policy.is_switch == (kind == "bool")
    assert (policy.hours is not None) == (kind == "int")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reference_of_the_definitions_has_its_text(language: str) -> None:
    used = set(re.findall(r"\$\((string|presentation)\.(\w+)\)", templates.admx()))
    root = ET.fromstring(templates.adml(language).encode())
    there = {("string", e.get("id")) for e in root.iterfind(".//p:string", SPACE)}
    there |= {("presentation", e.get("id")) for e in root.iterfind(".//p:presentation", SPACE)}
    assert used == there


def test_every_element_is_presented() -> None:
    definitions = ET.fromstring(templates.admx().encode())
    for policy in definitions.iterfind(".//p:policy", SPACE):
        elements = policy.find("p:elements", SPACE)
        asked = [] if elements is None else [element.get("id") for element in elements]
        for language in LANGUAGES:
            shown = ET.fromstring(templates.adml(language).encode()).find(
                f".//p:presentation[@id='{policy.get('name')}']", SPACE
            )
            boxes = [] if shown is None else [box.get("refId") for box in shown]
            assert boxes == asked


def test_both_languages_have_the_same_texts_and_each_is_in_its_own() -> None:
    chinese, english = templates.texts("zh_CN"), templates.texts("en_US")
    assert set(chinese["policies"]) == set(english["policies"]) == {p.setting for p in POLICIES}
    assert set(chinese["categories"]) == set(english["categories"]) == set(CATEGORIES)
    for setting, words in chinese["policies"].items():
        assert set(words) == set(english["policies"][setting])
        assert re.search("[一-鿿]", words["help"]), setting
        assert not re.search("[一-鿿]", english["policies"][setting]["help"]), setting


def test_the_manual_for_administrators_names_every_policy() -> None:
    manual = (ROOT / "docs" / "administration.zh-CN.md").read_text(encoding="utf-8")
    assert [p.setting for p in POLICIES if f"`{p.setting}`" not in manual] == []
