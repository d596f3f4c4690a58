"""How a verdict looks and sounds: colour, icon and word, always together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from crypto.frozen import frozen
from crypto.validation.anchor_rules import OF_THE_MAKER
from crypto.verdict import (
    CHANGES,
    Change,
    Finding,
    Level,
    Report,
    SignatureReport,
    Verdict,
    say,
)
from crypto.verdict import LEVELS as CODES
from crypto.wording import as_sentences
from ui.language import language, pair, tr
from ui.widgets import day, in_fours, moment


@frozen
class Appearance:
    """Colour role and icon of a verdict or a level."""

    role: str
    icon: str


VERDICTS = {
    Verdict.VALID: Appearance("good", "shield-check"),
    Verdict.VALID_CHANGED_LATER: Appearance("changed", "history"),
    Verdict.UNKNOWN: Appearance("unknown", "shield-question-mark"),
    Verdict.INVALID: Appearance("bad", "shield-x"),
    Verdict.UNSIGNED: Appearance("muted", "file-text"),
}
LEVELS = {
    Level.OK: Appearance("good", "circle-check"),
    Level.NOTICE: Appearance("muted", "info"),
    Level.CHANGED: Appearance("changed", "history"),
    Level.UNKNOWN: Appearance("unknown", "triangle-alert"),
    Level.INVALID: Appearance("bad", "circle-x"),
}

PROOFS = {
    "proved": Appearance("good", "circle-check"),
    "missing": Appearance("unknown", "triangle-alert"),
    "failed": Appearance("bad", "circle-x"),
    "not_needed": Appearance("muted", "info"),
}
"""By the state of one of the four lines."""

# Which heading of the evidence a finding stands under, by how its code begins; first match counts.
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("time", ("time_", "timestamp_")),
    ("platform", ("status_",)),
    ("seal", ("seal_", "maker_", "mark_", "version_")),
    ("signer", ("signer_", "signature_", "revocation_", "ca_", "kind_", "weak_")),
    ("leave", ("grant_", "use_", "approved_", "approval_", "ticket_")),
    ("content", ("",)),
)


def word(verdict: Verdict) -> str:
    """ "有效", "无法确认", …"""
    said = say("verdicts", verdict.value, language())
    return said[:1].upper() + said[1:]


def headings() -> dict[str, str]:
    """The evidence's headings in the order in which a person asks."""
    return {
        "content": tr("内容是否完整"),
        "signer": tr("谁签的"),
        "leave": tr("谁授权、谁同意"),
        "seal": tr("印章"),
        "time": tr("什么时候"),
        "platform": tr("平台怎么说"),
    }


def grouped(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Findings under their headings, the worst first; empty headings left out."""
    rank = list(Level)
    made: dict[str, list[Finding]] = {name: [] for name in headings()}
    for finding in findings:
        name = next(
            group for group, starts in _GROUPS if any(finding.code.startswith(s) for s in starts)
        )
        if finding.details.get("whose") in OF_THE_MAKER:
            name = "seal"
        made[name].append(finding)
    for found in made.values():
        found.sort(key=lambda finding: rank.index(finding.level), reverse=True)
    return {name: found for name, found in made.items() if found}


_OTHER_KIND = 99
"""A seal's type that says nothing about it (GB/T 38540-2020, 其他)."""


def seal_name(signature: SignatureReport) -> str:
    """What to call a signature: its seal, with its kind where the name does not say it; else its
    signer."""
    if signature.seal and signature.who:
        kind = say("seal_types", str(signature.seal.type), language())
        known = kind in signature.who or signature.seal.type == _OTHER_KIND
        return signature.who if known else f"{signature.who} {kind}"
    return signature.who or say("report", "unnamed", language())


def summary(report: Report) -> str:
    """One sentence below the verdict."""
    count = len(report.signatures)
    if not count:
        if report.unsigned_marks:
            return tr("有 {count} 处印迹，但没有任何签名。", count=len(report.unsigned_marks))
        return tr("这个文件里没有电子印章，也没有数字签名。")
    words = {
        Verdict.VALID: tr("{count} 个有效", count="{count}"),
        Verdict.VALID_CHANGED_LATER: tr("{count} 个有效但此后有改动", count="{count}"),
        Verdict.UNKNOWN: tr("{count} 个无法确认", count="{count}"),
        Verdict.INVALID: tr("{count} 个无效", count="{count}"),
    }
    answers = [signature.verdict for signature in report.signatures]
    parts = [
        text.format(count=answers.count(verdict))
        for verdict, text in words.items()
        if verdict in answers
    ]
    return tr("{count} 个印章：{parts}。", count=count, parts=tr("，").join(parts))


def amiss(report: Report) -> list[Finding]:
    """All findings of a report that cost its verdict."""
    levels = (Level.INVALID, Level.UNKNOWN, Level.CHANGED)
    everything = (*(f for s in report.signatures for f in s.findings), *report.findings)
    return [finding for finding in everything if finding.level in levels]


def tally(reports: Sequence[Report | None]) -> str:
    """How many of which verdict; None: there is no report."""
    counts = Counter(report.verdict if report else None for report in reports)
    words_of = [(verdict, word(verdict)) for verdict in Verdict] + [(None, tr("没有结论"))]
    told = (f"{said} {counts[verdict]}" for verdict, said in words_of if counts[verdict])
    return " · ".join(each.replace(" ", "\u00a0") for each in told)


def later_changes(signature: SignatureReport) -> list[tuple[str, Appearance]]:
    """What later revisions did, in words, each once, what costs the verdict most first."""
    looks: dict[str, Appearance] = {}
    rank = list(Level)
    for change in sorted(signature.changed_later, key=lambda c: -rank.index(_level(c))):
        level = max(_level(change), Level.CHANGED, key=rank.index)
        looks.setdefault(_words(change), LEVELS[level])
    return list(looks.items())


def _level(change: Change) -> Level:
    return CODES[CHANGES[change.kind]]


def _words(change: Change) -> str:
    """Where and what; the names of objects are for the technical details."""
    place = tr("第 {page} 页", page=change.page) if change.page else ""
    return f"{place} {change.said(language())}".strip()


@frozen
class Version:
    """One version of a file, as it can be looked at."""

    end: int
    """Its length in bytes."""
    title: str
    changes: tuple[str, ...]
    """What it did to the one before, in words, as far as a signature lets us know."""


def end_of(report: Report, signature: SignatureReport) -> int:
    """Bytes of the file up to where the version ends that was signed; 0 if that cannot be told."""
    parts = signature.byte_range
    before = (f for f in report.findings if f.code == "bytes_before_start")
    start = next((int(found.details["count"]) for found in before), 0)
    return start + parts[2] + parts[3] if len(parts) == 4 else 0


def versions(report: Report) -> list[Version]:
    """The versions that *report*'s file went through, the first one first."""
    ends, made = report.file.revisions, list[Version]()
    for number, end in enumerate(ends, 1):
        if number < len(ends) and ends[number] <= end:
            continue  # not to be told from the next one
        signers = [
            seal_name(s) for s in report.signatures if 0 <= end - end_of(report, s) <= _NEWLINE
        ]
        if signers:
            what = tr("{names}签章", names=tr("、").join(dict.fromkeys(signers)))
        else:
            what = tr("没有签章的改动") if made else tr("最初的文件")
        title = tr("版本 {number}：{what}", number=len(made) + 1, what=what)
        if number == len(ends):
            title = tr("{version}（当前）", version=title)
        found = [c for s in report.signatures for c in s.changed_later if c.revision == number]
        made.append(Version(end, title, tuple(dict.fromkeys(map(_words, found)))))
    return made


_NEWLINE = 2
"""Bytes of the line end that one program counts to a revision and another does not."""


def seal_rows(signature: SignatureReport) -> list[tuple[str, str]]:
    """The seal's own data."""
    seal = signature.seal
    if seal is None:
        return []
    return [
        (tr("名称"), seal.name),
        (tr("种类"), say("seal_types", str(seal.type), language())),
        (tr("编码"), seal.code),
        (
            tr("有效期"),
            tr("{start} 至 {end}", start=day(seal.valid_from), end=day(seal.valid_until)),
        ),
        (tr("尺寸"), tr("{width} × {height} 毫米", width=seal.size_mm[0], height=seal.size_mm[1])),
        (tr("制章者"), seal.maker.common_name if seal.maker else "—"),
        (tr("格式"), signature.format),
        (tr("印模摘要"), in_fours(seal.picture_sm3)),
    ]


def signer_rows(signature: SignatureReport) -> list[tuple[str, str]]:
    """The signer's certificate and what is above it."""
    signer = signature.signer
    if signer is None:
        return []
    above = " ← ".join(
        certificate.common_name or certificate.subject for certificate in signature.chain[1:]
    )
    return [
        (tr("单位"), signer.holder or "—"),
        (tr("统一社会信用代码"), signer.credit_code or "—"),
        (tr("证书名称"), signer.common_name or signer.subject),
        (tr("签发者"), signer.issuer),
        (tr("序列号"), in_fours(signer.serial)),
        (
            tr("有效期"),
            tr("{start} 至 {end}", start=day(signer.not_before), end=day(signer.not_after)),
        ),
        (tr("证书链"), above or "—"),
        (tr("SM3 指纹"), in_fours(signer.sm3)),
    ]


def time_line(signature: SignatureReport) -> str:
    """When it was signed, in one line; a claimed time is called claimed."""
    best = signature.times.best
    if not best:
        return tr("签章时间没有写明")
    if signature.times.trusted:
        return tr("签章时间 {time}", time=moment(best))
    return tr("签章时间 {time}（自称）", time=moment(best))


def time_rows(signature: SignatureReport) -> list[tuple[str, str]]:
    """When it was signed; a claimed time is called claimed."""
    times = signature.times
    sources = {"timestamp": tr("时间戳"), "ticket": tr("平台用印凭据")}
    claimed = moment(times.claimed) if times.claimed else tr("没有写明")
    rows = [(tr("自称"), claimed)]
    if times.trusted:
        source = sources.get(times.trusted_source or "", "")
        rows.append(
            (tr("可信"), tr("{time}（{source}）", time=moment(times.trusted), source=source))
        )
    return rows


def platform_line(signature: SignatureReport) -> str:
    """What the platform said of the seal, with its time; a line of its own."""
    line = signature.platform
    if line is None:
        return tr("平台：没有关于这枚印章的答复")
    states = {
        "active": tr("正常"),
        "suspended": tr("已停用"),
        "cancelled": tr("已注销"),
        "expired": tr("已到期"),
        "made": tr("未领取"),
    }
    return tr(
        "平台：{state}（截至 {time}）",
        state=states.get(line.state, line.state),
        time=moment(line.as_of),
    )


def rows_text(rows: Sequence[tuple[str, str]]) -> str:
    """A line for each row, for the clipboard."""
    return "\n".join(pair(name, value) for name, value in rows)


def as_text(signature: SignatureReport) -> str:
    """Everything about one signature, for the clipboard."""
    lines = [pair(seal_name(signature), word(signature.verdict))]
    for rows in (seal_rows(signature), signer_rows(signature), time_rows(signature)):
        lines += [rows_text(rows)] if rows else []
    lines.append(platform_line(signature))
    lines += [text for text, _ in later_changes(signature)]
    for name, found in grouped(signature.findings).items():
        lines.append(headings()[name])
        lines += [
            f"  [{say('levels', sentence.level.value, language())}] {sentence.text}"
            for sentence in as_sentences(found, language())
        ]
    return "\n".join(lines)
