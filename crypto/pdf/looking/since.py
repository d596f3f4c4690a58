"""Since which signature a document has changed, and on which pages that may show."""

from __future__ import annotations

from crypto.verdict import Report, SignatureReport

_ANYWHERE = ("suspicious", "forbidden")
"""Kinds of change that may show on other pages than the one they are told of: fonts and contents
that pages share."""


def changed_since(report: Report) -> tuple[SignatureReport | None, tuple[int, ...]]:
    """The intact signature that covers least of the document and after which something changed, and
    the pages (1-based) on which that may show, those that are named first. None: there is no such
    signature.

    A signature whose bytes were altered proves nothing of how the document looked."""
    earlier = [
        signature
        for signature in report.signatures
        if signature.coverage == "revision"
        and signature.intact
        and (signature.changed_later or _differing(signature))
    ]
    if not earlier:
        return None, ()
    first = min(earlier, key=lambda signature: sum(signature.byte_range[2:4]))
    pages = {change.page for change in first.changed_later if change.page} | _differing(first)
    shown = sorted(pages)
    if any(change.kind in _ANYWHERE for change in first.changed_later):
        shown += [page for page in range(1, (report.file.pages or 0) + 1) if page not in pages]
    return first, tuple(shown)


def _differing(signature: SignatureReport) -> set[int]:
    return {
        int(finding.details["page"])
        for finding in signature.findings
        if finding.code == "look_differs" and finding.details["page"].isdigit()
    }
