"""The verification report (验章报告) on A4, for filing: what a :class:`Report` says, and no more.

Every verdict is a word, a shape and a colour, never a colour alone. A claimed time is never shown
as a trusted one, and whatever could not be proved is listed once more at the end. The page is set
from HTML by PyMuPDF with its own typefaces, embedded and cut down to the characters used.

What stands in a report comes from the document, that is from strangers: every text is escaped, made
one line, and may break anywhere; a seal's picture is shown only if it has the digest of the one in
the seal, and only as pixels that Pillow has decoded.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from functools import cache
from typing import Any, BinaryIO

from crypto.algorithms import gm
from crypto.lengths import MM
from crypto.verdict import (
    CertificateInfo,
    Finding,
    Level,
    MarkInfo,
    Report,
    SealInfo,
    SignatureReport,
    Verdict,
    beijing,
    one_line,
    say,
)
from crypto.wording import Sentence, conclusion, told

_MARGIN = 20 * MM
_FOOT = 8 * MM
_MAX_NAME = 400
_MAX_WORD = 40
_BREAK = "\u200b"
"""Shows as nothing; a line may break there."""
_LIGATURES = re.compile(r"f(?=[fil])(?![^{}]*})")
"""Outside a {blank}. A search would not find what PyMuPDF sets as one glyph."""
_MAX_MARKS = 40
"""Marks, changes and findings listed per signature; a riding seam of 500 pages is counted."""
_MAX_PAGES_OF_A_PART = 100
_ROOM = 40 * MM
"""A part that would have less of a page begins the next one."""

_COLOURS = {
    Verdict.VALID: "#1a7f37",
    Verdict.VALID_CHANGED_LATER: "#0b5cad",
    Verdict.UNKNOWN: "#8a5a00",
    Verdict.INVALID: "#b42318",
    Verdict.UNSIGNED: "#57606a",
}
_SHAPES = {
    Verdict.VALID: '<circle cx="20" cy="20" r="18"/><path d="M11 20.5 17.5 27 29.5 14"/>',
    Verdict.VALID_CHANGED_LATER: '<rect x="3" y="3" width="34" height="34" rx="9"/>'
    '<path d="M9 20 14.5 25.5 24 15"/><path d="M30 14 V26"/><path d="M30 29 V31"/>',
    Verdict.UNKNOWN: '<path d="M20 3 38 35 2 35 Z"/><path d="M20 14 V24"/><path d="M20 28 V30.5"/>',
    Verdict.INVALID: '<path d="M13 2 H27 L38 13 V27 L27 38 H13 L2 27 V13 Z"/>'
    '<path d="M13 13 27 27"/><path d="M27 13 13 27"/>',
    Verdict.UNSIGNED: '<rect x="3" y="3" width="34" height="34"/><path d="M11 20 H29"/>',
}
"""The first element is the shape, filled; the rest is drawn in white upon it."""
_LEVELS = {
    Level.INVALID: ("✘", _COLOURS[Verdict.INVALID]),
    Level.UNKNOWN: ("？", _COLOURS[Verdict.UNKNOWN]),
    Level.CHANGED: ("＋", _COLOURS[Verdict.VALID_CHANGED_LATER]),
    Level.OK: ("✔", _COLOURS[Verdict.VALID]),
    Level.NOTICE: ("·", _COLOURS[Verdict.UNSIGNED]),
}
"""In the order of the report: the worst first."""

_STYLE = """
body { font-family: sans-serif; font-size: 9.5pt; line-height: 1.3; color: #111; }
h1 { font-size: 20pt; text-align: center; margin: 0 0 2pt 0; }
h2 { font-size: 12.5pt; margin: 14pt 0 5pt 0; }
h3 { font-size: 10.5pt; margin: 9pt 0 3pt 0; }
p { margin: 2pt 0 4pt 0; }
p.first { font-size: 11.5pt; margin: 6pt 0 4pt 0; }
p.under { text-align: center; color: #555; margin: 0 0 10pt 0; }
p.finding { margin: 1.5pt 0 1.5pt 14pt; text-indent: -14pt; }
p.group { margin: 5pt 0 1pt 0; font-weight: bold; }
p.small { font-size: 8.5pt; color: #444; }
table { width: 100%; border-collapse: collapse; margin: 0 0 4pt 0; }
td { border: 0.6pt solid #9a9a9a; padding: 1.5pt 5pt; vertical-align: top; }
td.key { width: 84pt; color: #555; }
table.verdict td { border: none; padding: 4pt 6pt; }
td.icon { width: 50pt; }
td.word { font-weight: bold; }
.code { font-family: monospace; font-size: 7.5pt; }
"""
_FOOTER = """
body { margin: 0; font-family: sans-serif; font-size: 7pt; color: #444; }
p { margin: 0; text-align: center; }
"""


ENCLOSED = "report.json"
"""Name of the file enclosed in a report that somebody answers for: the same, for machines."""
_MAX_ENCLOSED = 16 * 1024 * 1024


def render(
    report: Report,
    language: str = "zh_CN",
    imprints: Mapping[str, bytes] | None = None,
    issuer: str = "",
) -> bytes:
    """*report* as a PDF, in Chinese ("zh_CN") or English ("en").

    *imprints*: pictures of the seals as found in them (PNG and the like) by their SM3 in lower-case
    hexadecimal (:attr:`SealInfo.picture_sm3`); another picture under that name is not shown.
    *issuer*: who will seal the report and answers for it; then its JSON is enclosed, and sealed
    along (:func:`enclosed`)."""
    pictures = {
        name: png
        for name, data in (imprints or {}).items()
        if gm.sm3(data).hex() == name and (png := _on_white(data))
    }
    parts = _Words(language).parts(report, pictures, issuer)
    data = _set(parts, report, language, pictures)
    return _with_json(data, report, language) if issuer else data


def enclosed(stream: BinaryIO) -> dict[str, Any]:
    """The report's JSON (docs/report-schema.md) as enclosed by :func:`render` for an *issuer*.

    It proves nothing by itself: verify the seal on the PDF first. Raises ValueError."""
    from crypto.pdf.reading.access import entry, follow
    from crypto.pdf.reading.document import Document
    from crypto.pdf.reading.failures import PARSER_FAILURES

    try:
        names = entry(entry(Document(stream).root, "/Names"), "/EmbeddedFiles")
        title, specification = (follow(each) for each in entry(names, "/Names"))
        if str(title) != ENCLOSED:
            raise ValueError("another file is enclosed")
        data = entry(entry(follow(specification), "/EF"), "/F").data
        if len(data) > _MAX_ENCLOSED:
            raise ValueError("the enclosed report is too large")
        answer = json.loads(data)
    except PARSER_FAILURES as error:
        raise ValueError(f"no report is enclosed: {error}") from error
    if not isinstance(answer, dict):
        raise ValueError("the enclosed report is no object")
    return answer


# --- the words ---------------------------------------------------------------------------------


class _Words:
    """Parts of the report as HTML, in one language."""

    def __init__(self, language: str) -> None:
        self._language = language

    def parts(self, report: Report, pictures: Mapping[str, bytes], issuer: str) -> list[str]:
        """The report in parts, none of which is longer than some pages."""
        head = [
            f"<h1>{self._label('title')}</h1>",
            f'<p class="under">{self._label("subtitle")}</p>',
            self._verdict(report.verdict, 26),
            *self._conclusion(report),
            f'<p class="small">{_text(report.summary(self._language))}</p>',
            self._file(report),
        ]
        if not report.signatures:
            head.append(f"<p>{self._label('unsigned_none')}</p>")
        parts = ["".join(head)]
        if len(report.signatures) > 1:
            numbered = list(enumerate(report.signatures, 1))
            for start in range(0, len(numbered), _MAX_MARKS):
                parts.append(self._overview(numbered[start : start + _MAX_MARKS]))
        for number, each in enumerate(report.signatures, 1):
            parts.append(self._signature(number, each, pictures))
        tail = []
        if report.unsigned_marks:
            tail.append(f"<h2>{self._label('unsigned_marks')}</h2>")
            rows = [("fields", self._marks(report.unsigned_marks))]
            tail += [self._table(rows), f"<p>{self._label('unsigned_note')}</p>"]
        if report.findings:
            tail.append(f"<h2>{self._label('whole')}</h2>")
            tail.append(self._findings(report.findings))
        parts += ["".join(tail), *self._unchecked(report), *self._technical(report)]
        last = [self._recheck(report)]
        if issuer:
            last.append(f"<p>{self._label('issued_by', issuer=_text(issuer))}</p>")
        if any("〓U+" in each for each in parts):
            last.append(f'<p class="small">{self._label("rare")}</p>')
        return [f"<html><body>{each}</body></html>" for each in (*parts, "".join(last)) if each]

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
        for number, each in numbered:
            word = _text(say("verdicts", each.verdict.value, self._language))
            colour = _COLOURS[each.verdict]
            rows.append(
                f'<tr><td class="key">{self._label("signature", number=str(number))}</td>'
                f'<td>{self._who(each)}</td><td style="color:{colour}">{word}</td></tr>'
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
            ("fields", self._marks(signature.marks, signature.fields)),
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
        return (
            f"<h2>{title}</h2>{self._verdict(signature.verdict, 15)}{self._table(rows)}"
            f"<h3>{self._label('evidence')}</h3>{self._findings(signature.findings)}"
        )

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
            ("picture_sm3", _code(seal.picture_sm3)),
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
        return "<br/>".join(
            (
                _text(certificate.subject),
                f"{self._label('serial')} {_code(certificate.serial)}",
                f"{self._label('certificate_validity')} {self._label('until', **period)}",
                f"{self._label('fingerprint')} {_code(certificate.sm3)}",
            )
        )

    def _chain(self, chain: Sequence[CertificateInfo]) -> str:
        """From the signer up to where it ends, trusted or not: the findings say which."""
        return "<br/>".join(
            f"{number}. {_text(each.subject)}" for number, each in enumerate(chain, 1)
        ) or self._label("not_known")

    def _marks(self, marks: Sequence[MarkInfo], fields: Sequence[str] = ()) -> str:
        if not marks:
            return self._label("no_marks", field=_text(", ".join(fields)))
        lines = [
            (self._label("date_mark", date=_text(each.date)) if each.date else "")
            + self._label(
                "mark",
                page=str(each.page),
                left=f"{each.left_mm:.1f}",
                top=f"{each.top_mm:.1f}",
                width=f"{each.width_mm:.1f}",
                height=f"{each.height_mm:.1f}",
                field=_text(each.field),
            )
            for each in marks
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
            self._label(
                "change", revision=str(each.revision), text=_text(each.text(self._language))
            )
            for each in signature.changed_later
        ]
        return _listed(lines) or self._label("no_changes")

    def _findings(self, findings: Iterable[Finding]) -> str:
        sentences, parts = told(findings, self._language), []
        for level, (sign, colour) in _LEVELS.items():
            found = [sentence for sentence in sentences if sentence.level == level]
            if found:
                group = self._label(f"group_{level.value}")
                parts.append(f'<p class="group" style="color:{colour}">{sign} {group}</p>')
            parts += self._few(found, sign, colour)
        return "".join(parts)

    def _few(self, sentences: Sequence[Sentence], sign: str, colour: str) -> list[str]:
        shown = [self._sentence(each, sign, colour) for each in sentences[:_MAX_MARKS]]
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
                *enumerate((each.findings for each in report.signatures), 1),
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
            (f"{self._label('signature', number=str(number))}", each.findings)
            for number, each in enumerate(report.signatures, 1)
        ]
        for name, findings in (*sources, (self._label("whole"), report.findings)):
            unknown = [each for each in findings if each.level == Level.UNKNOWN]
            if unknown:
                lines = "".join(self._few(told(unknown, self._language), sign, colour))
                parts.append(f'<p class="group">{name}</p>{lines}')
        if len(parts) == 1:
            parts.append(f"<p>{self._label('unchecked_none')}</p>")
        parts[:2] = ["".join(parts[:2])]  # no heading by itself
        return [*parts, f"<p>{self._label('limits')}</p>"]

    def _recheck(self, report: Report) -> str:
        moment = report.judged_at.astimezone(UTC).isoformat(timespec="seconds")
        again = self._label("recheck_verify", time=moment)
        lines = (self._label("recheck_file"), again)
        return f"<h2>{self._label('recheck')}</h2>" + "".join(f"<p>{each}</p>" for each in lines)

    def _verdict(self, verdict: Verdict, size: int) -> str:
        word = _text(say("verdicts", verdict.value, self._language))
        side = size * 1.5
        return (
            f'<table class="verdict"><tr><td class="icon" style="width:{side + 8:.0f}pt">'
            f'<img src="{verdict.value}.svg" width="{side}" height="{side}"/></td>'
            f'<td class="word" style="font-size:{size}pt;color:{_COLOURS[verdict]}">{word}'
            f'<span class="code"> {verdict.value}</span></td></tr></table>'
        )

    def _table(self, rows: Iterable[tuple[str, str]]) -> str:
        cells = (
            f'<tr><td class="key">{self._label(key)}</td><td>{value}</td></tr>'
            for key, value in rows
        )
        return f"<table>{''.join(cells)}</table>"

    def _label(self, key: str, **blanks: str) -> str:
        """A text of the report; *blanks* are HTML already."""
        template = _apart(html.escape(say("report", key, self._language)))
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
    return " ".join(_word(each) for each in shown.split(" "))


def _word(word: str) -> str:
    known = [html.escape(c) if _drawable(c) else f"〓U+{ord(c):04X}" for c in word]
    if len(word) > _MAX_WORD:
        return _BREAK.join(known)
    # PyMuPDF reads entities twice: "&amp;lt;" would become "<"
    return _apart("".join(known)).replace("&amp;", f"&amp;{_BREAK}")


def _apart(text: str) -> str:
    return _LIGATURES.sub(f"f{_BREAK}", text)


def _code(text: str) -> str:
    return f'<span class="code">{_text(text)}</span>'


# --- the page ----------------------------------------------------------------------------------


def _set(
    parts: Sequence[str], report: Report, language: str, pictures: Mapping[str, bytes]
) -> bytes:
    pymupdf = _library()
    archive: Any = pymupdf.Archive()
    for verdict, shape in _SHAPES.items():
        archive.add(_icon(shape, _COLOURS[verdict]), f"{verdict.value}.svg")
    for name, png in pictures.items():
        archive.add(png, f"{name}.png")
    paper = pymupdf.paper_rect("a4")
    body = pymupdf.Rect(_MARGIN, _MARGIN, paper.x1 - _MARGIN, paper.y1 - _MARGIN - 8)
    foot = pymupdf.Rect(_MARGIN, paper.y1 - _MARGIN, paper.x1 - _MARGIN, paper.y1 - _FOOT)

    def story(source: str, style: str = _STYLE) -> Any:
        return pymupdf.Story(source, user_css=style, archive=archive, em=9)

    pages = 0
    for placed, begins_page in _flow(map(story, parts), body):
        placed.draw(None)  # moves on to what is left
        pages += begins_page
    digest = _apart(f"SM3 {report.file.sm3}")
    output = io.BytesIO()
    writer = pymupdf.DocumentWriter(output)
    page, device = 0, None
    for placed, begins_page in _flow(map(story, parts), body):
        if begins_page:
            if device is not None:
                writer.end_page()
            device, page = writer.begin_page(paper), page + 1
            number = say("report", "page_of", language).format(page=page, pages=pages)
            footer = story(f"<p>{html.escape(number)}<br/>{digest}</p>", _FOOTER)
            footer.place(foot)
            footer.draw(device)
        placed.draw(device)
    writer.end_page()
    writer.close()
    return _finished(output.getvalue(), report, language)


def _flow(stories: Iterable[Any], body: Any) -> Iterator[tuple[Any, bool]]:
    """Place one story below the other on pages with room for *body*: each time one that is to be
    drawn, and whether that begins a page. One story of hundreds of pages MuPDF would never end."""
    top = None
    for placed in stories:
        for _ in range(_MAX_PAGES_OF_A_PART):
            begins_page = top is None or body.y1 - top < _ROOM
            top = body.y0 if begins_page else top
            more, filled = placed.place(type(body)(body.x0, top, body.x1, body.y1))
            yield placed, begins_page
            top = body.y1 if more else filled[3]
            if not more:
                break
        else:
            raise ValueError("a part of the report is too long to be set")


def _finished(data: bytes, report: Report, language: str) -> bytes:
    """Typefaces cut down to what is used (4 MB → some 100 kB), title and language set."""
    with _library().open("pdf", data) as document:
        document.subset_fonts()
        moment = report.verified_at.astimezone(UTC)
        document.set_metadata(
            {
                "title": f"{say('report', 'title', language)} {one_line(report.file.name)}",
                "creator": report.program,
                "creationDate": f"D:{moment:%Y%m%d%H%M%S}Z",
            }
        )
        document.set_language("zh-CN" if language == "zh_CN" else "en")
        return bytes(document.tobytes(garbage=3, deflate=True))


def _with_json(data: bytes, report: Report, language: str) -> bytes:
    text = json.dumps(report.to_json(language), ensure_ascii=False, indent=2) + "\n"
    with _library().open("pdf", data) as document:
        document.embfile_add(ENCLOSED, text.encode(), desc=report.file.sm3)
        return bytes(document.tobytes(garbage=3, deflate=True))


def _library() -> Any:
    import pymupdf  # late: most verifications write no report

    return pymupdf


def _icon(shape: str, colour: str) -> bytes:
    filled, rest = shape.split("/>", 1)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="240" height="240" viewBox="0 0 40 40">'
        f'<g fill="{colour}">{filled}/></g>'
        f'<g fill="none" stroke="#ffffff" stroke-width="4">{rest}</g></svg>'
    ).encode()


@cache
def _typeface() -> Any:
    return _library().Font("cjk")


def _drawable(char: str) -> bool:
    return char == " " or bool(_typeface().has_glyph(ord(char)))


def _on_white(picture: bytes) -> bytes:
    """The picture as an opaque PNG; b"" if it cannot be decoded or is too large."""
    from PIL import Image

    from crypto.pdf.marks.picture import ImprintError, decode_imprint

    try:
        raster = decode_imprint(picture)
    except ImprintError:
        return b""
    size = (raster.width, raster.height)
    page = Image.new("RGB", size, "white")
    ink = Image.frombytes("RGB", size, raster.rgb)
    page.paste(ink, mask=Image.frombytes("L", size, raster.alpha) if raster.alpha else None)
    page.thumbnail((1200, 1200))
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    return buffer.getvalue()
