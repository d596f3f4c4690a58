"""Zips of strangers: what unpacks otherwise elsewhere, or cannot be bounded, is not opened."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

import pytest

from app.evidence.opening import (
    MALFORMED,
    MAX_DIRECTORY,
    Budget,
    Unsafe,
    budget_for,
    opened_zip,
    problem_of,
)


def zipped(*members: str | zipfile.ZipInfo, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        for member in members:
            if isinstance(member, str):
                name, member = member, zipfile.ZipInfo(member)
                member.filename = name  # on Windows its backslashes have become slashes
                member.compress_type = method
            written.writestr(member, b"x")
    return made.getvalue()


def linked(name: str, attributes: int) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = attributes
    return made


def refused(data: bytes) -> str:
    """Why it is not opened; "" if it is."""
    try:
        with opened_zip(io.BytesIO(data), Budget(0)):
            return ""
    except MALFORMED as error:
        return problem_of(error)


def test_a_member_with_a_second_name_is_refused() -> None:
    """Info-ZIP unpacks to the one in the extra field; zipfile reads the other."""
    member = zipfile.ZipInfo("0001/document.pdf")
    named = struct.pack("<BI", 1, zlib.crc32(b"0001/document.pdf")) + b"0001/other.pdf"
    member.extra = struct.pack("<HH", 0x7075, len(named)) + named
    assert refused(zipped(member)) == "names"
    member.extra = struct.pack("<HHBL", 0x5455, 5, 1, 0)  # a time, as Info-ZIP writes it
    assert refused(zipped(member)) == ""


def test_what_our_packages_have_is_opened() -> None:
    names = ("document.pdf", "signature-1/seal-signed.bin", "0001/certificates/0a1b.pem")
    assert refused(zipped(*names)) == ""
    assert refused(zipped(linked("a", (stat.S_IFREG | 0o644) << 16))) == ""


@pytest.mark.parametrize(
    "names",
    [
        ("0001/document.pdf", "0001/Document.pdf"),  # one file on Windows and macOS
        ("document.pdf", "document.pdf."),  # Windows drops the dot
        ("document.pdf", "document.pdf "),
        ("x/nul.txt",),
        ("x/COM1",),
        ("x", "x/y"),
        ("x/",),
        ("../x",),
        ("/x",),
        ("x\\y",),
        ("c:x",),
        ("文件",),
    ],
)
def test_names_that_are_not_one_file_each_everywhere_are_refused(names: tuple[str, ...]) -> None:
    assert refused(zipped(*names)) == "names"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused() -> None:
    assert refused(zipped("x", "x")) == "names"


@pytest.mark.parametrize(
    "attributes",
    [
        *((stat.S_IFLNK | 0o777) << 16, (stat.S_IFDIR | 0o755) << 16, (stat.S_IFIFO | 0o644) << 16),
        *(0x10, 0x400),
    ],
)
def test_links_and_folders_are_no_members(attributes: int) -> None:
    assert refused(zipped(linked("x", attributes))) == "names"


def test_a_name_that_ends_at_its_first_zero_is_refused() -> None:
    assert refused(zipped("aXb").replace(b"aXb", b"a\x00b")) == "names"


def end(size: int, offset: int) -> bytes:
    return struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, size, offset, 0)


def test_a_directory_without_bound_is_not_read() -> None:
    """Whatever else looks like the end, what :mod:`zipfile` takes for it is what counts."""
    magic = 0x06054B50
    assert refused(bytes(1000) + end(MAX_DIRECTORY + 1, 0)) == "directory"
    assert refused(bytes(1000) + end(0x7FFFFFFF, magic)) == "directory"
    # the end is looked for in one byte more than a comment of 65,535 bytes leaves
    far = bytearray(end(0x7FFFFFFF, 0) + bytes(0x10000))
    assert refused(bytes(far)) == "directory"


def test_the_end_of_a_large_zip_is_where_a_reader_takes_it() -> None:
    def large(size: int) -> bytes:
        return struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, 0)

    def locator(place: int) -> bytes:
        return struct.pack("<4sLQL", b"PK\x06\x07", 0, place, 1)

    last = end(0xFFFFFFFF, 0xFFFFFFFF)
    # a small end stands between: neither reader takes it
    assert refused(large(1 << 40) + locator(0x06064B50) + last) == "directory"
    named = large(1 << 40) + bytes(200) + large(0) + locator(0) + last
    assert refused(named) == "directory"
    assert refused(locator(1 << 63) + last) == "directory"


def test_a_word_for_each_problem() -> None:
    assert problem_of(Unsafe("names")) == "names"
    assert problem_of(KeyError("x")) == "KeyError"


def test_what_is_read_for_a_package_is_bounded_by_its_size() -> None:
    class Sized(io.BytesIO):
        def __init__(self, size: int) -> None:
            super().__init__()
            self._size = size

        def seek(self, place: int, whence: int = 0) -> int:
            return self._size if whence == 2 else 0

    mib, gib = 1 << 20, 1 << 30
    assert budget_for(Sized(0)).left == gib
    assert budget_for(Sized(mib)).left == 200 * mib + gib
    assert budget_for(Sized(100 * mib)).left == 8 * gib
    assert budget_for(Sized(64 * gib)).left == 16 * 64 * gib  # honest ones of any size are read
    budget = Budget(10)
    budget.spend(10)
    with pytest.raises(Unsafe, match="size"):
        budget.spend(1)
