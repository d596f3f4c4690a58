"""The fuzzer's harnesses: each holds over its seeds, and over inputs that once went wrong."""

import random

import pytest

from tests.fuzz.targets import TARGETS, Target, change


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]


def test_good_values_pass(target: Target) -> None:
    for seed in target.seeds():
        assert len(seed) <= target.max_size
        target.check(seed)


def test_changed_values_pass_or_are_refused(target: Target) -> None:
    """The mutator changes something, and a few hundred of its results do no harm."""
    seeds = list(target.seeds())
    changed = [change(target, seeds[n % len(seeds)], random.Random(n)) for n in range(60)]
    assert sum(each not in seeds for each in changed) > 40
    for each in changed:
        target.check(each)
