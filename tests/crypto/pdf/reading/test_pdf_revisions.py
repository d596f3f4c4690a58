"""Where the versions of a document end, so that each can be looked at as it was."""

import io

import pytest

from crypto.pdf.reading.document import Document
from tests.world.documents import append_revision, classic_pdf
from tests.world.sealing import World


def ends(data: bytes) -> tuple[int, ...]:
    return Document(io.BytesIO(data)).revision_ends(len(data))


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b""])
def test_each_version_ends_behind_its_own_marker(newline: bytes) -> None:
    first = classic_pdf().rstrip(b"\n") + newline
    second = append_revision(first, {3: b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>"})
    third = append_revision(second, {4: b"<</Length 0>>stream\n\nendstream"})
    own = len(first) if newline else len(first) + 1  # what follows begins on a line of its own
    assert ends(third) == (own, len(second), len(third))
    assert ends(first) == (len(first),)


def test_a_signed_version_ends_where_its_signature_ends(world: World) -> None:
    one = world.sign(classic_pdf())
    two = append_revision(one, {3: b"<</Type/Font/Subtype/Type1/BaseFont/Courier>>"})
    report = world.verify(two)
    _, _, start, length = report.signatures[0].byte_range
    assert report.file.revisions[-2:] == (start + length, len(two))
    assert Document(io.BytesIO(two[: report.file.revisions[0]])).pages()


def test_a_version_without_its_marker_is_as_long_as_the_next(world: World) -> None:
    data = append_revision(classic_pdf(), {4: b"<</Length 0>>stream\n\nendstream"})
    data = data.replace(b"%%EOF", b"%EOF%", 1)
    assert ends(data) == (len(data), len(data))
