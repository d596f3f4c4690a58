"""What a document may cost: bounded by the processor's time, whatever it is spent on."""

from __future__ import annotations

import pytest

from crypto import deadline
from crypto.pdf.reading.failures import PdfTooComplex
from crypto.verdict import Verdict
from tests.world.documents import classic_pdf
from tests.world.sealing import World


def test_nothing_is_bounded_outside() -> None:
    deadline.check()
    with deadline.bounded(1000):
        deadline.check()
    deadline.check()


def test_what_costs_too_much_ends_and_is_no_ordinary_error() -> None:
    assert not issubclass(deadline.OutOfTime, Exception)
    with deadline.bounded(-1), pytest.raises(deadline.OutOfTime):
        deadline.check()
    deadline.check()


def test_bounds_nest() -> None:
    with deadline.bounded(1000):
        with deadline.bounded(-1), pytest.raises(deadline.OutOfTime):
            deadline.check()
        deadline.check()


def test_a_document_that_costs_too_much_is_refused_and_never_half_judged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = world.sign(classic_pdf())
    done = {"checks": 0, "limit": 1_000_000}

    def counting() -> None:
        done["checks"] += 1
        if done["checks"] > done["limit"]:
            raise deadline.OutOfTime

    monkeypatch.setattr(deadline, "check", counting)
    for _ in range(2):  # some things are remembered
        done["checks"] = 0
        assert world.verify(sealed).verdict is Verdict.VALID
    needed = done["checks"]
    assert needed > 10
    for limit in range(0, needed, max(1, needed // 20)):
        done.update(checks=0, limit=limit)
        with pytest.raises(PdfTooComplex):
            world.verify(sealed)
