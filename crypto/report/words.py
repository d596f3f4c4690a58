"""What a report says, as HTML in one language, part by part.

What stands in a report comes from the document, that is from strangers: every text is escaped, made
one line, and may break anywhere. One module, though long: each part is a few lines of HTML.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC

from crypto.frozen import frozen
from crypto.lengths import MM
from crypto.report.pictures import ChangedPicture, Picture, Pictures
from crypto.report.typeface import drawable
from crypto.verdict import (
    CertificateInfo,
    Change,
    Finding,
    Level,
    MarkInfo,
    Report,
    SealInfo,
    SignatureReport,
    Verdict,
    beijing,
    one_line,
    proof_text,
    say,
)
from crypto.wording import Sentence, as_sentences, conclusion

_MAX_NAME = 400
_MAX_WORD = 40
_BREAK = "\u200b"
"""Shows as nothing; a line may break there."""
_LIGATURES = re.compile(r"f(?=[fil])(?![^{}]*})")
"""Outside a {blank}. A search would not find what PyMuPDF sets as one glyph."""
_MAX_MARKS = 40
"""Marks, changes and findings listed per signature; a riding seam of 500 pages is counted."""
COLOURS = {
    Verdict.VALID: "#1a7f37",
    Verdict.VALID_CHANGED_LATER: "#0b5cad",
    Verdict.UNKNOWN: "#8a5a00",
    Verdict.INVALID: "#b42318",
    Verdict.UNSIGNED: "#57606a",
}
_LEVELS = {
    Level.INVALID: ("✘", COLOURS[Verdict.INVALID]),
    Level.UNKNOWN: ("？", COLOURS[Verdict.UNKNOWN]),
    Level.CHANGED: ("＋", COLOURS[Verdict.VALID_CHANGED_LATER]),
    Level.OK: ("✔", COLOURS[Verdict.VALID]),
    Level.NOTICE: ("·", COLOURS[Verdict.UNSIGNED]),
}
"""In the order of the report: the worst first."""


_PROOFS = {
    "proved": _LEVELS[Level.OK],
    "missing": _LEVELS[Level.UNKNOWN],
    "failed": _LEVELS[Level.INVALID],
    "not_needed": _LEVELS[Level.NOTICE],
}
_MAX_CARDS = 3
"""Signatures that have room on the first page with all that is proved of them."""
_SEAL_MM, _PAGE_MM, _PART_MM, _CHANGED_MM = 45.0, 55.0, 78.0, 70.0
"""The longer side of a picture."""
_IN_A_ROW = 3
_WORDS_MM = 35.0
"""Of a page, for the words about a changed page."""


@frozen
class Part:
    """Some of the report, as HTML."""

    body: str
    begins_page: bool = False
    room_mm: float = 0.0
    """It begins a page too where less of one is left."""

    @property
    def html(self) -> str:
        return f"<html><body>{self.body}</body></html>"


class Words:
    """Parts of the report as HTML, in one language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def parts(
        self, report: Report, imprints: Mapping[str, bytes], shown: Pictures, issuer: str
    ) -> list[Part]:
        """The report in parts, none of which is longer than some pages, and each with the heading
        that it begins with: first what a person needs, with *shown*, then from a new page what it
        rests on."""
        first = [*self._first_page(report), *self._sealed_pages(shown)]
        changed = [self._changed_page(*each) for each in enumerate(shown.changed)]
        return [
            *map(Part, first),
            *changed,
            *self._details(report, imprints, issuer),
        ]

    def _first_page(self, report: Report) -> list[str]:
        """Verdict, reason, what to do; who, when, and what is proved."""
        head = [
            f"<h1>{self._label('title')}</h1>",
            f'<p class="under">{self._label("subtitle")}</p>',
            self._verdict(report.verdict, 26),
            *self._conclusion(report),
            f'<p class="small">{_text(report.summary(self._language))}</p>',
        ]
        if not report.signatures:
            head.append(f"<p>{self._label('unsigned_none')}</p>")
        numbered = list(enumerate(report.signatures, 1))
        if len(numbered) <= _MAX_CARDS:
            return ["".join((*head, *(self._card(signature) for _, signature in numbered)))]
        parts = ["".join(head)]
        for start in range(0, len(numbered), _MAX_MARKS):
            parts.append(self._overview(numbered[start : start + _MAX_MARKS]))
        return parts

    def _details(
        self, report: Report, pictures: Mapping[str, bytes], issuer: str
    ) -> Iterator[Part]:
        parts = [self._file(report)]
        for number, signature in enumerate(report.signatures, 1):
            parts.append(self._signature(number, signature, pictures))
            heading = f"<h3>{self._label('evidence')}</h3>"
            parts.append(heading + self._findings(signature.findings))
        if report.unsigned_marks:
            rows = [("fields", self._marks(report.unsigned_marks))]
            heading = f"<h2>{self._label('unsigned_marks')}</h2>"
            note = f"<p>{self._label('unsigned_note')}</p>"
            parts.append(heading + self._table(rows) + note)
        if report.findings:
            heading = f"<h2>{self._label('whole')}</h2>"
            parts.append(heading + self._findings(report.findings))
        parts += [*self._unchecked(report), *self._technical(report)]
        last = [self._recheck(report)]
        if issuer:
            last.append(f"<p>{self._label('issued_by', issuer=_text(issuer))}</p>")
        if any("〓U+" in part for part in parts):
            last.append(f'<p class="small">{self._label("rare")}</p>')
        found = [part for part in (*parts, "".join(last)) if part]
        yield Part(found[0], begins_page=True)
        yield from map(Part, found[1:])

    def _card(self, signature: SignatureReport) -> str:
        """Who, when, and the four things that have to be proved."""
        language = self._language
        colour = COLOURS[signature.verdict]
        word = _text(say("verdicts", signature.verdict.value, language))
        times = signature.times
        when = beijing(times.best)[:16] if times.best else self._label("none")
        if times.best and not times.trusted:
            when += self._label("only_claimed")
        rows = [
            (self._label("who"), self._who(signature)),
            (self._label("when"), when),
            (self._label("verdict_column"), f'<span style="color:{colour}">{word}</span>'),
        ]
        for proof in signature.proofs:
            sign, tint = _PROOFS[proof.state]
            text = _text(say("proofs", proof.state, language))
            if proof.state in ("missing", "failed"):
                text += f"<br/>{_text(proof_text(signature, proof, language))}"
            shown = f'<span style="color:{tint}">{sign}</span> {text}'
            rows.append((_text(say("proofs", proof.what, language)), shown))
        cells = (f'<tr><td class="key">{key}</td><td>{value}</td></tr>' for key, value in rows)
        return f"<table>{''.join(cells)}</table>"

    # --- pictures --------------------------------------------------------------------------------

    def _sealed_pages(self, shown: Pictures) -> Iterator[str]:
        """Seals as signed and sealed pages, some in a row."""
        if shown.seals or shown.pages:
            images = [self._image("s", *seal, _SEAL_MM) for seal in enumerate(shown.seals)]
            images += [self._image("p", *page, _PAGE_MM) for page in enumerate(shown.pages)]
            rows = [images[n : n + _IN_A_ROW] for n in range(0, len(images), _IN_A_ROW)]
            table = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
            left = shown.pages_left_out
            more = self._label("pages_left_out", count=str(left)) if left else ""
            title = f"<h2>{self._label('sealed_pages')}</h2>"
            yield f'{title}<table class="pictures">{table}</table><p class="small">{more}</p>'

    def _image(self, kind: str, number: int, shown: Picture, most: float) -> str:
        scale = min(1.0, most / max(shown.width_mm, shown.height_mm))
        across, down = shown.width_mm * scale * MM, shown.height_mm * scale * MM
        words = "seal_as_signed" if kind == "s" else "page_as_signed"
        words = words if shown.intact else f"{words}_not"
        said = self._label(words, page=str(shown.page))
        image = f'<img src="{kind}{number}.png" width="{across:.1f}" height="{down:.1f}"/>'
        return f'<td>{image}<p class="small">{said}</p></td>'

    def _changed_page(self, number: int, shown: ChangedPicture) -> Part:
        """The largest change, then and now, and the page then, now and both in one."""
        scale = min(_PART_MM / shown.part.width, _PART_MM / shown.part.height)
        across, down = shown.part.width * scale * MM, shown.part.height * scale * MM
        tall = down
        parts = "".join(
            f'<td><img src="{name}{number}.png" width="{across:.1f}" height="{down:.1f}"/>'
            f'<p class="small">{self._label(label)}</p></td>'
            for name, label in (("tp", "then"), ("np", "now"))
        )
        scale = min(1.0, _CHANGED_MM / max(shown.width_mm, shown.height_mm))
        across, down = shown.width_mm * scale * MM, shown.height_mm * scale * MM
        tall += down
        cells = "".join(
            f'<td><img src="{name}{number}.png" width="{across:.1f}" height="{down:.1f}"/>'
            f'<p class="small">{self._label(label)}</p></td>'
            for name, label in (("t", "then"), ("n", "now"), ("b", "both"))
        )
        title = self._label("changed_page", page=str(shown.page))
        tables = (f'<table class="pictures"><tr>{row}</tr></table>' for row in (parts, cells))
        return Part(f"<h2>{title}</h2>{''.join(tables)}", not number, tall / MM + _WORDS_MM)

    def _conclusion(self, report: Report) -> list[str]:
        """What decides the verdict, and what to do."""
        first = conclusion(report, self._language)
        return [f'<p class="first">{_text(first.sentence)}</p>', f"<p>{_text(first.action)}</p>"]

    def _file(self, report: Report) -> str:
        file = report.file
        pages = self._label("pages_unknown") if file.pages is None else str(file.pages)
        return f"<h2>{self._label('document')}</h2>" + self._table(
            [
                ("file_name", _text(file.name)),
                ("file_size", self._label("bytes", number=f"{file.size:,}")),
                ("pages", pages),
                ("file_sm3", _code(file.sm3)),
                ("verified_at", beijing(report.verified_at)),
                ("judged_at", beijing(report.judged_at)),
                ("program", _text(report.program)),
            ]
        )

    def _overview(self, numbered: Iterable[tuple[int, SignatureReport]]) -> str:
        rows = []
        for number, signature in numbered:
            word = _text(say("verdicts", signature.verdict.value, self._language))
            colour = COLOURS[signature.verdict]
            rows.append(
                f'<tr><td class="key">{self._label("signature", number=str(number))}</td>'
                f'<td>{self._who(signature)}</td><td style="color:{colour}">{word}</td></tr>'
            )
        return f"<table>{''.join(rows)}</table>"

    def _signature(
        self, number: int, signature: SignatureReport, pictures: Mapping[str, bytes]
    ) -> str:
        title = f"{self._label('signature', number=str(number))} {self._who(signature)}"
        seal, language = signature.seal, self._language
        rows = [
            ("format", _text(say("formats", signature.format, language))),
            ("coverage", self._label(f"coverage_{signature.coverage}")),
            ("fields", self._marks(signature.marks)),
        ]
        if seal:
            rows += self._seal(seal, pictures)
        else:
            rows.append(("seal", self._label("no_seal")))
        rows.append(("signer", self._certificate(signature.signer)))
        rows.append(("chain", self._chain(signature.chain)))
        if seal:
            rows.append(("maker_chain", self._chain(signature.seal_chain)))
        times = signature.times
        claimed = self._label("none")
        if times.claimed:
            claimed = self._label("claimed_note", time=beijing(times.claimed))
        trusted = self._label("none")
        if times.trusted:
            source = f"trusted_{times.trusted_source}"
            trusted = self._label(source, time=beijing(times.trusted))
        rows += [
            ("claimed_time", claimed),
            ("trusted_time", trusted),
            ("platform", self._platform(signature)),
            ("changes", self._changes(signature)),
        ]
        return f"<h2>{title}</h2>{self._verdict(signature.verdict, 15)}{self._table(rows)}"

    def _who(self, signature: SignatureReport) -> str:
        return _text(signature.called(self._language))

    def _seal(self, seal: SealInfo, pictures: Mapping[str, bytes]) -> list[tuple[str, str]]:
        language = self._language
        width, height = seal.size_mm
        size = self._label("millimetres", width=str(width), height=str(height))
        period = {"from": beijing(seal.valid_from), "until": beijing(seal.valid_until)}
        rows = [
            ("seal", _text(seal.name)),
            ("seal_code", _code(seal.code)),
            ("seal_type", _text(say("seal_types", str(seal.type), language))),
            ("seal_validity", self._label("until", **period)),
            ("seal_size", size),
            ("seal_maker", self._certificate(seal.maker)),
            ("picture_sm3", _digits(seal.picture_sm3)),
        ]
        if seal.picture_sm3 in pictures:
            # at its true size, unless that is absurd
            scale = min(1.0, 60 / max(width, height))
            across, down = width * scale * MM, height * scale * MM
            shown = f'<img src="{seal.picture_sm3}.png" width="{across:.1f}" height="{down:.1f}"/>'
            rows.append(("imprint", shown))
        return rows

    def _certificate(self, certificate: CertificateInfo | None) -> str:
        if certificate is None:
            return self._label("not_known")
        period = {
            "from": beijing(certificate.not_before),
            "until": beijing(certificate.not_after),
        }
        named = {
            "holder": certificate.holder,
            "credit_code": certificate.credit_code,
            "certificate_name": certificate.common_name,
        }
        known = (f"{self._label(key)} {_text(text)}" for key, text in named.items() if text)
        return "<br/>".join(
            (
                *(known if any(named.values()) else (_text(certificate.subject),)),
                f"{self._label('serial')} {_code(certificate.serial)}",
                f"{self._label('certificate_validity')} {self._label('until', **period)}",
                f"{self._label('fingerprint')} {_digits(certificate.sm3)}",
            )
        )

    def _chain(self, chain: Sequence[CertificateInfo]) -> str:
        """From the signer up to where it ends, trusted or not: the findings say which."""
        return "<br/>".join(
            f"{number}. {_text(certificate.common_name or certificate.subject)}"
            for number, certificate in enumerate(chain, 1)
        ) or self._label("not_known")

    def _marks(self, marks: Sequence[MarkInfo]) -> str:
        if not marks:
            return self._label("no_marks")
        lines = [
            (self._label("date_mark", date=_text(mark.date)) if mark.date else "")
            + self._label(
                "mark",
                page=str(mark.page),
                left=f"{mark.left_mm:.1f}",
                top=f"{mark.top_mm:.1f}",
                width=f"{mark.width_mm:.1f}",
                height=f"{mark.height_mm:.1f}",
            )
            for mark in marks
        ]
        return _listed(lines)

    def _platform(self, signature: SignatureReport) -> str:
        line = signature.platform
        if line is None:
            return self._label("platform_none")
        return self._label(
            "platform_line",
            state=self._label(f"state_{line.state}"),
            reason=f" ({_text(line.reason)})" if line.reason else "",
            time=beijing(line.as_of),
            source=self._label(f"source_{line.source}"),
        )

    def _changes(self, signature: SignatureReport) -> str:
        lines = [
            self._label("change", revision=str(change.revision), text=_text(self._change(change)))
            for change in signature.changed_later
        ]
        return _listed(lines) or self._label("no_changes")

    def _change(self, change: Change) -> str:
        """Where and what; the names of objects stand in the report's JSON."""
        language = self._language
        place = say("blanks", "page", language).format(page=change.page) if change.page else ""
        return f"{place} {say('changes', change.kind, language)}".strip()

    def _findings(self, findings: Iterable[Finding]) -> str:
        sentences, parts = as_sentences(findings, self._language), []
        for level, (sign, colour) in _LEVELS.items():
            found = [sentence for sentence in sentences if sentence.level == level]
            if found:
                group = self._label(f"group_{level.value}")
                parts.append(f'<p class="group" style="color:{colour}">{sign} {group}</p>')
            parts += self._few(found, sign, colour)
        return "".join(parts)

    def _few(self, sentences: Sequence[Sentence], sign: str, colour: str) -> list[str]:
        shown = [self._sentence(sentence, sign, colour) for sentence in sentences[:_MAX_MARKS]]
        left = len(sentences) - len(shown)
        return [*shown, f"<p>… (+{left})</p>"] if left else shown

    def _sentence(self, sentence: Sentence, sign: str, colour: str) -> str:
        text = _text(sentence.text)
        if sentence.count > 1:
            text += self._label("times", count=str(sentence.count))
        return f'<p class="finding"><span style="color:{colour}">{sign}</span> {text}</p>'

    def _technical(self, report: Report) -> list[str]:
        """Codes and details of what is amiss, for support; nothing of it is needed to decide."""
        lines = [
            f"{number}. {finding.technical()}"
            for number, findings in (
                *enumerate((signature.findings for signature in report.signatures), 1),
                (0, report.findings),
            )
            for finding in findings
            if finding.level in (Level.INVALID, Level.UNKNOWN, Level.CHANGED)
        ]
        if not lines:
            return []
        shown = [f'<p class="small">{_text(line)}</p>' for line in lines[:_MAX_MARKS]]
        if len(lines) > _MAX_MARKS:
            shown.append(f"<p>… (+{len(lines) - _MAX_MARKS})</p>")
        return [f"<h2>{self._label('technical')}</h2>{''.join(shown)}"]

    def _unchecked(self, report: Report) -> list[str]:
        sign, colour = _LEVELS[Level.UNKNOWN]
        parts = [f"<h2>{self._label('unchecked')}</h2>"]
        sources = [
            (f"{self._label('signature', number=str(number))}", signature.findings)
            for number, signature in enumerate(report.signatures, 1)
        ]
        for name, findings in (*sources, (self._label("whole"), report.findings)):
            unknown = [finding for finding in findings if finding.level == Level.UNKNOWN]
            if unknown:
                lines = "".join(self._few(as_sentences(unknown, self._language), sign, colour))
                parts.append(f'<p class="group">{name}</p>{lines}')
        if len(parts) == 1:
            parts.append(f"<p>{self._label('unchecked_none')}</p>")
        parts[:2] = ["".join(parts[:2])]  # no heading by itself
        return [*parts, f"<p>{self._label('limits')}</p>"]

    def _recheck(self, report: Report) -> str:
        moment = report.judged_at.astimezone(UTC).isoformat(timespec="seconds")
        again = self._label("recheck_verify", time=moment)
        lines = (self._label("recheck_file"), again)
        return f"<h2>{self._label('recheck')}</h2>" + "".join(f"<p>{line}</p>" for line in lines)

    def _verdict(self, verdict: Verdict, size: int) -> str:
        word = _text(say("verdicts", verdict.value, self._language))
        side = size * 1.5
        return (
            f'<table class="verdict"><tr><td class="icon" style="width:{side + 8:.0f}pt">'
            f'<img src="{verdict.value}.svg" width="{side}" height="{side}"/></td>'
            f'<td class="word" style="font-size:{size}pt;color:{COLOURS[verdict]}">{word}'
            "</td></tr></table>"
        )

    def _table(self, rows: Iterable[tuple[str, str]]) -> str:
        cells = (
            f'<tr><td class="key">{self._label(key)}</td><td>{value}</td></tr>'
            for key, value in rows
        )
        return f"<table>{''.join(cells)}</table>"

    def _label(self, key: str, **blanks: str) -> str:
        """A text of the report; *blanks* are HTML already."""
        template = apart(html.escape(say("report", key, self._language)))
        return template.format(**blanks) if blanks else template


def _listed(lines: Sequence[str]) -> str:
    more = f"<br/>… (+{len(lines) - _MAX_MARKS})" if len(lines) > _MAX_MARKS else ""
    return "<br/>".join(lines[:_MAX_MARKS]) + more


def _text(text: str) -> str:
    """A stranger's text as HTML: one line, of bounded length, long words may break anywhere, and
    nothing in it is left out because the typeface lacks it."""
    shown = one_line(text)
    if len(shown) > _MAX_NAME:
        shown = shown[:_MAX_NAME] + "…"
    return " ".join(_word(word) for word in shown.split(" "))


def _word(word: str) -> str:
    known = [html.escape(c) if drawable(c) else f"〓U+{ord(c):04X}" for c in word]
    if len(word) > _MAX_WORD:
        return _BREAK.join(known)
    # PyMuPDF reads entities twice: "&amp;lt;" would become "<"
    return apart("".join(known)).replace("&amp;", f"&amp;{_BREAK}")


def apart(text: str) -> str:
    return _LIGATURES.sub(f"f{_BREAK}", text)


def _digits(text: str) -> str:
    """Hexadecimal digits in groups of eight, as one reads them out."""
    return _code(" ".join(text[n : n + 8] for n in range(0, len(text), 8)))


def _code(text: str) -> str:
    return f'<span class="code">{_text(text)}</span>'
