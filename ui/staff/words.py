"""What applications, findings and ledger entries are called in the window."""

from __future__ import annotations

from datetime import UTC, datetime

from app.errors import phrase
from ui.language import language, tr
from ui.seal_card import subtype_name

_BREAK = "\u200b"
_LONGEST = 12


def fields() -> dict[str, str]:
    """What the fields of a form are called, by their path."""
    return {
        "kind": tr("业务"),
        "enterprise.name": tr("企业名称"),
        "enterprise.uscc": tr("信用代码"),
        "enterprise.legal_rep.name": tr("法定代表人"),
        "enterprise.legal_rep.id_no": tr("法定代表人证件号"),
        "handler.name": tr("经办人"),
        "handler.id_no": tr("经办人证件号"),
        "handler.phone": tr("经办人电话"),
        "seal.subtype": tr("印章种类"),
        "seal.physical_code": tr("实物印章编码"),
        "seal.department": tr("部门"),
        "seal.holder": tr("职务章持有人"),
        "seal.shape": tr("形状"),
        "seal.code": tr("原印章编码"),
        "cause": tr("原因"),
        "proof.kind": tr("授权方式"),
        "token.serial": tr("Ukey 序列号"),
    }


def correctable(form: dict[str, str], documents: list[str]) -> dict[str, str]:
    """Fields for which a reason can be given when an application is returned: path → name."""
    known = fields()
    fixed = ("kind", "proof.kind", "token.serial")
    found = {path: known[path] for path in form if path in known and path not in fixed}
    found |= {f"materials.{kind}": document_name(kind) for kind in documents}
    return found


def value_of(path: str, value: str) -> str:
    """A value of the form, for people."""
    if path == "kind":
        return kind_of(value)
    if path == "seal.subtype":
        return subtype_name(value)
    if path == "proof.kind":
        return {
            "licence": tr("法定代表人在电子营业执照上同意"),
            "legal_rep": tr("法定代表人用自己的 Ukey 签名"),
            "letter": tr("授权书"),
            "personal": tr("本人的证书"),
            "seal": tr("原印章的密钥"),
            "request": tr("盖章的申请书"),
        }.get(value, value)
    return broken(value)


def broken(text: str) -> str:
    """A stranger's *text*: what is no letter is shown as such, and a run of letters that no line
    would hold has places to break."""
    text = plain(text)
    parts = []
    for word in text.split(" "):
        pieces = [word[n : n + _LONGEST] for n in range(0, len(word), _LONGEST)] or [""]
        parts.append(_BREAK.join(pieces))
    return " ".join(parts)


def plain(text: str) -> str:
    """A stranger's *text* on one line, without what turns or hides letters."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def document_name(kind: str) -> str:
    return {"letter": tr("授权书"), "request": tr("盖章的申请书")}.get(kind, kind)


def kind_of(kind: str) -> str:
    """A kind of application."""
    try:
        return phrase(f"application_kind.{kind}", language())
    except KeyError:
        return kind


def state_of(state: str) -> str:
    """A state of an application."""
    try:
        return phrase(f"application_state.{state}", language())
    except KeyError:
        return state


def event_of(event: str) -> str:
    """Something that happened to an application."""
    return {
        "draft": tr("起草"),
        "submit": tr("提交"),
        "withdraw": tr("撤回"),
        "claim": tr("领走审核"),
        "return": tr("退回补正"),
        "reject": tr("不予核准"),
        "approve": tr("核准"),
        "first_approval": tr("第一名审核员核准"),
        "fulfil": tr("制作完成"),
        "fail": tr("制作失败，回到审核"),
        "lapse": tr("过期"),
    }.get(event, event)


def age(since: datetime) -> str:
    """How long ago, in the largest units."""
    minutes = max(0, int((datetime.now(UTC) - since).total_seconds() // 60))
    if minutes < 60:
        return tr("{count} 分钟", count=minutes)
    if minutes < 48 * 60:
        return tr("{count} 小时", count=minutes // 60)
    return tr("{count} 天", count=minutes // (24 * 60))
