"""However a name is spelled, it is the same person's; another name is another's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server_stub.records.identity import identity_index, known_by, same_name, tidy_name
from server_stub.records.vault import Vault

NUMBER = "32130219990101001X"


@pytest.mark.parametrize(
    ("kept", "spellings"),
    [
        ("李梅", ("李 梅", "李\u3000梅", " 李梅\t", "李\u200b梅", "李\u00ad梅", "\ufeff李梅")),
        (
            "买买提·艾合买提",
            *[tuple(f"买买提{dot}艾合买提" for dot in ("•", "・", "･", "‧", "∙", "⋅", ".", "．"))],
        ),
        ("买买提·艾合买提", ("买买提 · 艾合买提", "买买提··艾合买提", "买买提\u0387艾合买提")),
        ("WANG Lin", ("ＷＡＮＧ　Ｌｉｎ", "WANG  Lin", "WANG\u00a0Lin")),
        ("金正", ("\uf90a正",)),  # a compatibility ideograph
        ("J. R. Wu", ("J.  R. Wu",)),
        ("José", ("Jose\u0301", "Jose\u200b\u0301", "Jose\u2064\u0301")),  # composed at last
        ("李梅", tuple(f"李{each}梅" for each in "\u2800\u17b4\ufff9\x01\x7f\x9f\U0001d173\uffa0")),
        ("买买提·艾合买提", tuple(f"买买提{dot}艾合买提" for dot in "●◦∘⸳ꞏㆍ。｡")),
    ],
)
def test_spellings_are_kept_as_one(kept: str, spellings: tuple[str, ...]) -> None:
    assert tidy_name(kept) == kept
    assert [tidy_name(each) for each in spellings] == [kept] * len(spellings)
    assert all(same_name(kept, each) for each in spellings)


def test_letters_count_without_case_and_space_and_are_kept_as_written() -> None:
    assert same_name("WANG LIN", "Wang lin")
    assert same_name("WangLin", "Wang Lin")
    assert tidy_name("Wang Lin") == "Wang Lin"


@pytest.mark.parametrize(
    ("one", "other"),
    [("李梅", "李玫"), ("李梅", "梅李"), ("买买提·艾合买提", "买买提艾合买提"), ("吕", "呂")],
)
def test_other_names_stay_other_names(one: str, other: str) -> None:
    assert not same_name(one, other)


@given(st.text(max_size=40))
def test_what_is_kept_is_not_changed_again(name: str) -> None:
    assert tidy_name(tidy_name(name)) == tidy_name(name)
    assert same_name(name, tidy_name(name))


def test_the_index_is_one_for_all_spellings_and_the_old_one_is_still_looked_for() -> None:
    vault = Vault(bytes(16))
    index = identity_index(vault, "李梅", NUMBER)
    assert identity_index(vault, "李\u3000梅", f" {NUMBER.lower()}") == index
    assert identity_index(vault, "李梅", "321302199901010028") != index
    assert known_by(vault, "李梅", NUMBER) == [index]
    typed = vault.blind_index("person.identity", f"李 梅\n{NUMBER}")
    assert known_by(vault, "李 梅", NUMBER) == [index, typed]
