"""Revocation: lists and OCSP responses alike, then and now; old news never undoes new news."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.asn1 import der
from crypto.pki.certificate import OCSP_SIGNING, TIME_STAMPING, Certificate
from crypto.pki.certificate_making import make_crl
from crypto.pki.cms import REVOCATION_ARCHIVE, Attribute, SignedData, digest_of
from crypto.pki.cms_make import make_signed_data
from crypto.pki.names_and_algorithms import CertificateError
from crypto.pki.ocsp import Answer, CertificateId, OcspResponse, make_response
from crypto.pki.revocation_list import Crl
from crypto.pki.timestamp import make_token
from crypto.validation.cms_check import check_cms
from crypto.validation.revocation import Evidence, Revocation
from crypto.validation.trust import Trust, check_maker, check_signer, was_revoked
from crypto.validation.trusted_time import check_timestamp
from crypto.verdict import Times
from tests.world.seals import statement_on

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIGNED = NOW - 30 * DAY
CLAIMED, PROVED = Times(SIGNED), Times(SIGNED, SIGNED, "timestamp")
STOLEN, RETIRED, HOLD = 1, 4, 6


@pytest.fixture(scope="module")
def issuing(root):
    return root.sub_authority("Issuing")


@pytest.fixture(scope="module")
def holder(issuing) -> Certificate:
    return Certificate.parse(issuing.key_for("宿迁某公司").certificate)


def crl(authority, revoked=(), *, made=NOW - DAY / 2, until=NOW + DAY / 2, by=None) -> Crl:
    """A list of *authority*: *revoked* are (certificate, since, reason)."""
    data = make_crl(
        issuer=authority.name,
        issuer_key=(by or authority).key,
        authority_spki=authority.key.spki,
        number=int(made.timestamp()),
        this_update=made,
        next_update=until,
        entries=[(each.serial, since, reason) for each, since, reason in revoked],
    )
    return Crl.parse(data)


def ocsp(
    authority,
    certificate,
    since=None,
    reason=None,
    *,
    made=NOW - DAY / 2,
    until=NOW + DAY / 2,
    by=None,
) -> OcspResponse:
    """What a responder of *authority* says of one certificate."""
    key = by or authority.key
    answer = Answer(
        CertificateId.of(certificate, authority.certificate),
        "revoked" if since else "good",
        since,
        reason,
        made,
        until,
    )
    chain = [] if key is authority.key else [key.certificate]
    return OcspResponse.parse(
        make_response([answer], key=key, produced_at=made, certificates=chain)
    )


def said(kind, authority, certificate, since=None, reason=None, **options) -> Trust:
    """The same word as a list or as a response."""
    if kind == "ocsp":
        return Trust(ocsp=(ocsp(authority, certificate, since, reason, **options),))
    rows = [(certificate, since, reason)] if since else []
    return Trust(crls=(crl(authority, rows, **options),))


def codes(root, issuing, holder, *words: Trust, times=PROVED, now=NOW) -> set[str]:
    """The codes of what is found about the holder's revocation."""
    trust = Trust(signers=(root.certificate,), pool=(issuing.certificate,))
    for each in words:
        trust = trust.merged(each)
    findings, chain = check_signer(holder, (), trust, times, now, False)
    assert chain.trusted
    return {f.code for f in findings if "revo" in f.code and not f.code.startswith("ca_")}


def test_a_critical_extension_not_understood_leads_to_no_trust_and_breaks_no_rule(
    root, issuing, holder
):
    odd_holder = replace(holder, unknown_critical=("1.2.3",))
    odd_issuer = replace(issuing.certificate, unknown_critical=("2.5.29.36",))
    for signer, issuer, code in (
        (holder, issuing.certificate, "signer_trusted"),
        (odd_holder, issuing.certificate, "signer_untrusted"),
        (holder, odd_issuer, "signer_untrusted"),
    ):
        trust = Trust(signers=(root.certificate,), pool=(issuer,))
        findings, _ = check_signer(signer, (), trust, CLAIMED, NOW, False)
        chained = {f.code for f in findings} & {
            "signer_trusted", "signer_untrusted", "signer_chain_broken"
        }  # fmt: skip
        assert chained == {code}


both = pytest.mark.parametrize("kind", ["crl", "ocsp"])


# --- one word ----------------------------------------------------------------------------------


def test_without_evidence_nothing_is_known(root, issuing, holder):
    assert codes(root, issuing, holder) == {"revocation_unknown"}


@both
def test_what_is_in_force_now_clears(root, issuing, holder, kind):
    good = said(kind, issuing, holder)
    for times in (PROVED, CLAIMED):
        assert codes(root, issuing, holder, good, times=times) == {"signer_not_revoked"}


@both
def test_revoked_before_since_and_unproven(root, issuing, holder, kind):
    before = said(kind, issuing, holder, SIGNED - DAY, STOLEN)
    since = said(kind, issuing, holder, SIGNED + DAY, STOLEN)
    for times in (PROVED, CLAIMED):
        assert codes(root, issuing, holder, before, times=times) == {"signer_revoked_before"}
    assert codes(root, issuing, holder, since) == {"signer_revoked_since"}
    assert codes(root, issuing, holder, since, times=CLAIMED) == {"signer_revoked_unproven"}


@both
def test_stale_good_news_clears_only_a_proved_time_before_it(root, issuing, holder, kind):
    stale = said(kind, issuing, holder, made=SIGNED + DAY, until=SIGNED + 2 * DAY)
    assert codes(root, issuing, holder, stale) == {"signer_not_revoked"}
    assert codes(root, issuing, holder, stale, times=CLAIMED) == {"revocation_unknown"}
    older = said(kind, issuing, holder, made=SIGNED - DAY, until=SIGNED + DAY)
    assert codes(root, issuing, holder, older) == {"revocation_unknown"}


@both
def test_good_news_from_the_future_does_not_count(root, issuing, holder, kind):
    future = said(kind, issuing, holder, made=NOW + DAY, until=NOW + 2 * DAY)
    assert codes(root, issuing, holder, future) == {"revocation_unknown"}


@both
def test_good_news_after_the_certificate_expired_does_not_count(root, issuing, kind):
    expired = Certificate.parse(issuing.key_for("过期", not_after=NOW - 2 * DAY).certificate)
    late = said(kind, issuing, expired)
    assert codes(root, issuing, expired, late) == {"revocation_unknown"}
    intime = said(kind, issuing, expired, made=NOW - 3 * DAY, until=NOW - 2 * DAY)
    assert codes(root, issuing, expired, intime) == {"signer_not_revoked"}


@both
def test_evidence_of_another_authority_does_not_count(root, make_root, issuing, holder, kind):
    other = make_root("Other Root")
    options = {"by": other} if kind == "crl" else {"by": other.key}
    forged = said(kind, issuing, holder, SIGNED - DAY, STOLEN, **options)
    assert codes(root, issuing, holder, forged) == {"revocation_unknown"}


# --- several words -----------------------------------------------------------------------------


@both
@pytest.mark.parametrize("other", ["crl", "ocsp"])
def test_an_older_list_never_overrides_a_newer_one(root, issuing, holder, kind, other):
    new = said(kind, issuing, holder, SIGNED - DAY, STOLEN, made=NOW - DAY / 4)
    old = said(other, issuing, holder, made=NOW - DAY / 2)
    for words in ((old, new), (new, old)):
        assert codes(root, issuing, holder, *words) == {"signer_revoked_before"}


@both
def test_a_list_that_dropped_the_certificate_does_not_undo_its_revocation(
    root, issuing, holder, kind
):
    old = said("crl", issuing, holder, SIGNED - DAY, STOLEN, made=NOW - 9 * DAY)
    new = said(kind, issuing, holder)
    assert codes(root, issuing, holder, old, new) == {"signer_revoked_before"}


@both
def test_a_hold_is_lifted_by_something_newer_only(root, issuing, holder, kind):
    held = said("crl", issuing, holder, SIGNED - DAY, HOLD, made=NOW - 2 * DAY)
    newer = said(kind, issuing, holder)
    older = said(kind, issuing, holder, made=NOW - 3 * DAY)
    assert codes(root, issuing, holder, held, newer) == {"signer_not_revoked"}
    assert codes(root, issuing, holder, held, older) == {"signer_revoked_before"}


def test_of_two_words_of_one_moment_the_bad_one_counts(issuing, root, holder):
    path = (holder, issuing.certificate, root.certificate)
    words = [crl(issuing), crl(issuing, [(holder, SIGNED, HOLD)])]
    for order in (words, words[::-1]):
        assert Evidence(order).revocation(holder, path) == Revocation(SIGNED, HOLD)


def test_a_revoked_responder_proves_nothing(root, issuing, holder):
    key = issuing.key_for("状态", extended_key_usage=[OCSP_SIGNING])
    good = Trust(ocsp=(ocsp(issuing, holder, by=key),))
    assert codes(root, issuing, holder, good) == {"signer_not_revoked"}
    responder = Certificate.parse(key.certificate)
    out = Trust(crls=(crl(issuing, [(responder, NOW - DAY, STOLEN)], until=NOW - DAY / 3),))
    assert codes(root, issuing, holder, good, out, times=CLAIMED) == {"revocation_unknown"}


# --- the others of a chain ---------------------------------------------------------------------


def test_a_revoked_authority_is_told_by_list_and_by_response(root, issuing, holder):
    trust = Trust(signers=(root.certificate,), pool=(issuing.certificate,))
    for kind in ("crl", "ocsp"):
        gone = said(kind, root, issuing.certificate, SIGNED - DAY, STOLEN)
        findings, _ = check_signer(holder, (), trust.merged(gone), PROVED, NOW, False)
        assert "ca_revoked" in {each.code for each in findings}
        later = said(kind, root, issuing.certificate, SIGNED + DAY, STOLEN)
        findings, _ = check_signer(holder, (), trust.merged(later), CLAIMED, NOW, False)
        assert "signer_untrusted" in {each.code for each in findings}
        findings, _ = check_signer(holder, (), trust.merged(later), PROVED, NOW, False)
        assert "signer_untrusted" not in {each.code for each in findings}


@both
def test_a_seal_made_after_its_maker_was_revoked_is_told(root, issuing, holder, kind):
    trust = Trust(seal_makers=(root.certificate,), pool=(issuing.certificate,))
    gone = trust.merged(said(kind, issuing, holder, SIGNED, STOLEN))

    def told(created: datetime, existed: datetime | None, trust: Trust = gone) -> set[str]:
        findings, _ = check_maker(holder, trust, created, NOW, NOW, existed)
        return {each.code for each in findings if "revoked" in each.code}

    assert told(SIGNED + DAY, None) == {"maker_revoked_before"}
    # its key was stolen: the date inside the seal is the thief's own word
    assert told(SIGNED - DAY, None) == {"maker_revoked_unproven"}
    assert told(SIGNED - DAY, SIGNED + DAY) == {"maker_revoked_unproven"}
    assert told(SIGNED - DAY, SIGNED - DAY / 2) == {"maker_revoked_since"}
    retired = trust.merged(said(kind, issuing, holder, SIGNED, RETIRED))
    assert told(SIGNED - DAY, None, retired) == {"maker_revoked_since"}


@both
def test_a_stolen_time_stamping_key_proves_no_time_at_all(root, issuing, kind):
    key = issuing.key_for("时间戳", extended_key_usage=[TIME_STAMPING])
    certificate = Certificate.parse(key.certificate)
    stamped = hashlib.sha256(b"value").digest()
    token = make_token(
        key=key, hash_name="sha256", digest=stamped, policy="2.25.1", serial=1, generated=SIGNED
    )
    trust = Trust(timestamps=(root.certificate,), pool=(issuing.certificate,))

    def trusted_time(reason: int | None, since: datetime) -> datetime | None:
        word = said(kind, issuing, certificate, since, reason)
        return check_timestamp(token, digest_of(b"value"), trust.merged(word))[0]

    superseded = 4
    assert check_timestamp(token, digest_of(b"value"), trust)[0] == SIGNED
    assert trusted_time(superseded, SIGNED + DAY) == SIGNED
    assert trusted_time(superseded, SIGNED - DAY) is None
    assert trusted_time(STOLEN, SIGNED + DAY) is None
    assert trusted_time(None, SIGNED + DAY) is None


def test_a_list_with_a_changed_entry_is_not_believed(root, issuing, holder):
    good = crl(issuing, [(holder, SIGNED, STOLEN)])
    assert codes(root, issuing, holder, Trust(crls=(good,))) == {"signer_revoked_before"}
    forged = replace(good, tbs=good.tbs + b"\0")
    assert codes(root, issuing, holder, Trust(crls=(forged,))) == {"revocation_unknown"}


def test_a_list_whose_entries_are_no_entries_proves_nothing(root, issuing, holder):
    """Entries are read when they are asked for: the list as a whole was found in order."""
    good = crl(issuing, [(holder, SIGNED, STOLEN)])
    broken = der.encode(der.SEQUENCE, der.integer(1))
    odd = replace(good, entries=der.parse(broken))
    assert codes(root, issuing, holder, Trust(crls=(odd,))) == {"revocation_unknown"}
    with pytest.raises(CertificateError):
        odd.revoked  # noqa: B018


# --- what comes with a signature ---------------------------------------------------------------


def test_lists_and_responses_archived_in_a_signature_count(root, issuing):
    key = issuing.key_for("签署人")
    signer = Certificate.parse(key.certificate)
    good, bad = crl(issuing).der, crl(issuing, [(signer, SIGNED - DAY, STOLEN)]).der
    yes, no = (ocsp(issuing, signer, since, None).der for since in (None, SIGNED - DAY))
    trust = Trust(signers=(root.certificate,), pool=(issuing.certificate,))

    def found(crls: list[bytes], responses: list[bytes]) -> set[str]:
        archive = der.sequence(
            der.context(0, der.sequence(*crls)), der.context(1, der.sequence(*responses))
        )
        value = make_signed_data(
            key=key,
            digest=gm.sm3(b"document"),
            signing_time=SIGNED,
            attributes=[Attribute(REVOCATION_ARCHIVE, (archive,))],
        )
        judged = check_cms(SignedData.parse(value), digest_of(b"document"), trust, NOW)
        return {each.code for each in judged.findings if "revo" in each.code} - {
            "ca_revocation_unknown"
        }

    assert found([], []) == {"revocation_unknown"}
    assert found([good], []) == found([], [yes]) == {"signer_not_revoked"}
    assert found([bad], [yes]) == found([good], [no]) == {"signer_revoked_before"}
    assert found([b"\x30\x00"], [b"\x30\x00", yes]) == {"signer_not_revoked"}


def test_an_authority_above_the_maker_that_was_revoked_makes_no_seals(root, issuing, holder):
    trust = Trust(seal_makers=(root.certificate,), pool=(issuing.certificate,))

    def told(kind: str, reason: int, created: datetime, existed: datetime | None) -> set[str]:
        gone = said(kind, root, issuing.certificate, SIGNED, reason)
        findings, _ = check_maker(holder, trust.merged(gone), created, NOW, NOW, existed)
        return {each.code for each in findings} & {"ca_revoked", "maker_untrusted"}

    for kind, reason in (("crl", STOLEN), ("ocsp", STOLEN), ("crl", RETIRED), ("ocsp", HOLD)):
        assert told(kind, reason, SIGNED + DAY, None) == {"ca_revoked"}
        assert told(kind, reason, SIGNED + DAY, SIGNED + 2 * DAY) == {"ca_revoked"}
        # the date in the seal and in its maker's certificate are a thief's own words
        assert told(kind, reason, SIGNED - DAY, None) == {"maker_untrusted"}
        assert told(kind, reason, SIGNED - DAY, SIGNED + DAY) == {"maker_untrusted"}
        assert told(kind, reason, SIGNED - DAY, SIGNED - DAY / 2) == set()


@both
def test_whoever_allows_or_approves_is_asked_for_with_the_authorities_above(
    root, issuing, holder, kind
):
    trust = Trust(signers=(root.certificate,), pool=(issuing.certificate,))
    _, chain = check_signer(holder, (), trust, CLAIMED, NOW, False)
    assert not was_revoked(holder, chain, trust, NOW)
    for issuer, revoked in ((issuing, holder), (root, issuing.certificate)):
        gone = trust.merged(said(kind, issuer, revoked, SIGNED, STOLEN))
        assert was_revoked(holder, chain, gone, SIGNED + DAY)
        assert not was_revoked(holder, chain, gone, SIGNED - DAY)


@pytest.fixture(scope="module")
def desk(issuing) -> SoftKey:
    """The key by which a platform says what is true of seals."""
    return issuing.key_for("状态", extended_key_usage=[OCSP_SIGNING])


@both
@pytest.mark.parametrize("whose", ["desk", "authority"])
def test_a_platforms_key_that_was_revoked_says_nothing_of_seals(root, issuing, desk, kind, whose):
    trust = Trust(platforms=(root.certificate,), pool=(issuing.certificate,))
    key = Certificate.parse(desk.certificate)
    issuer, revoked = (issuing, key) if whose == "desk" else (root, issuing.certificate)

    def believed(issued_at: datetime, since: datetime | None, reason: int | None = None) -> bool:
        statement = statement_on(desk.certificate, "32130000000017", issued_at, desk)
        word = said(kind, issuer, revoked, since, reason)
        return trust.merged(word).believes(statement)

    assert believed(SIGNED, None)
    for reason in (STOLEN, None, 2):  # a thief's statements bear any date
        assert not believed(SIGNED + DAY, SIGNED, reason)
        assert not believed(SIGNED - DAY, SIGNED, reason)
    for reason in (RETIRED, HOLD):
        assert not believed(SIGNED + DAY, SIGNED, reason)
        assert believed(SIGNED - DAY, SIGNED, reason)


def test_an_authority_that_ran_out_is_one_even_under_the_name_of_whom_it_certified(root):
    old = root.sub_authority("同名", not_after=SIGNED - DAY)
    leaf = Certificate.parse(old.key_for("同名").certificate)
    assert str(leaf.subject) == str(old.certificate.subject)
    trust = Trust(
        signers=(root.certificate,), seal_makers=(root.certificate,), pool=(old.certificate,)
    )
    findings, _ = check_signer(leaf, (), trust, CLAIMED, NOW, True)
    assert "signer_untrusted" in {each.code for each in findings}
    findings, _ = check_maker(leaf, trust, SIGNED, NOW, NOW)
    assert "maker_untrusted" in {each.code for each in findings}
