"""Anchors that count for some, and authorities under which a proof cannot be had."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crypto.pdf.reading.document import Document
from crypto.pdf.reading.signatures import read_signatures
from crypto.pki.certificate import OCSP_SIGNING
from crypto.seal.statement import SealStatement, SignedStatement
from crypto.seal.structure import Seal
from crypto.validation.anchor_rules import AnchorRule, by_rules
from crypto.validation.seal_check import check_signature
from crypto.validation.trust import Trust
from crypto.verdict import Finding, Level, Report, Times, Verdict
from tests.world.authority import make_root
from tests.world.documents import classic_pdf
from tests.world.sealing import NOW, World, codes

HOLDER = "宿迁市测试单位"


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf(), world.first)


def only(report: Report) -> Any:
    [signature] = report.signatures
    return signature


def with_rule(world: World, **facts: Any) -> Trust:
    return replace(
        world.trust, rules=(AnchorRule(world.authority.certificate.fingerprint, **facts),)
    )


def test_an_anchor_for_one_company_counts_for_no_other(world: World, sealed: bytes) -> None:
    mine = with_rule(world, holders=frozenset({HOLDER}))
    assert world.verify(sealed, trust=mine).verdict is Verdict.VALID
    other = with_rule(world, holders=frozenset({"别的公司"}))
    report = world.verify(sealed, trust=other)
    assert report.verdict is Verdict.UNKNOWN
    assert {"signer_untrusted", "maker_untrusted"} <= codes(only(report))


def test_trust_for_everybody_is_not_narrowed_by_trust_for_one(world: World, sealed: bytes) -> None:
    other = with_rule(world, holders=frozenset({"别的公司"}))
    everybody = Trust.in_all([world.authority.certificate])
    for trust in (other.merged(everybody), everybody.merged(other)):
        assert world.verify(sealed, trust=trust).verdict is Verdict.VALID


def test_where_nobody_publishes_it_missing_status_and_revocation_are_notices(world: World) -> None:
    """Decided by whoever keeps the list: without the rule the same file is UNKNOWN."""
    sealed = world.sign(classic_pdf(), world.first)
    bare = Trust.in_all([world.authority.certificate])
    without = world.verify(sealed, trust=bare)
    assert {"status_unknown", "revocation_unknown", "sealed_offline"} <= codes(only(without))
    assert without.verdict is Verdict.UNKNOWN
    rule = AnchorRule(world.authority.certificate.fingerprint, status=False, revocation=False)
    report = world.verify(sealed, trust=replace(bare, rules=(rule,)))
    assert report.verdict is Verdict.VALID
    assert {"status_not_published", "revocation_not_published"} <= codes(only(report))


def test_an_algorithm_of_its_time_is_accepted_until_the_rules_day(world: World) -> None:
    anchor = world.authority.certificate
    weak = [Finding("weak_algorithm", {"algorithm": "sha1"})]

    def judged(until: Any, moment: Any, name: str = "sha1") -> Finding:
        rule = AnchorRule(anchor.fingerprint, algorithms=((name, until),))
        [found] = by_rules(weak, [rule], anchor, None, Times(moment), NOW)
        return found

    good = judged(NOW, NOW - timedelta(days=1))
    assert (good.code, good.level) == ("weak_algorithm_accepted", Level.NOTICE)
    assert judged(NOW, NOW + timedelta(days=1)).code == "weak_algorithm"
    assert judged(NOW, None).code == "weak_algorithm"
    assert judged(NOW, NOW, "md5").code == "weak_algorithm"


def test_a_platform_does_not_speak_about_another_platforms_seals(world: World) -> None:
    """Both are trusted; a ticket of the one for a seal of the other counts for nothing."""
    other = make_root("另一个平台")
    key = other.key_for("状态", extended_key_usage=(OCSP_SIGNING,))
    said = world.statement(world.first).statement
    forged = SignedStatement.parse(SealStatement(**vars(said)).encode(key))
    sealed = world.sign(classic_pdf(), world.first)
    both = Trust.in_all([world.authority.certificate, other.certificate])
    report = world.verify(sealed, trust=replace(both, statements=(forged,)))
    assert "status_unknown" in codes(only(report))
    own = replace(both, statements=(world.statement(world.first),))
    assert "status_active" in codes(only(world.verify(sealed, trust=own)))
    # one that makes no seals itself may speak about all: that is what it was pinned for
    registry = replace(both, seal_makers=both.seal_makers[:1], statements=(forged,))
    assert "status_active" in codes(only(world.verify(sealed, trust=registry)))


def test_a_demo_seal_is_called_one_where_nobody_trusts_it(world: World) -> None:

    document = Document(io.BytesIO(world.sign(classic_pdf(), world.first)))
    [found] = read_signatures(document, document.signature_fields())
    assert found.seal_signature is not None
    seal = replace(found.seal_signature.seal, vendor="SEALDESK-DEMO")
    assert isinstance(seal, Seal)
    value = replace(found.seal_signature, seal=seal)
    stranger = {each.code for each in check_signature(value, None, Trust(), NOW).findings}
    assert "demo_seal" in stranger
    inside = {each.code for each in check_signature(value, None, world.trust, NOW).findings}
    assert "demo_seal" not in inside
