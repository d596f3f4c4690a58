"""The developers' door to SealDesk: set up what is missing, then demo, test, lint, bench or serve.

Standard library only, the same on Debian and on Windows::

    python3 dev.py demo [SOME.pdf]   stamp and verify a document with a virtual Ukey, and look at it
                                     in the window where there is a screen (--no-window: not to)
    python3 dev.py demo --tour       a company's life: apply, stamp, lend, suspend, replace, archive
    python3 dev.py window [FILES]    the window, as a user has it
    python3 dev.py test [ARGS]       the whole test suite (ARGS go to pytest)
    python3 dev.py test --fast       the files of tests/fast.txt: every package, in a minute
    python3 dev.py lint              ruff, mypy --strict, import contracts, dead code
    python3 dev.py fix               what ruff can put right by itself, and the formatting
    python3 dev.py check-slow        slow tests too, many more random examples, an hour of fuzzing
    python3 dev.py fuzz [TARGET …]   coverage-guided fuzzing of the parsers (Linux on x86-64)
    python3 dev.py bench             timings beside the floor and the peers
    python3 dev.py serve [ARGS]      the reference platform
    python3 dev.py licences          resources/licences.toml, after the lock has changed
    python3 dev.py error-codes       docs/error-codes.*, after the messages have changed
    python3 dev.py regulation        docs/regulation*.md, after docs/regulation.toml has changed
    python3 dev.py screenshots       the pictures of README and manual, to docs/images
    python3 dev.py policy            installer/policy/*.adm?, after the settings have changed
    python3 dev.py build windows     the MSI, in dist/ (Debian 12)
    python3 dev.py build deb         the Debian package, in dist/
    python3 dev.py sign              signs programs, DLLs and MSI of the last build
    python3 dev.py check-windows     installs the MSI under Wine and tries it (--built: as it is),
                                     then tests there (--steps: none; --suites: these alone)
    python3 dev.py check-load        figures: 200 uploads at once while others sign in, and
                                     a review queue of 10,000 applications
    python3 dev.py check-screens     no text is cut on any screen, in any look, at 100 and 200 %
    python3 dev.py check-windows-gui  the installed window under Wine 10, with pictures, and the ui
                                     suite there (--only window|suite)
    python3 dev.py check-deb         installs the package in a clean Debian and starts it
    python3 dev.py wine [ARGS]       Windows' Python with all packages, under Wine

The virtual environment in ``.venv`` is made from ``installer/requirements.lock`` (every file
checked against its hash), and anew only when the lock, the Python version or the folder changed.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from installer import system

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
LOCK = ROOT / "installer" / "requirements.lock"
STAMP = VENV / "sealdesk-setup.json"
FAST = ROOT / "tests" / "fast.txt"
FUZZ_LOCK = ROOT / "installer" / "fuzz.lock"
FUZZ_PACKAGES = ROOT / ".venv-fuzz"
WINDOWS = sys.platform == "win32"
VENV_PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")

OLDEST, NEWEST = (3, 11), (3, 13)

# What the product and its tests need from Debian, and how to see without dpkg that it is there:
# a shared library by its soname, a file or folder by its path, a program by its bare name.
SYSTEM_PACKAGES: Mapping[str, str] = {
    "gcc": "gcc",
    "libc6-dev": "/usr/include/stdlib.h",
    "libssl-dev": "/usr/include/openssl/evp.h",
    "openssl": "openssl",
    "softhsm2": "softhsm2-util",
    "poppler-utils": "pdfsig",
    "qpdf": "qpdf",
    "fonts-noto-cjk": "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "fontconfig": "fc-match",
    "libgl1": "libGL.so.1",
    "libegl1": "libEGL.so.1",
    "libglib2.0-0": "libglib-2.0.so.0",
    "libfontconfig1": "libfontconfig.so.1",
    "libdbus-1-3": "libdbus-1.so.3",
    "libxkbcommon0": "libxkbcommon.so.0",
    "libxkbcommon-x11-0": "libxkbcommon-x11.so.0",
    "libx11-xcb1": "libX11-xcb.so.1",
    "libxcb-cursor0": "libxcb-cursor.so.0",
    "libxcb-icccm4": "libxcb-icccm.so.4",
    "libxcb-image0": "libxcb-image.so.0",
    "libxcb-keysyms1": "libxcb-keysyms.so.1",
    "libxcb-randr0": "libxcb-randr.so.0",
    "libxcb-render-util0": "libxcb-render-util.so.0",
    "libxcb-shape0": "libxcb-shape.so.0",
    "libxcb-xkb1": "libxcb-xkb.so.1",
    "xvfb": "Xvfb",
    "xdotool": "xdotool",
    "dbus": "dbus-daemon",
    "at-spi2-core": "/usr/libexec/at-spi-bus-launcher",
    "python3-gi": "/usr/lib/python3/dist-packages/gi/__init__.py",
}

TEST_PACKAGES: Mapping[str, str] = {
    "postgresql": "/usr/lib/postgresql",
    "chromium": "chromium",
}
"""What only tests and measurements of the platform need; without them the platform is tested on
SQLite alone, and the phone's pages in no browser."""


class SetupError(Exception):
    """Something only a person can put right; the text says what, in Chinese and English."""


def say(chinese: str, english: str) -> None:
    print(f"» {chinese}\n  {english}", flush=True)


def quietly(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> tuple[bool, str]:
    """Run a program, showing nothing: whether it failed, and the end of its output."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    return done.returncode != 0, done.stdout[-4000:]


APT_WAITS = 600
"""Seconds that we wait for another apt to end."""
APT_LOOKS = 2.0


def apt_get(*arguments: str) -> tuple[bool, str]:
    """Run apt-get as :func:`quietly` does; while another apt runs, wait. For dpkg's locks apt-get
    waits by itself when it is told to; for those of its lists and its archive it never does."""
    wait = f"DPkg::Lock::Timeout={APT_WAITS}"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    end = time.monotonic() + APT_WAITS
    while True:
        failed, output = quietly(["apt-get", "-o", wait, *arguments], environment)
        held = "E: Could not get lock" in output
        if not failed or not held or time.monotonic() > end:
            return failed, output
        time.sleep(APT_LOOKS)


# ---------------------------------------------------------------- what must be there before


def check_python() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        raise SetupError(
            f"需要 Python {OLDEST[0]}.{OLDEST[1]} 至 {NEWEST[0]}.{NEWEST[1]}，"
            f"当前是 {sys.version.split()[0]}。\n"
            f"Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed; "
            f"this is {sys.version.split()[0]} ({sys.executable})."
        )


def present(probe: str) -> bool:
    """Whether a program (bare name), a path or a shared library (``*.so.N``) is there."""
    if probe.startswith("/"):
        return Path(probe).exists()
    if ".so." in probe:
        try:
            ctypes.CDLL(probe)
        except OSError:
            return False
        return True
    return shutil.which(probe) is not None


def missing_system_packages(wanted: Mapping[str, str] = SYSTEM_PACKAGES) -> list[str]:
    """Names of the Debian packages that something we need is missing from."""
    missing = [package for package, probe in wanted.items() if not present(probe)]
    if importlib.util.find_spec("ensurepip") is None:  # Debian splits it off the standard library
        missing.append(f"python{sys.version_info[0]}.{sys.version_info[1]}-venv")
    return missing


def install_system_packages(wanted: Mapping[str, str] = SYSTEM_PACKAGES) -> None:
    """On Debian as root: install what is missing. Otherwise say the one line that does."""
    if WINDOWS:
        if not any(shutil.which(compiler) for compiler in ("gcc", "clang", "cl")):
            say(
                "没有找到 C 编译器：虚拟 Ukey 需要 gcc（MinGW-w64）才能编译，其余功能不受影响。",
                "No C compiler found: the virtual Ukey needs gcc (MinGW-w64); the rest works.",
            )
        return
    missing = missing_system_packages(wanted)
    if not missing:
        return
    command = ["install", "-y", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        prefix = "" if os.geteuid() == 0 else "sudo "
        raise SetupError(
            f"缺少系统软件包：{'、'.join(missing)}。请执行下面这一行，然后再试：\n"
            "System packages are missing. Run this line, then try again:\n\n"
            f"    {prefix}apt-get update && {prefix}apt-get {' '.join(command)}\n"
        )
    say(
        f"安装缺少的系统软件包：{' '.join(missing)}",
        "Installing the system packages that are missing.",
    )
    # An unreachable third-party source must not stop us when Debian's own answers.
    apt_get("update")
    failed, output = apt_get(*command)
    if failed:
        raise SetupError(
            "apt-get 未能安装上述软件包，原因见下。\n"
            f"apt-get could not install them, for the reason below.\n\n{output}"
        )
    still_missing = missing_system_packages(wanted)
    if still_missing:
        raise SetupError(
            f"安装后仍缺少：{'、'.join(still_missing)}。\n"
            f"Still missing after the installation: {', '.join(still_missing)}."
        )


# ---------------------------------------------------------------- the virtual environment


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wanted_state() -> dict[str, str]:
    """What the environment must have been made from; a virtual environment cannot be moved."""
    return {
        "lock": sha256(LOCK),
        "python": sys.version,
        "folder": str(ROOT),
        "project": sha256(ROOT / "pyproject.toml"),
    }


def present_state() -> dict[str, str]:
    """What the environment was made from; empty when it is absent, half made or broken."""
    try:
        state = json.loads(STAMP.read_text(encoding="utf-8"))
        subprocess.run([VENV_PYTHON, "-c", ""], check=True, capture_output=True)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return {}
    return state if isinstance(state, dict) else {}


def pip(*arguments: str) -> None:
    command = [str(VENV_PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    failed, output = quietly([*command, *arguments])
    if failed:
        raise SetupError(
            "pip 未能完成安装，原因见下；再次运行会从头重做。\n"
            "pip could not finish, for the reason below. Running again starts afresh.\n\n" + output
        )


def prepare_environment() -> None:
    """Make ``.venv`` or bring it up to date; the stamp comes last, so half a set-up is redone."""
    wanted, current = wanted_state(), present_state()
    if current == wanted:
        return
    STAMP.unlink(missing_ok=True)
    if {**current, "project": ""} != {**wanted, "project": ""}:
        say(
            "准备 Python 环境 .venv（按锁定文件安装并核对每个文件的哈希，约一至三分钟）……",
            "Making the Python environment .venv from the lock file, every hash checked.",
        )
        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, with_pip=True)
        # Compiled is what somebody imports, when he does: of all that comes, less than half. All
        # that is needed is in the lock: tests/test_dev.py asks for it.
        found = ("--no-deps", "--no-compile", "--only-binary", ":all:")
        pip("--require-hashes", *found, "-r", str(LOCK))
    # Editable, from what the lock brought: nothing is downloaded here. As a plain path: otherwise a
    # finder is imported by every process that starts, which takes it half as long again.
    plain = ("--config-settings", "editable_mode=compat")
    pip("--no-deps", "--no-build-isolation", "--no-index", *plain, "-e", str(ROOT))
    STAMP.write_text(json.dumps(wanted, indent=1), encoding="utf-8")
    say("环境已就绪。", "The environment is ready.")


def prepare_fuzzer() -> None:
    """Put the fuzzer beside the environment, in a folder that only `fuzz` puts on the path."""
    stamp = FUZZ_PACKAGES / "sealdesk-setup.json"
    wanted = json.dumps({"lock": sha256(FUZZ_LOCK), "python": sys.version})
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(FUZZ_PACKAGES, ignore_errors=True)
    target = ("--no-deps", "--target", str(FUZZ_PACKAGES))
    pip("--require-hashes", "--only-binary", ":all:", *target, "-r", str(FUZZ_LOCK))
    stamp.write_text(wanted, encoding="utf-8")


# ---------------------------------------------------------------- the commands


COMPILED_ONCE = {"PYTHONDONTWRITEBYTECODE": ""}
"""What is imported is compiled then, not when it was installed, and hundreds of processes import
the same: whatever the user prefers, once."""


def run(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> int:
    """Run the environment's Python; its exit code is ours."""
    command = [str(VENV_PYTHON), *map(str, arguments)]
    try:
        return subprocess.run(
            command, cwd=cwd, env={**os.environ, **COMPILED_ONCE, **environment}, check=False
        ).returncode
    except KeyboardInterrupt:
        return 130


def demo(arguments: Sequence[str]) -> int:
    # -P: a folder named `app` where the person stands must not be taken for ours.
    return run("-P", "-m", "app", "demo", *arguments)


def window(arguments: Sequence[str]) -> int:
    """With the user's own settings, seals and journal, not the demo's."""
    if not WINDOWS and not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        say(
            "这里没有屏幕，窗口打不开。可以用命令行：python3 dev.py demo，"
            "或 .venv/bin/sealdesk --help。",
            "There is no screen for a window here. Use the command line: python3 dev.py demo, or"
            " .venv/bin/sealdesk --help.",
        )
        return 1
    return run("-P", "-m", "app", *(str(Path(name).resolve()) for name in arguments))


def workers(arguments: Sequence[str]) -> tuple[str, ...]:
    """Two pytest processes more than cores, for now and then a test waits; no more, for each has
    imports, platforms and seals of its own to make. None beside the first where a single file is
    asked for."""
    if any(word == "--numprocesses" or word.startswith("-n") for word in arguments):
        return ()
    files = {word.partition("::")[0] for word in arguments if ".py" in word}
    folders = [word for word in arguments if (ROOT / word).is_dir()]
    many = str((os.cpu_count() or 1) + 2)
    return () if len(files) == 1 and not folders else ("-n", many, "--dist", "loadfile")


def fast_files() -> list[str]:
    """The test files of `--fast`, by their paths from here."""
    lines = FAST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def prepare_database_server() -> None:
    """PostgreSQL for the platform's tests. Without it they keep to SQLite, but not in CI, where
    tests/world/postgresql.py wants it."""
    try:
        install_system_packages(TEST_PACKAGES)
    except SetupError as error:
        say(
            "缺少 PostgreSQL 或 Chromium：平台的测试只用 SQLite，或者不试手机网页。",
            "PostgreSQL or Chromium is missing: the platform is tested on SQLite alone, or its "
            f"pages for phones in no browser.\n\n{error}",
        )


MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
ROOM = 4 << 30
"""Bytes that many tests at once may want in it, with much to spare."""


@contextlib.contextmanager
def fast_folder(wanted: bool) -> Iterator[dict[str, str]]:
    """Environment for a run of many tests: its temporary files in memory where there is room, for
    every platform and cabinet waits until the disk has written what it enters."""
    if not wanted or not roomy(MEMORY):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="sealdesk-", dir=MEMORY) as folder:
        os.chmod(folder, 0o711)  # noqa: S103 - PostgreSQL runs as somebody else
        yield {"TMPDIR": folder}


def roomy(folder: Path) -> bool:
    """Is there such a folder, with room for all, that programs may be started from?"""
    if WINDOWS or not os.access(folder, os.W_OK):
        return False
    system = os.statvfs(folder)
    return system.f_bavail * system.f_frsize >= ROOM and not system.f_flag & os.ST_NOEXEC


def test(arguments: Sequence[str]) -> int:
    prepare_database_server()
    if "--fast" in arguments:
        arguments = [word for word in arguments if word != "--fast"] + fast_files()
    many = workers(arguments)
    with fast_folder(bool(many)) as folder:
        return run("-m", "pytest", "-q", *many, *arguments, cwd=ROOT, **folder)


TYPES_ON_WINDOWS = ("--platform", "win32", "--cache-dir", ".mypy_cache/win32")
"""For mypy; with a cache of its own, or each of the two would throw the other's away."""


def lint(arguments: Sequence[str]) -> int:
    failures = [
        run("-m", "ruff", "check", *arguments, ".", cwd=ROOT),
        run("-m", "ruff", "format", "--check", ".", cwd=ROOT),
        run("-m", "mypy", cwd=ROOT),
        run("-m", "mypy", *TYPES_ON_WINDOWS, cwd=ROOT),
        run("-c", "from importlinter.cli import lint_imports_command as c; c()", cwd=ROOT),
        run("-m", "vulture", cwd=ROOT),
    ]
    return max(failures)


def fix(arguments: Sequence[str]) -> int:
    failures = [
        run("-m", "ruff", "check", "--fix", *arguments, ".", cwd=ROOT),
        run("-m", "ruff", "format", ".", cwd=ROOT),
    ]
    return max(failures)


def check_slow(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py check-slow")
    parser.add_argument("--fuzz-minutes", type=float, default=60.0, help="0: no fuzzing (60)")
    chosen, arguments = parser.parse_known_args(arguments)
    prepare_database_server()
    many = workers(arguments)
    with fast_folder(bool(many)) as folder:
        failed = run(
            *("-m", "pytest", "-q", *many, "-m", "slow or not slow"),
            *("--timeout", "1200", *arguments),
            cwd=ROOT,
            SEALDESK_TEST_PROFILE="thorough",
            **folder,
        )
    minutes = chosen.fuzz_minutes
    return failed or (fuzz(["--minutes", str(minutes)]) if minutes and can_fuzz() else 0)


def can_fuzz() -> bool:
    """atheris is made for this system only."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def fuzz(arguments: Sequence[str]) -> int:
    if not can_fuzz():
        say("模糊测试只支持 x86-64 上的 Linux。", "Fuzzing needs Linux on x86-64.")
        return 1
    try:
        prepare_fuzzer()
    except SetupError as error:
        print(f"\n✗ {error}", file=sys.stderr)
        return 1
    return run("-m", "tests.fuzz.run", *arguments, cwd=ROOT, PYTHONPATH=str(FUZZ_PACKAGES))


def bench(arguments: Sequence[str]) -> int:
    return run(ROOT / "benchmarks" / "bench.py", *arguments, cwd=ROOT)


def serve(arguments: Sequence[str]) -> int:
    return run("-P", "-m", "server_stub", *(arguments or ["serve"]))


def screenshots(arguments: Sequence[str]) -> int:
    return run("-m", "tests.ui.screenshots", *arguments, cwd=ROOT)


def check_screens(arguments: Sequence[str]) -> int:
    return run("-m", "tests.ui.screens", *arguments, cwd=ROOT)


def check_load(arguments: Sequence[str]) -> int:
    crowd = run(ROOT / "benchmarks" / "server.py", "--seconds", "0", *arguments, cwd=ROOT)
    return crowd or run(ROOT / "benchmarks" / "reviews.py", cwd=ROOT)


def licences(arguments: Sequence[str]) -> int:
    return run("-m", "installer.licences", *arguments, cwd=ROOT)


def regulation(arguments: Sequence[str]) -> int:
    return run("-m", "installer.regulation", *arguments, cwd=ROOT)


def error_codes(arguments: Sequence[str]) -> int:
    return run("-m", "installer.error_codes", *arguments, cwd=ROOT)


def policy(arguments: Sequence[str]) -> int:
    return run("-m", "installer.policy.templates", *arguments, cwd=ROOT)


# What can be built: the module that does it, and what it needs from Debian.
BUILDS = {
    "windows": ("installer.windows.build", system.WINDOWS),
    "deb": ("installer.debian.build", system.DEBIAN),
}


def build(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.py build")
    parser.add_argument("kind", choices=BUILDS)
    module, packages = BUILDS[parser.parse_args(arguments[:1]).kind]
    return on_debian(module, packages, arguments[1:])


def sign(arguments: Sequence[str]) -> int:
    return on_debian("installer.signing", system.SIGNING, arguments)


def check_windows(arguments: Sequence[str]) -> int:
    return on_debian("installer.windows.check", system.SIGNING, arguments)


def check_windows_gui(arguments: Sequence[str]) -> int:
    packages = {**system.WINDOWS, **system.DEBIAN}
    return on_debian("installer.windows.check_gui", packages, arguments)


def check_deb(arguments: Sequence[str]) -> int:
    return on_debian("installer.debian.check", system.DEBIAN, arguments)


def wine(arguments: Sequence[str]) -> int:
    return on_debian("installer.windows.wine", system.WINDOWS, arguments)


def on_debian(module: str, packages: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Run a builder that needs *packages* of Debian."""
    if WINDOWS:
        say("构建只能在 Debian 上进行。", "Builds run on Debian only.")
        return 1
    try:
        install_system_packages(packages)
    except SetupError as error:
        print(f"\n✗ {error}", file=sys.stderr)
        return 1
    return run("-P", "-m", module, *arguments, PYTHONPATH=str(ROOT))


COMMANDS = {
    "demo": demo,
    "window": window,
    "test": test,
    "lint": lint,
    "fix": fix,
    "check-slow": check_slow,
    "fuzz": fuzz,
    "bench": bench,
    "serve": serve,
    "screenshots": screenshots,
    "policy": policy,
    "build": build,
    "sign": sign,
    "check-windows": check_windows,
    "check-windows-gui": check_windows_gui,
    "check-deb": check_deb,
    "check-screens": check_screens,
    "check-load": check_load,
    "wine": wine,
    "licences": licences,
    "error-codes": error_codes,
    "regulation": regulation,
}


def main(arguments: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a Windows code page without Chinese
    parser = argparse.ArgumentParser(
        prog="dev.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=COMMANDS)
    chosen = parser.parse_args(arguments[:1])
    try:
        check_python()
        install_system_packages()
        prepare_environment()
    except SetupError as error:
        print(f"\n✗ {error}", file=sys.stderr)
        return 1
    return COMMANDS[chosen.command](arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
