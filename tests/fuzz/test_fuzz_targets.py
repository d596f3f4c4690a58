"""The fuzzer's harnesses: each holds over its seeds, and over inputs that once went wrong."""

import random

import pytest

from tests.fuzz.material import material
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


def test_a_sealed_document_behind_another_head_is_known_by_its_own_bytes() -> None:
    """Byte ranges are counted from where the document begins."""
    target = TARGETS["document"]
    sealed = material().sealed_documents[0]
    broken = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\nstartxref\n0\n%%EOF\n"
    for head in (b"", b"\xef\xbb\xbf", b"Subject: x\r\n\r\n", broken):
        target.check(head + sealed)
