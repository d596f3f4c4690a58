"""Settings: which source wins, what a wrong value says, what the registry holds."""

import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import settings as module
from app.errors import SettingLocked, SettingsInvalid, explain
from app.settings import Origin, Settings, load, load_sound, save
from app.settings_sources.toml_file import read_file


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


def read(home: Path, etc: Path, **environment: str) -> Settings:
    return load({"SEALDESK_HOME": str(home), **environment}, machine_folder=etc)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_without_any_source_the_defaults_hold(home: Path, etc: Path) -> None:
    settings = read(home, etc)
    assert settings.output_suffix == "_已盖章"
    assert settings.source("output_suffix").origin is Origin.BUILT_IN
    assert not settings.locked("output_suffix")


@pytest.mark.wants("posix")  # Windows has its registry
def test_each_layer_beats_the_next(home: Path, etc: Path) -> None:
    name = "output_suffix"
    write(etc / "settings.toml", 'output_suffix = "_machine"')
    assert (read(home, etc).output_suffix, read(home, etc).source(name).origin) == (
        "_machine",
        Origin.MACHINE,
    )
    write(home / "config" / "settings.toml", 'output_suffix = "_user"')
    assert read(home, etc).output_suffix == "_user"
    changed = read(home, etc, SEALDESK_OUTPUT_SUFFIX="_environment")
    assert changed.output_suffix == "_environment"
    assert changed.source(name).where == "SEALDESK_OUTPUT_SUFFIX"
    write(etc / "policy.toml", 'output_suffix = "_policy"')
    fixed = read(home, etc, SEALDESK_OUTPUT_SUFFIX="_environment")
    assert fixed.output_suffix == "_policy"
    assert fixed.locked(name)
    assert fixed.source(name).where == str(etc / "policy.toml")


def test_a_home_of_its_own_holds_all_state(home: Path, etc: Path) -> None:
    folders = read(home, etc).folders
    assert all(home in folder.parents for folder in (folders.config, folders.data, folders.cache))


def test_without_a_home_the_system_says_where(etc: Path) -> None:
    folders = load({}, machine_folder=etc).folders
    assert folders.config.name.lower() == folders.data.name.lower() == "sealdesk"


@pytest.mark.parametrize(
    ("line", "key", "problem"),
    [
        ("platform_url = 'http://platform.example'", "platform_url", "url"),
        ("platform_url = 'https://platform.example/path'", "platform_url", "url"),
        ("platform_url = 'https://a@b.example'", "platform_url", "url"),
        ("platform_url = 'https://b.example:99999'", "platform_url", "url"),
        ("platform_url = 5", "platform_url", "type"),
        ("platform_root = 'abc'", "platform_root", "digest"),
        ("output_suffix = ''", "output_suffix", "filename"),
        ("output_suffix = '/../x'", "output_suffix", "filename"),
        ("offline_hours = 73", "offline_hours", "range"),
        ("offline_hours = true", "offline_hours", "type"),
        ("offline_hours = 'soon'", "offline_hours", "type"),
        ("marks = 'both'", "marks", "choice"),
        ("language = 'fr'", "language", "choice"),
        ("keyring = 'perhaps'", "keyring", "type"),
        ("trust = 5", "trust", "type"),
        ("trust = [5]", "trust", "type"),
        ("proxy = 'ftp://x'", "proxy", "url"),
        ("platfrom_url = 'https://typo.example'", "platfrom_url", "unknown"),
        ("no toml at all", "", "syntax"),
    ],
)
def test_a_wrong_value_names_file_and_key(
    home: Path, etc: Path, line: str, key: str, problem: str
) -> None:
    path = home / "config" / "settings.toml"
    write(path, line)
    with pytest.raises(SettingsInvalid) as caught:
        read(home, etc)
    assert (caught.value.where, caught.value.key, caught.value.problem) == (str(path), key, problem)
    assert str(path) in explain(caught.value).cause


def test_a_file_that_is_not_utf8_is_told_apart(home: Path, etc: Path) -> None:
    path = home / "config" / "settings.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes("output_suffix = '_盖章'".encode("gb18030"))
    with pytest.raises(SettingsInvalid, match="encoding"):
        read(home, etc)


def test_a_byte_order_mark_from_notepad_does_no_harm(home: Path, etc: Path) -> None:
    path = home / "config" / "settings.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xef\xbb\xbfmarks = 'separate'")
    assert read(home, etc).marks == "separate"


def test_a_wrong_value_is_told_even_where_policy_overrides_it(home: Path, etc: Path) -> None:
    write(etc / "policy.toml", "offline_hours = 5")
    with pytest.raises(SettingsInvalid):
        read(home, etc, SEALDESK_OFFLINE_HOURS="many")


def test_plain_http_is_for_this_machine_only(home: Path, etc: Path) -> None:
    url = "http://127.0.0.1:8081/"
    assert read(home, etc, SEALDESK_PLATFORM_URL=url).platform_url == "http://127.0.0.1:8081"


def test_the_environment_gives_lists_like_path(home: Path, etc: Path) -> None:
    import os

    value = os.pathsep.join(["/a/模块.so", "", "/b.so"])
    assert read(home, etc, SEALDESK_PKCS11_MODULES=value).pkcs11_modules == (
        "/a/模块.so",
        "/b.so",
    )


def test_other_variables_of_ours_are_no_settings(home: Path, etc: Path) -> None:
    assert read(home, etc, SEALDESK_PIN="x", SEALDESK_WHATEVER="y").token_serial == ""


def test_saving_keeps_the_rest_and_survives_reading(home: Path, etc: Path) -> None:
    settings = save(read(home, etc), {"language": "en", "trust": [Path("/根 证书.pem")]})
    settings = save(settings, {"offline_hours": 3})
    assert settings.language == "en"
    assert settings.source("offline_hours").origin is Origin.USER
    again = read(home, etc)
    assert (again.language, again.trust, again.offline_hours) == (
        "en",
        (Path("/根 证书.pem"),),
        3,
    )


def test_saving_nothing_goes_back_to_the_default(home: Path, etc: Path) -> None:
    settings = save(read(home, etc), {"language": "en"})
    settings = save(settings, {"language": None})
    assert settings.language == "zh_CN"
    assert settings.source("language").origin is Origin.BUILT_IN
    assert read(home, etc).language == "zh_CN"


@pytest.mark.wants("posix")  # Windows has its registry
def test_what_policy_fixed_cannot_be_saved(home: Path, etc: Path) -> None:
    write(etc / "policy.toml", "language = 'zh_CN'")
    with pytest.raises(SettingLocked):
        save(read(home, etc), {"language": "en"})
    assert not (home / "config" / "settings.toml").exists()


def test_the_environment_still_rules_after_saving(home: Path, etc: Path) -> None:
    settings = save(read(home, etc, SEALDESK_LANGUAGE="zh_CN"), {"language": "en"})
    assert settings.language == "zh_CN"
    assert read(home, etc).language == "en"


_suffixes = st.text(min_size=1).filter(
    lambda text: not set(text) & set('<>:"/\\|?*') and min(text) >= " " and text.isprintable()
)


@given(suffix=_suffixes | st.just("a\x7fb"))
def test_any_suffix_survives_the_file(suffix: str) -> None:
    import tomllib

    assert tomllib.loads(module._toml({"output_suffix": suffix})) == {"output_suffix": suffix}


def test_the_profiles_offered_are_those_that_put_a_seal() -> None:
    from crypto.pdf.signing.values import SEALED

    for profile in SEALED:
        assert module.read("profile", profile, "") == profile


def test_every_field_has_a_reader() -> None:
    import dataclasses

    names = {field.name for field in dataclasses.fields(Settings)} - {"folders", "sources"}
    assert names == set(module.NAMES)


class Registry(types.ModuleType):
    """As much of winreg as is used, over a dictionary."""

    HKEY_LOCAL_MACHINE, HKEY_CURRENT_USER = "HKLM", "HKCU"

    def __init__(self, keys: dict[str, dict[str, object]]) -> None:
        super().__init__("winreg")
        self.keys = keys

    def OpenKey(self, root: str, path: str) -> "Opened":
        if f"{root}\\{path}" not in self.keys:
            raise FileNotFoundError(path)
        return Opened(self.keys[f"{root}\\{path}"])

    def QueryValueEx(self, opened: "Opened", name: str) -> tuple[object, int]:
        if name not in opened.values:
            raise FileNotFoundError(name)
        return opened.values[name], 1

    def EnumValue(self, opened: "Opened", index: int) -> tuple[str, object, int]:
        if index >= len(opened.values):
            raise OSError
        name = list(opened.values)[index]
        return name, opened.values[name], 1


class Opened:
    def __init__(self, values: dict[str, object]) -> None:
        self.values = values

    def __enter__(self) -> "Opened":
        return self

    def __exit__(self, *details: object) -> None:
        pass


def test_on_windows_the_registry_is_policy_and_machine(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(
        {
            f"HKLM\\{module.POLICY_KEY}": {"AllowVirtualUkey": 0, "UnknownToUs": 1},
            f"HKLM\\{module.POLICY_KEY}\\Pkcs11Modules": {"1": r"C:\a.dll", "2": r"C:\b.dll"},
            f"HKCU\\{module.POLICY_KEY}": {"AllowVirtualUkey": 1, "OfflineHours": 8},
            f"HKLM\\{module.MACHINE_KEY}": {
                "PlatformUrl": "https://platform.example",
                "Trust": [r"C:\root.cer"],
                "Version": "1.0",
            },
        }
    )
    monkeypatch.setitem(sys.modules, "winreg", registry)
    monkeypatch.setattr(module.sys, "platform", "win32")
    settings = load({"SEALDESK_HOME": str(home)})
    assert not settings.allow_virtual_ukey, "the machine's policy beats the user's"
    assert settings.pkcs11_modules == (r"C:\a.dll", r"C:\b.dll")
    assert settings.offline_hours == 8
    assert settings.locked("offline_hours")
    assert settings.platform_url == "https://platform.example"
    assert settings.source("platform_url").origin is Origin.MACHINE
    assert settings.trust == (Path(r"C:\root.cer"),)


# --- starting with what is right -----------------------------------------------------------------


def sound(home: Path, etc: Path, **environment: str) -> tuple[Settings, list[tuple[str, str, int]]]:
    settings, faults = load_sound({"SEALDESK_HOME": str(home), **environment}, machine_folder=etc)
    return settings, [(fault.key, fault.problem, fault.line) for fault in faults]


def test_a_wrong_line_is_named_and_the_rest_of_the_file_counts(home: Path, etc: Path) -> None:
    path = home / "config" / "settings.toml"
    write(path, '# 备注\nmarks = "separate"\r\noffline_hours = soon\n\nlanguage = "en"\nmark = 1\n')
    settings, faults = sound(home, etc)
    assert (settings.marks, settings.language, settings.offline_hours) == ("separate", "en", 24)
    assert faults == [("", "syntax", 3), ("mark", "unknown", 6)]
    with pytest.raises(SettingsInvalid) as caught:
        read(home, etc)
    assert f"“{path}”第 3 行" in explain(caught.value).cause
    assert "line 3" in explain(caught.value, "en").cause


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('marks = "separate"\nlanguage = "en', 2),
        ('trust = [\n  "/a.pem",\n\nmarks = "separate"', 4),
        ('marks = "separate"\nmarks = "shared"', 2),
        ('language = "en"\n\n\noutput_suffix = """never\nclosed', 4),
        ("\n\nwhat is this\n", 3),
    ],
)
def test_the_line_is_that_of_the_mistake(home: Path, etc: Path, text: str, line: int) -> None:
    write(home / "config" / "settings.toml", text)
    _, faults = sound(home, etc)
    assert faults[0] == ("", "syntax", line)


def test_a_value_of_the_wrong_kind_has_its_line_too(home: Path, etc: Path) -> None:
    write(home / "config" / "settings.toml", 'language = "en"\noffline_hours = 99\n')
    settings, faults = sound(home, etc)
    assert (settings.language, faults) == ("en", [("offline_hours", "range", 2)])


def test_a_wrong_variable_leaves_the_default(home: Path, etc: Path) -> None:
    settings, faults = sound(home, etc, SEALDESK_OFFLINE_HOURS="many")
    assert (settings.offline_hours, faults) == (24, [("offline_hours", "type", 0)])


@pytest.mark.wants("posix")  # Windows has its registry
@pytest.mark.parametrize(
    "policy",
    ["allow_own_trsut = false", "allow_own_trust = flase", "allow_own_trust = 'nein'", "\0"],
)
def test_a_policy_that_cannot_be_read_whole_forbids_what_it_could_forbid(
    home: Path, etc: Path, policy: str
) -> None:
    write(home / "config" / "settings.toml", 'trust = ["/own.pem"]\nlanguage = "en"')
    write(etc / "policy.toml", f'timestamp = "required"\n{policy}\noffline_hours = 12')
    settings, faults = sound(home, etc)
    assert len(faults) == 1
    assert faults[0][2] in (0, 2)
    assert not settings.allow_own_trust
    assert not settings.allow_virtual_ukey
    assert settings.trust == ()
    assert settings.locked("allow_own_trust")
    assert settings.locked("trust")
    assert (settings.timestamp, settings.offline_hours) == ("required", 12), "the rest counts"
    assert settings.language == "en", "what a policy cannot endanger stays the user's"
    with pytest.raises(SettingLocked):
        save(settings, {"trust": ["/own.pem"]})


@pytest.mark.wants("posix")  # Windows has its registry
def test_a_policy_in_another_encoding_counts_as_unread(home: Path, etc: Path) -> None:
    (etc / "policy.toml").write_bytes("# 规定\nallow_own_trust = false".encode("gb18030"))
    settings, faults = sound(home, etc)
    assert faults == [("", "encoding", 1)]
    assert not settings.allow_own_trust
    assert settings.offline_hours == 0


def test_a_damaged_file_of_the_users_is_not_overwritten_by_saving(home: Path, etc: Path) -> None:
    path = home / "config" / "settings.toml"
    write(path, "marks = \n")
    settings, _ = sound(home, etc)
    with pytest.raises(SettingsInvalid):
        save(settings, {"language": "en"})
    assert path.read_text("utf-8") == "marks = \n"


@given(
    content=st.binary(max_size=200)
    | st.text(alphabet="mark s=\"[]\n#'", max_size=80).map(str.encode)
)
def test_whatever_a_file_holds_the_program_starts(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("etc")
    (folder / "policy.toml").write_bytes(content)
    settings, faults = load_sound({"SEALDESK_HOME": str(folder)}, machine_folder=folder)
    assert all(
        0 <= fault.line <= content.count(b"\n") + content.count(b"\r") + 1 for fault in faults
    )
    assert not (faults and settings.allow_own_trust)


def test_a_file_that_is_not_there_says_nothing_and_one_that_cannot_be_read_says_so(
    tmp_path: Path,
) -> None:
    absent = read_file(tmp_path / "none.toml")
    assert (dict(absent.values), absent.faults) == ({}, ())
    (folder := tmp_path / "folder.toml").mkdir()
    assert [fault.problem for fault in read_file(folder).faults] == ["unreadable"]
