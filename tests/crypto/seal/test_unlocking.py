"""The statement that unlocks a Ukey is read back as it was written, and nothing else is read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.seal.unlocking import LIFE, UnlockStatement

STATEMENT = UnlockStatement(
    origin="https://platform.example:8443",
    application="app_0123456789abcdef",
    serial="VK0123456789ABCD",
    certificate="6b1f",
    nonce="0f" * 16,
    not_before=1796000000,
    not_after=1796000000 + LIFE,
    secret="a5" * 32,
)


def test_it_is_nine_lines() -> None:
    lines = STATEMENT.text.decode().split("\n")
    assert lines == [
        "SUQIAN-UKEY-UNLOCK-V1",
        "https://platform.example:8443",
        "app_0123456789abcdef",
        "VK0123456789ABCD",
        "6b1f",
        "0f" * 16,
        "1796000000",
        "1796086400",
        "a5" * 32,
        "",
    ]
    assert UnlockStatement.parse(STATEMENT.text) == STATEMENT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("origin", "ftp://platform.example"),
        ("origin", "https://a\nhttps://b"),
        ("application", ""),
        ("serial", "公章"),
        ("certificate", "6B1F"),
        ("nonce", "0f" * 15),
        ("not_after", 1796000000 + LIFE + 1),
        ("not_after", 1795999999),
        ("not_before", -1),
        ("secret", "zz" * 32),
    ],
)
def test_a_value_that_has_no_place_in_it_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every word of refusal is right
        _ = replace(STATEMENT, **{name: value}).text  # type: ignore[arg-type]


def test_a_number_has_one_way_to_be_written() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every word of refusal is right
        UnlockStatement.parse(STATEMENT.text.replace(b"\n1796000000", b"\n01796000000"))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - every word of refusal is right
        UnlockStatement.parse(data)


@given(st.integers(0, len(STATEMENT.text) - 1), st.integers(0, 255))
def test_a_changed_byte_is_refused_or_read_back(place: int, byte: int) -> None:
    changed = STATEMENT.text[:place] + bytes([byte]) + STATEMENT.text[place + 1 :]
    try:
        found = UnlockStatement.parse(changed)
    except ValueError:
        return
    assert found.text == changed
