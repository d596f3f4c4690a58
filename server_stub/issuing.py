"""From an application to the seal: what the neighbours say of it, and 制作 (第十三条、第十四条).

Commands (functions that take a ``Transaction``) change state; what they need of the neighbours
is asked first, outside any transaction, because the one writer waits for nobody. What follows
from an approval, is in :mod:`server_stub.changing.fulfilling`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.kinds import KINDS, PERSONAL_SIZES, PLATFORMS_OWN
from crypto.seal.making import make_seal
from server_stub import appointing, states
from server_stub.applying import move, read_request
from server_stub.authority import HOLDER_LIFE, SEAL_MAKER, Authority, holder_subject
from server_stub.context import Platform
from server_stub.neighbours import regions
from server_stub.neighbours.adapters import (
    FiledSeal,
    NeighbourError,
    Neighbours,
    RegisteredEnterprise,
)
from server_stub.records import canonical
from server_stub.records.blobs import Blobs, SealedBlob, keep
from server_stub.records.identity import same_name
from server_stub.records.ledger import Ledger, Transaction
from server_stub.records.store import (
    Application,
    Certificate,
    Enterprise,
    Person,
    PhysicalSeal,
    Seal,
    Staff,
)
from server_stub.records.vault import Vault
from server_stub.seals import lifecycle
from server_stub.settings import Settings

REVIEWER = "自动审核（模拟）"
STAFF_UNITS = {"reviewer": "审核员", "auditor": "审计员"}
"""Role → OU of a staff certificate: a desk shows the page of that role."""


class TwinExists(Exception):
    """The physical seal has an electronic one already."""


# --- what needs the neighbours -----------------------------------------------------------------


@frozen
class SealMaking:
    """What making a seal needs."""

    settings: Settings
    ledger: Ledger
    authority: Authority
    neighbours: Neighbours
    blobs: Blobs
    vault: Vault
    origin: str

    @classmethod
    def of(cls, platform: Platform) -> SealMaking:
        """What *platform* has of it."""
        return cls(
            platform.settings,
            platform.ledger,
            platform.authority,
            platform.neighbours,
            platform.blobs,
            platform.vault,
            platform.origin,
        )


@frozen
class Form:
    """What a seal looks like and says, and until when it may be used at most."""

    name: str
    shape: str
    width_mm: int
    height_mm: int
    picture: bytes
    """The imprint, PNG."""
    ends: tuple[int, ...]
    """Of the physical seal, of the licence (第十七条)."""
    region: str
    subject: Callable[[str], Name]
    """Of the certificate, by the seal's code."""
    entry: RegisteredEnterprise | None = None
    filed: FiledSeal | None = None
    """None: a person's own seal."""


@frozen(kw_only=True)
class Made(lifecycle.Making):
    """All that one making of a seal consists of."""

    form: Form
    picture: SealedBlob


def form_of_enterprise(making: SealMaking, code: str, subtype: str, whose: str = "") -> Form:
    """What register and police have on file now of a seal of the enterprise with credit code
    *code*; *whose*: see :meth:`server_stub.neighbours.adapters.Police.filed_seal`.

    Raises NeighbourError."""
    entry = making.neighbours.market.enterprise(code)
    filed = making.neighbours.police.filed_seal(code, subtype, whose)
    if entry is None or filed is None:
        raise NeighbourError("the register or the police no longer know it")
    picture = making.neighbours.police.imprint(filed.code)
    if gm.sm3(picture).hex() != filed.imprint_sm3:  # 同章同模 (第十四条)
        raise NeighbourError("the imprint is not the one that was filed")
    _check_picture(picture, filed)
    ends = (filed.valid_until, making.neighbours.licences.valid_until(code))
    return Form(
        filed.name,
        filed.shape,
        filed.width_mm,
        filed.height_mm,
        picture,
        tuple(end for end in ends if end is not None),
        regions.region_of(code),
        lambda seal_code: holder_subject(seal_code, code, entry.name),
        entry,
        filed,
    )


def form_of_person(making: SealMaking, name: str, shape: str) -> Form:
    """A person's own seal: the name, in the shape that was chosen (第十四条). Raises
    NeighbourError."""
    picture = making.neighbours.police.cut_personal(name, shape)
    width, height = PERSONAL_SIZES[shape]
    subject = Name.build([("C", "CN"), ("CN", name)])
    region = making.settings.region
    return Form(name, shape, width, height, picture, (), region, lambda code: subject)


def build(
    making: SealMaking,
    form: Form,
    subtype: str,
    spki: bytes,
    purposes: Sequence[str] = (),
    seal_code: str = "",
) -> Made:
    """Certificate and seal data for the key *spki*; *purposes*: of the certificate, besides signing
    documents; *seal_code*: of a seal that has one already.

    Raises NeighbourError, ValueError; nothing is on record yet."""
    region = form.region if form.region in regions.REGIONS else making.settings.region
    seal_code = seal_code or making.neighbours.national.assign_code(region)
    now = canonical.moment(canonical.now()).replace(microsecond=0)
    limits = [canonical.moment(end) for end in form.ends]
    until = min([now + HOLDER_LIFE, *limits])  # 第十七条
    certificate = making.authority.issue(form.subject(seal_code), spki, now, until, purposes)
    until = min(until, X509Certificate.parse(certificate).not_after)
    data = make_seal(
        es_id=seal_code,
        vendor=making.settings.vendor_id,
        seal_type=KINDS[subtype].type_code,
        name=form.name,
        signer_certificates=[certificate],
        created=now,
        valid_from=now,
        valid_until=until,
        picture=form.picture,
        width_mm=form.width_mm,
        height_mm=form.height_mm,
        maker=making.authority.key(SEAL_MAKER),
    )
    return Made(
        form=form,
        seal_code=seal_code,
        certificate=certificate,
        data=making.blobs.seal(data),
        picture=making.blobs.seal(form.picture),
        valid_from=canonical.microseconds(now),
        valid_until=canonical.microseconds(until),
    )


def _check_picture(picture: bytes, filed: FiledSeal) -> None:
    """PNG, and as wide to high as the seal is in millimetres (to 2 %), 300 to 1200 dpi."""
    if picture[:8] != b"\x89PNG\r\n\x1a\n" or picture[12:16] != b"IHDR":
        raise NeighbourError("the filed imprint is not a PNG")
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    dpi = width / filed.width_mm * 25.4
    if (
        not 290 <= dpi <= 1220
        or abs(height * filed.width_mm / (width * filed.height_mm) - 1) > 0.02
    ):
        raise NeighbourError("the filed imprint does not have the filed size")


def fail(tx: Transaction, identity: str, reason: str) -> None:
    """Making was not possible: back to the reviewer, with the reason."""
    application = tx.session.get_one(Application, identity)
    application.reason = reason
    move(tx, application, "fail", reason=reason)


def twin(session: Session, physical_code: str, but: str | None) -> bool:
    """Has the physical seal an electronic one in force, other than the seal *but*?"""
    twins = select(Seal.id).where(
        Seal.physical_code == physical_code,
        Seal.state.not_in(("cancelled", "expired")),
        Seal.grant_id.is_(None),
    )
    return any(seal != but for seal in session.scalars(twins))


def fulfil(tx: Transaction, identity: str, made: Made, vault: Vault) -> Seal:
    """Everything about a made seal at once: enterprise as registered, members, physical seal,
    certificate, seal, the filing for the police (第十五条), the application's end.

    Raises :class:`TwinExists`: nothing can come between this look and the seal."""
    application = tx.session.get_one(Application, identity)
    states.advance(states.APPLICATION, application.state, "fulfil")
    form = made.form
    if form.filed is not None:
        theirs = application.subtype != PLATFORMS_OWN
        if theirs and twin(tx.session, form.filed.code, application.target_id):
            raise TwinExists("该实物印章已制作电子印章")
        _take_over(tx, application, form.entry, form.filed, vault)
    certificate = certify(tx, application, made.certificate)
    seal = Seal(
        id=f"seal_{secrets.token_hex(8)}",
        seal_code=made.seal_code,
        kind=KINDS[application.subtype].family,
        subtype=application.subtype,
        name=form.name,
        enterprise_id=application.enterprise_id,
        person_id=application.person_id,
        application_id=application.id,
        physical_code=form.filed.code if form.filed else None,
        certificate_sn=certificate.sn,
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        seal_sm3=made.data.address,
        imprint_sm3=made.picture.address,
        shape=form.shape,
        width_mm=form.width_mm,
        height_mm=form.height_mm,
    )
    keep(tx.session, made.data, made.picture)
    tx.session.flush()  # the certificate, before the change looks at it
    with tx.session.no_autoflush:  # the seal's state is set by its first change
        tx.session.add(seal)
        lifecycle.change(tx, seal, "make", "platform")
    lifecycle.add_original(tx, application, seal, certificate.sn, made)
    tx.session.flush()
    rep = form.entry.legal_rep_sm3 if form.entry else ""
    appointing.appoint(tx, vault, application, seal.id, rep)
    application.seal_id = seal.id
    move(tx, application, "fulfil", seal=seal.id, seal_code=seal.seal_code)
    return seal


def _take_over(
    tx: Transaction,
    application: Application,
    entry: RegisteredEnterprise | None,
    filed: FiledSeal,
    vault: Vault,
) -> None:
    """What register and police say, as it was when the seal was made."""
    enterprise = tx.session.get_one(Enterprise, application.enterprise_id)
    if entry is not None:
        enterprise.name, enterprise.state = entry.name, "registered"
        enterprise.licence_until = entry.licence_until
    if _others(tx.session, enterprise.legal_rep_id, application.legal_rep_id):
        lifecycle.end_grants(tx, enterprise.id, "legal_rep_changed")
    enterprise.legal_rep_id = application.legal_rep_id
    if entry is not None and entry.legal_rep_sm3:
        enterprise.legal_rep_index = representative_index(vault, entry.legal_rep_sm3)
    tx.session.merge(
        PhysicalSeal(
            code=filed.code,
            enterprise_id=enterprise.id,
            subtype=filed.subtype,
            name=filed.name,
            shape=filed.shape,
            width_mm=filed.width_mm,
            height_mm=filed.height_mm,
            imprint_sm3=filed.imprint_sm3,
            status=filed.status,
            valid_until=filed.valid_until,
        )
    )


def representative_index(vault: Vault, digest: str) -> bytes:
    """By what the register's *digest* of a representative is known again, and not read."""
    return vault.blind_index("enterprise.legal_rep", digest)


def certify(tx: Transaction, application: Application, der: bytes) -> Certificate:
    """The certificate of whoever applied, issued."""
    certificate = lifecycle.add_certificate(tx, der)
    certificate.enterprise_id = application.enterprise_id
    certificate.person_id = application.handler_id
    return certificate


def _others(session: Session, before: str | None, now: str | None) -> bool:
    """Are these two persons? Whoever was named without a number is known by name only."""
    if before is None or now is None or before == now:
        return False
    one, two = session.get_one(Person, before), session.get_one(Person, now)
    numbers = {one.identity_index, two.identity_index}
    return not same_name(one.name, two.name) or (None not in numbers and len(numbers) == 2)


def certify_staff(
    tx: Transaction, authority: Authority, identity: str, name: str, request: bytes
) -> bytes:
    """A certificate for a member of staff (who signs in as a holder does), DER."""
    unit = STAFF_UNITS[tx.session.get_one(Staff, identity).role]
    subject = Name.build([("C", "CN"), ("O", "平台工作人员"), ("OU", unit), ("CN", name)])
    now = canonical.moment(tx.now).replace(microsecond=0)
    issued = authority.issue(subject, read_request(request), now, now + timedelta(days=365))
    row = lifecycle.add_certificate(tx, issued)
    row.staff_id = identity
    lifecycle.move_certificate(tx, row, "activate")
    return issued
