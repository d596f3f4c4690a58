"""The four questions a receiver asks, answered from a signature's findings.

    issuer      谁颁发: who stands behind signer and seal
    status      印章状态: was the seal in force
    revocation  证书是否吊销: was the certificate still good
    time        时间: when was it signed

Each is proved, missing or failed; what is missing has the one action that could help.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from crypto.frozen import frozen

What = Literal["issuer", "status", "revocation", "time"]
State = Literal["proved", "missing", "failed", "not_needed"]
Action = Literal["", "trust_platform", "add_file", "fetch", "set_clock", "open_in_demo"]

WEAK = "weak_algorithm"
"""Who stands behind something is not proved where it may be forged; no action of the reader's
helps, so what else is missing is told before."""
_CODES: dict[What, str] = {
    "issuer": (
        "signer_untrusted maker_untrusted maker_purpose_unstated signer_purpose_other"
        " certificate_missing signer_usage_wrong maker_usage_wrong maker_purpose_wrong"
        " signer_chain_broken maker_chain_broken signer_not_listed maker_trusted signer_trusted"
        f" {WEAK}"
    ),
    "status": (
        "status_unknown status_stale status_pending status_changed_unproven status_not_active"
        " status_changed_since status_not_published status_active"
        " grant_end_unproven grant_used_after_end"
    ),
    "revocation": (
        "revocation_unknown signer_revoked_unproven maker_revoked_unproven"
        " signer_revoked_before maker_revoked_before ca_revoked signer_revoked_since"
        " revocation_not_published signer_not_revoked"
    ),
    "time": (
        "clock_contradicts time_missing time_in_future time_before_seal time_contradicts"
        " timestamp_invalid timestamp_unfit time_claimed time_trusted timestamp_good"
    ),
}
"""Findings that answer each question."""
_BY_THE_CLOCK = (
    "clock_contradicts",
    "maker_expired_since",
    "maker_not_valid_at_making",
    "seal_expired",
    "seal_expired_since",
    "seal_expired_unproven",
    "seal_not_valid_at_signing",
    "seal_not_yet_valid",
    "signer_expired_since",
    "signer_expired_unproven",
    "signer_not_valid_at_signing",
    "status_stale",
    "time_in_future",
)
"""Findings that a clock that is off may have made."""
_STATES: dict[str, State] = {
    "ok": "proved",
    "notice": "proved",
    "unknown": "missing",
    "invalid": "failed",
}
_RANK: tuple[State, ...] = ("not_needed", "proved", "missing", "failed")
_ONLY_CLAIMED = "time_claimed"


class Found(Protocol):
    """A finding, as far as this needs it."""

    @property
    def code(self) -> str: ...
    @property
    def level(self) -> str: ...


@frozen
class Proof:
    """The answer to one question."""

    what: What
    state: State
    code: str
    """The finding that decides it; "" if nothing was found about it."""
    action: Action
    """What could prove it; "" where nothing is missing or nothing can be done here."""


def question(code: str) -> What | None:
    """Which of the four questions a finding of that code answers."""
    return next((what for what, codes in _CODES.items() if code in codes.split()), None)


def hangs_on_the_clock(findings: Iterable[Found]) -> bool:
    """Do they say of anything that it is expired, or not yet in force? Then a person must know
    first whether this computer's clock is right."""
    return any(finding.code in _BY_THE_CLOCK for finding in findings)


def proofs_of(findings: Iterable[Found], *, has_seal: bool, origin: str) -> tuple[Proof, ...]:
    """The four answers. *origin*: where the document says that its platform lives. What is found
    to be wrong has no actions: they would raise false hopes."""
    given = list(findings)
    answers = [_answer(what, given, has_seal=has_seal) for what in _CODES]
    if any(finding.level == "invalid" for finding in given):
        return tuple(answers)  # no proof can make it good any more
    issuer = "proved" if answers[0].code == WEAK else answers[0].state
    if any(finding.code == "demo_seal" for finding in given):
        return tuple(_in_demo(answer) for answer in answers)
    return tuple(_with_action(answer, issuer, origin) for answer in answers)


def _answer(what: What, findings: list[Found], *, has_seal: bool) -> Proof:
    if what == "status" and not has_seal:
        return Proof(what, "not_needed", "", "")
    worst = Proof(what, "missing", "", "")
    rank = -1
    for finding in sorted(findings, key=lambda finding: finding.code == WEAK):
        if finding.code not in _CODES[what].split():
            continue
        only_claimed = finding.code == _ONLY_CLAIMED
        state: State = "missing" if only_claimed else _STATES[finding.level]
        if _RANK.index(state) > rank:
            rank, worst = _RANK.index(state), Proof(what, state, finding.code, "")
    return worst


def _in_demo(proof: Proof) -> Proof:
    """Nobody but the demo that made a demo's seal can prove anything of it."""
    missing = proof.state == "missing" and proof.code != "clock_contradicts"
    return Proof(proof.what, proof.state, proof.code, "open_in_demo" if missing else "")


def _with_action(proof: Proof, issuer: State, origin: str) -> Proof:
    action: Action = ""
    if proof.state == "missing":
        if proof.code == "clock_contradicts":
            action = "set_clock"
        elif issuer == "missing":
            action = "trust_platform" if origin else "add_file"
        elif proof.code in ("", "status_unknown", "status_stale", "revocation_unknown"):
            action = "fetch"
    return Proof(proof.what, proof.state, proof.code, action)
