"""Digests of large files, made while somebody else reads in them."""

import hashlib
import io
import threading
from pathlib import Path

import pytest

from crypto.pdf.reading import digests as module
from crypto.pdf.reading.digests import Covered, digests, digests_meanwhile
from crypto.pdf.reading.failures import PdfTooComplex, PdfUnreadable

LARGE = bytes(range(256)) * (6 << 12)  # 6 MiB


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.pdf"
    path.write_bytes(LARGE)
    return path


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "hashing"]


def test_a_large_file_is_hashed_meanwhile_and_can_be_read_in(large: Path) -> None:
    wanted = [Covered("sm3", 1000, 5000, len(LARGE)), Covered("sha256", 70, 71, 1 << 20)]
    with large.open("rb") as stream:
        expected = digests(stream, len(LARGE), wanted)
        with digests_meanwhile(stream, len(LARGE), wanted) as made:
            stream.seek(12345)
            assert stream.read(7) == LARGE[12345:12352]
            assert made() == expected
        assert stream.tell() == 12352
    assert expected[0] == hashlib.new("sm3", LARGE).digest()
    assert expected[1][1] == hashlib.sha256(LARGE[:70] + LARGE[71 : 1 << 20]).digest()


def test_what_was_written_just_now_is_hashed_too(tmp_path: Path) -> None:
    with (tmp_path / "written.pdf").open("w+b") as stream:
        stream.write(LARGE)
        stream.write(b"a tail that still waits in the buffer")
        size = stream.tell()
        with digests_meanwhile(stream, size, ()) as made:
            found, _ = made()
        stream.seek(0)
        assert found == hashlib.new("sm3", stream.read()).digest()


def test_another_file_of_that_name_is_not_hashed_instead(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / large.name).write_bytes(LARGE[::-1])
    monkeypatch.chdir(tmp_path)
    with open(large.name, "rb") as stream:
        monkeypatch.chdir(elsewhere)
        with digests_meanwhile(stream, len(LARGE), ()) as made:
            assert made()[0] == hashlib.new("sm3", LARGE).digest()


def test_memory_and_small_files_are_hashed_by_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_Hashing", None)
    small = tmp_path / "small.pdf"
    small.write_bytes(LARGE[:1000])
    with small.open("rb") as stream, digests_meanwhile(stream, 1000, ()) as made:
        assert made()[0] == hashlib.new("sm3", LARGE[:1000]).digest()
    with digests_meanwhile(io.BytesIO(LARGE), len(LARGE), ()) as made:
        assert made()[0] == hashlib.new("sm3", LARGE).digest()


def test_what_goes_wrong_while_hashing_is_raised_where_it_is_waited_for(large: Path) -> None:
    with (
        large.open("rb") as stream,
        digests_meanwhile(stream, len(LARGE) + 1, ()) as made,
        pytest.raises(PdfUnreadable),
    ):
        made()
    overlapping = [Covered("sm3", 0, 0, len(LARGE))] * 1000
    with (
        large.open("rb") as stream,
        digests_meanwhile(stream, len(LARGE), overlapping) as made,
        pytest.raises(PdfTooComplex),
    ):
        made()


def test_no_thread_stays_behind_whoever_gives_up(large: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        large.open("rb") as stream,
        digests_meanwhile(stream, len(LARGE), ()),
    ):
        raise KeyboardInterrupt
    assert threads() == []
