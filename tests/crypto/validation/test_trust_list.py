"""Trust lists: what is signed is read back, and nothing else passes for one."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms.keys import SoftKey
from crypto.validation.trust_list import MAX_SIZE, TrustList, TrustListError, sign_list
from crypto.verdict import Verdict
from tests.world.authority import Authority, make_root
from tests.world.documents import classic_pdf
from tests.world.sealing import NOW, World

DAY = timedelta(days=1)


def b64(authority: Authority) -> str:
    return base64.b64encode(authority.certificate.der).decode()


def entry(root: Authority, **changes: Any) -> dict[str, Any]:
    return {
        "name": "宿迁市平台",
        "region": "321300",
        "state": "granted",
        "since": (NOW - 90 * DAY).isoformat(),
        "until": None,
        "origins": ["https://seals.example"],
        "roots": [b64(root)],
        "makers": [b64(root)],
        **changes,
    }


def body(*platforms: dict[str, Any], **changes: Any) -> bytes:
    fields = {
        "type": "trust-list-v1",
        "operator": "江苏省",
        "sequence": 7,
        "issued_at": (NOW - DAY).isoformat(),
        "next_update": (NOW + DAY).isoformat(),
        "platforms": list(platforms),
        **changes,
    }
    return json.dumps(fields, ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def operator() -> SoftKey:
    return make_root("信任列表").key_for("签发")


def listed(operator: SoftKey, *platforms: dict[str, Any], **changes: Any) -> TrustList:
    return TrustList.parse(sign_list(body(*platforms, **changes), operator))


def test_a_platform_of_the_list_is_trusted_for_everything_it_does(
    world: World, operator: SoftKey
) -> None:
    trust = listed(operator, entry(world.authority)).trust(NOW)
    statements = (world.statement(world.first),)
    sealed = world.sign(classic_pdf(), world.first)
    assert world.verify(sealed, trust=replace(trust, statements=statements)).verdict is (
        Verdict.VALID
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "withdrawn"},
        {"since": (NOW + DAY).isoformat()},
        {"until": (NOW - DAY).isoformat()},
        {"makers": []},
    ],
)
def test_who_is_withdrawn_or_not_in_time_is_no_anchor(
    world: World, operator: SoftKey, changes: dict[str, Any]
) -> None:
    trust = listed(operator, entry(world.authority, **changes)).trust(NOW)
    assert trust.seal_makers == ()


def test_an_expired_list_counts_for_nothing(world: World, operator: SoftKey) -> None:
    """It may hide that somebody was withdrawn since."""
    made = listed(operator, entry(world.authority))
    assert made.trust(NOW).signers
    assert made.trust(NOW + 2 * DAY).signers == ()


def test_missing_sources_and_old_algorithms_become_rules(world: World, operator: SoftKey) -> None:
    until = datetime(2027, 1, 1, tzinfo=UTC)
    changes = {"status": False, "revocation": False, "algorithms": {"sha1": until.isoformat()}}
    made = listed(operator, entry(world.authority, **changes))
    [rule] = made.trust(NOW).rules
    assert (rule.status, rule.revocation) == (False, False)
    assert rule.algorithms == (("sha1", until),)


@pytest.fixture(scope="module")
def signed_once(world: World, operator: SoftKey) -> bytes:
    return sign_list(body(entry(world.authority)), operator)


@given(st.data())
def test_a_byte_changed_anywhere_makes_it_nothing_or_anothers(
    signed_once: bytes, operator: SoftKey, data: st.DataObject
) -> None:
    token = bytearray(signed_once)
    token[data.draw(st.integers(0, len(token) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = TrustList.parse(bytes(token))
    except TrustListError:
        return
    assert found.certificate.der != operator.certificate


@given(st.binary(max_size=300))
def test_bytes_by_chance_are_refused(data: bytes) -> None:
    with pytest.raises(TrustListError):
        TrustList.parse(data)


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"null", b"{}", b"[" * 5000, body(type="x"), body(sequence=0), body(sequence=True),
        body(sequence="7"), body(next_update="soon"), body(issued_at="2026-01-01T00:00:00"),
        body(platforms={}), body({"name": 1}), body(operator=None),
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused_before_it_is_signed(operator: SoftKey, wrong: bytes) -> None:
    with pytest.raises(TrustListError):
        sign_list(wrong, operator)


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "perhaps"}, {"roots": ["zz"]}, {"roots": None}, {"status": "no"},
        {"algorithms": {"sha1": 5}}, {"origins": [7]}, {"makers": ["AAAA"] * 101},
    ],
)  # fmt: skip
def test_a_malformed_entry_is_refused(
    world: World, operator: SoftKey, changes: dict[str, Any]
) -> None:
    with pytest.raises(TrustListError):
        sign_list(body(entry(world.authority, **changes)), operator)


def test_a_token_larger_than_any_list_is_refused() -> None:
    with pytest.raises(TrustListError, match="larger"):
        TrustList.parse(bytes(MAX_SIZE + 1))
