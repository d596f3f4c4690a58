"""What register, police, identity check and our own records say of an application, kind by kind:
the four findings of 第十三条, the rules' own and what a human reviewer sees.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from crypto.pki.certificate import Certificate as X509Certificate
from crypto.seal.application_form import CANCEL, ISSUE, PIN_RESET, REISSUE, RENEW
from crypto.seal.kinds import KINDS, PERSONAL
from server_stub import appointing
from server_stub.applying import Findings
from server_stub.issuing import SealMaking, twin
from server_stub.neighbours.adapters import FiledSeal, Neighbours, RegisteredEnterprise
from server_stub.records import canonical
from server_stub.records.identity import same_name
from server_stub.records.store import Application, Certificate, Enterprise, Person, Seal
from server_stub.seals.stopping import key_in_doubt

OVER = ("cancelled",)
_IN_FORCE = ("made", "active", "suspended")


def assess(making: SealMaking, session: Session, application: Application) -> Findings:
    """What the records of register, identity check and police say about *application*: the
    recorded decisions that the simulated reviewer takes, and the list a human reviewer sees."""
    found = known(session, making.neighbours, application)
    why: list[str] = []

    def holds(fact: bool, otherwise: str) -> bool:
        if not fact:
            why.append(otherwise)
        return fact

    if application.enterprise_id is None:
        lawful = True  # no register speaks of a person; who it is, is looked at below
    elif application.kind == CANCEL:
        lawful = holds(found.entry is not None, "市场主体登记中查无此企业")
    else:
        code = session.get_one(Enterprise, application.enterprise_id).uscc
        until = making.neighbours.licences.valid_until(code)
        in_force = until is None or until > canonical.now()
        lawful = holds(
            found.entry is not None and found.entry.status == "active" and in_force,
            "市场主体登记中查无此企业，或其营业执照已失效",
        )
    complete = holds(application.signature is not None, "申请未经电子签名")
    authentic = holds(
        _is_who_it_says(making, session, application, found.entry),
        "企业名称、法定代表人或经办人身份与登记信息不一致"
        if application.enterprise_id is not None
        else "申请人身份未通过核验",
    )
    unproved = appointing.why_not(
        session, making.vault, making.neighbours, making.origin, application
    )
    authentic = holds(not unproved, unproved) and authentic
    unreasonable = why_not(session, application, found)
    reasonable = holds(not unreasonable, unreasonable)
    return Findings(lawful, complete, authentic, reasonable, "；".join(why))


def _is_who_it_says(
    making: SealMaking,
    session: Session,
    application: Application,
    entry: RegisteredEnterprise | None,
) -> bool:
    handler = session.get_one(Person, application.handler_id)
    number = making.vault.open(f"person.id_no:{handler.id}", handler.id_no_enc or b"").decode()
    if not making.neighbours.identity.matches(handler.name, number):
        return False
    if application.enterprise_id is None:
        return True
    legal_rep = session.get(Person, application.legal_rep_id)
    return (
        entry is not None
        and entry.name == application.enterprise_name
        and legal_rep is not None
        and same_name(entry.legal_rep, legal_rep.name)
    )


@frozen
class Known:
    """What there is to compare an application with."""

    entry: RegisteredEnterprise | None
    filed: FiledSeal | None
    target: Seal | None


def whose(application: Application) -> str:
    """The department, branch or person named in the application, whose seal it is."""
    seal = application.payload.get("seal", {})
    return str(seal.get("department") or seal.get("holder") or "")


def known(session: Session, neighbours: Neighbours, application: Application) -> Known:
    """Ask register and police, and look up the seal that it is about."""
    target = session.get(Seal, application.target_id) if application.target_id else None
    if application.enterprise_id is None:
        return Known(None, None, target)
    code = session.get_one(Enterprise, application.enterprise_id).uscc
    name = whose(application)
    if not name and target is not None and application.kind != REISSUE:
        name = whose(session.get_one(Application, target.application_id))
    filed = neighbours.police.filed_seal(code, application.subtype, name)
    return Known(neighbours.market.enterprise(code), filed, target)


def why_not(session: Session, application: Application, found: Known) -> str:
    """Why the application is not reasonable, in words for a reviewer; "" if it is."""
    target = found.target
    if application.kind != ISSUE:
        if target is None or target.state in OVER:
            return "所涉电子印章已注销"
        if application.kind == RENEW and target.state not in ("active", "expired"):
            return "所涉电子印章尚未领取或已停用，不能续期"
    if application.kind == CANCEL:
        return ""
    lost = application.kind == REISSUE and application.cause == "lost"
    if lost and (target is None or not key_in_doubt(target)):
        return "该印章没有挂失"
    if application.kind == PIN_RESET:
        held = application.payload.get("token", {}).get("certificate_sn", "").lower()
        if target is None or held != target.certificate_sn:
            return "介质上的证书不是该印章的"
        return "该印章已挂失或密钥可能泄露，不能重置口令" if key_in_doubt(target) else ""
    if KINDS[application.subtype].family == PERSONAL:
        own = _own_seals(session, application)
        return "本人已有使用中的电子私章，请换领或先注销" if own else ""
    return _of_enterprise(session, application, found)


def _of_enterprise(session: Session, application: Application, found: Known) -> str:
    filed, target = found.filed, found.target
    none = "公安机关无可用的备案实物印章，或该印章已制作电子印章"
    if filed is None or filed.status not in ("filed", "delivered"):
        return none
    if application.physical_code not in (None, filed.code):
        return none
    if application.kind == RENEW:
        same = target is not None and target.physical_code == filed.code
        return "" if same else "备案的实物印章已变更，请换领"
    if twin(session, filed.code, application.target_id):
        return none
    if application.kind == REISSUE and found.entry is not None and target is not None:
        return _cause(session, application, found.entry, filed, target)
    return ""


def _own_seals(session: Session, application: Application) -> bool:
    own = select(Seal.id).where(
        Seal.enterprise_id.is_(None),
        Seal.person_id == application.person_id,
        Seal.state.in_(_IN_FORCE),
        Seal.grant_id.is_(None),
    )
    if application.kind in (REISSUE, RENEW):
        own = own.where(Seal.id != application.target_id)
    return session.scalar(own.limit(1)) is not None


def _cause(
    session: Session,
    application: Application,
    entry: RegisteredEnterprise,
    filed: FiledSeal,
    target: Seal,
) -> str:
    """Does what the applicant gives as the cause show in the records?"""
    match application.cause:
        case "name_changed":
            held = session.get_one(Certificate, target.certificate_sn)
            named = X509Certificate.parse(held.der).subject.organization
            same = named == entry.uscc + entry.name
            return "登记的企业名称没有变更" if same else ""
        case "legal_rep_changed":
            first = session.get_one(Application, target.application_id)
            person = session.get(Person, first.legal_rep_id) if first.legal_rep_id else None
            same = person is not None and same_name(person.name, entry.legal_rep)
            return "登记的法定代表人没有变更" if same else ""
        case "physical_seal_changed":
            pair = (filed.code, filed.imprint_sm3)
            same = pair == (target.physical_code, target.imprint_sm3)
            return "备案的实物印章没有变更" if same else ""
    return ""
