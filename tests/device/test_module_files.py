"""Driver libraries that are missing, of another processor, or no drivers at all."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.library_file import Architecture, architecture_of, check_library
from device.pkcs11 import open_module
from device.token import ModuleNotFound, ModuleUnusable, ModuleWrongArchitecture
from device.virtual import make_blank_token, used_folder
from device.virtual.build import BuildError, build, comes_along, module_path
from tests.device.ukey_bench import SO_PIN, USER_PIN

ROUNDS = slice(92, 96)
"""Of a key's file (device/virtual/store.h)."""


def elf(machine: int, *, bits: int = 64, order: str = "<") -> bytes:
    start = b"\x7fELF" + bytes([bits // 32, 1 if order == "<" else 2, 1]) + bytes(9)
    return start + struct.pack(order + "HH", 3, machine) + bytes(44)


def pe(machine: int, magic: int) -> bytes:
    header = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64)
    return header + b"PE\0\0" + struct.pack("<H", machine) + bytes(18) + struct.pack("<H", magic)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        (elf(62), "x86-64 (64-bit ELF)"),
        (elf(3, bits=32), "x86 (32-bit ELF)"),
        (elf(258), "LoongArch (64-bit ELF)"),
        (elf(8, order=">"), "MIPS (64-bit ELF)"),
        (elf(9999), "machine 0x270f (64-bit ELF)"),
        (pe(0x14C, 0x10B), "x86 (32-bit PE)"),
        (pe(0x8664, 0x20B), "x86-64 (64-bit PE)"),
    ],
)
def test_processor_and_word_size_are_read_from_the_file(header: bytes, text: str) -> None:
    assert str(architecture_of(header)) == text


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"MZ",
        b"\x7fELF",
        elf(62)[:19],
        pe(0x14C, 0x10B)[:-1],
        b"MZ" + b"\xff" * 200,
        b"#!/bin/sh",
    ],
)
def test_other_files_have_no_architecture(header: bytes) -> None:
    assert architecture_of(header) is None


def test_the_running_program_has_one() -> None:
    header = Path(sys.executable).resolve().read_bytes()[:4096]
    found = architecture_of(header)
    assert isinstance(found, Architecture)
    assert found.bits == struct.calcsize("P") * 8


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    path = tmp_path / "驱动" / "libvendor.so"
    with pytest.raises(ModuleNotFound) as missing:
        open_module(path)
    assert missing.value.path == str(path)


@pytest.mark.parametrize("content", [elf(3, bits=32), elf(258), pe(0x14C, 0x10B)])
def test_a_library_for_another_processor_is_refused_unloaded(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "libvendor.so"
    path.write_bytes(content)
    with pytest.raises(ModuleWrongArchitecture) as wrong:
        open_module(path)
    assert wrong.value.found == str(architecture_of(content))
    assert str(struct.calcsize("P") * 8) in wrong.value.needed


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    for name, content in {"empty.so": b"", "text.so": b"hello" * 100}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModuleUnusable, match="is no"):
            open_module(tmp_path / name)
    with pytest.raises(ModuleUnusable, match="cannot be read"):
        check_library(tmp_path)


@pytest.mark.wants("posix")
@pytest.mark.parametrize("kept", [70, 4000, 30000])
def test_a_library_cut_short_is_refused_unloaded(tmp_path: Path, kept: int) -> None:
    """The loader would map it, and the process would die of SIGBUS."""
    path = tmp_path / "half.so"
    path.write_bytes(build().read_bytes()[:kept])
    with pytest.raises(ModuleUnusable, match="cut short"):
        open_module(path)


def test_a_library_that_is_no_driver_is_refused() -> None:
    import _ctypes

    with pytest.raises(ModuleUnusable, match="does not start"):
        open_module(_ctypes.__file__)


def test_an_unknown_profile_name_is_refused() -> None:
    with pytest.raises(KeyError):
        open_module(module_path(), profile="no such vendor")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The module as users have it. -Werror is not in the ordinary build: a later compiler's new
    warning must stop no user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CC", "cc -Werror")
        yield build(tmp_path_factory.mktemp("compiled"))


@pytest.mark.wants("cc")
def test_the_sources_compile_once_and_without_a_warning(compiled: Path) -> None:
    written = compiled.stat().st_mtime_ns
    assert build(compiled.parent) == compiled
    assert compiled.stat().st_mtime_ns == written
    assert list(compiled.parent.iterdir()) == [compiled]


@pytest.mark.wants("cc")
def test_each_guess_at_a_pin_costs_fifty_thousand_rounds(compiled: Path, tmp_path: Path) -> None:
    """In the module that users have; that of the tests has fewer (tests/world/home.py)."""
    key = make_blank_token(tmp_path)
    with used_folder(tmp_path):
        blank = next(token for token in open_module(compiled).tokens() if token.info.slot == 0)
        blank.initialise("甲公司", SO_PIN, USER_PIN)
    assert int.from_bytes(key.read_bytes()[ROUNDS], "little") == 50_000


@pytest.mark.wants("cc")
def test_a_source_that_does_not_compile_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "cc --no-such-flag")
    with pytest.raises(BuildError, match="does not compile"):
        build(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.wants("cc")
def test_a_missing_compiler_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match="gcc and libssl-dev"):
        build(tmp_path / "out")
    monkeypatch.setenv("CC", str(tmp_path / "no-such-cc"))
    with pytest.raises(BuildError, match="cannot be run"):
        build(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_program_without_the_sources_makes_no_empty_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Debian package: a compiler may well be there, and made an empty library once."""
    monkeypatch.setattr("device.virtual.build._SOURCES", tmp_path / "none")
    with pytest.raises(BuildError, match="without the virtual Ukey"):
        build(tmp_path / "out")
    assert not comes_along()
    assert list(tmp_path.iterdir()) == []
