"""installer/windows/pe.py, tried on the launchers that setuptools carries for Windows."""

from pathlib import Path

import pytest
import setuptools
from hypothesis import given
from hypothesis import strategies as st

from installer.windows import pe

LAUNCHERS = Path(setuptools.__file__).parent
LAUNCHER = LAUNCHERS / "cli-64.exe"


def test_a_program_for_64_bits_tells_what_it_is_linked_to() -> None:
    program = pe.read(LAUNCHER)
    assert program.machine == pe.AMD64
    assert "kernel32.dll" in program.imports()
    assert program.exports() == ()
    assert not program.made_by_wine


def test_a_program_for_arm_is_not_taken_for_ours() -> None:
    assert pe.read(LAUNCHERS / "cli-arm64.exe").machine != pe.AMD64


def test_a_program_for_32_bits_is_refused() -> None:
    with pytest.raises(pe.NotPe, match="64 bits"):
        pe.read(LAUNCHERS / "cli-32.exe")


def test_text_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "a.dll").write_text("MZ, but nothing else")
    with pytest.raises(pe.NotPe):
        pe.read(tmp_path / "a.dll")


@given(
    cut=st.integers(0, LAUNCHER.stat().st_size), at=st.integers(0, 1023), byte=st.integers(0, 255)
)
def test_a_damaged_program_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, byte: int
) -> None:
    raw = bytearray(LAUNCHER.read_bytes()[:cut])
    if at < len(raw):
        raw[at] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.exe"
    path.write_bytes(raw)
    try:
        program = pe.read(path)
        program.imports()
        program.exports()
    except pe.NotPe:
        pass
