"""installer/debian: the layout of the package, and what it says of itself."""

import configparser
import json
import os
import stat
from pathlib import Path

import pytest
from lxml import etree

from installer.debian import build
from installer.debian.check import copy_system


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    folder = tmp_path / "frozen"
    folder.mkdir()
    (folder / "sealdesk").write_bytes(b"\x7fELF program")
    return folder


def laid_out(frozen: Path, tree: Path, *, store: bool) -> set[str]:
    build.lay_out(frozen, tree, "0.1.0", store=store)
    return {path.relative_to(tree).as_posix() for path in tree.rglob("*") if not path.is_dir()}


def test_for_the_store_nothing_lies_outside_its_folder(frozen: Path, tmp_path: Path) -> None:
    files = laid_out(frozen, tmp_path / "tree", store=True)
    assert all(name.startswith(f"opt/apps/{build.ID}/") for name in files)
    assert f"opt/apps/{build.ID}/info" in files
    said = json.loads((tmp_path / "tree" / "opt/apps" / build.ID / "info").read_text("utf-8"))
    assert (said["appid"], said["version"], said["name"]) == (build.ID, "0.1.0.0", "印台")


def test_every_desktop_finds_entry_icon_and_metadata(frozen: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    files = laid_out(frozen, tree, store=False)
    share = tree / "usr" / "share"
    entry = configparser.ConfigParser(interpolation=None)
    entry.optionxform = str
    entry.read_string((share / "applications" / f"{build.ID}.desktop").read_text("utf-8"))
    words = entry["Desktop Entry"]
    program = words["Exec"].split()[0]
    assert (tree / program.lstrip("/")).read_bytes().startswith(b"\x7fELF")
    assert {"application/pdf", "application/ofd", "x-scheme-handler/sealdesk"} <= set(
        words["MimeType"].split(";")
    )
    assert f"usr/share/icons/hicolor/48x48/apps/{words['Icon']}.png" in files
    metadata = etree.fromstring((share / "metainfo" / f"{build.ID}.metainfo.xml").read_bytes())
    assert metadata.findtext("launchable") == f"{build.ID}.desktop"
    release = metadata.find("releases/release")
    assert release is not None
    assert release.get("version") == "0.1.0"


def test_no_maintainer_script_is_in_the_package(frozen: Path, tmp_path: Path) -> None:
    files = laid_out(frozen, tmp_path / "tree", store=False)
    assert not {Path(name).name for name in files} & {"postinst", "preinst", "postrm", "prerm"}


def test_the_control_file_names_size_and_dependencies() -> None:
    said = build.control("1.2.3", 4096, ["libc6 (>= 2.36)", "libegl1"])
    fields = dict(line.split(": ", 1) for line in said.splitlines() if not line.startswith(" "))
    assert fields["Version"] == "1.2.3.0"
    assert fields["Depends"] == "libc6 (>= 2.36), libegl1"
    assert fields["Installed-Size"] == "4096"


def test_a_program_of_this_machine_tells_which_c_library_it_needs() -> None:
    files = [Path("/bin/dpkg").resolve()]
    version = tuple(map(int, build.oldest_libc(files).split(".")))
    assert (2, 2) <= version < (3, 0)
    assert "libc6" in build.outside(files).values()


def test_programs_and_libraries_are_told_from_other_files(tmp_path: Path) -> None:
    (tmp_path / "library.so").write_bytes(b"\x7fELF")
    (tmp_path / "text").write_text("ELF")
    (tmp_path / "link").symlink_to("library.so")
    assert build.elf_files(tmp_path) == [tmp_path / "library.so"]


def test_a_system_is_copied_without_reading_its_device_files(tmp_path: Path) -> None:
    system = tmp_path / "system"
    (system / "dev").mkdir(parents=True)
    os.mkfifo(system / "dev" / "pipe")  # reading it would wait for ever
    (system / "etc").mkdir()
    (system / "etc" / "name").symlink_to("other")
    copy_system(system, tmp_path / "copy")
    assert stat.S_ISFIFO((tmp_path / "copy" / "dev" / "pipe").lstat().st_mode)
    assert (tmp_path / "copy" / "etc" / "name").is_symlink()
