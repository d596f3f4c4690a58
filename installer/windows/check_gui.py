"""``dev.py check-windows-gui``: the installed window under Wine 10, in Chinese, with pictures.

Qt's windows want more of Windows than Wine 8 has. Wine 10 is in Debian 13: a chroot with it is made
once in the cache, by the mirror that apt uses here. Programs run in it with their own mount
namespace, so no mount is left behind. The locale is zh_CN: code page 936, as on our users' desks.
The ui suite runs there, too, on Windows' own CPython (suites.py).

    python3 dev.py check-windows-gui [--only window|suite] [TESTS …]
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from installer import xvfb
from installer.debian.check import mirror
from installer.system import ROOT, BuildFailed, cache, run, say
from installer.windows import build, session, suites
from installer.windows.desk import APPLICANT, PIN, SO_PIN, Desk, expect, platform
from installer.windows.runtime import prepare
from installer.windows.wine import Wine, make_prefix

RELEASE = "trixie"
_PACKAGES = ("wine", "wine64", "fonts-noto-cjk", "libgl1", "locales", "xauth")
_ENTER = """
root=$0; work=$1; runtime=$2; shift 2
mount --bind /proc "$root/proc" && mount --bind /dev "$root/dev"
for folder in "$work" "$runtime"
do mkdir -p "$root$folder" && mount --bind "$folder" "$root$folder"
done
exec chroot "$root" "$@"
"""
LOOKS = ((96, False), (96, True), (144, False), (144, True))
"""(dots per inch, dark) of each pair of pictures: 100 and 150 %, light and dark."""
_DESKTOP = r"HKCU\Control Panel\Desktop"
_PERSONALIZE = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Themes\Personalize"
CHINESE = {"LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"}
_FONTS = {"QT_QPA_FONTDIR": r"Z:\usr\share\fonts\opentype\noto"}
"""Where Qt finds the fonts of the Debian when there is no screen."""
SECONDS = 60.0
"""For a window to come up on a busy machine; the time it took is told."""


def debian() -> Path:
    """Debian 13 with Wine 10, made once."""
    folder = cache() / f"debian-{RELEASE}-wine"
    if (folder / "sealdesk-ready").exists():
        return folder
    say(f"making a Debian {RELEASE} with Wine 10")
    shutil.rmtree(folder, ignore_errors=True)
    run(["debootstrap", "--variant=minbase", RELEASE, folder, mirror()])
    for name in ("hosts", "resolv.conf"):
        shutil.copyfile(Path("/etc") / name, folder / "etc" / name)
    for source in Path("/etc/apt/apt.conf.d").iterdir():
        shutil.copyfile(source, folder / "etc" / "apt" / "apt.conf.d" / source.name)
    inside = ("chroot", folder, "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive")
    run([*inside, "apt-get", "install", "-y", "--no-install-recommends", *_PACKAGES])
    run([*inside, "localedef", "-i", "zh_CN", "-f", "UTF-8", "zh_CN.UTF-8"])
    (folder / "sealdesk-ready").touch()
    return folder


def main(arguments: Sequence[str]) -> int:
    """Install the MSI that ``build windows`` left, and take pictures of its window."""
    parser = argparse.ArgumentParser(prog="dev.py check-windows-gui")
    parser.add_argument("--only", choices=["window", "suite"], help="one of the two parts")
    parser.add_argument("tests", nargs="*", help="of the suite these folders and files alone")
    options = parser.parse_args(arguments)
    work = ROOT / "build" / "check-windows-gui"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        if options.only != "suite":
            _try_window(work)
        if options.only != "window":
            _try_suite(work, options.tests or ["tests/ui"])
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the check speaks to a terminal
        return 1
    return 0


def _launcher(work: Path) -> tuple[str, ...]:
    """The way into the Debian that sees *work* and the runtime at their own paths."""
    runtime = prepare().path
    return ("unshare", "-m", "bash", "-c", _ENTER, str(debian()), str(work), str(runtime))


def _try_window(work: Path) -> None:
    with xvfb.screen("1920x1200") as display, platform(work / "platform") as address:
        desk = Desk(
            make_prefix(Wine(work / "prefix", {**CHINESE, "DISPLAY": display}, _launcher(work)))
        )
        try:
            _try(desk, address, display, work)
        finally:
            desk.wine.stop()


def _try_suite(work: Path, wanted: Sequence[str]) -> None:
    """The ui suite without a screen, with the files and the code page of a Chinese Windows."""
    inside = (*_launcher(work), "env", "-C", str(work / suites.SOURCES))
    (work / suites.SOURCES).mkdir()
    wine = make_prefix(Wine(work / "suite", {**CHINESE, **_FONTS}, inside))
    (wine.drive / "py311").symlink_to(prepare().path)
    suites.check(work, wanted, wine)


def _try(desk: Desk, address: str, display: str, work: Path) -> None:
    package = work / "sealdesk.msi"  # where the chroot sees it
    shutil.copyfile(ROOT / "dist" / f"SealDesk-{build.version()}-x64.msi", package)
    desk.install(package, f"SERVERURL={address}", "ADDLOCAL=ALL")
    say("✓ installed")
    desk.sealdesk("token", "init", "--virtual", "--pin-stdin", text=f"{SO_PIN}\n{PIN}\n")
    desk.sealdesk("enroll", *APPLICANT, "--wait", "120", "--pin-stdin", text=f"{PIN}\n")
    source = desk.wine.drive / "合同.pdf"
    shutil.copyfile(ROOT / "resources" / "demo" / "regulation.pdf", source)
    target = r"C:\合同_已盖章.pdf"
    place = ("--at", "-1:150,230", "--riding", "right")
    desk.sealdesk("stamp", r"C:\合同.pdf", "-o", target, *place, "--pin-stdin", text=f"{PIN}\n")
    expect("有效" in desk.sealdesk("verify", target), "the stamped file is not valid")
    say("✓ stamped and verified under code page 936")
    for dots, dark in LOOKS:
        _number(desk, _DESKTOP, "LogPixels", dots)
        _number(desk, _PERSONALIZE, "AppsUseLightTheme", 0 if dark else 1)
        desk.wine.stop()  # both are read when the session starts
        look = f"{dots * 100 // 96}-{'dark' if dark else 'light'}"
        for word, file in (("--stamp", r"C:\合同.pdf"), ("--verify", target)):
            took = _window(desk, display, (word, file), work / f"window{word}-{look}.png")
            say(f"✓ window {word} {look}: up after {took:.1f} s")
    _session_ends(desk, display, work)
    pictures = {path.read_bytes() for path in work.glob("window*.png")}
    expect(len(pictures) == 2 * len(LOOKS), "two pictures are the same")


def _session_ends(desk: Desk, display: str, work: Path) -> None:
    """Asked by Windows whether the session may end, an idle window agrees and keeps its place."""
    asks = shutil.copy(session.build(work), desk.wine.drive)
    with _opened(desk, ("--stamp", r"C:\合同.pdf")) as program:
        xvfb.wait_for_window(display, "印台", program, SECONDS)
        (state,) = desk.wine.drive.rglob("window.json")
        state.unlink()
        said = desk.wine.must([desk.wine.windows_path(Path(asks))])
        expect(state.exists(), f"nothing was kept when the session was to end: {said}")
    say("✓ keeps its state when the session ends")


def _number(desk: Desk, key: str, name: str, value: int) -> None:
    words = ("/v", name, "/t", "REG_DWORD", "/d", str(value), "/f")
    desk.wine.must(["reg", "add", key, *words])


@contextlib.contextmanager
def _opened(desk: Desk, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The installed window, ended on the way out."""
    program = subprocess.Popen(
        [*desk.wine.launcher, "wine", desk.folder + r"\SealDesk.exe", *arguments],
        env=desk.wine.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield program
    finally:
        desk.wine.run(["taskkill", "/f", "/im", "SealDesk.exe"])
        program.wait(30)


def _window(desk: Desk, display: str, arguments: tuple[str, ...], target: Path) -> float:
    """Start the window, take its picture and end it; the seconds until it was there."""
    with _opened(desk, arguments) as program:
        took = xvfb.wait_for_window(display, "印台", program, SECONDS)
        # Pages are drawn and judged after the window is there; what is busy moves.
        until = time.monotonic() + SECONDS
        before = b""
        while True:
            time.sleep(4)
            xvfb.picture(display, target)
            now = target.read_bytes()
            if now == before or time.monotonic() > until:
                break
            before = now
    return took


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
