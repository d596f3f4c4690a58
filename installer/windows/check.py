"""``dev.py check-windows``: installs the MSI under Wine and tries it as its users do.

A platform runs on this machine. A clerk's Windows gets the MSI silently with the platform's
address, applies for a seal with the virtual Ukey, stamps and verifies, finds a changed byte; Linux
verifies the same file with the same report. A stranger's fresh Windows, given the address alone,
calls it valid. Upgrade, refused downgrade and uninstallation follow. Each step prints one line.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from installer.system import ROOT, BuildFailed, run, say
from installer.windows import build, msi, vukey
from installer.windows.properties import PROPERTIES
from installer.windows.wine import Wine, make_prefix

FOLDER = r"C:\Program Files\SealDesk"
PIN, SO_PIN = "check-2026", "check-so-2026"  # of a virtual Ukey that lives as long as the check
APPLICANT = (
    *("--uscc", "91321300MA27DEM14U", "--name", "宿迁市演示贸易有限公司", "--legal-rep", "王建国"),
    *("--handler", "李晓梅", "--handler-id", "321302199001010020", "--phone", "13800000000"),
)
REFUSED = 1603 % 256  # ERROR_INSTALL_FAILURE as a process here can return it
_TIMES = frozenset({"at", "checked_at", "created", "now", "seconds", "took", "verified_at"})


class CheckFailed(BuildFailed):
    """The installed program does not do what it must; the text says what was seen."""


@dataclass
class Desk:
    """One Windows with SealDesk installed or to be installed."""

    wine: Wine
    folder: str = FOLDER
    done: list[str] = field(default_factory=list)

    def install(self, package: Path, *properties: str, code: int = 0) -> None:
        """Run msiexec silently; it must end with *code*."""
        log = self.wine.drive / "install.log"
        command = ["msiexec", "/i", self.wine.windows_path(package), "/qn", "/norestart"]
        finished = self.wine.run([*command, "/l*v", r"C:\install.log", *properties])
        if finished.returncode != code:
            tail = log.read_text("utf-16", errors="replace")[-3000:] if log.exists() else ""
            raise CheckFailed(f"msiexec ended with {finished.returncode}, not {code}\n{tail}")

    def uninstall(self, package: Path) -> None:
        """Remove the product silently."""
        self.wine.must(["msiexec", "/x", self.wine.windows_path(package), "/qn", "/norestart"])

    def sealdesk(self, *arguments: str, text: str = "", code: int = 0) -> str:
        """Run the installed console program; it must end with *code*. Its output."""
        program = self.folder + r"\sealdesk-cli.exe"
        finished = self.wine.run([program, *arguments], text=text, cwd=self.wine.drive)
        if finished.returncode != code:
            raise CheckFailed(
                f"sealdesk {' '.join(arguments)} ended with {finished.returncode}, not {code}:\n"
                f"{finished.stdout[-3000:]}\n{finished.stderr[-3000:]}"
            )
        return finished.stdout

    def registry(self, key: str, name: str = "") -> str:
        """A value below HKLM; empty where there is none."""
        which = ["/v", name] if name else ["/ve"]
        finished = self.wine.run(["reg", "query", f"HKLM\\{key}", *which])
        if finished.returncode:
            return ""
        lines = [line for line in finished.stdout.splitlines() if "REG_" in line]
        return lines[0].split("REG_", 1)[1].partition("    ")[2].strip() if lines else ""

    def path(self, windows: str) -> Path:
        """A path on this Windows' drive C: as the host names it."""
        return self.wine.drive / windows.removeprefix("C:\\").replace("\\", "/")


def expect(condition: bool, text: str) -> None:
    """Raise :class:`CheckFailed` with *text* unless *condition*."""
    if not condition:
        raise CheckFailed(text)


@contextlib.contextmanager
def platform(folder: Path) -> Iterator[str]:
    """The reference platform on a free port of this machine; its address."""
    command = [sys.executable, "-P", "-m", "server_stub", "serve", "--demo", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--dir", str(folder)],
        stdout=subprocess.PIPE,
        stderr=(folder.parent / "platform.log").open("ab"),
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        for line in process.stdout or ():
            if line.startswith("SealDesk platform: "):
                yield line.removeprefix("SealDesk platform: ").strip()
                return
        raise CheckFailed("the platform did not start")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


class Check:
    """The steps, in order, and what is handed from one to the next."""

    def __init__(self, work: Path, packages: tuple[Path, Path], address: str) -> None:
        self.work = work
        self.now, self.next = packages
        self.address = address
        self.stamped = work / "合同_已盖章.pdf"
        self.results: list[tuple[str, float]] = []
        self.clerk = Desk(Wine(work / "clerk"))
        self.stranger = Desk(Wine(work / "stranger"), folder="C:\\办公软件\\印台")

    def run(self) -> None:
        """All steps; raises :class:`CheckFailed` at the first that fails."""
        steps: tuple[Callable[[], None], ...] = (
            self.tables_are_clean,
            self.installs_silently,
            self.registers_what_it_promises,
            self.clerk_gets_a_seal,
            self.clerk_stamps_and_verifies,
            self.finds_a_changed_byte,
            self.linux_says_the_same,
            self.keeps_what_was_set_when_upgraded,
            self.refuses_to_go_back,
            self.stranger_calls_it_valid,
            self.leaves_nothing_but_the_users_data,
        )
        try:
            for step in steps:
                began = time.monotonic()
                step()
                took = time.monotonic() - began
                self.results.append((step.__name__, took))
                say(f"✓ {step.__name__.replace('_', ' ')} ({took:.1f} s)")
        finally:
            for desk in (self.clerk, self.stranger):
                if desk.wine.prefix.exists():
                    desk.wine.stop()

    def tables_are_clean(self) -> None:
        """What the package must say of itself."""
        summary = run(["msiinfo", "suminfo", self.now])
        expect(f"x64;{msi.LANGUAGE}" in summary, f"the template is wrong:\n{summary}")
        listed = run(["msiextract", "-l", self.now]).replace("\r", "").splitlines()
        expect(any(line.endswith("SealDesk.exe") for line in listed), "SealDesk.exe is not packed")
        same = {name for name in listed if listed.count(name) > 1}
        expect(not same, f"packed twice: {same}")
        components = [_table(package, "Component") for package in (self.now, self.next)]
        guids = [{row[0]: row[1] for row in rows} for rows in components]
        expect(guids[0] == guids[1], "components differ from one release to the next")
        codes = [dict(row[:2] for row in _table(p, "Property")) for p in (self.now, self.next)]
        expect(codes[0]["UpgradeCode"] == codes[1]["UpgradeCode"], "UpgradeCode has changed")
        expect(codes[0]["ProductCode"] != codes[1]["ProductCode"], "ProductCode has not changed")

    def installs_silently(self) -> None:
        """msiexec /qn with an address, and every feature."""
        make_prefix(self.clerk.wine.prefix)
        self.clerk.install(
            self.now, f"SERVERURL={self.address}", "LANGUAGE=zh_CN", "AUTOUPDATE=0", "ADDLOCAL=ALL"
        )
        said = self.clerk.sealdesk("--version")
        expect(build.version() in said, f"the version is told as {said!r}")
        command = self.clerk.wine.must(
            ["cmd", "/c", r"C:\Program Files\SealDesk\bin\sealdesk.cmd", "--version"]
        )
        expect(build.version() in command, f"the command says {command!r}")

    def registers_what_it_promises(self) -> None:
        """Settings, verbs, protocol, application path, PATH, shortcuts."""
        for name, value in (
            ("PlatformUrl", self.address),
            ("Language", "zh_CN"),
            ("AutoUpdate", "0"),
        ):
            found = self.clerk.registry(msi.KEY, name)
            expect(found == value, f"{name} is {found!r}")
        for entry in msi.registry():
            found = self.clerk.registry(entry.key, entry.name)
            wanted = entry.text.replace("[INSTALLDIR]", FOLDER + "\\")
            wanted = wanted.replace("[ProductVersion]", build.version())
            expect(found == wanted, f"{entry.key} {entry.name}: {found!r}, not {wanted!r}")
        expect(not self.clerk.registry(r"Software\Classes\.pdf"), ".pdf has been taken over")
        environment = r"System\CurrentControlSet\Control\Session Manager\Environment"
        path = self.clerk.registry(environment, "PATH")
        expect(FOLDER + r"\bin" in path and FOLDER + ";" not in path, f"PATH is {path!r}")
        expect(any(self.clerk.wine.drive.rglob("印台.lnk")), "there is no shortcut")

    def clerk_gets_a_seal(self) -> None:
        """A virtual Ukey through the DLL that the MSI brought, and a seal of the platform."""
        self.clerk.sealdesk("token", "init", "--virtual", "--pin-stdin", text=f"{SO_PIN}\n{PIN}\n")
        self.clerk.sealdesk("enroll", *APPLICANT, "--wait", "120", "--pin-stdin", text=f"{PIN}\n")
        listed = self.clerk.sealdesk("seal", "list")
        expect("宿迁市演示贸易有限公司" in listed, f"the seals are {listed!r}")

    def clerk_stamps_and_verifies(self) -> None:
        """The regulation, stamped on its last page and over all edges, is valid."""
        source = self.clerk.wine.drive / "合同.pdf"
        shutil.copyfile(ROOT / "resources" / "demo" / "regulation.pdf", source)
        target = r"C:\合同_已盖章.pdf"
        self.clerk.sealdesk(
            *("stamp", r"C:\合同.pdf", "-o", target, "--at", "-1:150,230", "--riding", "right"),
            *("--date", "--pin-stdin"),
            text=f"{PIN}\n",
        )
        shutil.copyfile(self.clerk.path(target), self.stamped)
        said = self.clerk.sealdesk("verify", target)
        expect("有效" in said, f"the verdict is {said!r}")

    def finds_a_changed_byte(self) -> None:
        """One byte of what was sealed is another."""
        raw = bytearray(self.stamped.read_bytes())
        raw[len(raw) // 3] ^= 1
        (self.clerk.wine.drive / "被改.pdf").write_bytes(raw)
        said = self.clerk.sealdesk("verify", r"C:\被改.pdf", code=1)
        expect("无效" in said, f"the verdict is {said!r}")

    def linux_says_the_same(self) -> None:
        """The report of this machine is that of the installed program, times apart."""
        windows = json.loads(self.clerk.sealdesk("verify", "--json", r"C:\合同_已盖章.pdf"))
        machine = self.work / "etc"
        machine.mkdir()
        (machine / "settings.toml").write_text(f'platform_url = "{self.address}"\n', "utf-8")
        code = (
            "import sys; from pathlib import Path; from app import settings\n"
            "settings.MACHINE_FOLDER = Path(sys.argv[1])\n"
            "settings.load.__kwdefaults__['machine_folder'] = Path(sys.argv[1])\n"
            "from app.cli.entry import main\n"
            "raise SystemExit(main(['verify', '--json', sys.argv[2]]))"
        )
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "SEALDESK_HOME": str(self.work / "linux"),
            "SEALDESK_KEYRING": "0",
        }
        command = [sys.executable, "-P", "-c", code, str(machine), str(self.stamped)]
        linux = json.loads(run(command, environment=environment))
        one, other = _timeless(windows), _timeless(linux)
        expect(one == other, f"the reports differ: {_difference(one, other)}")

    def keeps_what_was_set_when_upgraded(self) -> None:
        """The next release, installed without a word, keeps settings, seal and features."""
        self.clerk.install(self.next)
        found = self.clerk.registry(msi.KEY, "PlatformUrl")
        expect(found == self.address, f"after the upgrade the address is {found!r}")
        expect(self.clerk.registry(msi.KEY, "AutoUpdate") == "0", "AUTOUPDATE is forgotten")
        version = self.clerk.registry(msi.KEY, "Version")
        expect(version == _next(build.version()), f"the version is {version!r}")
        expect("宿迁市演示贸易有限公司" in self.clerk.sealdesk("seal", "list"), "the seal is gone")

    def refuses_to_go_back(self) -> None:
        """The older release does not replace the newer one."""
        self.clerk.install(self.now, code=REFUSED)
        version = self.clerk.registry(msi.KEY, "Version")
        expect(version == _next(build.version()), f"the version is {version!r}")
        self.clerk.sealdesk("--version")

    def stranger_calls_it_valid(self) -> None:
        """A fresh Windows, told the address alone, in a folder of its own choice."""
        make_prefix(self.stranger.wine.prefix)
        self.stranger.install(
            self.now, f"SERVERURL={self.address}", f"INSTALLDIR={self.stranger.folder}"
        )
        shutil.copyfile(self.stamped, self.stranger.wine.drive / "收到.pdf")
        said = self.stranger.sealdesk("verify", r"C:\收到.pdf")
        expect("有效" in said, f"the verdict is {said!r}")
        ukeys = list(self.stranger.path(self.stranger.folder).rglob(vukey.NAME))
        expect(not ukeys, "the virtual Ukey is there, though nobody asked for it")
        self.stranger.install(self.next)
        said = self.stranger.sealdesk("verify", r"C:\收到.pdf")
        expect("有效" in said, f"after the upgrade the verdict is {said!r}")
        expect(not self.stranger.path(FOLDER).exists(), "the upgrade went to another folder")

    def leaves_nothing_but_the_users_data(self) -> None:
        """Uninstallation removes files, registry, PATH, shortcuts; seals and journal stay."""
        for desk in (self.clerk, self.stranger):
            desk.uninstall(self.next)
            expect(not desk.path(desk.folder).exists(), f"{desk.folder} is still there")
            left = [each.value for each in PROPERTIES if desk.registry(msi.KEY, each.value)]
            left += [v.key for v in msi.registry() if desk.registry(v.key, v.name)]
            expect(not left, f"the registry still has {left}")
            environment = r"System\CurrentControlSet\Control\Session Manager\Environment"
            expect("SealDesk" not in desk.registry(environment, "PATH"), "PATH still names it")
            expect(not any(desk.wine.drive.rglob("印台.lnk")), "a shortcut is left")
        kept = list(self.clerk.wine.drive.rglob("journal.jsonl"))
        expect(len(kept) == 1, "the journal is gone")


def _table(package: Path, name: str) -> list[list[str]]:
    exported = run(["msiinfo", "export", package, name])
    return [line.split("\t") for line in exported.replace("\r", "").splitlines()[3:]]


def _timeless(value: Any) -> Any:
    """A report without its times and paths."""
    if isinstance(value, dict):
        return {
            key: _timeless(each)
            for key, each in value.items()
            if key not in _TIMES and key not in ("file", "path", "name")
        }
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def _difference(one: Any, other: Any, where: str = "") -> str:
    """Where two reports first differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                return _difference(one.get(key), other.get(key), f"{where}.{key}")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            if pair[0] != pair[1]:
                return _difference(*pair, f"{where}[{index}]")
    return f"{where}: {one!r} here, {other!r} there"


def _next(version: str) -> str:
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def main(arguments: Sequence[str]) -> int:
    """Build unless told of a package, then run the steps."""
    parser = argparse.ArgumentParser(prog="dev.py check-windows")
    parser.add_argument("--built", action="store_true", help="take what build windows left")
    options = parser.parse_args(arguments)
    work = ROOT / "build" / "check-windows"
    for prefix in ("clerk", "stranger"):
        if (work / prefix).exists():
            Wine(work / prefix).stop()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        now = ROOT / "dist" / f"SealDesk-{build.version()}-x64.msi"
        if not options.built:
            now = build.build()
        later = work / f"SealDesk-{_next(build.version())}-x64.msi"
        folder = ROOT / "build" / "windows"
        msi.build(
            folder / "dist" / "SealDesk",
            folder / "sealdesk.ico",
            _next(build.version()),
            build.epoch(),
            later,
        )
        with platform(work / "platform") as address:
            check = Check(work, (now, later), address)
            check.run()
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the check speaks to a terminal
        return 1
    say(f"all {len(check.results)} steps in {sum(took for _, took in check.results):.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
