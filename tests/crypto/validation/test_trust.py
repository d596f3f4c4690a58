"""The truth table of docs/verification.md, enumerated: facts → findings → verdict."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from crypto.algorithms import gm
from crypto.algorithms.keys import SM2_WITH_SM3, SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import (
    CODE_SIGNING,
    DOCUMENT_SIGNING,
    OCSP_SIGNING,
    SEAL_MAKING,
    SERVER_AUTH,
    TIME_STAMPING,
    Certificate,
)
from crypto.pki.certificate_making import make_crl
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import make_token
from crypto.seal.making import make_seal, make_signature
from crypto.seal.statement import STAPLE, SealChange, SealStatement, SignedStatement
from crypto.seal.structure import Extension, Seal, SealSignature
from crypto.validation.seal_check import check_seal, check_signature
from crypto.validation.trust import Trust
from crypto.verdict import LEVELS, Finding, Level, Verdict, beijing, beijing_day, verdict_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SIGNED = NOW - 30 * DAY
CREATED = NOW - 60 * DAY
DIGEST = bytes(range(32))
CODE = "32130000000017"
CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"

PERIODS = {
    "good now": (CREATED, NOW + 300 * DAY),
    "ended since": (CREATED, NOW - 10 * DAY),
    "ended before": (CREATED, SIGNED - 5 * DAY),
}
"""Of a certificate or a seal, by how it stands to the time of signing and to now."""
REVOKED = ("no", "unknown", "before", "after")
PLATFORM = ("active", "stale", "silent", "ended before", "pending", "ended after")
ANCHORS = ("both", "no signers", "no makers")
TIMES = ("claimed", "ticket")


@dataclass(frozen=True)
class Facts:
    """One row of the table."""

    time: str
    certificate: str
    revoked: str
    seal: str
    platform: str
    anchors: str


ROWS = [
    Facts(*row) for row in itertools.product(TIMES, PERIODS, REVOKED, PERIODS, PLATFORM, ANCHORS)
]


def expected(facts: Facts) -> Verdict:
    """The verdict by the rules as docs/verification.md states them, independently of the code."""
    proved = facts.time == "ticket"
    levels = [Level.OK]
    for period in (facts.certificate, facts.seal):
        if period == "ended since":
            levels.append(Level.NOTICE if proved else Level.UNKNOWN)
        elif period == "ended before":
            levels.append(Level.INVALID)
    if facts.anchors != "both":
        levels.append(Level.UNKNOWN)
    if facts.anchors != "no signers":  # a list by an issuer nobody trusts says nothing
        levels.append(
            {
                "no": Level.OK,
                "unknown": Level.OK if proved else Level.UNKNOWN,  # the ticket vouches for it
                "before": Level.INVALID,
                "after": Level.NOTICE if proved else Level.UNKNOWN,
            }[facts.revoked]
        )
    levels.append(
        {
            "active": Level.OK,
            "stale": Level.OK if proved else Level.UNKNOWN,
            "silent": Level.OK if proved else Level.UNKNOWN,
            "ended before": Level.INVALID,
            "pending": Level.UNKNOWN,
            "ended after": Level.NOTICE if proved else Level.UNKNOWN,
        }[facts.platform]
    )
    order = list(Level)
    worst = max(levels, key=order.index)
    return {
        Level.OK: Verdict.VALID,
        Level.NOTICE: Verdict.VALID,
        Level.UNKNOWN: Verdict.UNKNOWN,
        Level.INVALID: Verdict.INVALID,
    }[worst]


class World:
    """Builds the evidence for each row once."""

    def __init__(self, make_root: Callable[..., Any]) -> None:
        self.signers, self.makers, self.platform = (make_root(name) for name in "甲乙丙")
        self.maker = self.makers.key_for("制章者", usage=("digitalSignature",))
        self.status = self.platform.key_for(
            "状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)
        )
        self.key = SoftKey.generate()
        self.signature = cache(self._signature)
        self.crls = cache(self._crls)
        self.statements = cache(self._statements)
        self.certificate = cache(self._certificate)

    def _certificate(self, period: str) -> SoftKey:
        begin, end = PERIODS[period]
        issued = self.signers.issue(CODE, self.key.spki, not_before=begin, not_after=end)
        return self.key.with_certificate(issued)

    def seal(self, certificate: bytes, period: str, **changes: Any) -> bytes:
        begin, end = PERIODS[period]
        values: dict[str, Any] = {
            "es_id": CODE,
            "vendor": "TEST",
            "seal_type": 1,
            "name": "测试章",
            "signer_certificates": [certificate],
            "created": CREATED,
            "valid_from": begin,
            "valid_until": end,
            "picture": b"picture",
            "width_mm": 40,
            "height_mm": 40,
            "maker": self.maker,
        }
        return make_seal(**{**values, **changes})

    def statement(self, **changes: Any) -> SignedStatement:
        values: dict[str, Any] = {
            "seal_code": CODE,
            "state": "active",
            "reason": "",
            "effective_at": None,
            "recorded_at": None,
            "certificate_serial": 0,
            "certificate_valid": False,
            "issued_at": NOW - timedelta(minutes=5),
            "next_update": NOW + DAY,
        }
        return SignedStatement.parse(SealStatement(**{**values, **changes}).encode(self.status))

    def ticket(self, key: SoftKey, **changes: Any) -> SignedStatement:
        values: dict[str, Any] = {
            "certificate_serial": Certificate.parse(key.certificate).serial,
            "certificate_valid": True,
            "issued_at": SIGNED - timedelta(minutes=1),
            "next_update": SIGNED + timedelta(hours=1),
            "document_digest": DIGEST,
        }
        return self.statement(**{**values, **changes})

    def _signature(self, time: str, certificate: str, seal: str) -> SealSignature:
        key = self.certificate(certificate)
        return self.sign(key, self.seal(key.certificate, seal), self.ticket(key), time == "ticket")

    def sign(
        self,
        key: SoftKey,
        seal: bytes,
        ticket: SignedStatement | None = None,
        stapled: bool = False,
        signed_at: datetime = SIGNED,
    ) -> SealSignature:
        extensions = [Extension(STAPLE, False, ticket.token)] if stapled and ticket else []
        value = make_signature(
            seal=seal, digest=DIGEST, property_info="PDF", signed_at=signed_at, key=key,
            extensions=extensions,
        )  # fmt: skip
        return SealSignature.parse(value)

    def _crls(self, revoked: str, certificate: str) -> tuple[Crl, ...]:
        if revoked == "unknown":
            return ()
        serial = Certificate.parse(self.certificate(certificate).certificate).serial
        moments = {"before": SIGNED - 2 * DAY, "after": SIGNED + 2 * DAY}
        entries = [(serial, moments[revoked], 1)] if revoked in moments else []
        return (self.crl(entries),)

    def crl(self, entries: list[tuple[int, datetime, int | None]], **changes: Any) -> Crl:
        values: dict[str, Any] = {
            "issuer": self.signers.name,
            "issuer_key": self.signers.key,
            "authority_spki": self.signers.key.spki,
            "number": 1,
            "this_update": NOW - DAY,
            "next_update": NOW + DAY,
            "entries": entries,
        }
        return Crl.parse(make_crl(**{**values, **changes}))

    def _statements(self, platform: str) -> tuple[SignedStatement, ...]:
        changed = {"state": "suspended", "reason": "停用"}
        match platform:
            case "active":
                return (self.statement(),)
            case "stale":
                old = SIGNED - 3 * DAY
                return (self.statement(issued_at=old, next_update=old + DAY),)
            case "ended before":
                when = SIGNED - 3 * DAY
                return (self.statement(**changed, effective_at=when, recorded_at=when),)
            case "pending":
                return (
                    self.statement(**changed, effective_at=SIGNED - DAY, recorded_at=SIGNED + DAY),
                )
            case "ended after":
                when = SIGNED + 3 * DAY
                return (self.statement(**changed, effective_at=when, recorded_at=when),)
        return ()

    def trust(self, anchors: str = "both", **evidence: Any) -> Trust:
        return Trust(
            signers=() if anchors == "no signers" else (self.signers.certificate,),
            seal_makers=() if anchors == "no makers" else (self.makers.certificate,),
            platforms=(self.platform.certificate,),
            **evidence,
        )


@pytest.fixture(scope="module")
def world(make_root: Callable[..., Any]) -> World:
    return World(make_root)


def judged(world: World, facts: Facts) -> tuple[Finding, ...]:
    trust = world.trust(
        facts.anchors,
        crls=world.crls(facts.revoked, facts.certificate),
        statements=world.statements(facts.platform),
    )
    value = world.signature(facts.time, facts.certificate, facts.seal)
    return check_signature(value, DIGEST, trust, NOW).findings


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("certificate", PERIODS)
@pytest.mark.parametrize("seal", PERIODS)
def test_every_combination_of_facts_has_the_verdict_of_the_table(
    world: World, time: str, certificate: str, seal: str
) -> None:
    rows = [r for r in ROWS if (r.time, r.certificate, r.seal) == (time, certificate, seal)]
    assert len(rows) == len(REVOKED) * len(PLATFORM) * len(ANCHORS)
    wrong = [
        (row, found, [each.code for each in findings if each.level != Level.OK])
        for row in rows
        if (found := verdict_of(findings := judged(world, row))) is not expected(row)
    ]
    assert not wrong, wrong[:3]


SINGLE: dict[str, dict[str, str]] = {
    "signer_listed": {},
    "time_claimed": {},
    "signer_valid_at_signing": {},
    "seal_valid_at_signing": {},
    "status_active": {},
    "signer_not_revoked": {},
    "signer_trusted": {},
    "maker_trusted": {},
    "maker_valid_at_making": {},
    "time_trusted": {"time": "ticket"},
    "signer_expired_unproven": {"certificate": "ended since"},
    "signer_expired_since": {"certificate": "ended since", "time": "ticket"},
    "signer_not_valid_at_signing": {"certificate": "ended before"},
    "seal_expired_unproven": {"seal": "ended since"},
    "seal_expired_since": {"seal": "ended since", "time": "ticket"},
    "seal_not_valid_at_signing": {"seal": "ended before"},
    "revocation_unknown": {"revoked": "unknown"},
    "signer_revoked_before": {"revoked": "before"},
    "signer_revoked_unproven": {"revoked": "after"},
    "signer_revoked_since": {"revoked": "after", "time": "ticket"},
    "status_stale": {"platform": "stale"},
    "status_unknown": {"platform": "silent"},
    "status_not_active": {"platform": "ended before"},
    "status_pending": {"platform": "pending"},
    "status_changed_unproven": {"platform": "ended after"},
    "status_changed_since": {"platform": "ended after", "time": "ticket"},
    "signer_untrusted": {"anchors": "no signers"},
    "maker_untrusted": {"anchors": "no makers"},
}
GOOD = Facts("claimed", "good now", "no", "good now", "active", "both")


@pytest.mark.parametrize(("code", "changes"), SINGLE.items(), ids=SINGLE)
def test_each_fact_is_named(world: World, code: str, changes: dict[str, str]) -> None:
    assert code in {each.code for each in judged(world, replace(GOOD, **changes))}


def found(world: World, value: SealSignature, trust: Trust | None = None) -> set[str]:
    trust = trust or world.trust(crls=(world.crl([]),), statements=world.statements("active"))
    return {each.code for each in check_signature(value, DIGEST, trust, NOW).findings}


def test_a_seal_signed_in_the_future_or_before_it_was_made_is_unknown(world: World) -> None:
    key = world.certificate("good now")
    seal = world.seal(key.certificate, "good now")
    assert "time_in_future" in found(world, world.sign(key, seal, signed_at=NOW + DAY))
    early = world.seal(key.certificate, "good now", created=SIGNED + DAY)
    assert "time_before_seal" in found(world, world.sign(key, early))
    for code in ("time_in_future", "time_before_seal"):
        assert LEVELS[code] is Level.UNKNOWN


def test_a_claimed_time_far_from_the_ticket_contradicts(world: World) -> None:
    key = world.certificate("good now")
    seal = world.seal(key.certificate, "good now")
    for late in (-DAY, 2 * DAY):
        value = world.sign(key, seal, world.ticket(key), True, signed_at=SIGNED + late)
        assert "time_contradicts" in found(world, value)


@pytest.mark.parametrize(
    "changes",
    [{"document_digest": bytes(32)}, {"seal_code": "32130000000099"}, {"document_digest": None}],
    ids=["another document", "another seal", "no document"],
)
def test_a_ticket_for_something_else_counts_for_nothing(
    world: World, changes: dict[str, Any]
) -> None:
    key = world.certificate("good now")
    value = world.sign(
        key, world.seal(key.certificate, "good now"), world.ticket(key, **changes), True
    )
    codes = found(world, value, world.trust(crls=(world.crl([]),)))
    assert {"time_claimed", "status_unknown"} <= codes


def test_a_ticket_of_a_platform_nobody_trusts_counts_for_nothing(world: World) -> None:
    value = world.signature("ticket", "good now", "good now")
    trust = replace(world.trust(crls=(world.crl([]),)), platforms=())
    assert {"time_claimed", "status_unknown"} <= found(world, value, trust)


def test_a_ticket_proves_no_certificate_but_its_own(world: World) -> None:
    key = world.certificate("good now")
    value = world.sign(
        key, world.seal(key.certificate, "good now"), world.ticket(key, certificate_serial=1), True
    )
    assert "revocation_unknown" in found(world, value, world.trust())


def test_statements_of_other_seals_or_platforms_are_not_heard(
    world: World, make_root: Callable[..., Any]
) -> None:
    value = world.signature("claimed", "good now", "good now")
    other = world.statement(seal_code="32130000000099")
    stranger = make_root("别人").key_for(
        "状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)
    )
    forged = SignedStatement.parse(world.statement().statement.encode(stranger))
    trust = world.trust(crls=(world.crl([]),), statements=(other, forged))
    assert "status_unknown" in found(world, value, trust)


def test_a_signer_outside_the_list_is_invalid(world: World) -> None:
    key = world.certificate("good now")
    value = world.signature("claimed", "good now", "good now")
    other = world.signers.issue(CODE, SoftKey.generate().spki)
    seal = world.seal(key.certificate, "good now", signer_certificates=[other])
    forged = replace(value, seal=type(value.seal).parse(seal))
    assert "signer_not_listed" in found(world, forged)
    assert LEVELS["signer_not_listed"] is Level.INVALID


def test_wrong_values_are_invalid(world: World) -> None:
    value = world.signature("claimed", "good now", "good now")
    assert "signature_invalid" in found(world, replace(value, signature=bytes(64)))
    seal = replace(value.seal, signature=bytes(64))
    assert "seal_signature_invalid" in found(world, replace(value, seal=seal))
    assert "digest_mismatch" in found(world, replace(value, digest=bytes(32)))
    assert "version_differs" in found(world, replace(value, version=3))
    assert "time_missing" in found(world, replace(value, signed_at=None))
    assert "value_unreadable" in found(world, replace(value, certificate=b"0"))
    assert "weak_algorithm" in found(
        world, replace(value, signature_algorithm="1.2.840.113549.1.1.5")
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"usage": ("keyEncipherment",)}, "signer_usage_wrong"),
        ({"usage": ("digitalSignature", "keyCertSign")}, "signer_may_issue"),
        ({"subject": "32130000009999"}, "seal_code_differs"),
    ],
)
def test_odd_signer_certificates_are_named(
    world: World, options: dict[str, Any], code: str
) -> None:
    subject = options.pop("subject", CODE)
    key = world.key.with_certificate(world.signers.issue(subject, world.key.spki, **options))
    assert code in found(world, world.sign(key, world.seal(key.certificate, "good now")))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"usage": ("keyEncipherment",)}, "maker_usage_wrong"),
        ({"extended_key_usage": ("1.3.6.1.5.5.7.3.36",)}, "maker_purpose_wrong"),
        ({"not_after": CREATED - DAY}, "maker_not_valid_at_making"),
        ({"not_after": NOW - DAY}, "maker_expired_since"),
        ({"not_before": CREATED + DAY}, "maker_valid_at_use"),
        ({"usage": ("digitalSignature", "keyCertSign")}, "maker_may_issue"),
    ],
)
def test_odd_maker_certificates_are_named(world: World, options: dict[str, Any], code: str) -> None:
    maker = world.makers.key_for("怪的制章者", **{"usage": ("digitalSignature",), **options})
    key = world.certificate("good now")
    value = world.sign(key, world.seal(key.certificate, "good now", maker=maker))
    assert code in found(world, value)


@pytest.mark.parametrize("purposes", [(), (CLIENT_AUTH,)], ids=["none", "another"])
def test_a_maker_that_anybody_could_be_is_unknown_until_it_is_pinned(
    world: World, purposes: tuple[str, ...]
) -> None:
    """An ordinary certificate of an authority that certifies everybody makes no seals."""
    key = world.certificate("good now")

    def maker(organization: str, extended: tuple[str, ...] = purposes) -> SoftKey:
        return world.makers.key_for(
            "普通员工证书", organization=organization, extended_key_usage=extended
        )

    def codes_for(maker: SoftKey, trust: Trust) -> set[str]:
        seal = world.seal(key.certificate, "good now", maker=maker)
        return found(world, world.sign(key, seal), trust)

    general = world.trust(crls=(world.crl([]),), statements=world.statements("active"))
    anchor = world.makers.certificate
    general = replace(general, signers=(*general.signers, anchor))
    employee = maker("某某单位")
    assert "maker_purpose_unstated" in codes_for(employee, general)
    assert LEVELS["maker_purpose_unstated"] is Level.UNKNOWN
    pinned = replace(general, seal_makers=(Certificate.parse(employee.certificate),))
    assert "maker_purpose_unstated" not in codes_for(employee, pinned)
    only_makers = replace(general, signers=world.trust().signers)
    assert "maker_purpose_unstated" not in codes_for(employee, only_makers)
    own = maker(anchor.subject.organization)
    assert "maker_purpose_unstated" not in codes_for(own, general)
    stated = maker("某某单位", (SEAL_MAKING,))
    assert "maker_purpose_unstated" not in codes_for(stated, general)


@pytest.mark.parametrize(
    ("purposes", "other"),
    [
        ((SERVER_AUTH, CLIENT_AUTH), True),
        ((CODE_SIGNING,), True),
        ((SERVER_AUTH, DOCUMENT_SIGNING), False),
        ((CLIENT_AUTH,), False),
        ((), False),
    ],
)
def test_a_certificate_for_servers_or_programs_signs_no_documents(
    world: World, purposes: tuple[str, ...], other: bool
) -> None:
    issued = world.signers.issue(CODE, world.key.spki, extended_key_usage=purposes)
    key = world.key.with_certificate(issued)
    value = world.sign(key, world.seal(key.certificate, "good now"))
    assert ("signer_purpose_other" in found(world, value)) is other
    trust = world.trust(crls=(world.crl([]),), statements=world.statements("active"))
    pinned = replace(trust, signers=(Certificate.parse(issued),))
    assert "signer_purpose_other" not in found(world, value, pinned)


def test_a_clock_that_is_behind_is_named_and_nothing_is_called_expired(world: World) -> None:
    key = world.certificate("good now")
    value = world.sign(key, world.seal(key.certificate, "good now"), world.ticket(key), True)
    trust = world.trust(crls=(world.crl([]),))
    findings = check_signature(value, DIGEST, trust, CREATED - DAY).findings
    codes = {each.code for each in findings}
    assert "clock_contradicts" in codes
    assert not {"time_in_future", "signer_expired_since", "maker_expired_since"} & codes
    assert verdict_of(findings) is Verdict.UNKNOWN
    [clock] = [each for each in findings if each.code == "clock_contradicts"]
    assert beijing(CREATED - DAY) in clock.text()
    assert beijing(SIGNED - timedelta(minutes=1)) in clock.text()


@pytest.mark.parametrize(
    ("moment", "code"),
    [(CREATED - DAY, "maker_revoked_before"), (CREATED + DAY, "maker_revoked_unproven")],
)
def test_a_revoked_maker_is_named_by_when(world: World, moment: datetime, code: str) -> None:
    serial = Certificate.parse(world.maker.certificate).serial
    crl = world.crl(
        [(serial, moment, 1)], issuer=world.makers.name, issuer_key=world.makers.key,
        authority_spki=world.makers.key.spki,
    )  # fmt: skip
    value = world.signature("claimed", "good now", "good now")
    assert code in found(world, value, world.trust(crls=(crl,)))


def test_a_key_that_is_no_authority_cannot_issue_signers(world: World) -> None:
    leaf = world.signers.sub_authority("普通证书", ca=False)
    key = world.key.with_certificate(leaf.issue(CODE, world.key.spki))
    trust = world.trust(pool=(leaf.certificate,))
    value = world.sign(key, world.seal(key.certificate, "good now"))
    assert "signer_chain_broken" in found(world, value, trust)


def test_a_key_that_is_no_authority_cannot_issue_makers(world: World) -> None:
    leaf = world.makers.sub_authority("普通证书", ca=False)
    maker = leaf.key_for("制章者", usage=("digitalSignature",))
    key = world.certificate("good now")
    value = world.sign(key, world.seal(key.certificate, "good now", maker=maker))
    trust = world.trust(pool=(leaf.certificate,))
    assert "maker_chain_broken" in found(world, value, trust)


def test_revoked_and_unchecked_issuers_are_named(world: World) -> None:
    middle = world.signers.sub_authority("中级")
    key = world.key.with_certificate(middle.issue(CODE, world.key.spki))
    value = world.sign(key, world.seal(key.certificate, "good now"))
    pool = (middle.certificate,)
    assert "ca_revocation_unknown" in found(world, value, world.trust(pool=pool))
    crl = world.crl([(middle.certificate.serial, SIGNED - DAY, 2)])
    assert "ca_revoked" in found(world, value, world.trust(pool=pool, crls=(crl,)))


def test_a_lifted_hold_is_no_revocation_and_a_forged_list_is_not_heard(world: World) -> None:
    value = world.signature("claimed", "good now", "good now")
    serial = Certificate.parse(value.certificate).serial
    held = world.crl([(serial, SIGNED - 3 * DAY, 6)], this_update=NOW - 5 * DAY)
    lifted = world.crl([(serial, SIGNED - 2 * DAY, 8)])
    assert "signer_revoked_before" in found(world, value, world.trust(crls=(held,)))
    assert "signer_not_revoked" in found(world, value, world.trust(crls=(held, lifted)))
    forged = world.crl([(serial, SIGNED - DAY, 1)], issuer_key=SoftKey.generate())
    assert "signer_revoked_before" not in found(world, value, world.trust(crls=(forged,)))


def test_a_seal_by_itself_is_judged_now(world: World) -> None:
    key = world.certificate("good now")

    def alone(period: str, now: datetime = NOW) -> set[str]:
        seal = Seal.parse(world.seal(key.certificate, period))
        return {each.code for each in check_seal(seal, world.trust(), now).findings}

    assert "seal_valid_now" in alone("good now")
    assert "seal_expired" in alone("ended since")
    assert "seal_not_yet_valid" in alone("good now", CREATED - DAY)


def test_the_time_stamp_inside_a_new_seal_says_when_it_was_there(
    world: World, make_root: Callable[..., Any]
) -> None:
    authority = world.makers.key_for(
        "时间戳", usage=("digitalSignature",), extended_key_usage=[TIME_STAMPING]
    )
    key = world.certificate("good now")
    _header, *rest = der.parse(world.seal(key.certificate, "good now")).children().next().children()
    version = der.sequence(der.ia5("ES"), der.integer(5), der.ia5("TEST"))
    info = der.sequence(version, *(each.raw for each in rest))
    made = world.maker.sign(info)

    def stamped(generated: datetime, over: bytes = made, by: SoftKey = authority) -> Seal:
        token = make_token(
            key=by, hash_name="sm3", digest=gm.sm3(over), policy="2.25.1", serial=1,
            generated=generated,
        )  # fmt: skip
        return Seal.parse(
            der.sequence(
                info,
                der.octet_string(world.maker.certificate),
                der.oid(SM2_WITH_SM3),
                der.bit_string(made),
                der.context(0, der.bit_string(token)),
            )
        )

    trust = replace(world.trust(), timestamps=(world.makers.certificate,))

    def told(seal: Seal, trust: Trust = trust) -> set[str]:
        return {each.code for each in check_seal(seal, trust, NOW).findings}

    good = stamped(CREATED + timedelta(minutes=1))
    assert {"seal_signature_valid", "seal_timestamp_good"} <= told(good)
    assert "seal_timestamp_unproven" in told(good, world.trust())
    assert "seal_timestamp_invalid" in told(stamped(CREATED, over=b"another seal"))
    assert "seal_made_after_timestamp" in told(stamped(CREATED - DAY))

    # the maker's key was stolen later: the time stamp tells old seals from the thief's
    serial = Certificate.parse(world.maker.certificate).serial
    crl = world.crl(
        [(serial, CREATED + DAY, 1)], issuer=world.makers.name, issuer_key=world.makers.key,
        authority_spki=world.makers.key.spki,
    )  # fmt: skip
    stolen = replace(trust, crls=(crl,))
    assert "maker_revoked_since" in told(good, stolen)
    assert "maker_revoked_unproven" in told(good, replace(stolen, timestamps=()))
    assert "maker_revoked_unproven" in told(stamped(CREATED + 2 * DAY), stolen)


def test_trusts_are_added_up(world: World) -> None:
    left, right = world.trust("no makers"), world.trust("no signers")
    both = left.merged(right)
    assert both.signers == left.signers
    assert both.seal_makers == right.seal_makers
    assert len(Trust.in_all([world.signers.certificate]).timestamps) == 1


def test_a_seal_that_was_replaced_says_when_though_nobody_says_by_which(world: World) -> None:
    """The registry tells the day; only a statement names the seal that came after."""
    key = world.certificate("good now")
    value = world.sign(
        key, world.seal(key.certificate, "good now"), world.ticket(key), stapled=True
    )
    when = SIGNED + 3 * DAY
    change = SealChange(CODE, "cancelled", "replaced", when, when)
    trust = world.trust(changes=(change,), crls=world.crls("no", "good now"))
    found = {each.code: each for each in check_signature(value, DIGEST, trust, NOW).findings}
    assert found["seal_replaced_on"].details == {"on": beijing_day(when)}
    assert "status_changed_since" in found
    said = {"state": "cancelled", "reason": "replaced", "effective_at": when, "recorded_at": when}
    told = world.trust(statements=(world.statement(**said),), crls=world.crls("no", "good now"))
    codes = {each.code for each in check_signature(value, DIGEST, told, NOW).findings}
    assert "seal_replaced_on" in codes
