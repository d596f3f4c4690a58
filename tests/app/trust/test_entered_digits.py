"""The digits of a root's fingerprint that a person enters in the window."""

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.trust.platforms import DIGITS, fits, places

HEX = "0123456789abcdef"
ROOT = HEX * 4
SERVICE: Any = SimpleNamespace(root=SimpleNamespace(fingerprint=bytes.fromhex(ROOT)))


def entered(at: tuple[int, ...]) -> str:
    return "".join(ROOT[place] for place in at)


def test_other_places_are_asked_for_each_time_and_all_lie_within_the_fingerprint() -> None:
    drawn = {places() for _ in range(50)}
    assert len(drawn) > 10
    for at in drawn:
        assert len(set(at)) == DIGITS == 16
        assert set(at) <= set(range(64))


@given(st.data())
def test_one_wrong_digit_does_not_fit(data: st.DataObject) -> None:
    at = places()
    text = entered(at)
    assert fits(SERVICE, at, text)
    assert fits(SERVICE, at, " ".join(text.upper()))
    spot = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from(sorted(set(HEX) - {text[spot]})))
    assert not fits(SERVICE, at, text[:spot] + other + text[spot + 1 :])
    assert not fits(SERVICE, at, text[:-1])


@given(st.text(max_size=40))
def test_whatever_is_typed_is_an_answer(text: str) -> None:
    assert fits(SERVICE, places(), text) in (True, False)
