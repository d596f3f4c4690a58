"""Platform statements: what one says can be read back, and nothing else passes for one."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import OCSP_SIGNING
from crypto.seal.statement import (
    MAX_SIZE,
    PREFIX,
    STATES,
    Leave,
    SealStatement,
    SignedStatement,
    StatementError,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = SealStatement(
    "32130000000017", "active", "", None, None, 0x1234, True, NOW, NOW + timedelta(days=1)
)


@pytest.fixture(scope="module")
def status(make_root: Callable[..., Any]) -> SoftKey:
    """The platform's status key."""
    return make_root().key_for(
        "状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)
    )


moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)).map(
    lambda each: each.replace(microsecond=0)
)
leaves = st.builds(
    Leave,
    grant_sm3=st.text(max_size=64),
    use=st.integers(0, 10**6),
    kind=st.text(max_size=40),
    counterparty=st.text(max_size=40),
    approval=st.text(max_size=40),
    lease=st.text(max_size=40),
    until=st.none() | moments,
)
statements = st.builds(
    SealStatement,
    seal_code=st.text("0123456789", min_size=14, max_size=14),
    state=st.sampled_from(STATES),
    reason=st.text(max_size=40),
    effective_at=st.none() | moments,
    recorded_at=st.none() | moments,
    certificate_serial=st.integers(0, 2**159),
    certificate_valid=st.booleans(),
    issued_at=moments,
    next_update=moments,
    document_digest=st.none() | st.binary(min_size=32, max_size=32),
    origin=st.text(max_size=60),
    leave=st.none() | leaves,
)


@given(statements)
def test_what_is_said_is_read_back(status: SoftKey, statement: SealStatement) -> None:
    parsed = SignedStatement.parse(statement.encode(status))
    assert parsed.statement == statement
    assert parsed.certificate.der == status.certificate


@pytest.fixture(scope="module")
def token(status: SoftKey) -> bytes:
    """One statement, signed once."""
    return PLAIN.encode(status)


@given(st.data())
def test_a_byte_changed_anywhere_makes_it_another_certificate_or_nothing(
    status: SoftKey, token: bytes, data: st.DataObject
) -> None:
    """The certificate inside is signed by its issuer, which whoever trusts it checks."""
    changed = bytearray(token)
    changed[data.draw(st.integers(0, len(token) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        parsed = SignedStatement.parse(bytes(changed))
    except StatementError:
        return
    assert parsed.statement == PLAIN
    assert parsed.certificate.der != status.certificate


@given(st.binary(max_size=300))
def test_bytes_by_chance_are_refused(data: bytes) -> None:
    with pytest.raises(StatementError):
        SignedStatement.parse(data)


def test_a_token_larger_than_any_statement_is_refused() -> None:
    with pytest.raises(StatementError, match="larger"):
        SignedStatement.parse(bytes(MAX_SIZE + 1))


@pytest.mark.parametrize("purposes", [(), ("1.3.6.1.5.5.7.3.36",)])
def test_a_key_for_other_purposes_makes_no_statements(
    make_root: Callable[..., Any], purposes: tuple[str, ...]
) -> None:
    """A holder's own key, or one without a purpose, cannot vouch for a seal."""
    key = make_root().key_for("某公司", extended_key_usage=purposes)
    with pytest.raises(StatementError, match="not for status"):
        SignedStatement.parse(PLAIN.encode(key))


def signed(status: SoftKey, body: bytes, prefix: bytes = PREFIX) -> bytes:
    return der.sequence(
        der.octet_string(body),
        der.octet_string(status.certificate),
        der.bit_string(status.sign(prefix + body)),
    )


def body(**changes: Any) -> bytes:
    fields = {
        "seal_code": "1", "state": "active", "reason": "", "effective_at": None,
        "recorded_at": None, "certificate_serial": "1", "certificate_valid": True,
        "issued_at": NOW.isoformat(), "next_update": NOW.isoformat(), "document_digest": None,
    }  # fmt: skip
    return json.dumps({**fields, **changes}).encode()


def test_a_signature_without_the_prefix_is_refused(status: SoftKey) -> None:
    assert SignedStatement.parse(signed(status, body())).statement.state == "active"
    with pytest.raises(StatementError, match="signature"):
        SignedStatement.parse(signed(status, body(), b""))


@pytest.mark.parametrize(
    "wrong",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b"[" * 5000,
        body(state="whatever"), body(issued_at=None), body(next_update="soon"),
        body(issued_at="2026-11-23T09:00:00"), body(certificate_serial="xyz"),
        body(document_digest="zz"), body(certificate_serial=None), body(effective_at=5),
        body(recorded_at="0001-01-01T00:00:00+23:59"), body(origin=7), body(origin="h" * 201),
    ],
)  # fmt: skip
def test_a_malformed_body_is_refused_though_it_is_signed(status: SoftKey, wrong: bytes) -> None:
    with pytest.raises(StatementError, match="malformed"):
        SignedStatement.parse(signed(status, wrong))


def test_a_statement_of_an_earlier_version_names_no_origin(status: SoftKey) -> None:
    assert SignedStatement.parse(signed(status, body())).statement.origin == ""


@pytest.mark.parametrize("said", [1, "true", None, "yes"])
def test_only_true_is_true(status: SoftKey, said: object) -> None:
    token = signed(status, body(certificate_valid=said))
    assert SignedStatement.parse(token).statement.certificate_valid is False


def test_the_token_is_the_same_for_the_same_statement_but_for_its_signature(
    status: SoftKey,
) -> None:
    first, second = (der.parse(PLAIN.encode(status)).children() for _ in range(2))
    assert first.octets() == second.octets()
    assert replace(PLAIN, reason="x") != PLAIN
