"""``dev.py build deb``: ``dist/cn.sealdesk.client_<version>_amd64.deb`` for desks on Linux.

Frozen with the Python that runs the build, so it needs the C library of the building machine or a
newer one; which, the build tells and the package demands. No maintainer script is in it. With
``--store`` nothing lies outside /opt/apps, as the UOS store asks; without, desktop entry, icons,
MIME type and AppStream metadata also lie where every desktop looks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import email.utils
import gzip
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from PyInstaller.archive.readers import CArchiveReader

from installer import icon, parts
from installer.system import ROOT, BuildFailed, run, say
from installer.windows.build import epoch, version

ID = "cn.sealdesk.client"
MAINTAINER = "SealDesk contributors <sealdesk@example.invalid>"
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256)
HERE = ROOT / "installer" / "debian"
HOME = Path("opt") / "apps" / ID

DESKTOP = f"""[Desktop Entry]
Type=Application
Name=SealDesk
Name[zh_CN]=印台
GenericName=Electronic seals
GenericName[zh_CN]=电子印章
Comment=Stamp and verify PDF documents with an enterprise electronic seal
Comment[zh_CN]=用企业电子印章给 PDF 盖章，验证收到的文件
Exec=/{HOME}/files/sealdesk/sealdesk %U
Icon={ID}
Terminal=false
Categories=Office;
MimeType=application/pdf;application/ofd;x-scheme-handler/sealdesk;
StartupNotify=true
StartupWMClass=sealdesk
"""
MIME = """<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/ofd">
    <comment>Open Fixed-layout Document</comment>
    <comment xml:lang="zh_CN">OFD 版式文件</comment>
    <glob pattern="*.ofd"/>
  </mime-type>
</mime-info>
"""
METAINFO = f"""<?xml version="1.0" encoding="UTF-8"?>
<component type="desktop-application">
  <id>{ID}</id>
  <metadata_license>CC0-1.0</metadata_license>
  <project_license>AGPL-3.0-or-later</project_license>
  <name>SealDesk</name>
  <name xml:lang="zh_CN">印台</name>
  <summary>Stamp and verify PDF documents with an enterprise electronic seal</summary>
  <summary xml:lang="zh_CN">用企业电子印章给 PDF 盖章，验证收到的文件</summary>
  <description>
    <p>Stamps PDF documents with a seal on a Ukey and verifies sealed ones.</p>
    <p xml:lang="zh_CN">用 Ukey 里的企业电子印章给 PDF 盖章，验证盖过章的文件。</p>
  </description>
  <launchable type="desktop-id">{ID}.desktop</launchable>
  <content_rating type="oars-1.1"/>
  <releases>
    <release version="{{version}}" date="{{date}}"/>
  </releases>
</component>
"""
OVERRIDES = f"""# Where the UOS store wants programs, and what PyInstaller makes of them.
{ID}: dir-or-file-in-opt
{ID}: embedded-library
{ID}: shared-library-lacks-prerequisites
{ID}: library-not-linked-against-libc
{ID}: unstripped-binary-or-object
{ID}: hardening-no-pie
{ID}: custom-library-search-path
{ID}: no-manual-page
{ID}: initial-upload-closes-no-bugs
{ID}: elf-error
{ID}: shared-library-is-executable
{ID}: extra-license-file
{ID}: package-contains-documentation-outside-usr-share-doc
{ID}: possible-gpl-code-linked-with-openssl
"""


def freeze(release: str, work: Path) -> Path:
    """Freeze the program into ``work/dist/sealdesk``; returns that folder."""
    shutil.rmtree(work, ignore_errors=True)
    information = work / f"sealdesk-{release}.dist-info"
    information.mkdir(parents=True)
    text = f"Metadata-Version: 2.4\nName: sealdesk\nVersion: {release}\n"
    (information / "METADATA").write_text(text, encoding="utf-8")
    say("freezing the program with PyInstaller")
    environment = {
        **os.environ,
        "SEALDESK_BUNDLE_WORK": str(work),
        "SEALDESK_BUNDLE_VERSION": release,
        "SOURCE_DATE_EPOCH": str(epoch()),
        "PYTHONHASHSEED": "0",
    }
    folders = ("--distpath", work / "dist", "--workpath", work / "build")
    freezer = (sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN")
    run([*freezer, *folders, HERE / "sealdesk.spec"], environment=environment)
    return work / "dist" / "sealdesk"


def elf_files(folder: Path) -> list[Path]:
    """Programs and libraries below *folder*."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    found.append(path)
    return found


def oldest_libc(files: Iterable[Path]) -> str:
    """The oldest version of the C library that has every symbol the *files* ask for."""
    asked = set()
    for path in files:
        symbols = run(["objdump", "-T", path])
        asked |= {
            tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", symbols)
        }
    return ".".join(map(str, max(asked)))


def outside(files: Sequence[Path]) -> dict[str, str]:
    """Libraries that the *files* need and do not hold: soname → Debian package of it."""
    inside = {path.name for path in files}
    needed = set()
    for path in files:
        needed |= set(re.findall(r"NEEDED\s+(\S+)", run(["objdump", "-p", path])))
    known = dict(
        re.findall(r"^\s+(\S+) \([^)]*x86-64[^)]*\) => (\S+)", run(["ldconfig", "-p"]), re.M)
    )
    found = {}
    for name in sorted(needed - inside):
        place = known.get(name)
        if place is None:
            continue  # of a plugin for a system that this machine is not
        owner = _owner(Path(place))
        if owner:
            found[name] = owner
    return found


def _owner(place: Path) -> str:
    """The package that *place* belongs to; Debian lists some under / and some under /usr."""
    for path in (place, place.resolve(), Path("/usr") / str(place).lstrip("/")):
        try:
            return run(["dpkg-query", "-S", path]).partition(":")[0]
        except BuildFailed:
            continue
    return ""


def lay_out(frozen: Path, tree: Path, release: str, *, store: bool) -> None:
    """Lay the package out below *tree*."""
    home = tree / HOME
    shutil.copytree(frozen, home / "files" / "sealdesk", symlinks=True)
    entries = home / "entries"
    places = [(entries / "applications", entries / "icons")]
    if not store:
        share = tree / "usr" / "share"
        places.append((share / "applications", share / "icons"))
        _write(share / "mime" / "packages" / f"{ID}.xml", MIME)
        made = dt.datetime.fromtimestamp(epoch(), dt.UTC)
        metainfo = METAINFO.format(version=release, date=f"{made:%Y-%m-%d}")
        _write(share / "metainfo" / f"{ID}.metainfo.xml", metainfo)
        _write(share / "lintian" / "overrides" / ID, OVERRIDES)
        documents = share / "doc" / ID
        licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
        _write(documents / "copyright", _copyright(licence))
        packed = gzip.compress(changelog(release).encode(), mtime=0)
        (documents / "changelog.gz").write_bytes(packed)
        command = tree / "usr" / "bin" / "sealdesk"
        command.parent.mkdir(parents=True)
        command.symlink_to(f"/{HOME}/files/sealdesk/sealdesk")
    for applications, icons in places:
        _write(applications / f"{ID}.desktop", DESKTOP)
        for size in ICON_SIZES:
            picture = icons / "hicolor" / f"{size}x{size}" / "apps" / f"{ID}.png"
            picture.parent.mkdir(parents=True)
            picture.write_bytes(icon.png(size))
    information = {
        "appid": ID,
        "name": "印台",
        "version": four(release),
        "arch": ["amd64"],
        "permissions": {"autostart": False, "notification": False, "trayicon": False},
    }
    _write(home / "info", json.dumps(information, ensure_ascii=False, indent=2) + "\n")


def _copyright(licence: str) -> str:
    return (
        "Copyright (C) 2026 the SealDesk contributors. Licence: GNU Affero General Public\n"
        "License, version 3 or later. Licences of its parts: "
        f"/{HOME}/files/sealdesk/licences; the list of parts: parts.cdx.json beside them.\n\n"
        f"{licence}"
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def changelog(release: str) -> str:
    """The package's own history, in the form that Debian reads."""
    made = email.utils.format_datetime(dt.datetime.fromtimestamp(epoch(), dt.UTC))
    return (
        f"{ID} ({four(release)}) unstable; urgency=medium\n\n"
        f"  * SealDesk {release}; its changes stand in CHANGELOG.md.\n\n"
        f" -- {MAINTAINER}  {made}\n"
    )


def four(release: str) -> str:
    """The version in four numbers, as the store wants it."""
    return ".".join((*release.split("."), "0", "0", "0")[:4])


def control(release: str, size: int, depends: Sequence[str]) -> str:
    """DEBIAN/control; *size* in KiB."""
    return (
        f"Package: {ID}\nVersion: {four(release)}\nSection: text\nPriority: optional\n"
        f"Architecture: amd64\nMaintainer: {MAINTAINER}\n"
        f"Installed-Size: {size}\nDepends: {', '.join(depends)}\n"
        "Description: stamp and verify PDF documents with an electronic seal\n"
        " SealDesk stamps PDF documents with an enterprise electronic seal kept on a\n"
        " Ukey (SM2, GB/T 38540) and verifies sealed documents.\n"
    )


def list_parts(frozen: Path, release: str) -> None:
    """The list of parts and the licences, beside the program."""
    archive = CArchiveReader(str(frozen / "sealdesk"))
    modules = archive.open_embedded_archive("PYZ.pyz").toc
    libraries = frozen / "_internal"
    files = [
        p.relative_to(libraries).as_posix().lower() for p in libraries.rglob("*") if p.is_file()
    ]
    site = Path(parts.__file__).parents[1]
    found: list[parts.Part] = []
    for folder in map(Path, sys.path):
        if folder.name == "site-packages" and folder.is_dir() and folder != site:
            found += parts.packages(folder, modules, files)
    commit = run(["git", "rev-parse", "HEAD"]).strip()
    own: Mapping[str, str] = {"commit": commit, "python": sys.version.split()[0]}
    parts.write(frozen, [part for part in found if part.name != "sealdesk"], release, epoch(), own)


def build(*, store: bool = False) -> Path:
    """Build the package; its path."""
    release = version()
    work = ROOT / "build" / "debian"
    frozen = freeze(release, work)
    list_parts(frozen, release)
    tree = work / "tree"
    lay_out(frozen, tree, release, store=store)
    files = elf_files(tree)
    libc = oldest_libc(files)
    libraries = set(outside(files).values()) - {"libc6"}
    depends = [f"libc6 (>= {libc})", *sorted(libraries)]
    size = sum(path.lstat().st_size for path in tree.rglob("*")) // 1024
    _write(tree / "DEBIAN" / "control", control(release, size, depends))
    for path in sorted(tree.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or (path.name == "sealdesk" and path in files)
            path.chmod(0o755 if executable else 0o644)
        os.utime(path, (epoch(), epoch()), follow_symlinks=False)
    target = ROOT / "dist" / f"{ID}_{four(release)}_amd64{'_store' if store else ''}.deb"
    target.parent.mkdir(exist_ok=True)
    say("packing the Debian package")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "-z3", "-b", tree, target],
        environment=environment,
    )
    say(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e6:.1f} MB")
    say(f"needs the C library (glibc) {libc} or newer, that of the building machine;")
    say("with an older one SealDesk runs from source and not from this package")
    return target


def main(arguments: Sequence[str]) -> int:
    """Build, or say why not."""
    parser = argparse.ArgumentParser(prog="dev.py build deb")
    parser.add_argument("--store", action="store_true", help="nothing outside /opt/apps")
    options = parser.parse_args(arguments)
    try:
        build(store=options.store)
    except BuildFailed as error:
        print(f"✗ {error}", file=sys.stderr)  # noqa: T201 - the build speaks to a terminal
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
