"""From an application to the seal: what the neighbours say of it, and 制作 (第十三条、第十四条).

Commands (functions that take a ``Transaction``) change state; :func:`assess` and :func:`make` ask
the neighbours first, outside any transaction, because the one writer waits for nobody.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.pki.names_and_algorithms import Name
from crypto.seal.kinds import KINDS
from crypto.seal.making import make_seal
from server_stub import appointing, sealing, states
from server_stub.applying import Findings, agreed_against, move, read_request
from server_stub.authority import HOLDER_LIFE, SEAL_MAKER, Authority, holder_subject
from server_stub.context import Platform
from server_stub.neighbours import filing, regions
from server_stub.neighbours.adapters import (
    FiledSeal,
    NeighbourError,
    Neighbours,
    RegisteredEnterprise,
)
from server_stub.records import canonical
from server_stub.records.blobs import Blobs, SealedBlob, keep
from server_stub.records.ledger import Ledger, Transaction
from server_stub.records.store import (
    Application,
    Certificate,
    Enterprise,
    Person,
    PhysicalSeal,
    Seal,
    SealCopy,
    Staff,
)
from server_stub.records.vault import Vault
from server_stub.settings import Settings

REVIEWER = "自动审核（模拟）"
STAFF_UNITS = {"reviewer": "审核员", "auditor": "审计员"}
"""Role → OU of a staff certificate: a desk shows the page of that role."""


class TwinExists(Exception):
    """The physical seal has an electronic one already."""


# --- what needs the neighbours -----------------------------------------------------------------


def assess(making: SealMaking, session: Session, application: Application) -> Findings:
    """What the records of register, identity check and police say about *application*: the
    recorded decisions that the simulated reviewer takes, and the list a human reviewer sees."""
    neighbours = making.neighbours
    enterprise = session.get_one(Enterprise, application.enterprise_id)
    entry = neighbours.market.enterprise(enterprise.uscc)
    until = neighbours.licences.valid_until(enterprise.uscc)
    seal = neighbours.police.filed_seal(enterprise.uscc, application.subtype)
    now = canonical.now()
    why: list[str] = []

    def holds(fact: bool, otherwise: str) -> bool:
        if not fact:
            why.append(otherwise)
        return fact

    lawful = holds(
        entry is not None and entry.status == "active" and (until is None or until > now),
        "市场主体登记中查无此企业，或其营业执照已失效",
    )
    complete = holds(application.signature is not None, "申请未经电子签名")
    authentic = holds(
        _is_who_it_says(making, session, application, entry),
        "企业名称、法定代表人或经办人身份与登记信息不一致",
    )
    unproved = appointing.why_not(session, making.vault, neighbours, making.origin, application)
    authentic = holds(not unproved, unproved) and authentic
    reasonable = holds(
        seal is not None
        and seal.status in ("filed", "delivered")
        and (application.physical_code in (None, seal.code))
        and not _has_twin(session, seal),
        "公安机关无可用的备案实物印章，或该印章已制作电子印章",
    )
    return Findings(lawful, complete, authentic, reasonable, "；".join(why))


def _is_who_it_says(
    making: SealMaking,
    session: Session,
    application: Application,
    entry: RegisteredEnterprise | None,
) -> bool:
    if entry is None:
        return False
    handler = session.get_one(Person, application.handler_id)
    number = making.vault.open(f"person.id_no:{handler.id}", handler.id_no_enc or b"").decode()
    legal_rep = session.get(Person, application.legal_rep_id)
    return (
        entry.name == application.enterprise_name
        and legal_rep is not None
        and entry.legal_rep == legal_rep.name
        and making.neighbours.identity.matches(handler.name, number)
    )


def _has_twin(session: Session, filed: FiledSeal) -> bool:
    twins = select(Seal.id).where(
        Seal.physical_code == filed.code, Seal.state.not_in(("cancelled", "expired"))
    )
    return session.scalar(twins.limit(1)) is not None


@dataclass(frozen=True)
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


def make(making: SealMaking, session: Session, application: Application) -> None:
    """制作: assess once more, fetch the filed imprint, certify the applicant's key, sign the seal
    data, and put all of it on record in one step. What the records contradict by now goes back into
    review, unless two reviewers went against just that."""
    assessed = assess(making, session, application)
    if not assessed.passed and not agreed_against(application):
        making.ledger.write(fail, application.id, assessed.reason).result()
        return
    code = session.get_one(Enterprise, application.enterprise_id).uscc
    try:
        made = build(making, code, application.subtype, application.spki)
    except (NeighbourError, ValueError) as error:
        making.ledger.write(fail, application.id, str(error)).result()
        return
    try:
        making.ledger.write(fulfil, application.id, made, making.vault).result()
    except TwinExists as error:
        making.ledger.write(fail, application.id, str(error)).result()


@dataclass(frozen=True)
class Made:
    """All that one made seal consists of."""

    entry: RegisteredEnterprise
    filed: FiledSeal
    seal_code: str
    certificate: bytes
    data: SealedBlob
    """The seal data."""
    picture: SealedBlob
    valid_from: int
    valid_until: int


def build(
    making: SealMaking, code: str, subtype: str, spki: bytes, purposes: Sequence[str] = ()
) -> Made:
    """Certificate and seal data for the key *spki* of the enterprise with credit code *code*, from
    what the neighbours have on file; *purposes*: of the certificate, besides signing documents.

    Raises NeighbourError, ValueError; nothing is on record yet."""
    entry = making.neighbours.market.enterprise(code)
    filed = making.neighbours.police.filed_seal(code, subtype)
    if entry is None or filed is None:
        raise NeighbourError("the register or the police no longer know it")
    picture = making.neighbours.police.imprint(filed.code)
    if gm.sm3(picture).hex() != filed.imprint_sm3:  # 同章同模 (第十四条)
        raise NeighbourError("the imprint is not the one that was filed")
    _check_picture(picture, filed)

    region = regions.region_of(code)
    region = region if region in regions.REGIONS else making.settings.region
    seal_code = making.neighbours.national.assign_code(region)
    now = canonical.moment(canonical.now()).replace(microsecond=0)
    ends = [filed.valid_until, making.neighbours.licences.valid_until(code)]
    limits = [canonical.moment(end) for end in ends if end is not None]
    until = min([now + HOLDER_LIFE, *limits])  # 第十七条
    subject = holder_subject(seal_code, code, entry.name)
    certificate = making.authority.issue(subject, spki, now, until, purposes)
    until = min(until, X509Certificate.parse(certificate).not_after)
    data = make_seal(
        es_id=seal_code,
        vendor=making.settings.vendor_id,
        seal_type=KINDS[subtype].type_code,
        name=filed.name,
        signer_certificates=[certificate],
        created=now,
        valid_from=now,
        valid_until=until,
        picture=picture,
        width_mm=filed.width_mm,
        height_mm=filed.height_mm,
        maker=making.authority.key(SEAL_MAKER),
    )
    return Made(
        entry,
        filed,
        seal_code,
        certificate,
        making.blobs.seal(data),
        making.blobs.seal(picture),
        canonical.microseconds(now),
        canonical.microseconds(until),
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


def fulfil(tx: Transaction, identity: str, made: Made, vault: Vault) -> None:
    """Everything about a made seal at once: enterprise as registered, members, physical seal,
    certificate, seal, the filing for the police (第十五条), the application's end.

    Raises :class:`TwinExists`: nothing can come between this look and the seal."""
    application = tx.session.get_one(Application, identity)
    states.advance(states.APPLICATION, application.state, "fulfil")
    if application.subtype != "verification" and _has_twin(tx.session, made.filed):
        raise TwinExists("该实物印章已制作电子印章")
    enterprise = tx.session.get_one(Enterprise, application.enterprise_id)
    enterprise.name, enterprise.state = made.entry.name, "registered"
    enterprise.licence_until = made.entry.licence_until
    if _others(tx.session, enterprise.legal_rep_id, application.legal_rep_id):
        sealing.end_grants(tx, enterprise.id, "legal_rep_changed")
    enterprise.legal_rep_id = application.legal_rep_id
    filed = made.filed
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
    certificate = _certificate(tx, made.certificate)
    certificate.enterprise_id, certificate.person_id = enterprise.id, application.handler_id
    seal = Seal(
        id=f"seal_{secrets.token_hex(8)}",
        seal_code=made.seal_code,
        kind=KINDS[application.subtype].family,
        subtype=application.subtype,
        name=filed.name,
        enterprise_id=enterprise.id,
        application_id=application.id,
        physical_code=filed.code,
        certificate_sn=certificate.sn,
        valid_from=made.valid_from,
        valid_until=made.valid_until,
        seal_sm3=made.data.address,
        imprint_sm3=made.picture.address,
        shape=filed.shape,
        width_mm=filed.width_mm,
        height_mm=filed.height_mm,
    )
    keep(tx.session, made.data, made.picture)
    tx.session.flush()  # the certificate, before the change looks at it
    with tx.session.no_autoflush:  # the seal's state is set by its first change
        tx.session.add(seal)
        sealing.change(tx, seal, "make", "platform")
    tx.session.add(
        SealCopy(
            id=f"copy_{secrets.token_hex(8)}",
            seal_id=seal.id,
            kind="original",
            holder_id=application.handler_id,
            certificate_sn=certificate.sn,
            es_id=made.seal_code,
            seal_sm3=seal.seal_sm3,
            valid_from=made.valid_from,
            valid_until=made.valid_until,
            made_at=tx.now,
            application_id=application.id,
        )
    )
    tx.session.flush()
    filing.enqueue(tx, seal, "make")
    appointing.appoint(tx, vault, application, seal.id, made.entry.legal_rep_sm3)
    application.seal_id = seal.id
    move(tx, application, "fulfil", seal=seal.id, seal_code=seal.seal_code)


def _others(session: Session, before: str | None, now: str | None) -> bool:
    """Are these two persons? Whoever was named without a number is known by name only."""
    if before is None or now is None or before == now:
        return False
    one, two = session.get_one(Person, before), session.get_one(Person, now)
    numbers = {one.identity_index, two.identity_index}
    return one.name != two.name or (None not in numbers and len(numbers) == 2)


def certify_staff(
    tx: Transaction, authority: Authority, identity: str, name: str, request: bytes
) -> bytes:
    """A certificate for a member of staff (who signs in as a holder does), DER."""
    unit = STAFF_UNITS[tx.session.get_one(Staff, identity).role]
    subject = Name.build([("C", "CN"), ("O", "平台工作人员"), ("OU", unit), ("CN", name)])
    now = canonical.moment(tx.now).replace(microsecond=0)
    issued = authority.issue(subject, read_request(request), now, now + timedelta(days=365))
    row = _certificate(tx, issued)
    row.staff_id = identity
    sealing.move_certificate(tx, row, "activate")
    return issued


def _certificate(tx: Transaction, data: bytes) -> Certificate:
    parsed = X509Certificate.parse(data)
    state = states.advance(states.CERTIFICATE, states.START, "request")
    row = Certificate(
        sn=f"{parsed.serial:x}",
        subject=str(parsed.subject),
        der=data,
        state=states.advance(states.CERTIFICATE, state, "issue"),
        since=tx.now,
        not_before=canonical.microseconds(parsed.not_before),
        not_after=canonical.microseconds(parsed.not_after),
    )
    tx.session.add(row)
    return row
