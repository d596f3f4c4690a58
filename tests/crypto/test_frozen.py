"""``@frozen`` is ``@dataclass(frozen=True)`` in everything but the time that it takes."""

import copy
import dataclasses
import pickle
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.frozen import frozen
from crypto.rendering.compare import Box, Place

STANDARD = dataclasses.dataclass(frozen=True)


def _made(mark: Callable[[type], type], shape: str) -> type:
    """The class of that *shape*, made by *mark*, with a name that tells nothing of it."""

    class Record:
        """A record."""

        KIND: ClassVar[str] = "text"
        number: int
        word: str = "seal"
        secret: str = dataclasses.field(default="", repr=False)
        note: str = dataclasses.field(default="", compare=False)
        more: tuple[str, ...] = dataclasses.field(default_factory=tuple, kw_only=True)

        @cached_property
        def twice(self) -> int:
            return 2 * self.number

    class Empty:
        """No fields."""

    class Short:
        """A field of an earlier class and one more, checked."""

        number: float

        def __post_init__(self) -> None:
            if self.number == 13:
                raise ValueError("13")

    class Own:
        """Methods of its own."""

        number: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, int) and other == self.number

        def __repr__(self) -> str:
            return "own"

    named = {"record": Record, "empty": Empty, "short": Short, "own": Own}
    return mark(named[shape])


SHAPES = ("record", "empty", "short", "own")
_VALUES = st.one_of(st.integers(0, 3), st.floats(), st.text(max_size=2), st.none())


@given(
    shape=st.sampled_from(SHAPES),
    one=st.lists(_VALUES, max_size=5),
    other=st.lists(_VALUES, max_size=5),
    by_name=st.dictionaries(st.sampled_from(["number", "word", "more", "else"]), _VALUES),
)
def test_it_does_what_the_standard_one_does(
    shape: str, one: list[Any], other: list[Any], by_name: dict[str, Any]
) -> None:
    ours, standard = _made(frozen, shape), _made(STANDARD, shape)

    def told(kind: type) -> list[Any]:
        return [
            _outcome(lambda: repr(kind(*one, **by_name))),
            _outcome(lambda: kind(*one) == kind(*other)),
            _outcome(lambda: kind(*one) != kind(*one)),
            _outcome(lambda: hash(kind(*one)) == hash(kind(*one))),
            _outcome(lambda: kind(*one) in {kind(*other)}),
            _outcome(lambda: dataclasses.asdict(kind(*one))),
            _outcome(lambda: repr(dataclasses.replace(kind(*one), **by_name))),
            _outcome(lambda: repr(copy.deepcopy(kind(*one)))),
        ]

    assert told(ours) == told(standard)


def _outcome(job: Callable[[], Any]) -> Any:
    """What comes of it; NaN is told by its name, for it equals nothing."""
    try:
        return repr(job())
    except (TypeError, ValueError) as error:
        return type(error)


@pytest.mark.parametrize("mark", [frozen, STANDARD])
def test_nothing_of_it_can_be_changed(mark: Callable[[type], type]) -> None:
    record = _made(mark, "record")(1)
    for job in (
        lambda: setattr(record, "number", 2),
        lambda: setattr(record, "new", 2),
        lambda: delattr(record, "number"),
        lambda: delattr(record, "new"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            job()
    assert (record.number, record.twice, record.twice) == (1, 2, 2)
    assert not hasattr(record, "new")
    assert type(record).KIND == "text"


def test_it_is_of_its_class_alone() -> None:
    one, other = _made(frozen, "record"), _made(frozen, "record")
    assert one(1) == one(1)
    assert one(1) != other(1)

    @frozen
    class More(one):  # type: ignore[misc,valid-type]
        size: int = 0

    assert More(1) != one(1)
    assert More(1, size=2) == More(1, size=2) != More(1, size=3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        More(1).size = 3  # type: ignore[misc]


def test_fields_by_name_alone() -> None:
    @frozen(kw_only=True)
    class Named:
        first: int = 1
        second: Mapping[str, int]

    assert repr(Named(second={})).endswith("Named(first=1, second={})")
    with pytest.raises(TypeError):
        Named(1, {})  # type: ignore[call-arg,misc]


def test_it_goes_to_another_process() -> None:
    place = Place(3, Box(1.0, 2.0, 3.0, 4.0), "any")
    sent = pickle.dumps(place)
    assert pickle.loads(sent) == place  # noqa: S301 - our own, a line before
