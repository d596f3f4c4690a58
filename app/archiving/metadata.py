"""metadata.xml of an archived document.

The element names are the Chinese names that DA/T 46-2009 《文书类电子文件元数据方案》 and
GB/T 18894-2016 give to the metadata of an electronic record that is archived, so that an archives
system can be told what goes where. It is no package after DA/T 48: what an archive has to assign
itself (档号, 件号 of the archives) is not made up here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

from app.archiving.package import Item
from app.errors import phrase
from crypto.frozen import frozen
from crypto.verdict import Report, SignatureReport, beijing, one_line, say

NAMESPACE = "urn:sealdesk:archive:1"


@frozen
class About:
    """What the user enters for all files of a package; "" for what is left out."""

    unit: str = ""
    """立档单位名称: whose archives these are."""
    fonds: str = ""
    """全宗号."""
    department: str = ""
    """机构或问题."""
    retention: str = ""
    """保管期限: 永久, 30年, 10年."""
    classification: str = ""
    """密级."""


def metadata(item: Item, report: Report, about: About) -> bytes:
    """The document's metadata, UTF-8."""
    signed = [*_signed(report)]
    rows = [
        *_of_file(item, report, about, signed),
        *(row for signature in signed for row in _of_signature(signature)),
        *_of_use(item.journal or {}),
    ]
    body = "\n".join(rows)
    root = _name("root")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}">\n{body}\n</{root}>\n'
    ).encode()


def facts(report: Report, language: str) -> dict[str, Any]:
    """What the list says of a document by its report: the fields ``seals``, ``holders``,
    ``sealed_at`` and ``pages`` of :class:`app.archiving.package.Item`."""
    signed = [*_signed(report)]
    moments = [signature.times.trusted or signature.times.claimed for signature in signed]
    last = max((moment for moment in moments if moment), default=None)
    holders = dict.fromkeys(one_line(each.signer.holder) for each in signed if each.signer)
    return {
        "seals": "; ".join(dict.fromkeys(signature.called(language) for signature in signed)),
        "holders": "; ".join(holders),
        "sealed_at": last.astimezone(UTC).isoformat(timespec="seconds") if last else "",
        "pages": report.file.pages or 0,
    }


def shown_name(name: str) -> str:
    """A file's name as list and metadata have it: in one line, without what is not seen."""
    return one_line(name).strip()


def _signed(report: Report) -> Iterator[SignatureReport]:
    return (signature for signature in report.signatures if signature.signer or signature.seal)


def _of_file(
    item: Item, report: Report, about: About, signed: list[SignatureReport]
) -> Iterator[str]:
    title = shown_name(item.name).rpartition("/")[2].rpartition(".")[0]
    yield _element("unit", about.unit)
    yield _element("fonds", about.fonds)
    yield _element("title", title)
    for holder in dict.fromkeys(one_line(signature.who) for signature in signed):
        yield _element("responsible", holder)
    yield _element("date", item.sealed_at[:10])
    yield _element("department", about.department)
    yield _element("retention", about.retention)
    yield _element("classification", about.classification)
    yield _element("number", str(item.number))
    yield _element("file_name", shown_name(item.name))
    yield _element("file_size", str(item.size))
    yield _element("format", "PDF")
    yield _element("pages", str(report.file.pages or ""))
    yield _element("digest", item.sm3, algorithm="SM3")
    yield _element("digest", item.sha256, algorithm="SHA-256")


def _of_signature(signature: SignatureReport) -> Iterator[str]:
    """电子签名 of DA/T 46: rule, time, who, result, certificate."""
    times, signer, seal = signature.times, signature.signer, signature.seal
    moment = times.trusted or times.claimed
    yield f"  <{_name('signature')}>"
    yield _element("rule", signature.format, indent=4)
    if moment:
        proof = "proved" if times.trusted else "claimed"
        source = phrase(f"archive_field.time_{proof}", "zh_CN")
        yield _element("signed_at", beijing(moment), indent=4, source=source)
    if signer:
        yield _element("signer", one_line(signer.holder or signer.common_name), indent=4)
        yield _element("credit_code", signer.credit_code, indent=4)
        yield _element("certificate", signer.sm3, indent=4, algorithm="SM3")
        yield _element("serial", signer.serial, indent=4)
        yield _element("issuer", one_line(signer.issuer), indent=4)
    if seal:
        yield _element("seal_name", one_line(seal.name), indent=4)
        yield _element("seal_code", seal.code, indent=4)
    result = say("verdicts", signature.verdict.value, "zh_CN")
    yield _element("result", result, indent=4)
    yield f"  </{_name('signature')}>"


def _of_use(journal: Mapping[str, Any]) -> Iterator[str]:
    """业务行为: that the seal was used here, when and by whom."""
    if not journal:
        return
    said = {key: str(value) for key, value in journal.items() if value}
    yield f"  <{_name('act')}>"
    yield _element("act_name", phrase("journal_event.stamped", "zh_CN"), indent=4)
    yield _element("act_time", said.get("at", ""), indent=4)
    yield _element("act_by", said.get("operator", ""), indent=4)
    for key in ("counterparty", "copies", "approval", "usage_record"):
        yield _element(key, said.get(key, ""), indent=4)
    yield _element("entry", said.get("sequence", ""), indent=4)
    yield _element("entry_hash", said.get("hash", ""), indent=4, algorithm="SM3")
    yield f"  </{_name('act')}>"


def _name(key: str) -> str:
    """An element's or attribute's name: the standards', so always Chinese."""
    return phrase(f"archive_field.{key}", "zh_CN")


def _element(key: str, text: str, *, indent: int = 2, **attributes: str) -> str:
    shown = "".join(f' {_name(each)}="{_escaped(value)}"' for each, value in attributes.items())
    name = _name(key)
    return f"{' ' * indent}<{name}{shown}>{_escaped(one_line(text))}</{name}>"


def _escaped(text: str) -> str:
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    return text
