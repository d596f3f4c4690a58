"""The four lines: each question is answered by the worst that was found about it."""

from __future__ import annotations

import pytest

from crypto.proofs import Proof, proofs_of
from crypto.verdict import LEVELS, Finding, say


def lines(*codes: str, seal: bool = True, origin: str = "https://p") -> dict[str, Proof]:
    found = [Finding(code) for code in codes]
    return {each.what: each for each in proofs_of(found, has_seal=seal, origin=origin)}


GOOD = ("signer_trusted", "maker_trusted", "status_active", "signer_not_revoked", "time_trusted")


def test_a_good_seal_has_four_proofs_and_nothing_to_do() -> None:
    found = lines(*GOOD)
    assert {each.state for each in found.values()} == {"proved"}
    assert {each.action for each in found.values()} == {""}
    assert list(found) == ["issuer", "status", "revocation", "time"]


def test_the_worst_about_a_question_decides_it() -> None:
    found = lines("signer_trusted", "maker_untrusted", "status_active", "status_not_active")
    assert (found["issuer"].state, found["issuer"].code) == ("missing", "maker_untrusted")
    assert (found["status"].state, found["status"].code) == ("failed", "status_not_active")


@pytest.mark.parametrize(("origin", "action"), [("https://p", "trust_platform"), ("", "add_file")])
def test_without_an_issuer_the_anchor_is_the_one_thing_to_do(origin: str, action: str) -> None:
    found = lines("signer_untrusted", "maker_untrusted", "status_unknown", origin=origin)
    assert {each.action for each in found.values()} == {action}


def test_what_is_invalid_has_nothing_to_do_that_could_not_help() -> None:
    found = lines("byte_range_malformed", "maker_untrusted", "status_unknown")
    assert {each.action for each in found.values()} == {""}


def test_with_an_issuer_the_rest_can_be_looked_up() -> None:
    found = lines("signer_trusted", "maker_trusted", "status_unknown", "revocation_unknown")
    assert found["status"].action == found["revocation"].action == "fetch"
    clock = lines(*GOOD, "clock_contradicts")["time"]
    assert (clock.state, clock.action) == ("missing", "set_clock")
    assert lines(*GOOD[:4], "time_claimed")["time"].state == "missing"


def test_a_signature_without_a_seal_needs_no_state_of_one() -> None:
    assert lines("signer_trusted", seal=False)["status"].state == "not_needed"


def test_whatever_was_found_can_be_answered_and_said() -> None:
    for code in LEVELS:
        for proof in lines(code).values():
            for word in (proof.what, proof.state, f"no_{proof.what}"):
                assert say("proofs", word) != word
            if proof.action:
                assert say("actions", proof.action) != proof.action


def test_a_demo_seal_is_opened_in_the_demo_and_offered_nothing_else() -> None:
    """Whom else to trust would prove nothing: its platform is gone with the demo."""
    found = [Finding(code) for code in ("maker_untrusted", "signer_untrusted", "demo_seal")]
    for origin in ("", "http://127.0.0.1:8000"):
        proofs = proofs_of(found, has_seal=True, origin=origin)
        assert {proof.action for proof in proofs if proof.state == "missing"} == {"open_in_demo"}
