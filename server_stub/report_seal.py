"""验章专用章: the platform's own seal, which it puts on the reports that it is asked to seal.

It is a seal like everybody's: filed with the police, made by the seal maker for a key of its own in
the key store, in registry and ledger, and used with a ticket for exactly one document. What tells
it apart is the purpose :data:`crypto.pki.certificate.REPORT_SEALING` in its certificate.

It is made when first wanted (by ``sealdesk-server init``, or by the first report in an installation
that has none) and replaced before it expires; the old one is then cancelled, its key destroyed.
"""

from __future__ import annotations

import io
import secrets
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import Revision, sign_revision
from crypto.pdf.signing.values import SignatureMaker, TimestampSource
from crypto.pki import timestamp
from crypto.pki.certificate import REPORT_SEALING
from crypto.pki.cms import hash_bytes
from crypto.seal.kinds import PLATFORMS_OWN
from crypto.seal.mark import Mark
from crypto.seal.structure import Seal as SealData
from server_stub import applying, issuing, states
from server_stub.authority import ISSUING, TIMESTAMP, TIMESTAMP_ACCURACY, TIMESTAMP_POLICY
from server_stub.context import Platform
from server_stub.neighbours.adapters import NeighbourError
from server_stub.policy import Actor
from server_stub.records import canonical, store
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.logbook import logbook
from server_stub.records.vault import ServerKey
from server_stub.seals import lifecycle, statements

SUBTYPE, PURPOSE = PLATFORMS_OWN, "report_seal"
_MAKER = "platform"
_DAY = 86_400_000_000
_RIGHT_MM, _BOTTOM_MM = 22.0, 30.0
"""From the right and lower edge of the last page to the imprint."""


class ReportSealMissing(Exception):
    """The platform's own seal could not be made."""


@frozen
class ReportSeal:
    """The platform's seal, ready for use."""

    seal_id: str
    enterprise_id: str | None
    data: bytes
    """SESeal, DER."""
    key: ServerKey
    """With the holder's certificate."""

    @property
    def keeper(self) -> Actor:
        """The platform as the keeper of its own seal."""
        return Actor("platform", PURPOSE, frozenset({"keeper"}), enterprise_id=self.enterprise_id)


def ready(platform: Platform) -> ReportSeal:
    """The seal in force; made if there is none, replaced if it ends soon.

    Raises :class:`ReportSealMissing`, :class:`server_stub.seals.statements.SealNotActive` while the
    operator has suspended it."""
    with platform.making_seal:
        key, seal = _look(platform)
        left = seal.valid_until - canonical.now() if seal else 0
        ended = seal is None or seal.state in states.SEAL.final or left <= 0
        soon = left < platform.settings.report_seal_renew_days * _DAY
        if ended or (soon and seal is not None and seal.state == "active"):
            try:
                _make(platform)
            except (NeighbourError, ValueError) as error:
                if ended:
                    raise ReportSealMissing(str(error)) from error
                logbook().exception("report_seal_not_renewed")
            key, seal = _look(platform)
        if key is None or seal is None or seal.state != "active":
            raise statements.SealNotActive(f"the seal is {seal.state if seal else 'missing'}")
        return ReportSeal(
            seal.id,
            seal.enterprise_id,
            platform.blobs.get(seal.seal_sm3),
            platform.keys.open(key.store_ref, key.certificate),
        )


def _look(platform: Platform) -> tuple[store.Key | None, store.Seal | None]:
    with platform.reading() as session:
        return _in_use(session)


def _in_use(session: Session) -> tuple[store.Key | None, store.Seal | None]:
    """The active key and its seal, whatever state that is in."""
    key = session.scalar(
        select(store.Key).where(store.Key.purpose == PURPOSE, store.Key.state == "active")
    )
    if key is None:
        return None, None
    held = select(store.Certificate.sn).where(
        store.Certificate.der_sm3 == gm.sm3(key.certificate).hex()
    )
    return key, session.scalar(select(store.Seal).where(store.Seal.certificate_sn.in_(held)))


# --- making ------------------------------------------------------------------------------------


def _make(platform: Platform) -> None:
    settings = platform.settings
    if platform.neighbours.police is platform.city:  # a real police has it on file already
        platform.city.register(
            settings.provider_uscc,
            settings.provider_name,
            settings.provider_responsible,
            subtypes=(SUBTYPE,),
        )
    reference = platform.keys.generate()
    taken = False
    try:
        spki = platform.keys.open(reference).spki
        making = issuing.SealMaking.of(platform)
        look = issuing.form_of_enterprise(making, settings.provider_uscc, SUBTYPE)
        made = issuing.build(making, look, SUBTYPE, spki, (REPORT_SEALING,))
        payload = canonical.canonical({"kind": "issue", "subtype": SUBTYPE, "spki": spki.hex()})
        form = applying.Draft(
            uscc=settings.provider_uscc,
            enterprise_name=settings.provider_name,
            legal_rep=settings.provider_responsible,
            legal_rep_id_no="",
            handler=settings.provider_responsible,
            id_no="",
            phone="",
            subtype=SUBTYPE,
            physical_code=look.filed.code if look.filed else None,
            spki=spki,
            payload=platform.blobs.seal(payload),
            proof={"kind": "own"},
        )
        public = platform.keys.open(reference).public
        key = store.Key(
            id=f"key_{secrets.token_hex(8)}",
            purpose=PURPOSE,
            algorithm="SM2",
            state=states.advance(states.KEY, states.START, "generate"),
            public=public,
            certificate=made.certificate,
            store_ref=reference,
        )
        ended = platform.ledger.write(_take, platform, form, made, key).result().answer
        taken = True
    finally:
        if not taken:
            platform.keys.destroy(reference)
    for ended_key in ended:
        platform.keys.destroy(ended_key)


def _take(
    tx: Transaction,
    platform: Platform,
    form: applying.Draft,
    made: issuing.Made,
    key: store.Key,
) -> list[str]:
    """Everything about the new seal and the end of the old one, at once. Gives the references of
    keys to destroy."""
    old_key, old = _in_use(tx.session)
    application = applying.draft(tx, platform.vault, form)
    tx.session.flush()
    for event in ("submit", "claim", "approve"):  # its own seal: on record, reviewed by nobody
        applying.move(tx, application, event, actor=_MAKER)
    issuing.fulfil(tx, application.id, made, platform.vault)
    new = tx.session.get_one(store.Seal, application.seal_id)
    lifecycle.change(tx, new, "collect", _MAKER)
    key.created_at = tx.now
    _move_key(tx, key, "activate")
    tx.session.add(key)
    if old_key is None:
        return []
    if old is not None and old.state != "cancelled":
        by = new.seal_code
        lifecycle.change(tx, old, "replace", _MAKER, reason="replaced", successor=by)
        old.successor_id = new.id
    for event in ("deactivate", "destroy"):
        _move_key(tx, old_key, event)
    return [old_key.store_ref]


def _move_key(tx: Transaction, key: store.Key, event: str) -> None:
    key.state = states.advance(states.KEY, key.state, event)
    fields = {"key": key.id, "purpose": key.purpose, "state": key.state, "public": key.public.hex()}
    tx.record(LEDGER, "key-v1", fields, about=("key", key.id))


# --- sealing -----------------------------------------------------------------------------------


def stamp(platform: Platform, report: bytes) -> bytes:
    """The PDF *report* with the platform's seal on its last page: profile ses, with a ticket for
    this document and a time stamp. Raises as :func:`ready` does."""
    own = ready(platform)
    parsed = SealData.parse(own.data)
    maker = SignatureMaker("ses", own.key, own.data, timestamp=_timestamp(platform))
    document = Document(io.BytesIO(report))
    last = len(document.pages()) - 1
    width, height = document.pages()[last].size_mm
    mark = Mark(
        last,
        width - _RIGHT_MM - parsed.width_mm,
        height - _BOTTOM_MM - parsed.height_mm,
        parsed.width_mm,
        parsed.height_mm,
    )
    life = timedelta(seconds=platform.settings.status_seconds)

    def value(revision: Revision) -> bytes:
        ticket = platform.ledger.write(
            statements.ticket, own.keeper, platform.authority, own.seal_id, revision.digest, life
        )
        signed_at = canonical.moment(canonical.now())
        return maker.make(revision, signed_at, ticket.result().answer)

    output = io.BytesIO()
    sign_revision(
        document,
        output,
        profile=maker.label,
        value_size=maker.size,
        make_value=value,
        marks=[mark],
        picture=parsed.picture,
        signed_at=canonical.moment(canonical.now()),
        signer_name=parsed.name,
    )
    return output.getvalue()


def _timestamp(platform: Platform) -> TimestampSource:
    authority = platform.authority

    def token(raw: bytes, hash_name: str) -> bytes:
        return timestamp.make_token(
            key=authority.key(TIMESTAMP),
            hash_name=hash_name,
            digest=hash_bytes(hash_name, raw),
            policy=TIMESTAMP_POLICY,
            serial=secrets.randbits(127) | 1 << 127,
            generated=canonical.moment(canonical.now()),
            accuracy=TIMESTAMP_ACCURACY,
            certificates=[authority.certificate(ISSUING)],
            gb_types=True,
        )

    return token
