"""``dev.py check-windows``: installs the MSI under Wine and tries it as its users do.

A platform runs on this machine. A clerk's Windows gets the MSI silently with the platform's
address, applies for a seal with the virtual Ukey, stamps and verifies, finds a changed byte; Linux
verifies the same file with the same report. A stranger's fresh Windows, given the address alone,
calls it valid. A colleague approves and lends, an archive is made, a PIN unlocked, and no planted
library is loaded (office.py). Upgrade, refused downgrade and uninstallation follow. Each step
prints one line. The tests of crypto, app, device and flows come last (suites.py).

    python3 dev.py check-windows [--built]           build, steps, tests
    python3 dev.py check-windows [--built] --steps   no tests
    python3 dev.py check-windows --suites [TESTS …]  the tests, or these folders and files
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from installer.system import ROOT, BuildFailed, run, say
from installer.windows import build, bundle, msi, suites, vukey
from installer.windows.desk import (
    APPLICANT,
    ENVIRONMENT,
    FOLDER,
    PIN,
    SO_PIN,
    Desk,
    expect,
    platform,
)
from installer.windows.office import Office
from installer.windows.wine import Wine, make_prefix

REFUSED = 1603 % 256  # ERROR_INSTALL_FAILURE as a process here can return it
_DATES = frozenset({"12", "13"})
"""Created and last saved, among the properties of an MSI's summary."""
_TIMES = frozenset({"judged_at", "verified_at"})


class Check:
    """The steps, in order, and what is handed from one to the next."""

    def __init__(self, work: Path, packages: tuple[Path, Path], address: str) -> None:
        self.work = work
        self.now, self.next = packages
        self.address = address
        self.stamped = work / "合同_已盖章.pdf"
        self.report: Any = None
        """The stranger's first, as JSON."""
        self.results: list[tuple[str, float]] = []
        self.clerk = Desk(Wine(work / "clerk"))
        self.office = Office(self.clerk, work, address)
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
            self.stranger_calls_it_valid,
            self.linux_says_the_same,
            self.office.clerk_asks_for_an_approval,
            self.office.clerk_stamps_with_a_lease,
            self.office.clerk_archives_the_month,
            self.office.clerk_gets_a_new_pin,
            self.office.loads_no_planted_library,
            self.keeps_what_was_set_when_upgraded,
            self.refuses_to_go_back,
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
        made = datetime.fromtimestamp(build.epoch(), UTC).strftime("%Y/%m/%d %H:%M:%S")
        dates = {row[1] for row in _table(self.now, "_SummaryInformation") if row[0] in _DATES}
        expect(dates == {made}, f"made at {dates}, not at the commit's time {made}")
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
        make_prefix(self.clerk.wine)
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
        registry = self.clerk.registry()
        given = {"PlatformUrl": self.address, "Language": "zh_CN", "AutoUpdate": "0"}
        for name, text in given.items():
            found = registry.value(msi.KEY, name)
            expect(found == text, f"{name} is {found!r}")
        for entry in msi.registry():
            found = registry.value(entry.key, entry.name)
            wanted = entry.text.replace("[INSTALLDIR]", FOLDER + "\\")
            wanted = wanted.replace("[ProductVersion]", build.version())
            expect(found == wanted, f"{entry.key} {entry.name}: {found!r}, not {wanted!r}")
        default = registry.value(r"Software\Classes\.pdf") or ""
        expect("SealDesk" not in default, f".pdf has been taken over: {default!r}")
        path = registry.value(ENVIRONMENT, "PATH") or ""
        expect(path.endswith(f";{FOLDER}\\bin"), f"PATH is {path!r}")
        expect(any(self.clerk.wine.drive.rglob("印台.lnk")), "there is no shortcut")
        templates = {path.name for path in (self.clerk.path(FOLDER) / bundle.POLICY).rglob("*.ad*")}
        expect(templates == {"SealDesk.admx", "SealDesk.adml"}, f"templates: {templates}")

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
        """The report of a stranger on Linux is that of the stranger on Windows, times apart."""
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
        one, other = _timeless(self.report), _timeless(linux)
        expect(one == other, f"the reports differ: {_difference(one, other)}")

    def keeps_what_was_set_when_upgraded(self) -> None:
        """The next release, installed without a word, keeps settings, seal and features."""
        self.clerk.install(self.next)
        registry = self.clerk.registry()
        found = registry.value(msi.KEY, "PlatformUrl")
        expect(found == self.address, f"after the upgrade the address is {found!r}")
        expect(registry.value(msi.KEY, "AutoUpdate") == "0", "AUTOUPDATE is forgotten")
        version = registry.value(msi.KEY, "Version")
        expect(version == _next(build.version()), f"the version is {version!r}")
        ukeys = list(self.clerk.path(FOLDER).rglob(vukey.NAME))
        expect(len(ukeys) == 1, "the upgrade has forgotten the feature Training")
        expect("宿迁市演示贸易有限公司" in self.clerk.sealdesk("seal", "list"), "the seal is gone")
        self._stranger_is_upgraded()

    def _stranger_is_upgraded(self) -> None:
        """A folder of one's own choice is kept, too."""
        self.stranger.install(self.next)
        said = self.stranger.sealdesk("verify", r"C:\收到.pdf")
        expect("有效" in said, f"after the upgrade the verdict is {said!r}")
        expect(not self.stranger.path(FOLDER).exists(), "the upgrade went to another folder")

    def refuses_to_go_back(self) -> None:
        """The older release does not replace the newer one."""
        self.clerk.install(self.now, code=REFUSED)
        version = self.clerk.registry().value(msi.KEY, "Version")
        expect(version == _next(build.version()), f"the version is {version!r}")
        self.clerk.sealdesk("--version")

    def stranger_calls_it_valid(self) -> None:
        """A fresh Windows, told the address alone, in a folder of its own choice."""
        make_prefix(self.stranger.wine)
        self.stranger.install(
            self.now, f"SERVERURL={self.address}", f"INSTALLDIR={self.stranger.folder}"
        )
        shutil.copyfile(self.stamped, self.stranger.wine.drive / "收到.pdf")
        self.report = json.loads(self.stranger.sealdesk("verify", "--json", r"C:\收到.pdf"))
        expect(self.report["verdict"] == "VALID", f"the verdict is {self.report['verdict']}")
        ukeys = list(self.stranger.path(self.stranger.folder).rglob(vukey.NAME))
        expect(not ukeys, "the virtual Ukey is there, though nobody asked for it")

    def leaves_nothing_but_the_users_data(self) -> None:
        """Uninstallation removes files, registry, PATH, shortcuts; seals and journal stay."""
        for desk in (self.clerk, self.stranger):
            desk.uninstall(self.next)
            expect(not desk.path(desk.folder).exists(), f"{desk.folder} is still there")
            registry = desk.registry()
            left = [key for key, _ in registry.values if key.startswith(r"software\sealdesk")]
            left += [v.key for v in msi.registry() if registry.value(v.key, v.name) is not None]
            expect(not left, f"the registry still has {left}")
            expect("SealDesk" not in (registry.value(ENVIRONMENT, "PATH") or ""), "PATH names it")
            expect(not any(desk.wine.drive.rglob("印台.lnk")), "a shortcut is left")
        kept = list(self.clerk.wine.drive.rglob("journal.jsonl"))
        expect(len(kept) == 1, "the journal is gone")


def _table(package: Path, name: str) -> list[list[str]]:
    environment = {**os.environ, "TZ": "UTC"}
    exported = run(["msiinfo", "export", package, name], environment=environment)
    return [line.split("\t") for line in exported.replace("\r", "").splitlines()[3:]]


def _timeless(value: Any) -> Any:
    """A report without its times and paths."""
    if isinstance(value, dict):
        return {
            key: _timeless(entry)
            for key, entry in value.items()
            if key not in _TIMES and key not in ("file", "path", "name")
        }
    return [_timeless(entry) for entry in value] if isinstance(value, list) else value


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
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--steps", action="store_true", help="no tests")
    parts.add_argument("--suites", action="store_true", help="tests alone")
    parser.add_argument("tests", nargs="*", help="these folders and files of tests alone")
    options = parser.parse_args(arguments)
    work = ROOT / "build" / "check-windows"
    for prefix in ("clerk", "stranger", suites.PREFIX):
        if (work / prefix).exists():
            Wine(work / prefix).stop()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        if not options.suites:
            _try_steps(work, built=options.built)
        if not options.steps:
            suites.check(work, options.tests or suites.SUITES)
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the check speaks to a terminal
        return 1
    return 0


def _try_steps(work: Path, *, built: bool) -> None:
    """Build unless it is *built*, and try the MSI. Raises :class:`BuildFailed`."""
    now = ROOT / "dist" / f"SealDesk-{build.version()}-x64.msi"
    if not built:
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
    say(f"all {len(check.results)} steps in {sum(took for _, took in check.results):.0f} s")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
