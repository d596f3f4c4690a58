"""``dev.py check-deb``: installs the package in a clean Debian, starts it, and removes it again.

The clean Debian is made by debootstrap in the cache and copied for each check; apt brings what the
package depends on. The window is opened on an Xvfb of this machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from installer import xvfb
from installer.debian import build
from installer.system import ROOT, BuildFailed, cache, run, say
from installer.windows.build import version

RELEASE = "bookworm"


def mirror() -> str:
    """The mirror that apt uses here."""
    policy = run(["apt-cache", "policy"])
    found = re.search(rf"(https?://\S+) {RELEASE}/main", policy)
    if found is None:
        raise BuildFailed(f"apt knows no mirror of {RELEASE}")
    return found[1]


def clean_debian() -> Path:
    """A minimal Debian, made once."""
    folder = cache() / f"debian-{RELEASE}"
    if not (folder / "usr" / "bin" / "dpkg").exists():
        say(f"making a clean Debian {RELEASE}")
        shutil.rmtree(folder, ignore_errors=True)
        run(["debootstrap", "--variant=minbase", RELEASE, folder, mirror()])
    return folder


def copy_system(source: Path, target: Path) -> None:
    """Copy a whole system. Not by shutil: it reads device files, and /dev/zero has no end."""
    run(["cp", "-a", source, target])


class Chroot:
    """A folder with a system of its own; nothing is mounted in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *command: str, code: int = 0, **variables: str) -> str:
        """Run a program in it; it must end with *code*."""
        done = subprocess.run(
            ["chroot", str(self.folder), "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
            + ["HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
            + [f"{name}={value}" for name, value in variables.items()]
            + list(command),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode != code:
            raise BuildFailed(f"{command} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout


def check(package: Path) -> None:
    """Install, start, remove. Raises :class:`BuildFailed`."""
    system = cache() / f"check-deb-{os.getpid()}"
    copy_system(clean_debian(), system)
    inside = Chroot(system)
    try:
        for name in ("resolv.conf", "hosts"):
            shutil.copyfile(Path("/etc") / name, system / "etc" / name)
        for source in Path("/etc/apt/apt.conf.d").iterdir():
            shutil.copyfile(source, system / "etc" / "apt" / "apt.conf.d" / source.name)
        shutil.copyfile(package, system / "srv" / "sealdesk.deb")
        before = _files(system)
        inside.run("apt-get", "update", "-q")
        inside.run("apt-get", "install", "-y", "--no-install-recommends", "/srv/sealdesk.deb")
        say("✓ installs with what it depends on")
        expected = f"sealdesk {version()}"
        said = inside.run("sealdesk", "--version")
        if expected not in said:
            raise BuildFailed(f"the version is told as {said!r}")
        shutil.copyfile(
            ROOT / "resources" / "demo" / "regulation.pdf", system / "srv" / "document.pdf"
        )
        said = inside.run("sealdesk", "verify", "/srv/document.pdf", code=3)
        if "未签章" not in said:
            raise BuildFailed(f"the verdict is {said!r}")
        say("✓ verifies a document")
        _window(inside)
        say("✓ opens its window")
        inside.run("apt-get", "purge", "-y", build.ID)
        left = [name for name in _files(system) - before if build.ID in name or "sealdesk" in name]
        left = [name for name in left if not name.startswith(("root/", "var/lib/dpkg", "tmp/"))]
        if left:
            raise BuildFailed(f"left behind: {left}")
        say("✓ is removed whole")
    finally:
        shutil.rmtree(system)


def _files(system: Path) -> set[str]:
    return {
        path.relative_to(system).as_posix()
        for top in ("etc", "opt", "root", "usr", "var")
        for path in (system / top).rglob("*")
    }


def _window(inside: Chroot) -> None:
    """The window is up within a minute and ends when it is told to."""
    with xvfb.screen() as display:
        command = ["chroot", str(inside.folder), "/usr/bin/env", "-i", "PATH=/usr/bin:/bin"]
        variables = [f"DISPLAY={display}", "HOME=/root", "LC_ALL=C.UTF-8", "QT_QPA_PLATFORM=xcb"]
        program = subprocess.Popen(
            [*command, *variables, "sealdesk"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            xvfb.wait_for_window(display, "印台", program, 60)
        finally:
            program.terminate()
            program.wait(20)


def main(arguments: Sequence[str]) -> int:
    """Check the package that ``build deb`` left."""
    package = ROOT / "dist" / f"{build.ID}_{build.four(version())}_amd64.deb"
    try:
        if arguments != ["--built"]:
            package = build.build()
        tags = run(["lintian", "--fail-on", "error", package])
        say(f"✓ lintian has no error{': ' + tags.strip()[:2000] if tags.strip() else ''}")
        check(package)
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the check speaks to a terminal
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
