"""Settings: one frozen object, and for every value where it comes from. One module, though long:
values, their readers and their layers are looked up together.

A value is taken from the first of these that has it:

1. policy: on Windows ``HKLM\\Software\\Policies\\SealDesk\\SealDesk``, then the same below HKCU;
   elsewhere ``/etc/sealdesk/policy.toml``. It locks the setting.
2. environment: ``SEALDESK_<FIELD>``, lists separated like ``PATH``.
3. user: ``settings.toml`` in the user's configuration folder; the settings page writes it.
4. machine: on Windows ``HKLM\\Software\\SealDesk\\SealDesk`` (written by the MSI); elsewhere
   ``/etc/sealdesk/settings.toml``.
5. built in: the defaults below.

In the registry a field ``platform_url`` is the value ``PlatformUrl`` (REG_SZ; REG_DWORD for
numbers and 0/1; REG_MULTI_SZ, or a key of that name with one value per item, for lists). Names
there that are no settings belong to the installer and are passed over; in a file such a name is an
error, because a misspelt policy must not go unnoticed.

``SEALDESK_HOME`` moves configuration, data and cache below one folder; policy stays in force.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, fields, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from app.durable import replace_file
from app.errors import LANGUAGES, SettingLocked, SettingsInvalid
from app.settings_sources.registry import registry_values
from app.settings_sources.toml_file import SettingsFile, read_file
from crypto.frozen import frozen

MACHINE_FOLDER = Path("/etc/sealdesk")
POLICY_KEY = r"Software\Policies\SealDesk\SealDesk"
MACHINE_KEY = r"Software\SealDesk\SealDesk"


class Origin(StrEnum):
    """Which layer a value comes from, strongest first."""

    POLICY = "policy"
    ENVIRONMENT = "environment"
    USER = "user"
    MACHINE = "machine"
    BUILT_IN = "built-in"


@frozen
class Source:
    """Where a value comes from."""

    origin: Origin
    where: str = ""
    """The file, registry key or variable."""


@frozen
class Folders:
    """Where this user's state lives."""

    config: Path
    """settings.toml"""
    data: Path
    """cabinet and journal"""
    cache: Path
    """what may be deleted at any time"""

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.toml"

    @property
    def demo(self) -> Folders:
        """The demo's own."""
        home = self.data / "demo"
        return Folders(home / "config", home / "data", home / "cache")


@frozen(kw_only=True)
class Settings:
    """All settings of one run."""

    platform_url: str = ""
    """The platform's origin, ``https://host[:port]``; http only for this machine."""
    platform_root: str = ""
    """SM3 of the platform's root certificate, 64 hex digits. Empty: pinned at first contact."""
    pkcs11_modules: tuple[str, ...] = ()
    """Ukey driver libraries to use, paths. Empty: the known vendors'. As policy: only these."""
    allow_virtual_ukey: bool = True
    """Whether the software Ukey for demo and training is offered."""
    signed_modules: bool = False
    """Load only drivers with an Authenticode signature that Windows holds to be good."""
    pin_days: int = 180
    """After how many days a Ukey's PIN is to be changed (第二十一条); 0: nobody is reminded."""
    token_serial: str = ""
    """The Ukey used last, preferred when several are plugged in."""
    output_suffix: str = "_已盖章"
    """Appended to the name of a stamped document."""
    output_folder: Path | None = None
    """Where stamped documents go. None: beside the original."""
    marks: Literal["shared", "separate"] = "shared"
    """One signature for all marks of a stamping, or one for each."""
    profile: str = "ses"
    """How a seal is put: one of ``crypto.pdf.signing.values.SEALED``."""
    language: str = "zh_CN"
    """One of ``app.errors.LANGUAGES``."""
    trust: tuple[Path, ...] = ()
    """Further trust anchors for every purpose, whose status desks are believed too: certificate
    files, PEM or DER."""
    trust_seal_makers: tuple[Path, ...] = ()
    """Trust anchors for seal makers only; likewise the two below."""
    trust_signers: tuple[Path, ...] = ()
    trust_timestamps: tuple[Path, ...] = ()
    allow_own_trust: bool = True
    """Whether a user may add anchors of his own (``sealdesk trust add``)."""
    trust_list: str = ""
    """Where the trust list is: an address (https) or a file. Empty: none is followed."""
    trust_list_signer: str = ""
    """SM3 of the certificate that signs it, 64 hex digits."""
    fetch_hosts: tuple[str, ...] = ()
    """Hosts inside the organisation that addresses in documents may lead to (``--fetch``)."""
    offline_hours: int = 24
    """How long after the last confirmed status one may stamp offline; 0 to 72."""
    status_hours: int = 24
    """Verification calls a seal's status fresh for so long; 1 to 168."""
    keyring: bool = True
    """Keep the cabinet's key in the system's keyring."""
    allow_key_file: bool = True
    """Where there is no keyring, keep the cabinet's key (no seal's) in a file of mode 0600."""
    timestamp: Literal["none", "optional", "required"] = "none"
    """Whether what is stamped gets a time stamp; optional: not where there is none to be had."""
    timestamp_url: str = ""
    """Time-stamping service (RFC 3161). Empty: the platform's."""
    auto_update: Literal["off", "ask", "on"] = "ask"
    """New versions that the platform releases: never asked for; told; told and fetched as well.
    Nothing is installed before a person says so."""
    update_publisher: str = ""
    """Common name of who must have signed a new version. Empty: who has signed this program."""
    proxy: str = ""
    """``http://host:port`` for the platform. Empty: the system's proxy; ``direct``: none."""

    folders: Folders = field(default_factory=lambda: folders_of(os.environ))
    sources: Mapping[str, Source] = field(default_factory=dict, repr=False)

    def source(self, name: str) -> Source:
        """Where the value of field *name* comes from."""
        return self.sources.get(name, Source(Origin.BUILT_IN))

    def locked(self, name: str) -> bool:
        """Is *name* fixed by policy?"""
        return self.source(name).origin is Origin.POLICY


# --- reading values ------------------------------------------------------------------------------
# A reader takes a value as TOML, the registry or the environment has it and returns the field's
# value, or raises ValueError with one of the words of [SettingsInvalid.words.problem].


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("type")
    return value.strip()


def _boolean(value: object) -> bool:
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if isinstance(value, bool):
        return value
    try:
        return words[str(value).strip().lower()]
    except KeyError:
        raise ValueError("type") from None


def _whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError("type")
        try:
            number = int(value)
        except ValueError:
            raise ValueError("type") from None
        if not lowest <= number <= highest:
            raise ValueError("range")
        return number

    return read


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(os.pathsep)
    if not isinstance(value, list | tuple):
        raise ValueError("type")
    return tuple(text for text in map(_text, value) if text)


def _paths(value: object) -> tuple[Path, ...]:
    return tuple(Path(text) for text in _texts(value))


def _folder(value: object) -> Path | None:
    text = _text(value)
    return Path(text) if text else None


def _choice(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _text(value)
        if text not in choices:
            raise ValueError("choice")
        return text

    return read


def _update(value: object) -> str:
    """As a word, or as group policy and the installation package have it."""
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    text = {"0": "off", "false": "off", "1": "on", "true": "on"}.get(text, text)
    if text not in ("off", "ask", "on"):
        raise ValueError("choice")
    return text


def _suffix(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("type")
    # characters that a file name cannot hold on Windows; an empty suffix would aim at the original
    if not value or re.search(r'[\x00-\x1f<>:"/\\|?*]', value):
        raise ValueError("filename")
    return value


def _digest(value: object) -> str:
    text = _text(value).lower()
    if text and not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError("digest")
    return text


def is_loopback(host: str | None) -> bool:
    """Does *host* name this machine, so that plain http never leaves it?"""
    return host in ("localhost", "127.0.0.1", "::1")


def _origin(value: object) -> str:
    """A URL without path: https, or http to this machine."""
    text = _text(value).rstrip("/")
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises ValueError on a port that is none
    except ValueError:
        raise ValueError("url") from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    bare = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if not (secure and bare and parts.hostname):
        raise ValueError("url")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _service(value: object) -> str:
    """A URL that may have a path; http is allowed, a timestamp carries its own signature."""
    text = _text(value)
    parts = urlsplit(text)
    if text and not (parts.scheme in ("http", "https") and parts.hostname):
        raise ValueError("url")
    return text


def _list_place(value: object) -> str:
    """A URL by https (http to this machine), or a path."""
    text = _text(value)
    parts = urlsplit(text)
    local = parts.scheme == "http" and is_loopback(parts.hostname)
    if "://" in text and not ((parts.scheme == "https" or local) and parts.hostname):
        raise ValueError("url")
    return text


def _proxy(value: object) -> str:
    return "direct" if _text(value) == "direct" else _service(value)


_READERS: dict[str, Callable[[object], object]] = {
    "platform_url": _origin,
    "platform_root": _digest,
    "pkcs11_modules": _texts,
    "allow_virtual_ukey": _boolean,
    "signed_modules": _boolean,
    "pin_days": _whole(0, 3650),
    "token_serial": _text,
    "output_suffix": _suffix,
    "output_folder": _folder,
    "marks": _choice("shared", "separate"),
    "profile": _choice("ses", "ses-adobe", "cms"),
    "language": _choice(*LANGUAGES),
    "trust": _paths,
    "trust_seal_makers": _paths,
    "trust_signers": _paths,
    "trust_timestamps": _paths,
    "allow_own_trust": _boolean,
    "trust_list": _list_place,
    "trust_list_signer": _digest,
    "fetch_hosts": _texts,
    "offline_hours": _whole(0, 72),
    "status_hours": _whole(1, 168),
    "keyring": _boolean,
    "allow_key_file": _boolean,
    "timestamp": _choice("none", "optional", "required"),
    "timestamp_url": _service,
    "auto_update": _update,
    "update_publisher": _text,
    "proxy": _proxy,
}
NAMES = tuple(_READERS)
"""The names of all settings, in the order of the table above."""


# --- the layers ----------------------------------------------------------------------------------

CAUTIOUS: Mapping[str, object] = MappingProxyType(
    {
        "allow_virtual_ukey": False,
        "signed_modules": True,
        "allow_own_trust": False,
        "trust": (),
        "trust_seal_makers": (),
        "trust_signers": (),
        "trust_timestamps": (),
        "trust_list": "",
        "trust_list_signer": "",
        "fetch_hosts": (),
        "offline_hours": 0,
        "auto_update": "off",
        "update_publisher": "",
    }
)
"""What holds of these while something in the policy cannot be read, and nobody may change: it may
have been what forbade them."""


@frozen
class _Layer:
    origin: Origin
    where: str
    values: Mapping[str, object]
    strict: bool = True
    """Whether a name that is no setting is an error."""
    file: SettingsFile | None = None
    """Where it stands, if in a file."""

    def fault(self, name: str, problem: str) -> SettingsInvalid:
        """That the value of *name* is wrong."""
        if self.file is not None:
            return self.file.fault(name, problem)
        return SettingsInvalid(self.where, name, problem)


def load(
    environment: Mapping[str, str] | None = None, *, machine_folder: Path = MACHINE_FOLDER
) -> Settings:
    """The settings in force. Raises :class:`app.errors.SettingsInvalid` naming source and key.

    *environment* replaces ``os.environ``, *machine_folder* ``/etc/sealdesk`` (for tests)."""
    settings, faults = load_sound(environment, machine_folder=machine_folder)
    if faults:
        raise faults[0]
    return settings


def load_sound(
    environment: Mapping[str, str] | None = None, *, machine_folder: Path = MACHINE_FOLDER
) -> tuple[Settings, tuple[SettingsInvalid, ...]]:
    """The settings in force without what is wrong, and what is wrong. If it is the policy, what
    it could have forbidden is forbidden (:data:`CAUTIOUS`)."""
    environment = os.environ if environment is None else environment
    folders = folders_of(environment)
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    faults: list[SettingsInvalid] = []
    doubtful = ""
    for layer in _layers(environment, folders, machine_folder):
        found = list(layer.file.faults) if layer.file is not None else []
        for name, raw in layer.values.items():
            if name not in _READERS:
                if layer.strict:
                    found.append(layer.fault(name, "unknown"))
                continue
            try:  # checked even where a stronger layer wins
                value = _READERS[name](raw)
            except ValueError as error:
                found.append(layer.fault(name, str(error)))
                continue
            if name not in values:
                values[name], sources[name] = value, Source(layer.origin, layer.where)
        if found and layer.origin is Origin.POLICY:
            doubtful = layer.where
        faults += found
    if doubtful:
        for name, value in CAUTIOUS.items():
            if name not in sources or sources[name].origin is not Origin.POLICY:
                values[name], sources[name] = value, Source(Origin.POLICY, doubtful)
    settings = Settings(**values, folders=folders, sources=MappingProxyType(sources))
    return settings, tuple(faults)


def policy_is_doubtful(settings: Settings, faults: Sequence[SettingsInvalid]) -> bool:
    """Is one of *faults* in the policy, so that :data:`CAUTIOUS` holds?"""
    policies = {s.where for s in settings.sources.values() if s.origin is Origin.POLICY}
    return any(fault.where in policies for fault in faults)


def read(name: str, raw: object, where: str) -> object:
    """The value of field *name* from its raw form; raises :class:`SettingsInvalid`."""
    try:
        return _READERS[name](raw)
    except ValueError as error:
        raise SettingsInvalid(where, name, str(error)) from error


def save(settings: Settings, values: Mapping[str, object]) -> Settings:
    """Write *values* (None: back to the default) to the user's file and return the settings now.

    A value that the environment overrides is written, but not in force yet. Raises
    :class:`SettingLocked`, :class:`SettingsInvalid`, OSError."""
    path = settings.folders.settings_file
    kept_file = read_file(path)
    if kept_file.faults:
        raise kept_file.faults[0]
    kept = dict(kept_file.values)
    in_force: dict[str, Any] = {}
    sources = dict(settings.sources)
    for name, raw in values.items():
        if settings.locked(name):
            raise SettingLocked(name)
        if raw is None:
            kept.pop(name, None)
            continue
        value = read(name, _plain(raw), str(path))
        kept[name] = _plain(value)
        if settings.source(name).origin is not Origin.ENVIRONMENT:
            in_force[name], sources[name] = value, Source(Origin.USER, str(path))
    replace_file(path, _toml(kept).encode())
    changed = replace(settings, **in_force, sources=MappingProxyType(sources))
    removed = [n for n in values if values[n] is None and settings.source(n).origin is Origin.USER]
    if not removed:
        return changed
    defaults: dict[str, Any] = {f.name: f.default for f in fields(Settings)}
    rest = {name: source for name, source in sources.items() if name not in removed}
    return replace(
        changed,
        **{name: defaults[name] for name in removed},
        sources=MappingProxyType(rest),
    )


def folders_of(environment: Mapping[str, str]) -> Folders:
    """The user's folders: below ``SEALDESK_HOME`` if set, else the system's usual places."""
    home = environment.get("SEALDESK_HOME")
    if home:
        base = Path(home).absolute()
        return Folders(base / "config", base / "data", base / "cache")
    import platformdirs

    name = "SealDesk" if sys.platform == "win32" else "sealdesk"
    places = platformdirs.PlatformDirs(name, appauthor=False)
    return Folders(places.user_config_path, places.user_data_path, places.user_cache_path)


def _layers(
    environment: Mapping[str, str], folders: Folders, machine_folder: Path
) -> Iterator[_Layer]:
    windows = sys.platform == "win32"
    if windows:
        yield _registry(Origin.POLICY, "HKEY_LOCAL_MACHINE", POLICY_KEY)
        yield _registry(Origin.POLICY, "HKEY_CURRENT_USER", POLICY_KEY)
    else:
        yield _file_layer(Origin.POLICY, machine_folder / "policy.toml")
    for name in NAMES:
        variable = f"SEALDESK_{name.upper()}"
        if variable in environment:
            yield _Layer(Origin.ENVIRONMENT, variable, {name: environment[variable]})
    yield _file_layer(Origin.USER, folders.settings_file)
    if windows:
        yield _registry(Origin.MACHINE, "HKEY_LOCAL_MACHINE", MACHINE_KEY)
    else:
        yield _file_layer(Origin.MACHINE, machine_folder / "settings.toml")


def _file_layer(origin: Origin, path: Path) -> _Layer:
    file = read_file(path)
    return _Layer(origin, str(path), file.values, file=file)


def _registry(origin: Origin, hive: str, key: str) -> _Layer:
    return _Layer(origin, f"{hive}\\{key}", registry_values(hive, key, NAMES), strict=False)


def _plain(value: object) -> object:
    """A field's value as TOML can hold it."""
    if isinstance(value, tuple | list):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _toml(values: Mapping[str, object]) -> str:
    """Flat TOML: JSON's strings, numbers, booleans and arrays are also TOML's."""
    lines = [
        f"{name} = {json.dumps(values[name], ensure_ascii=False)}".replace("\x7f", "\\u007f")
        for name in NAMES
        if name in values
    ]
    return "\n".join(lines) + "\n"
