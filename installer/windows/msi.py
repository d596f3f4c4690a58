"""Packs the bundle into an MSI with wixl, and adds in SQL what wixl cannot say.

Stable from release to release: the UpgradeCode, and for every file its component's GUID, which
follows from its path. The ProductCode follows from the version, the package code from the content.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from installer.system import run, say
from installer.windows import pe
from installer.windows.properties import PROPERTIES
from installer.windows.vukey import NAME as VUKEY

UPGRADE_CODE = uuid.UUID("6f0b1c52-6a7e-4d0c-9c55-0c4b5d2f6a31")  # never changes
PRODUCT = "印台 SealDesk"
VENDOR = "SealDesk"
KEY = r"Software\SealDesk\SealDesk"
CLASSES = r"Software\Classes"
OLDEST_WINDOWS = 17763  # Windows 10 1809
CODEPAGE, LANGUAGE = 936, 2052

MAIN, DESKTOP, COMMAND, TRAINING = "Main", "Desktop", "Command", "Training"
_NAMESPACE = "http://schemas.microsoft.com/wix/2006/wi"


@dataclass(frozen=True)
class Value:
    """One value in the registry below HKLM; an empty name is the key's own value."""

    key: str
    name: str
    text: str


def registry() -> tuple[Value, ...]:
    """What the program registers, whatever the settings."""
    program = r"[INSTALLDIR]SealDesk.exe"
    values = [
        Value(KEY, "Version", "[ProductVersion]"),
        Value(KEY, "InstallDir", "[INSTALLDIR]"),
        Value(r"Software\Microsoft\Windows\CurrentVersion\App Paths\SealDesk.exe", "", program),
        Value(rf"{CLASSES}\sealdesk", "", "URL:印台"),
        Value(rf"{CLASSES}\sealdesk", "URL Protocol", ""),
        Value(rf"{CLASSES}\sealdesk\DefaultIcon", "", f"{program},0"),
        Value(rf"{CLASSES}\sealdesk\shell\open\command", "", f'"{program}" "%1"'),
    ]
    for suffix, description in (("pdf", "PDF 文件"), ("ofd", "OFD 文件")):
        kind = rf"{CLASSES}\SealDesk.{suffix}"
        verbs = rf"{CLASSES}\SystemFileAssociations\.{suffix}\shell"
        values += [
            Value(kind, "", f"{description}（印台）"),
            Value(rf"{kind}\DefaultIcon", "", f"{program},0"),
            Value(rf"{kind}\shell\open\command", "", f'"{program}" "%1"'),
            # Offered under 打开方式; the default stays whose it is.
            Value(rf"{CLASSES}\.{suffix}\OpenWithProgids", f"SealDesk.{suffix}", ""),
            Value(rf"{verbs}\SealDesk.Verify", "", "验章"),
            Value(rf"{verbs}\SealDesk.Verify", "Icon", f"{program},0"),
            Value(rf"{verbs}\SealDesk.Verify\command", "", f'"{program}" --verify "%1"'),
        ]
        if suffix == "pdf":
            values += [
                Value(rf"{verbs}\SealDesk.Stamp", "", "盖章"),
                Value(rf"{verbs}\SealDesk.Stamp", "Icon", f"{program},0"),
                Value(rf"{verbs}\SealDesk.Stamp\command", "", f'"{program}" --stamp "%1"'),
            ]
    return tuple(values)


def identity(kind: str, name: str) -> uuid.UUID:
    """The GUID of a thing of ours, the same in every build."""
    return uuid.uuid5(UPGRADE_CODE, f"{kind}:{name}")


def build(bundle: Path, icon: Path, version: str, epoch: int, target: Path) -> None:
    """Write the MSI of *bundle* to *target*. Raises :class:`BuildFailed`."""
    work = target.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    package = package_code(bundle, version)
    source = work / "sealdesk.wxs"
    (work / "bundle").symlink_to(bundle)
    shutil.copyfile(icon, work / "sealdesk.ico")
    os.utime(work / "sealdesk.ico", (epoch, epoch))
    tree = document(bundle, version, package)
    source.write_bytes(ET.tostring(tree, encoding="utf-8", xml_declaration=True))
    say("packing the MSI")
    target.unlink(missing_ok=True)
    environment = {
        **os.environ,
        # libmsi breaks off at Chinese text in any other language.
        "WINDOWS_LANGUAGE": "zh_CN",
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    run(["wixl", "-a", "x64", "-o", target, source.name], cwd=work, environment=environment)
    _complete(target, work, bundle, package, environment)
    _date(target, work, epoch, environment)
    shutil.rmtree(work)


def package_code(bundle: Path, version: str) -> uuid.UUID:
    """One for each content: two packages of one code must be the same."""
    digest = hashlib.sha256(version.encode())
    for path in sorted(bundle.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(bundle).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return identity("package", digest.hexdigest())


# --- the document for wixl -----------------------------------------------------------------------


def _add(parent: ET.Element, tag: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, tag, attributes)


def document(bundle: Path, version: str, package: uuid.UUID) -> ET.Element:
    """The WiX source: directories, files, features, registry, shortcuts."""
    wix = ET.Element("Wix", {"xmlns": _NAMESPACE})
    product = _add(
        wix,
        "Product",
        Id=str(identity("product", version)).upper(),
        Name=PRODUCT,
        Manufacturer=VENDOR,
        Version=version,
        Language=str(LANGUAGE),
        Codepage=str(CODEPAGE),
        UpgradeCode=str(UPGRADE_CODE).upper(),
    )
    _add(
        product,
        "Package",
        Id=str(package).upper(),
        InstallerVersion="500",
        InstallScope="perMachine",
        Compressed="yes",
        Languages=str(LANGUAGE),
        SummaryCodepage=str(CODEPAGE),
        Manufacturer=VENDOR,
        Description=PRODUCT,
    )
    _add(
        product,
        "MajorUpgrade",
        DowngradeErrorMessage="这台电脑上已经装有更新版本的印台，不会换成旧版本。",
    )
    _add(product, "Media", Id="1", Cabinet="sealdesk.cab", EmbedCab="yes")
    _add(product, "Icon", Id="sealdesk.ico", SourceFile="sealdesk.ico")
    _properties(product)
    root = _add(product, "Directory", Id="TARGETDIR", Name="SourceDir")
    programs = _add(root, "Directory", Id="ProgramFiles64Folder")
    installed = _add(programs, "Directory", Id="INSTALLDIR", Name="SealDesk")
    components = _files(installed, bundle)
    components[MAIN] += _registered(installed)
    components[MAIN] += _start_menu(root)
    components[DESKTOP] = _desktop(root)
    components[COMMAND] = _path(installed)
    components[TRAINING] += _training(installed)
    _features(product, components)
    return wix


def _properties(product: ET.Element) -> None:
    fixed = {
        "OldWindows": "印台需要 64 位的 Windows 10 1809 或更新的系统。",
        "ARPPRODUCTICON": "sealdesk.ico",
        "ARPNOMODIFY": "1",
        # A running program is asked to close, never killed: it may hold an unsaved placing.
        "MSIRMSHUTDOWN": "0",
        # Our own folder: what an older package left there is always replaced.
        "REINSTALLMODE": "amus",
    }
    for name, value in fixed.items():
        _add(product, "Property", Id=name, Value=value)
    for setting in PROPERTIES:
        _remembered(product, setting.name, setting.value)
    _remembered(product, "INSTALLDIR", "InstallDir")
    _remembered(product, "TRAINING", "Training")
    found = _add(product, "Property", Id="WINDOWSBUILD")
    _add(
        found,
        "RegistrySearch",
        Id="WindowsBuild",
        Root="HKLM",
        Key=r"SOFTWARE\Microsoft\Windows NT\CurrentVersion",
        Name="CurrentBuildNumber",
        Type="raw",
        Win64="yes",
    )


def _remembered(product: ET.Element, name: str, value: str) -> None:
    found = _add(product, "Property", Id=f"REMEMBERED_{name}")
    _add(
        found,
        "RegistrySearch",
        Id=f"Remembered{value}",
        Root="HKLM",
        Key=KEY,
        Name=value,
        Type="raw",
        Win64="yes",
    )


def _files(root: ET.Element, bundle: Path) -> dict[str, list[str]]:
    """A component for each file; component names by feature."""
    components: dict[str, list[str]] = {MAIN: [], TRAINING: []}

    def fill(parent: ET.Element, folder: Path) -> None:
        taken: set[str] = set()
        for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
            relative = path.relative_to(bundle).as_posix()
            key = _key(path.relative_to(bundle))
            name = _names(path.name, taken)
            if path.is_dir():
                fill(_add(parent, "Directory", Id=f"d{key}", Name=name), path)
                continue
            component = _component(parent, f"c{key}", identity("file", relative))
            _add(
                component,
                "File",
                Id=_file_key(path.relative_to(bundle)),
                Name=name,
                Source=f"bundle/{relative}",
                KeyPath="yes",
            )
            components[TRAINING if path.name == VUKEY else MAIN].append(f"c{key}")

    fill(root, bundle)
    return components


def _names(name: str, taken: set[str]) -> str:
    """``SHORT~1.EXE|name``, as the installer keeps names; the short one unique in its folder."""
    stem, dot, suffix = name.rpartition(".")
    if not dot:
        stem, suffix = name, ""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_-]{1,3})?", name):
        taken.add(name.upper())
        return name
    kept = re.sub(r"[^A-Za-z0-9_-]", "", stem).upper()[:6] or "F"
    ending = re.sub(r"[^A-Za-z0-9_-]", "", suffix).upper()[:3]
    for number in range(1, 10_000):
        tail = f"~{number}"
        short = kept[: 8 - len(tail)] + tail + (f".{ending}" if ending else "")
        if short not in taken:
            taken.add(short)
            return f"{short}|{name}"
    raise AssertionError("ten thousand files of one short name")


def _component(parent: ET.Element, name: str, guid: uuid.UUID) -> ET.Element:
    return _add(parent, "Component", Id=name, Guid=str(guid).upper(), Win64="yes")


def _value(component: ET.Element, value: Value, *, key_path: bool = False) -> None:
    attributes = {"Root": "HKLM", "Key": value.key, "Type": "string", "Value": value.text}
    if value.name:
        attributes["Name"] = value.name
    if key_path:
        attributes["KeyPath"] = "yes"
    _add(component, "RegistryValue", **attributes)


def _registered(parent: ET.Element) -> list[str]:
    component = _component(parent, "Registered", identity("registry", "program"))
    for index, value in enumerate(registry()):
        _value(component, value, key_path=index == 0)
    names = ["Registered"]
    for setting in PROPERTIES:
        name = f"Setting{setting.value}"
        component = _component(parent, name, identity("setting", setting.value))
        _value(component, Value(KEY, setting.value, f"[{setting.name}]"), key_path=True)
        names.append(name)
    return names


def _shortcut(component: ET.Element, name: str, file: str) -> None:
    _add(
        component,
        "Shortcut",
        Id=f"Shortcut{name}",
        Name=_names(file, set()),
        Target="[INSTALLDIR]SealDesk.exe",
        WorkingDirectory="INSTALLDIR",
        Icon="sealdesk.ico",
        Description="盖章与验章",
    )


def _start_menu(root: ET.Element) -> list[str]:
    folder = _add(root, "Directory", Id="ProgramMenuFolder")
    component = _component(folder, "StartMenu", identity("shortcut", "start"))
    _shortcut(component, "Start", "印台.lnk")
    _value(component, Value(KEY, "StartMenu", "1"), key_path=True)
    return ["StartMenu"]


def _desktop(root: ET.Element) -> list[str]:
    folder = _add(root, "Directory", Id="DesktopFolder")
    component = _component(folder, "DesktopShortcut", identity("shortcut", "desktop"))
    _shortcut(component, "Desktop", "印台.lnk")
    _value(component, Value(KEY, "DesktopShortcut", "1"), key_path=True)
    return ["DesktopShortcut"]


def _path(parent: ET.Element) -> list[str]:
    component = _component(parent, "CommandPath", identity("environment", "path"))
    _value(component, Value(KEY, "Command", r"[INSTALLDIR]bin"), key_path=True)
    return ["CommandPath"]


def _training(parent: ET.Element) -> list[str]:
    component = _component(parent, "TrainingChosen", identity("setting", "training"))
    _value(component, Value(KEY, "Training", "1"), key_path=True)
    return ["TrainingChosen"]


def _features(product: ET.Element, components: dict[str, list[str]]) -> None:
    titles = {
        MAIN: ("印台", "盖章与验章。", "1"),
        DESKTOP: ("桌面图标", "桌面上的快捷方式。", "1"),
        COMMAND: ("命令行", "命令 sealdesk 加入 PATH。", "1"),
        TRAINING: ("培训与演示", "软件模拟的 Ukey，仅供培训与演示。", "1000"),
    }
    for name, (title, description, level) in titles.items():
        feature = _add(
            product, "Feature", Id=name, Title=title, Description=description, Level=level
        )
        if name == MAIN:
            feature.set("Absent", "disallow")
        for component in components[name]:
            _add(feature, "ComponentRef", Id=component)


# --- what wixl cannot say ------------------------------------------------------------------------


def statements() -> Iterator[str]:
    """SQL that completes the database."""
    public = [setting.name for setting in PROPERTIES] + ["INSTALLDIR"]
    # So that they pass from the asking user to the elevated installer.
    yield (
        "UPDATE `Property` SET `Value` ="
        f" 'WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED;{';'.join(public)}'"
        " WHERE `Property` = 'SecureCustomProperties'"
    )
    yield (
        "INSERT INTO `LaunchCondition` (`Condition`, `Description`) VALUES"
        f" ('Installed OR WINDOWSBUILD >= {OLDEST_WINDOWS}', '[OldWindows]')"
    )
    yield (
        "CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL"
        " LOCALIZABLE, `Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL"
        " PRIMARY KEY `Environment`)"
    )
    yield (  # added when installed, removed when not, for the machine, at the end of the list
        "INSERT INTO `Environment` (`Environment`, `Name`, `Value`, `Component_`) VALUES"
        " ('Path', '=-*PATH', '[~];[INSTALLDIR]bin', 'CommandPath')"
    )
    for action, number in (("RemoveEnvironmentStrings", 3300), ("WriteEnvironmentStrings", 5200)):
        yield (
            "INSERT INTO `InstallExecuteSequence` (`Action`, `Sequence`) VALUES"
            f" ('{action}', {number})"
        )
    # A feature that is off by itself stays on where it was chosen before.
    yield (
        "CREATE TABLE `Condition` (`Feature_` CHAR(38) NOT NULL, `Level` SHORT NOT NULL,"
        " `Condition` CHAR(255) PRIMARY KEY `Feature_`, `Level`)"
    )
    yield (
        "INSERT INTO `Condition` (`Feature_`, `Level`, `Condition`) VALUES"
        f" ('{TRAINING}', 1, 'REMEMBERED_TRAINING = \"1\"')"
    )
    # A given value wins over a remembered one; AppSearch alone would do it the other way round.
    for index, name in enumerate([*(setting.name for setting in PROPERTIES), "INSTALLDIR"]):
        action = f"Remember{name}"
        yield (
            "INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES"
            f" ('{action}', 51, '{name}', '[REMEMBERED_{name}]')"
        )
        for table in ("InstallExecuteSequence", "InstallUISequence"):
            yield (
                f"INSERT INTO `{table}` (`Action`, `Condition`, `Sequence`) VALUES"
                f" ('{action}', '{name} = \"\" AND REMEMBERED_{name} <> \"\"', {index + 51})"
            )
    for setting in PROPERTIES:
        yield (
            f"UPDATE `Component` SET `Condition` ="
            f' \'{setting.name} <> "" AND {setting.name} <> "-"\''
            f" WHERE `Component` = 'Setting{setting.value}'"
        )
    yield (
        "UPDATE `Component` SET `Condition` = 'DESKTOP_SHORTCUT <> \"0\"'"
        " WHERE `Component` = 'DesktopShortcut'"
    )


def _complete(
    target: Path, work: Path, bundle: Path, package: uuid.UUID, environment: dict[str, str]
) -> None:
    (work / "codepage.idt").write_bytes(f"\r\n\r\n{CODEPAGE}\t_ForceCodepage\r\n".encode("ascii"))
    run(["msibuild", target, "-i", "codepage.idt"], cwd=work, environment=environment)
    for statement in statements():
        run(["msibuild", target, "-q", statement], cwd=work, environment=environment)
    versions = dict(_versions(bundle))
    for table in ("File", "MsiFileHash"):
        exported = run(["msiinfo", "export", target, table], environment=environment)
        lines = exported.replace("\r\n", "\n").splitlines()
        edit = _with_versions if table == "File" else _without_versions
        changed = work / f"{table}.idt"
        changed.write_bytes(
            "".join(f"{line}\r\n" for line in edit(lines, versions)).encode("ascii")
        )
        run(["msibuild", target, "-i", changed.name], cwd=work, environment=environment)
    summary = (PRODUCT, VENDOR, f"x64;{LANGUAGE}", "{" + str(package).upper() + "}")
    run(["msibuild", target, "-s", *summary], cwd=work, environment=environment)


def _date(target: Path, work: Path, epoch: int, environment: dict[str, str]) -> None:
    """Created and last saved are *epoch*, not the present time, which msibuild writes."""
    moment = f"{datetime.fromtimestamp(epoch, UTC):%Y/%m/%d %H:%M:%S}"
    environment = {**environment, "TZ": "UTC"}
    name = "_SummaryInformation"
    lines = run(["msiinfo", "export", target, name], environment=environment).splitlines()
    dated = [re.sub(r"^(1[23])\t.*", rf"\1\t{moment}", line) for line in lines]
    (work / f"{name}.idt").write_bytes("".join(f"{line}\r\n" for line in dated).encode())
    run(["msibuild", target, "-i", f"{name}.idt"], cwd=work, environment=environment)


def _versions(bundle: Path) -> Iterator[tuple[str, str]]:
    """Key in the File table → version, for files that have one in their resources."""
    for path in sorted(bundle.rglob("*")):
        if path.is_file() and path.suffix.lower() in {".exe", ".dll", ".pyd"}:
            version = pe.read(path).version
            if version is not None:
                yield _file_key(path.relative_to(bundle)), ".".join(map(str, version))


def _file_key(relative: Path) -> str:
    return "f" + _key(relative)


def _key(relative: Path) -> str:
    return hashlib.sha256(relative.as_posix().encode()).hexdigest()[:24]


def _with_versions(lines: list[str], versions: dict[str, str]) -> Iterator[str]:
    """The rows of the File table, versions filled in: an installer compares files by them."""
    yield from lines[:3]
    for line in lines[3:]:
        cells = line.split("\t")
        if cells[0] in versions:
            cells[4], cells[5] = versions[cells[0]], "0"
        yield "\t".join(cells)


def _without_versions(lines: list[str], versions: dict[str, str]) -> Iterator[str]:
    """The rows of MsiFileHash, which is for files without a version."""
    yield from lines[:3]
    yield from (line for line in lines[3:] if line.partition("\t")[0] not in versions)
