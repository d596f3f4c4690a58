"""Every state machine of the platform as a table, and the one function that moves along it.

No I/O, no clock: whoever calls :func:`advance` records what happened. An event that a table does
not list for a state is refused with :class:`IllegalTransition`, which HTTP answers with 409.
管理办法 第十条、第十三条、第十七条、第二十二条、第二十三条; the tables are
docs/design/platform.md §2.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from crypto.frozen import frozen

START = ""
"""The state before the object exists: only creating events leave it."""


class IllegalTransition(Exception):
    """The event is not possible in this state."""

    def __init__(self, table: str, state: str, event: str) -> None:
        super().__init__(f"{table}: {event!r} is not possible in state {state or 'none'!r}")
        self.table, self.state, self.event = table, state, event


@frozen
class Table:
    """One state machine."""

    name: str
    moves: Mapping[tuple[str, str], str]
    """(state, event) → next state; a state that no key begins with is final."""

    @property
    def states(self) -> frozenset[str]:
        return frozenset(state for state, _ in self.moves) | frozenset(self.moves.values())

    @property
    def events(self) -> frozenset[str]:
        return frozenset(event for _, event in self.moves)

    @property
    def final(self) -> frozenset[str]:
        """States that nothing leads out of."""
        return self.states - {state for state, _ in self.moves}


def advance(table: Table, state: str, event: str) -> str:
    """The state that *event* leads to from *state*; raises :class:`IllegalTransition`."""
    try:
        return table.moves[state, event]
    except KeyError:
        raise IllegalTransition(table.name, state, event) from None


def _table(name: str, *rows: tuple[str, str, str]) -> Table:
    """Rows are ("from[, from…]", event, to)."""
    return Table(
        name,
        {
            (START if state == "–" else state, event): to
            for states, event, to in rows
            for state in states.split(", ")
        },
    )


APPLICATION = _table(
    "application",
    ("–", "draft", "drafted"),
    ("drafted, returned", "submit", "submitted"),
    ("drafted, submitted, returned", "withdraw", "withdrawn"),
    ("submitted", "claim", "in_review"),
    ("in_review", "return", "returned"),
    ("in_review", "reject", "rejected"),
    ("in_review", "approve", "approved"),
    ("approved", "fulfil", "fulfilled"),
    ("approved", "fail", "in_review"),
    ("drafted, submitted, returned", "lapse", "lapsed"),
)

SEAL = _table(
    "seal",
    ("–", "make", "made"),
    ("made", "collect", "active"),
    ("made", "lapse", "cancelled"),
    ("active", "suspend", "suspended"),
    ("suspended", "resume", "active"),
    ("active, suspended", "expire", "expired"),
    ("active, expired", "renew", "active"),
    ("made, active, suspended, expired", "cancel", "cancelled"),
    ("active, suspended, expired", "replace", "cancelled"),
)

AUTHORIZATION = _table(
    "authorization",
    ("–", "offer", "offered"),
    ("offered", "accept", "active"),
    ("offered", "decline", "declined"),
    ("offered", "lapse", "lapsed"),
    ("offered", "revoke", "revoked"),
    ("active", "exhaust", "exhausted"),
    ("active", "expire", "expired"),
    ("active", "revoke", "revoked"),
)

USAGE_REQUEST = _table(
    "usage_request",
    ("–", "draft", "drafted"),
    ("drafted", "submit", "pending"),
    ("pending", "approve", "approved"),
    ("pending", "reject", "rejected"),
    ("pending, approved", "withdraw", "withdrawn"),
    ("approved", "use", "used"),
    ("pending, approved", "lapse", "lapsed"),
)

CERTIFICATE = _table(
    "certificate",
    ("–", "request", "requested"),
    ("requested", "issue", "issued"),
    ("issued", "activate", "active"),
    ("active", "hold", "held"),
    ("held", "release", "active"),
    ("issued, active, held", "revoke", "revoked"),
    ("issued, active, held", "expire", "expired"),
)

FILING = _table(
    "filing",
    ("–", "queue", "queued"),
    ("queued", "send", "sent"),
    ("sent", "receipt", "receipted"),
    ("sent", "fail", "failed"),
    ("failed", "retry", "queued"),
    ("failed", "give_up", "dead"),
    ("dead", "revive", "queued"),
)

NOTICE = _table(
    "notice",
    ("–", "receive", "received"),
    ("received", "accept", "accepted"),
    ("received", "refuse", "refused"),
    ("accepted", "apply", "applied"),
    ("accepted", "refuse", "refused"),
)

LOSS = _table(
    "loss",
    ("–", "report", "reported"),
    ("reported", "confirm", "confirmed"),
    ("reported", "refuse", "refused"),
    ("reported", "lapse", "lapsed"),
)

DISPUTE = _table(
    "dispute",
    ("–", "open", "opened"),
    ("opened", "gather", "evidence_ready"),
    ("evidence_ready", "hand_over", "handed_over"),
    ("opened, evidence_ready", "close", "closed"),
)

KEY = _table(
    "key",
    ("–", "generate", "pending_active"),
    ("pending_active", "activate", "active"),
    ("active", "deactivate", "post_active"),
    ("post_active", "reactivate", "active"),
    ("pending_active, post_active", "destroy", "destroyed"),
)

TABLES = (
    APPLICATION,
    SEAL,
    AUTHORIZATION,
    USAGE_REQUEST,
    CERTIFICATE,
    FILING,
    NOTICE,
    LOSS,
    DISPUTE,
    KEY,
)

SEAL_REASONS: Mapping[str, int] = {
    "name_changed": 3,
    "legal_rep_changed": 3,
    "damaged": 4,
    "physical_seal_changed": 4,
    "physical_seal_cancelled": 5,
    "enterprise_deregistered": 5,
    "licence_revoked": 9,
    "false_material": 9,
    "key_compromised": 1,
    "lost": 1,
    "replaced": 4,
    "not_collected": 5,
    "merged": 5,
    "holder_request": 5,
    "expired": 5,
    "grant_withdrawn": 5,
    "grant_returned": 5,
    "grant_exhausted": 5,
    "keeper_ended": 5,
}
"""Why a seal was suspended or cancelled → the RFC 5280 §5.3.1 reason of its certificate."""

CERTIFICATE_HOLD = 6
"""RFC 5280 reason while a seal is suspended."""
