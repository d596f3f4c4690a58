"""接受: somebody accepts an offered seal with a key of its own, and a copy is made for that key.

Whoever has a certificate of this platform accepts with it; a newcomer sends a request and is
certified, for the grant's term, as the person whom the identity check knows. Each such try counts,
whatever comes of it (:func:`count_try`): an offer is no way to ask whose number it is. Making comes
first, outside any transaction;
then the acceptance, the certificate and the copy go on record in one step.
"""

from __future__ import annotations

import secrets

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.grant import GRANT, Grant, SignedGrant
from crypto.seal.making import make_seal
from crypto.seal.structure import Extension
from crypto.seal.structure import Seal as SealData
from server_stub import policy, signin, states
from server_stub.applying import read_request
from server_stub.authority import HOLDER_LIFE, SEAL_MAKER
from server_stub.context import Platform
from server_stub.lending.granting import GranteeDiffers, GrantInvalid, commitment, offered, recorded
from server_stub.records import canonical
from server_stub.records.blobs import keep
from server_stub.records.identity import same_name, tidy_name
from server_stub.records.ledger import Transaction
from server_stub.records.store import Enterprise, Person, Seal, SealGrant
from server_stub.records.vault import Vault
from server_stub.seals import lifecycle, statements
from server_stub.signin import DECISION, DECISION_SLACK, Decision, intent, signed_by

ACCEPT = "accept-grant"
"""The verb that the grantee signs."""
MAX_TRIES = 5
"""By newcomers at one offer."""


@frozen
class Acceptance:
    """An acceptance as it was sent: with a certificate of ours, or with a request for one."""

    key: str
    """The offer's code, or its id."""
    decision: Decision
    certificate: bytes = b""
    request: bytes = b""
    name: str = ""
    id_no: str = ""


@frozen(kw_only=True)
class Made(lifecycle.Making):
    """What is made before an acceptance goes on record."""

    grant_id: str
    fresh: bool
    """Is the certificate issued by this?"""


def make_copy(platform: Platform, given: Acceptance) -> Made:
    """Certificate and seal data for whoever accepts; nothing is on record yet.

    Raises :class:`GranteeDiffers`, :class:`server_stub.signin.CertificateNotValid`,
    :class:`server_stub.applying.RequestInvalid`, :class:`server_stub.policy.NotFound`."""
    with platform.reading() as session:
        row = offered(session, given.key)
        seal = session.get_one(Seal, row.seal_id)
        token, seal_sm3 = row.token, seal.seal_sm3
        own = b""
        if given.certificate:
            own = signin.usable(session, given.certificate, canonical.now()).der
    original = SealData.parse(platform.blobs.get(seal_sm3))
    grant = SignedGrant.parse(token).grant
    certificate = own or _certify(platform, given, row, grant)
    code = platform.neighbours.national.assign_code(original.es_id[:6])
    now = canonical.moment(canonical.now()).replace(microsecond=0)
    begin = max(grant.valid_from, now)
    end = min(grant.valid_until, X509Certificate.parse(certificate).not_after)
    data = make_seal(
        es_id=code,
        vendor=original.vendor,
        seal_type=original.seal_type,
        name=original.name,
        signer_certificates=[certificate],
        created=now,
        valid_from=begin,
        valid_until=end,
        picture=original.picture,
        width_mm=original.width_mm,
        height_mm=original.height_mm,
        extensions=[Extension(GRANT, False, token)],
        maker=platform.authority.key(SEAL_MAKER),
    )
    return Made(
        grant_id=row.id,
        seal_code=code,
        certificate=certificate,
        fresh=not own,
        data=platform.blobs.seal(data),
        valid_from=canonical.microseconds(begin),
        valid_until=canonical.microseconds(end),
    )


def _certify(platform: Platform, given: Acceptance, row: SealGrant, grant: Grant) -> bytes:
    """A certificate for a person whom the grant names, and the identity check knows by that name
    and number."""
    named = same_name(given.name, grant.grantee) and grant.grantee_by != "certificate"
    if grant.grantee_by == "identity":
        named = named and grant.grantee_sm3 == commitment(given.id_no, row.grantee_salt or b"")
    if not named:
        raise GranteeDiffers("the grant names somebody else")
    if not platform.neighbours.identity.matches(given.name, given.id_no):
        raise GranteeDiffers("the identity check does not know this person")
    now = canonical.moment(canonical.now()).replace(microsecond=0)
    subject = Name.build([("C", "CN"), ("CN", grant.grantee)])  # as every verifier reads it
    end = min(grant.valid_until, now + HOLDER_LIFE)
    return platform.authority.issue(subject, read_request(given.request), now, end)


def count_try(tx: Transaction, key: str) -> bool:
    """A newcomer is about to be looked up for the offer of that *key*: may he be? After
    :data:`MAX_TRIES` the offer is over. Raises :class:`server_stub.policy.NotFound`."""
    row = offered(tx.session, key)
    if (row.tries or 0) >= MAX_TRIES:
        lifecycle.end_grant(tx, row, "lapse", "too_many_tries", "platform")
        return False
    row.tries = (row.tries or 0) + 1
    recorded(tx, "grant-tried-v1", row, {"grant": row.id, "tries": row.tries})
    return True


def accept(tx: Transaction, vault: Vault, origin: str, given: Acceptance, made: Made) -> SealGrant:
    """The offer is accepted with the grantee's own key; the copy is there.

    Raises :class:`GranteeDiffers`, :class:`server_stub.signin.SignatureInvalid`,
    :class:`server_stub.policy.NotFound`."""
    row = offered(tx.session, given.key)
    if row.id != made.grant_id:
        raise policy.NotFound
    if row.valid_until <= tx.now:
        raise GrantInvalid("the term is over")
    parsed = X509Certificate.parse(made.certificate)
    signed = _accepted(tx, origin, row, parsed, given.decision)
    person = _grantee(tx, vault, row, given, made)
    sn = f"{parsed.serial:x}"
    if made.fresh:
        issued = lifecycle.add_certificate(tx, made.certificate)
        issued.person_id = person.id
        lifecycle.move_certificate(tx, issued, "activate")
    tx.act(policy.Who(sn, person.id, sn))
    original = tx.session.get_one(Seal, row.seal_id)
    if original.state != "active":
        raise statements.SealNotActive(f"the seal is {original.state}")
    row.grantee_id, row.answered_at = person.id, tx.now
    row.state = states.advance(states.AUTHORIZATION, row.state, "accept")
    keep(tx.session, made.data)
    copy = _copy(tx, row, original, made, sn)
    fields = {"grant": row.id, "copy": copy.id, "es_id": copy.seal_code, "intent": signed}
    recorded(tx, "grant-accepted-v1", row, fields)
    return row


def _accepted(
    tx: Transaction, origin: str, row: SealGrant, own: X509Certificate, decision: Decision
) -> dict[str, str | None]:
    try:
        at = canonical.parse_timestamp(decision.at)
    except ValueError as error:
        raise signin.SignatureInvalid("the time of the decision cannot be read") from error
    if abs(at - tx.now) > DECISION_SLACK:
        raise signin.SignatureInvalid("the decision is of another time: look at the clock")
    text = DECISION.format(
        origin=origin, verb=ACCEPT, object=row.id, digest=row.terms_sm3, reason="", at=decision.at
    )
    signed_by(own.public_key, text, decision.signature)
    return intent(text, decision.signature, spki=own.public_key.spki)


def _grantee(
    tx: Transaction, vault: Vault, row: SealGrant, given: Acceptance, made: Made
) -> Person:
    """Who accepts, if that is whom the grant means: the name in it is shown to everybody who
    verifies a document, so it must be the person's, or the person's enterprise's."""
    grant = Grant.parse(row.terms.encode())
    if made.fresh:
        person = _person(tx, vault, given.name, given.id_no)
        names = {given.name}
    else:
        held = signin.usable(tx.session, made.certificate, tx.now)
        if held.person_id is None:
            raise GranteeDiffers("a certificate of nobody in particular")
        person = tx.session.get_one(Person, held.person_id)
        names = {person.name}
        if held.enterprise_id is not None:
            names.add(tx.session.get_one(Enterprise, held.enterprise_id).name)
    number = b""
    if person.id_no_enc is not None:
        number = vault.open(f"person.id_no:{person.id}", person.id_no_enc)
    fits = {
        "code": True,
        "certificate": gm.sm3(made.certificate).hex() == row.grantee_sm3,
        "identity": row.grantee_sm3 == commitment(number.decode(), row.grantee_salt or b""),
    }[row.grantee_by]
    if not fits or not any(same_name(grant.grantee, name) for name in names):
        raise GranteeDiffers("the grant names somebody else")
    return person


def _person(tx: Transaction, vault: Vault, name: str, id_no: str) -> Person:
    """A newcomer is a person apart (no index), whoever else is known by that name and number: both
    are easily learnt, and must open nobody's own seals, grants and offices."""
    identity = f"person_{secrets.token_hex(8)}"
    number = vault.seal(f"person.id_no:{identity}", id_no.encode())
    person = Person(id=identity, name=tidy_name(name), id_no_enc=number)
    tx.session.add(person)
    tx.session.flush()
    return person


def _copy(tx: Transaction, row: SealGrant, original: Seal, made: Made, sn: str) -> Seal:
    """The copy, made and collected in one step: whoever accepted has proved its key."""
    copy = Seal(
        id=f"seal_{secrets.token_hex(8)}",
        seal_code=made.seal_code,
        kind=original.kind,
        subtype=original.subtype,
        name=original.name,
        enterprise_id=original.enterprise_id,
        application_id=original.application_id,
        certificate_sn=sn,
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        seal_sm3=made.data.address,
        imprint_sm3=original.imprint_sm3,
        shape=original.shape,
        width_mm=original.width_mm,
        height_mm=original.height_mm,
        original_id=original.id,
        grant_id=row.id,
    )
    with tx.session.no_autoflush:  # the copy's state is set by its first change
        tx.session.add(copy)
        lifecycle.change(tx, copy, "make", "platform")
        lifecycle.change(tx, copy, "collect", "holder")
    lifecycle.add_copy(tx, row, original, sn, made)
    return copy
