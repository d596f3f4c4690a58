"""What the window is told of a document before it is stamped, and of whom this machine believes.

Both are read from what lies on this machine; nothing is changed and nobody is asked.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import FileNotReadable, FileProblem, phrase
from crypto.verdict import one_line
from ui.shell.context import DocumentFacts, RegistryView, TrustView

if TYPE_CHECKING:
    from app.settings import Settings
    from app.store.cabinet import Cabinet


def trust_view(settings: Settings, cabinet: Cabinet) -> TrustView:
    """The anchors, the known platforms, and how far their registries were followed."""
    from app.remote import registry
    from app.store import anchors, kept_trust_list
    from app.store.trusted_platforms import trusted_platforms

    made = kept_trust_list.kept(settings)
    line = phrase("trust.list_line", settings.language)
    found = anchors.listed(settings)
    if not settings.allow_own_trust:
        found += anchors.own(settings)
    return TrustView(
        tuple(found),
        not settings.allow_own_trust,
        tuple(cabinet.platforms()),
        tuple(
            RegistryView(each.platform, each.size, registry.root(each).hex(), each.seen_at)
            for each in cabinet.registries()
        ),
        tuple(trusted_platforms(settings)),
        line.format(
            sequence=made.sequence,
            operator=one_line(made.operator),
            until=f"{made.next_update:%Y-%m-%d}",
            count=len(made.platforms),
        )
        if made
        else "",
    )


def examine(path: Path, password: str | None) -> DocumentFacts:
    """Pages, signatures, and why no seal may be added, if so.

    Raises :class:`app.errors.FileNotReadable` and
    :class:`crypto.pdf.reading.failures.PdfError`."""
    from crypto.pdf.reading.document import open_document
    from crypto.pdf.reading.failures import PdfError, within_time
    from crypto.pdf.signing.sign import check_may_sign

    with within_time(), ExitStack() as opened:
        try:
            document = open_document(path, password)
        except OSError as error:
            raise FileNotReadable(str(path), FileProblem.of(error)) from error
        opened.callback(document.stream.close)
        pages = len(document.pages())
        signed = {str(f.value) for f in document.signature_fields() if f.value is not None}
        try:
            check_may_sign(document)
        except PdfError as error:
            return DocumentFacts(pages, len(signed), error)
        return DocumentFacts(pages, len(signed))
