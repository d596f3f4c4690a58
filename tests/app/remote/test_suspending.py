"""Why a platform refuses to suspend or resume a seal, as a person is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.errors import PlatformRefused, SealChangeRefused
from app.remote import collecting
from app.store.cabinet import Cabinet
from crypto.seal.statement import SignedStatement
from tests.world.desk import Company, company
from tests.world.seals import statement_on


def told(world: Company, state: str, reason: str) -> SignedStatement:
    seal, signer = world.seals[0], world.authorities.status
    now = datetime.now(UTC)
    return statement_on(seal.certificate, seal.code, now, signer, state=state, reason=reason)


@pytest.mark.parametrize(
    ("verb", "state", "reason", "problem", "why"),
    [
        ("suspend", "active", "", "forbidden", "keeper"),
        ("suspend", "active", "", "not_found", "keeper"),
        ("suspend", "suspended", "holder_request", "illegal_transition", "stopped"),
        ("resume", "active", "", "illegal_transition", "in_use"),
        ("resume", "suspended", "holder_request", "forbidden", "representative"),
        ("resume", "suspended", "lost", "certificate_not_valid", "doubt"),
        ("resume", "suspended", "licence_revoked", "certificate_not_valid", "market"),
        ("resume", "suspended", "physical_seal_cancelled", "certificate_not_valid", "police"),
        ("resume", "suspended", "false_material", "certificate_not_valid", "platform"),
        ("resume", "cancelled", "replaced", "certificate_not_valid", "ended"),
        # an expired certificate says nothing of the person
        ("suspend", "active", "", "certificate_not_valid", ""),
    ],
)
def test_a_refusal_becomes_a_word_on_who_may(
    verb: str, state: str, reason: str, problem: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, cabinet = company(), Cabinet.in_memory()
    before = "active" if verb == "suspend" else "suspended"
    seal = replace(world.seals[0], state=before)
    cabinet.keep_seal(seal)

    def refuse(_: object) -> None:
        raise PlatformRefused(problem, "no", 403)

    monkeypatch.setattr(collecting, "_keys_towards", lambda *_: [object()])
    platform: Any = SimpleNamespace(
        sign_in=refuse,
        change_seal_by_statement=lambda *_: refuse(None),
        status=lambda _: told(world, state, reason),
        origin=seal.platform,
    )
    session = cast(Any, None)
    change = partial(collecting.suspend, seal, "lost")
    if verb == "resume":
        change = partial(collecting.resume, seal)
    with pytest.raises((SealChangeRefused, PlatformRefused)) as refused:
        change(session, platform, cabinet)
    if why:
        assert isinstance(refused.value, SealChangeRefused)
        assert refused.value.reason == why
    else:
        assert isinstance(refused.value, PlatformRefused)
    kept = cabinet.seal(seal.code)
    assert (kept.state, kept.reason) == (state, reason)  # as the platform says that it stands
