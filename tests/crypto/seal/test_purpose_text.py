"""Signed texts have one form: what reads differently, or hides something, is refused."""

import unicodedata
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.frozen import frozen
from crypto.seal.purpose_text import (
    MAX_VALUE,
    PurposeText,
    PurposeTextError,
    can_stand,
    hides,
    read_time,
    write_time,
)


@frozen
class Example(PurposeText):
    PURPOSE: ClassVar = "SUQIAN-SEAL-EXAMPLE-V1"
    document_name: str
    from_: str


def test_the_form_is_the_one_of_the_design() -> None:
    text = Example("合同: 甲.pdf", "").encode()
    assert text == "SUQIAN-SEAL-EXAMPLE-V1\ndocument-name: 合同: 甲.pdf\nfrom: \n".encode()
    assert Example.parse(text) == Example("合同: 甲.pdf", "")


def by_its_category(value: str) -> bool:
    """What the form says of hiding, character by character."""
    blank = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    return any(unicodedata.category(c) in "Cc Cf Cs Zl Zp" or c in blank for c in value)


def test_every_character_that_hides_something_is_known() -> None:
    every = list(map(chr, [*range(0x32000), *range(0xE0000, 0xE0200), 0xF0000, 0x10FFFF]))
    hiding = {c for c in every if by_its_category(c)}
    assert [c for c in every if hides(c)] == sorted(hiding)
    assert [c for c in hiding if not hides(f"印{c}章")] == []
    assert not hides("".join(c for c in every if c not in hiding and c.isprintable()))


@given(st.text())
def test_of_a_text_it_is_said_as_of_its_characters(value: str) -> None:
    assert hides(value) == by_its_category(value)


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_can_be_written_is_read_back(name: str, begin: str) -> None:
    made = Example(name, begin)
    if can_stand(name) and can_stand(begin):
        assert Example.parse(made.encode()) == made
    else:
        with pytest.raises(PurposeTextError):
            made.encode()


@given(st.binary(max_size=80))
def test_whatever_is_read_is_written_the_same(data: bytes) -> None:
    for text in (data, b"SUQIAN-SEAL-EXAMPLE-V1\ndocument-name: " + data + b"\nfrom: x\n"):
        try:
            made = Example.parse(text)
        except PurposeTextError:
            continue
        assert made.encode() == text


@pytest.mark.parametrize(
    "value",
    ["a\nb", "a\rb", "a\tb", "a\u202eb", "a\u200bb", "a\u2028b", "a\ufeffb", "\ud800", "x" * 513]
    + [f"a{blank}b" for blank in "\u034f\u115f\u1160\u17b4\u2800\u3164\uffa0"],
)
def test_values_that_hide_something_cannot_stand(value: str) -> None:
    assert not can_stand(value)


def test_the_longest_value_can_stand() -> None:
    assert can_stand("章" * MAX_VALUE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SUQIAN-SEAL-EXAMPLE-V1",
        "SUQIAN-SEAL-EXAMPLE-V2\ndocument-name: a\nfrom: b\n",
        "SUQIAN-SEAL-EXAMPLE-V1\ndocument-name: a\nfrom: b",
        "SUQIAN-SEAL-EXAMPLE-V1\nfrom: b\ndocument-name: a\n",
        "SUQIAN-SEAL-EXAMPLE-V1\ndocument-name: a\nfrom: b\nmore: c\n",
        "SUQIAN-SEAL-EXAMPLE-V1\ndocument-name:a\nfrom: b\n",
        "SUQIAN-SEAL-EXAMPLE-V1\r\ndocument-name: a\r\nfrom: b\r\n",
        "SUQIAN-SEAL-EXAMPLE-V1\ndocument-name: a\u200b\nfrom: b\n",
        "\ufeffSUQIAN-SEAL-EXAMPLE-V1\ndocument-name: a\nfrom: b\n",
    ],
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(PurposeTextError):
        Example.parse(text.encode())


FAR = ("9999-12-28T08:00:00Z", "1800-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
"""Times that cannot be reckoned with."""


def test_a_time_has_one_form() -> None:
    assert write_time(datetime(2026, 11, 30, 8, tzinfo=UTC)) == "2026-11-30T08:00:00Z"
    assert read_time("2026-11-30T08:00:00Z") == datetime(2026, 11, 30, 8, tzinfo=UTC)
    for text in (
        "2026-11-30T08:00:00+00:00",
        "2026-11-30 08:00:00Z",
        "2026-1-30T08:00:00Z",
        "",
        *FAR,
    ):
        with pytest.raises(PurposeTextError):
            read_time(text)
