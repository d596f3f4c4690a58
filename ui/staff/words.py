"""What applications, findings and ledger entries are called in the window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.errors import phrase, platform_reason
from ui.language import language, tr
from ui.seal_card import subtype_name

_BREAK = "\u200b"
_LONGEST = 12


def fields() -> dict[str, str]:
    """What the fields of a form are called, by their path."""
    return {
        "kind": tr("业务"),
        "enterprise.name": tr("企业名称"),
        "enterprise.uscc": tr("统一社会信用代码"),
        "enterprise.legal_rep.name": tr("法定代表人"),
        "enterprise.legal_rep.id_no": tr("法定代表人证件号"),
        "handler.name": tr("经办人"),
        "handler.id_no": tr("经办人身份证号"),
        "handler.phone": tr("经办人手机"),
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
    if path == "cause":
        return _phrase("reason", value)
    if path == "seal.shape":
        return {
            "square": tr("方形"),
            "round": tr("圆形"),
            "ellipse": tr("椭圆形"),
        }.get(value, broken(value))
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


def reason(text: str) -> str:
    """Why the platform or somebody has decided so, in the window's language where it is known."""
    return broken(platform_reason(text, language()))


def document_name(kind: str) -> str:
    return {"letter": tr("授权书"), "request": tr("盖章的申请书")}.get(kind, kind)


def kind_of(kind: str) -> str:
    """A kind of application."""
    return _phrase("application_kind", kind)


def state_of(state: str) -> str:
    """A state of an application."""
    return _phrase("application_state", state)


def seal_state_of(state: str) -> str:
    """A state of a seal."""
    return _phrase("seal_state", state)


def who(name: str) -> str:
    """Who has done something: a name, or the platform and the authorities by themselves."""
    return _phrase("who", "applicant" if name.startswith("app_") else name)


def happened(record: Mapping[str, Any]) -> str:
    """What an entry of the ledger tells: what happened, to which state, why, and to what."""
    event = str(record.get("event") or record.get("what") or "")
    state, why = str(record.get("to") or ""), str(record.get("reason") or "")
    group = "seal_state" if record.get("type") == "seal-change-v1" else "application_state"
    parts = (
        _phrase("record_event", event),
        tr("现在：{state}", state=_phrase(group, state)) if state else "",
        _phrase("reason", why) if why.isascii() else reason(why),
        plain(str((record.get("about") or ("", ""))[1])),
    )
    return tr("；").join(part for part in parts if part)


def _phrase(group: str, key: str) -> str:
    """The word for *key*; a stranger's own where there is none."""
    try:
        return phrase(f"{group}.{key}", language()) if key else ""
    except KeyError:
        return plain(key)


def event_of(event: str) -> str:
    """Something that happened to an application."""
    return _phrase("record_event", event)


def cause_of(cause: str) -> str:
    """Why a seal is out of use."""
    return _phrase("reason", cause)


def age(since: datetime) -> str:
    """How long ago, in the largest units."""
    minutes = max(0, int((datetime.now(UTC) - since).total_seconds() // 60))
    if minutes < 60:
        return tr("{count} 分钟", count=minutes)
    if minutes < 48 * 60:
        return tr("{count} 小时", count=minutes // 60)
    return tr("{count} 天", count=minutes // (24 * 60))
