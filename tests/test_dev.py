"""dev.py: what it finds missing, what it says, and when it makes the environment anew."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pytest
import setuptools
import yaml

import dev


def refuse(*arguments: object, **options: object) -> NoReturn:
    raise AssertionError(f"nothing may be run here: {arguments}")


@pytest.fixture
def half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment in a folder of its own whose Python answers; not stamped yet."""
    monkeypatch.setattr(dev, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(dev, "VENV_PYTHON", Path(sys.executable))
    monkeypatch.setattr(dev, "STAMP", tmp_path / ".venv" / "sealdesk-setup.json")
    (tmp_path / ".venv").mkdir()
    return tmp_path / ".venv"


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """What pip was asked for; nothing is installed and no environment is made."""
    calls: list[Sequence[str]] = []
    monkeypatch.setattr(dev, "pip", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(dev.venv, "create", lambda folder, **_: Path(folder).mkdir())
    return calls


def test_programs_paths_and_libraries_are_found_where_they_are() -> None:
    assert dev.present(str(Path(__file__)))
    assert not dev.present("/nowhere/at/all")
    assert not dev.present("no-such-program-anywhere")
    assert not dev.present("libnosuchthing.so.9")


def test_a_shared_library_is_found_by_its_soname(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(dev.ctypes, "CDLL", asked.append)
    assert dev.present("libGL.so.1")
    assert asked == ["libGL.so.1"]


def test_without_root_the_one_line_to_run_is_told_and_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dev, "WINDOWS", False)
    monkeypatch.setattr(dev, "missing_system_packages", lambda _: ["qpdf", "gcc"])
    monkeypatch.setattr(dev.os, "geteuid", lambda: 1000, raising=False)
    monkeypatch.setattr(dev.subprocess, "run", refuse)
    with pytest.raises(dev.SetupError, match=r"sudo apt-get install .* qpdf gcc") as caught:
        dev.install_system_packages()
    assert "缺少系统软件包" in str(caught.value)


@pytest.mark.wants("posix")
@pytest.mark.parametrize("held", ["lists", "archives"])
def test_while_another_apt_runs_ours_waits(
    held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for dpkg's locks by itself; for the others it is asked again."""
    tool, said = tmp_path / "apt-get", tmp_path / "said"
    tool.write_text(
        f'#!/bin/sh\necho "$LC_ALL $@" >>{said}\n[ $(wc -l <{said}) -gt 2 ] && exit 0\n'
        f"echo 'E: Could not get lock /var/{held}/lock. It is held by process 1 (apt-get)'\n"
        "exit 100\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(dev, "APT_LOOKS", 0)
    assert dev.apt_get("install", "-y", "qpdf") == (False, "")
    assert said.read_text().splitlines() == (
        [f"C.UTF-8 -o DPkg::Lock::Timeout={dev.APT_WAITS} install -y qpdf"] * 3
    )


@pytest.mark.parametrize(
    ("said", "asked"),
    [("E: Unable to locate package qpdff", 1), ("E: Could not get lock /var/lib/apt/lists", 2)],
)
def test_what_is_no_lock_is_told_at_once_and_a_lock_after_a_while(
    said: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, dev.APT_WAITS + 1.0])
    answers: list[Sequence[str]] = []

    def quietly(command: Sequence[str], _: object) -> tuple[bool, str]:
        answers.append(command)
        return True, said

    monkeypatch.setattr(dev, "quietly", quietly)
    monkeypatch.setattr(dev, "APT_LOOKS", 0)
    monkeypatch.setattr(dev.time, "monotonic", lambda: next(clock))
    assert dev.apt_get("install", "qpdf") == (True, said)
    assert len(answers) == asked


def test_without_postgresql_the_tests_go_on_and_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Sequence[object]] = []

    def run(*words: object, **_: object) -> int:
        started.append(words)
        return 0

    def refused(packages: object) -> NoReturn:
        assert packages is dev.TEST_PACKAGES
        raise dev.SetupError("apt-get install postgresql")

    monkeypatch.setattr(dev, "install_system_packages", refused)
    monkeypatch.setattr(dev, "run", run)
    assert dev.test(["tests/test_dev.py"]) == 0
    assert started == [("-m", "pytest", "-q", "tests/test_dev.py")]
    assert "apt-get install postgresql" in capsys.readouterr().out


def test_many_tests_have_their_files_in_memory_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "MEMORY", tmp_path)
    monkeypatch.setattr(dev, "ROOM", 1)
    with dev.fast_folder(True) as environment:
        if sys.platform == "win32":
            assert environment == {}
            return
        assert Path(environment["TMPDIR"]).parent == tmp_path
    assert list(tmp_path.iterdir()) == []
    with dev.fast_folder(False) as environment:
        assert environment == {}
    for change in ({"ROOM": 1 << 60}, {"MEMORY": tmp_path / "missing"}):
        for name, value in change.items():
            monkeypatch.setattr(dev, name, value)
        with dev.fast_folder(True) as environment:
            assert environment == {}


def test_a_python_too_old_or_too_new_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ((3, 10, 9), (3, 14, 0)):
        monkeypatch.setattr(dev.sys, "version_info", version)
        with pytest.raises(dev.SetupError, match=r"3\.11"):
            dev.check_python()


def test_an_interrupted_setup_is_started_afresh(
    half_made: Path, pip_calls: list[Sequence[str]]
) -> None:
    leftover = half_made / "half-installed"
    leftover.touch()
    dev.prepare_environment()
    assert not leftover.exists()
    assert [("--require-hashes" in call, "-e" in call) for call in pip_calls] == [
        (True, False),
        (False, True),
    ]
    assert json.loads(dev.STAMP.read_text(encoding="utf-8")) == dev.wanted_state()


@pytest.mark.wants("posix")  # Wine's Python has the product's packages without those of the tools
def test_the_lock_has_all_that_its_packages_and_ours_need() -> None:
    """In versions that they accept; who sets up does not ask."""
    command = [dev.VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "No broken requirements found.\n"), done.stdout


def test_a_setup_that_fails_leaves_no_stamp(
    half_made: Path, pip_calls: list[Sequence[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: str) -> None:
        raise dev.SetupError("no network")

    monkeypatch.setattr(dev, "pip", fail)
    with pytest.raises(dev.SetupError):
        dev.prepare_environment()
    assert dev.present_state() == {}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        ({"project": "other"}, ["-e"]),
        ({"lock": "other"}, ["--require-hashes", "-e"]),
        ({"python": "other"}, ["--require-hashes", "-e"]),
        ({"folder": "other"}, ["--require-hashes", "-e"]),
    ],
)
def test_only_what_changed_is_done_again(
    half_made: Path,
    pip_calls: list[Sequence[str]],
    changed: dict[str, str],
    expected: list[str],
) -> None:
    dev.STAMP.write_text(json.dumps({**dev.wanted_state(), **changed}), encoding="utf-8")
    dev.prepare_environment()
    done = [next(word for word in ("--require-hashes", "-e") if word in call) for call in pip_calls]
    assert done == expected


def test_the_demo_gets_its_arguments_and_ours_is_the_app_it_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        assert options["cwd"] is None  # results go where the person stands
        return subprocess.CompletedProcess(command, 3)

    for step in ("check_python", "install_system_packages", "prepare_environment"):
        monkeypatch.setattr(dev, step, lambda: None)
    monkeypatch.setattr(dev.subprocess, "run", run)
    assert dev.main(["demo", "合同 一.pdf"]) == 3
    assert commands == [[str(dev.VENV_PYTHON), "-P", "-m", "app", "demo", "合同 一.pdf"]]


@pytest.mark.parametrize("command", dev.COMMANDS)
def test_every_command_is_explained(command: str) -> None:
    assert f"python3 dev.py {command}" in (dev.__doc__ or "")
    guide = (dev.ROOT / "docs" / "developers.md").read_text(encoding="utf-8")
    assert f"python3 dev.py {command}" in guide


@pytest.mark.parametrize(
    ("given", "many"),
    [
        ([], True),
        (["-k", "sm2"], True),
        (["tests/crypto"], True),
        (["tests/test_dev.py"], False),
        (["tests/test_dev.py::test_bounds", "-x"], False),
        (["tests/test_dev.py", "tests/test_house.py"], True),
        (["tests/test_dev.py", "tests/crypto"], True),
    ],
)
def test_one_file_needs_no_workers(given: list[str], many: bool) -> None:
    assert (dev.workers(given)[2:] == ("--dist", "loadfile")) is many
    assert not many or int(dev.workers(given)[1]) > (os.cpu_count() or 1)


@pytest.mark.parametrize("given", [["-n", "3"], ["-n0"], ["--numprocesses", "1"]])
def test_who_asks_for_workers_gets_those(given: list[str]) -> None:
    assert dev.workers(given) == ()


def test_a_fast_run_takes_the_listed_files(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "run", lambda *arguments, **_: ran.append(arguments) or 5)
    assert dev.test(["--fast", "-x"]) == 5
    assert "--fast" not in ran[0]
    assert ran[0][-len(dev.fast_files()) - 1 :] == ("-x", *dev.fast_files())


def test_the_hooks_run_what_the_continuous_integration_runs() -> None:
    hooks = yaml.safe_load((dev.ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [hook["repo"] for hook in hooks] == ["local"]
    entries = {hook["entry"]: hook["stages"] for hook in hooks[0]["hooks"]}
    assert entries == {"python3 dev.py lint": ["pre-commit"], "python3 dev.py test": ["pre-push"]}
    assert (dev.ROOT / ".ci" / "run").read_text("utf-8").endswith("\npython3 dev.py test\n")


def test_a_command_that_is_not_there_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "prepare_environment", refuse)
    with pytest.raises(SystemExit) as caught:
        dev.main(["deploy"])
    assert caught.value.code == 2
    assert "check-slow" in capsys.readouterr().err


def test_the_fuzzer_is_locked_to_the_version_and_the_hashes_of_every_python() -> None:
    locked = dev.FUZZ_LOCK.read_text(encoding="utf-8")
    assert "://" not in locked
    assert locked.count("==") == 1
    assert locked.count("--hash=sha256:") == dev.NEWEST[1] - dev.OLDEST[1] + 1


def test_the_fuzzer_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Sequence[str]] = []

    def pip(*arguments: str) -> None:
        calls.append(arguments)
        dev.FUZZ_PACKAGES.mkdir()

    monkeypatch.setattr(dev, "FUZZ_PACKAGES", tmp_path / "fuzz")
    monkeypatch.setattr(dev, "pip", pip)
    dev.prepare_fuzzer()
    dev.prepare_fuzzer()
    assert len(calls) == 1
    assert "--require-hashes" in calls[0]
    assert str(tmp_path / "fuzz") in calls[0]


@pytest.mark.parametrize(
    ("given", "fuzzed"),
    [
        ([], ["60.0"]),
        (["--fuzz-minutes", "5", "-k", "sm2"], ["5.0"]),
        (["--fuzz-minutes", "0"], []),
    ],
)
def test_the_slow_check_fuzzes_for_as_long_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, given: list[str], fuzzed: list[str]
) -> None:
    ran: list[tuple[object, ...]] = []
    minutes: list[str] = []
    monkeypatch.setattr(dev, "run", lambda *arguments, **_: ran.append(arguments) or 0)
    monkeypatch.setattr(dev, "can_fuzz", lambda: True)
    monkeypatch.setattr(dev, "fuzz", lambda arguments: minutes.append(arguments[1]) or 0)
    assert dev.check_slow(given) == 0
    assert minutes == fuzzed
    assert "--fuzz-minutes" not in ran[0]
    assert ("-k" in ran[0]) == ("-k" in given)


def test_without_a_screen_the_window_says_what_to_do_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dev, "WINDOWS", False)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(dev, "run", refuse)
    assert dev.window([]) == 1
    assert "python3 dev.py demo" in capsys.readouterr().out


def test_the_window_opens_with_the_files_that_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", ":0")
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(dev, "run", lambda *words: asked.append(words) or 0)
    assert dev.window(["合同.pdf"]) == 0
    assert asked == [("-P", "-m", "app", str(tmp_path / "合同.pdf"))]


def test_packages_are_not_looked_for_in_a_windows_that_a_check_has_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its drive Z: is a link to the whole machine: the setting-up did not end."""
    (tmp_path / "app").mkdir()
    (tmp_path / "build" / "prefix" / "dosdevices").mkdir(parents=True)
    (tmp_path / "build" / "prefix" / "dosdevices" / "z:").symlink_to(tmp_path)
    walk, seen = os.walk, []

    def noting(*where: str, **how: bool) -> Iterator[tuple[str, list[str], list[str]]]:
        for found in walk(*where, **how):
            seen.append(Path(found[0]).name)
            yield found

    monkeypatch.setattr(os, "walk", noting)
    project = tomllib.loads((dev.ROOT / "pyproject.toml").read_text("utf-8"))
    find = project["tool"]["setuptools"]["packages"]["find"]
    chosen = {name: find[name] for name in ("include", "exclude")}
    assert setuptools.find_namespace_packages(str(tmp_path), **chosen) == ["app"]
    assert set(seen) == {tmp_path.name, "app"}
