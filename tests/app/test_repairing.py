"""Files that readers open although their table is off: a copy, exact where that is possible."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.errors import FileRepairable, SignedFileDamaged
from app.placing.finder import Finder
from app.repairing import repair, require_sound
from crypto.pdf.mending import mend
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfUnreadable
from crypto.verdict import Verdict
from tests.world.documents import classic_pdf
from tests.world.sealing import World

PLAIN = classic_pdf(pages=2)
HEAD = b"Content-Type: application/pdf\r\nX-Mailer: oa 8.0\r\n\r\n"


def elsewhere(data: bytes) -> bytes:
    before, _, _ = data.rpartition(b"startxref")
    return before + b"startxref\n7\n%%EOF\n"


ACCIDENTS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a mail's head": ("before", lambda data: HEAD + data),
    "blanks": ("before", lambda data: b"\r\n \r\n" + data),
    "a byte order mark": ("before", lambda data: b"\xef\xbb\xbf" + data),
    "zeros of a disk block": ("behind", lambda data: data + bytes(4096)),
    "a server's page": ("behind", lambda data: data + b"<html>" + b"x" * 2000),
    "both": ("before", lambda data: HEAD + data + bytes(4096)),
    "the table is elsewhere": ("table", elsewhere),
}


@pytest.fixture(scope="session")
def finder() -> Iterator[Finder]:
    with Finder() as made:
        yield made


def file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "合同.pdf"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", ACCIDENTS)
def test_a_file_with_an_accident_is_offered_a_repair_that_is_exact(
    tmp_path: Path, finder: Finder, kind: str
) -> None:
    fault, happen = ACCIDENTS[kind]
    path = file(tmp_path, happen(PLAIN))
    with pytest.raises(FileRepairable) as found:
        require_sound(path, finder)
    assert found.value.fault == fault
    copy = repair(path, finder)
    assert copy.name == "合同_已修复.pdf"
    assert copy.read_bytes() == PLAIN
    assert path.read_bytes() == happen(PLAIN)
    require_sound(copy, finder)
    assert repair(path, finder) == copy, "the same once more is no second copy"
    copy.write_bytes(b"somebody else's")
    assert repair(path, finder).name == "合同_已修复(2).pdf"


def test_converted_line_ends_are_converted_back(tmp_path: Path, finder: Finder) -> None:
    path = file(tmp_path, PLAIN.replace(b"\n", b"\r\n"))
    found = mend(path.read_bytes())
    assert found is not None
    assert found.data == PLAIN


def test_a_table_with_wrong_places_is_written_anew(tmp_path: Path, finder: Finder) -> None:
    wrong = re.sub(rb"(\d{10}) 00000 n", lambda m: b"%010d 00000 n" % (int(m[1]) + 3), PLAIN)
    path = file(tmp_path, wrong)
    with pytest.raises(FileRepairable) as found:
        require_sound(path, finder)
    assert found.value.fault == "rewritten"
    document = Document(io.BytesIO(repair(path, finder).read_bytes()))
    assert (len(document.pages()), document.repaired) == (2, False)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_file_that_counts_too_few_objects_is_written_anew(
    world: World, tmp_path: Path, finder: Finder, size: int
) -> None:
    """What Poppler's pdfunite makes of two files, and every reader opens."""
    right = re.search(rb"/Size \d+", PLAIN)
    assert right
    path = file(tmp_path, PLAIN.replace(right[0], b"/Size %d" % size))
    with pytest.raises(FileRepairable) as found:
        require_sound(path, finder)
    assert found.value.fault == "rewritten"
    copy = repair(path, finder).read_bytes()
    assert len(Document(io.BytesIO(copy)).pages()) == 2
    assert world.verify(world.sign(copy)).verdict is Verdict.VALID
    signed = world.sign(PLAIN)
    path.write_bytes(re.sub(rb"/Size \d+", b"/Size %d" % size, signed))
    with pytest.raises(SignedFileDamaged):
        require_sound(path, finder)


@pytest.mark.parametrize("kind", ACCIDENTS)
def test_what_is_signed_is_not_repaired(
    world: World, tmp_path: Path, finder: Finder, kind: str
) -> None:
    fault, happen = ACCIDENTS[kind]
    path = file(tmp_path, happen(world.sign(PLAIN)))
    for attempt in (require_sound, repair):
        with pytest.raises(SignedFileDamaged) as refused:
            attempt(path, finder)
        assert refused.value.fault == fault
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("data", [PLAIN[:700], b"%PDF-1.7\n%%EOF\n", b"%PDF-1.7\n"])
def test_a_file_of_which_something_is_missing_is_damaged(
    tmp_path: Path, finder: Finder, data: bytes
) -> None:
    path = file(tmp_path, data)
    for attempt in (require_sound, repair):
        with pytest.raises(PdfUnreadable):
            attempt(path, finder)


def test_a_sound_file_is_left_alone(world: World, tmp_path: Path, finder: Finder) -> None:
    for data in (PLAIN, world.sign(PLAIN), PLAIN + b"\n\n"):
        require_sound(file(tmp_path, data), finder)
