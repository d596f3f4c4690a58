"""Writes the administrative templates (ADMX and ADML) from one list.

tests/installer/test_policy.py holds the list to app.settings and the written files to the list.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from app.settings import POLICY_KEY
from app.settings_sources.registry import registry_name

HERE = Path(__file__).resolve().parent
LANGUAGES = {"zh_CN": "zh-CN", "en_US": "en-US"}
"""Language of the texts → folder that Windows looks in."""
_NAMESPACE = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"


@dataclass(frozen=True)
class Policy:
    """One setting that group policy can fix, and how the editor asks for it."""

    setting: str
    category: str
    choices: tuple[str, ...] = ()
    hours: tuple[int, int] | None = None
    is_list: bool = False
    is_switch: bool = False

    @property
    def name(self) -> str:
        """Of the policy and of its value in the registry."""
        return registry_name(self.setting)


POLICIES = (
    Policy("platform_url", "platform"),
    Policy("platform_root", "platform"),
    Policy("proxy", "platform"),
    Policy("fetch_hosts", "platform", is_list=True),
    Policy("timestamp_url", "platform"),
    Policy("pkcs11_modules", "token", is_list=True),
    Policy("allow_virtual_ukey", "token", is_switch=True),
    Policy("signed_modules", "token", is_switch=True),
    Policy("pin_days", "token", hours=(0, 3650)),
    Policy("output_suffix", "stamping"),
    Policy("output_folder", "stamping"),
    Policy("marks", "stamping", choices=("shared", "separate")),
    Policy("profile", "stamping", choices=("ses", "ses-adobe", "cms")),
    Policy("timestamp", "stamping", choices=("none", "optional", "required")),
    Policy("offline_hours", "stamping", hours=(0, 72)),
    Policy("trust", "verifying", is_list=True),
    Policy("trust_seal_makers", "verifying", is_list=True),
    Policy("trust_signers", "verifying", is_list=True),
    Policy("trust_timestamps", "verifying", is_list=True),
    Policy("allow_own_trust", "verifying", is_switch=True),
    Policy("trust_list", "verifying"),
    Policy("trust_list_signer", "verifying"),
    Policy("status_hours", "verifying", hours=(1, 168)),
    Policy("keyring", "program", is_switch=True),
    Policy("allow_key_file", "program", is_switch=True),
    Policy("auto_update", "program", choices=("off", "ask", "on")),
    Policy("update_publisher", "program"),
    Policy("language", "program", choices=("zh_CN", "en")),
)
CATEGORIES = ("platform", "token", "stamping", "verifying", "program")
PERSONAL = frozenset({"token_serial"})
"""Settings that are a person's alone: which Ukey was used last."""


def texts(language: str) -> Mapping[str, Any]:
    """The texts of *language*, one of :data:`LANGUAGES`."""
    return tomllib.loads((HERE / f"texts.{language}.toml").read_text(encoding="utf-8"))


def admx() -> str:
    """The definitions, without a text."""
    root = ET.Element("policyDefinitions", _attributes())
    spaces = ET.SubElement(root, "policyNamespaces")
    ET.SubElement(spaces, "target", prefix="sealdesk", namespace="SealDesk.Policies")
    ET.SubElement(root, "resources", minRequiredRevision="1.0")
    supported = ET.SubElement(ET.SubElement(root, "supportedOn"), "definitions")
    ET.SubElement(supported, "definition", name="Supported", displayName="$(string.Supported)")
    categories = ET.SubElement(root, "categories")
    ET.SubElement(categories, "category", name="SealDesk", displayName="$(string.SealDesk)")
    for name in CATEGORIES:
        category = ET.SubElement(
            categories,
            "category",
            name=f"Category_{name}",
            displayName=f"$(string.Category_{name})",
        )
        ET.SubElement(category, "parentCategory", ref="SealDesk")
    policies = ET.SubElement(root, "policies")
    for policy in POLICIES:
        _definition(policies, policy)
    return _text(root)


def _attributes() -> dict[str, str]:
    return {"xmlns": _NAMESPACE, "revision": "1.0", "schemaVersion": "1.0"}


def _definition(parent: ET.Element, policy: Policy) -> None:
    attributes = {
        "name": policy.name,
        "class": "Both",  # the computer's wins over the user's
        "displayName": f"$(string.{policy.name})",
        "explainText": f"$(string.{policy.name}_Help)",
        "key": POLICY_KEY,
    }
    if policy.is_switch:
        attributes["valueName"] = policy.name
    else:
        attributes["presentation"] = f"$(presentation.{policy.name})"
    made = ET.SubElement(parent, "policy", attributes)
    ET.SubElement(made, "parentCategory", ref=f"Category_{policy.category}")
    ET.SubElement(made, "supportedOn", ref="Supported")
    if policy.is_switch:
        for tag, value in (("enabledValue", "1"), ("disabledValue", "0")):
            ET.SubElement(ET.SubElement(made, tag), "decimal", value=value)
        return
    elements = ET.SubElement(made, "elements")
    if policy.is_list:
        ET.SubElement(elements, "list", id=policy.name, key=f"{POLICY_KEY}\\{policy.name}")
    elif policy.hours is not None:
        lowest, highest = map(str, policy.hours)
        ET.SubElement(
            elements,
            "decimal",
            id=policy.name,
            valueName=policy.name,
            minValue=lowest,
            maxValue=highest,
            required="true",
        )
    elif policy.choices:
        choice = ET.SubElement(
            elements, "enum", id=policy.name, valueName=policy.name, required="true"
        )
        for value in policy.choices:
            item = ET.SubElement(
                choice, "item", displayName=f"$(string.{_choice_name(policy, value)})"
            )
            ET.SubElement(ET.SubElement(item, "value"), "string").text = value
    else:
        ET.SubElement(elements, "text", id=policy.name, valueName=policy.name, required="true")


def _choice_name(policy: Policy, value: str) -> str:
    return f"{policy.name}_{value.replace('-', '_')}"


def adml(language: str) -> str:
    """The texts of *language* and how the editor presents each policy."""
    said = texts(language)
    root = ET.Element("policyDefinitionResources", _attributes())
    ET.SubElement(root, "displayName").text = said["product"]
    ET.SubElement(root, "description").text = said["product"]
    resources = ET.SubElement(root, "resources")
    strings = {"SealDesk": said["product"], "Supported": said["supported"]}
    strings |= {f"Category_{name}": said["categories"][name] for name in CATEGORIES}
    for policy in POLICIES:
        words = said["policies"][policy.setting]
        strings[policy.name] = words["title"]
        strings[f"{policy.name}_Help"] = words["help"]
        strings |= {_choice_name(policy, value): words[value] for value in policy.choices}
    table = ET.SubElement(resources, "stringTable")
    for name, text in strings.items():
        ET.SubElement(table, "string", id=name).text = text
    shown = ET.SubElement(resources, "presentationTable")
    for policy in POLICIES:
        if not policy.is_switch:
            title = said["policies"][policy.setting]["title"]
            _presentation(shown, policy, title)
    return _text(root)


def _presentation(parent: ET.Element, policy: Policy, title: str) -> None:
    made = ET.SubElement(parent, "presentation", id=policy.name)
    if policy.is_list:
        ET.SubElement(made, "listBox", refId=policy.name).text = title
    elif policy.hours is not None:
        ET.SubElement(
            made, "decimalTextBox", refId=policy.name, defaultValue=str(policy.hours[1])
        ).text = title
    elif policy.choices:
        ET.SubElement(made, "dropdownList", refId=policy.name, noSort="true").text = title
    else:
        box = ET.SubElement(made, "textBox", refId=policy.name)
        ET.SubElement(box, "label").text = title


def _text(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def files() -> dict[Path, str]:
    """Path → content of every template."""
    made = {HERE / "SealDesk.admx": admx()}
    for language, folder in LANGUAGES.items():
        made[HERE / folder / "SealDesk.adml"] = adml(language)
    return made


if __name__ == "__main__":
    for path, content in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
