"""The state tables: complete, final where they must be, and nothing moves unless listed."""

from itertools import product

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import sampled_from

from server_stub import states
from server_stub.states import START, IllegalTransition, Table, advance

FINAL = {
    "application": {"withdrawn", "rejected", "fulfilled", "lapsed"},
    "seal": {"cancelled"},
    "authorization": {"declined", "lapsed", "exhausted", "expired", "revoked"},
    "usage_request": {"rejected", "withdrawn", "used", "lapsed"},
    "certificate": {"revoked", "expired"},
    "filing": {"receipted"},
    "notice": {"applied", "refused"},
    "loss": {"confirmed", "refused", "lapsed"},
    "dispute": {"handed_over", "closed"},
    "key": {"destroyed"},
}
"""What the regulation and docs/design/platform.md §2.3 say must never move again."""


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_every_pair_is_either_listed_or_refused(table: Table) -> None:
    for state, event in product(table.states | {"unheard_of"}, table.events | {"unheard_of"}):
        if (state, event) in table.moves:
            assert advance(table, state, event) in table.states
        else:
            with pytest.raises(IllegalTransition) as refusal:
                advance(table, state, event)
            assert (refusal.value.state, refusal.value.event) == (state, event)


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_the_final_states_are_those_the_rules_name(table: Table) -> None:
    assert table.final == FINAL[table.name]


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_every_state_can_be_reached_from_the_start(table: Table) -> None:
    reached = {START}
    while True:
        further = {to for (state, _), to in table.moves.items() if state in reached} - reached
        if not further:
            break
        reached |= further
    assert reached == table.states


def test_a_cancelled_seal_never_comes_back() -> None:
    for event in states.SEAL.events:
        with pytest.raises(IllegalTransition):
            advance(states.SEAL, "cancelled", event)


def test_nothing_is_made_without_approval_and_nothing_approved_without_review() -> None:
    into = lambda state: {(a, e) for (a, e), to in states.APPLICATION.moves.items() if to == state}  # noqa: E731
    assert into("fulfilled") == {("approved", "fulfil")}
    assert into("approved") == {("in_review", "approve")}
    assert into("active") == set()
    assert {e for (s, e), to in states.SEAL.moves.items() if to == "active"} == {
        "collect",
        "resume",
        "renew",
    }


def test_every_reason_maps_to_a_reason_that_a_crl_may_carry() -> None:
    assert set(states.SEAL_REASONS.values()) <= {1, 3, 4, 5, 9}


class AnyHistory(RuleBasedStateMachine):
    """Random events on one object of each kind, beside a replay of the accepted ones."""

    def __init__(self) -> None:
        super().__init__()
        self.now = {table.name: START for table in states.TABLES}
        self.accepted: dict[str, list[str]] = {table.name: [] for table in states.TABLES}
        self.finished: dict[str, str] = {}

    @rule(table=sampled_from(states.TABLES), number=sampled_from(range(16)))
    def event(self, table: Table, number: int) -> None:
        name = sorted(table.events)[number % len(table.events)]
        before = self.now[table.name]
        try:
            self.now[table.name] = advance(table, before, name)
        except IllegalTransition:
            assert self.now[table.name] == before
            return
        assert table.name not in self.finished
        self.accepted[table.name].append(name)
        if self.now[table.name] in FINAL[table.name]:
            self.finished[table.name] = self.now[table.name]

    @invariant()
    def a_finished_object_stays_as_it_is(self) -> None:
        for name, state in self.finished.items():
            assert self.now[name] == state

    @invariant()
    def the_state_is_the_replay_of_what_was_accepted(self) -> None:
        for table in states.TABLES:
            state = START
            for event in self.accepted[table.name]:
                state = advance(table, state, event)
            assert state == self.now[table.name]


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=40, stateful_step_count=30)
