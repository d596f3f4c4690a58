"""A price, and beside it an empty field: what is written there later, and what becomes of it."""

from collections.abc import Sequence

from crypto.verdict import Verdict
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World, codes

CONTENT = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET"
FIELD = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(sum)/F 4/Rect[200 695 420 725]/P 5 0 R%s>>"
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def flagged(widget: bytes, flags: int) -> bytes:
    return widget.replace(b"/F 4", b"/F %d" % flags)


def sealed_price(world: World, flags: int = 4, *, page: bytes = b"", widget: bytes = b"") -> bytes:
    """The document, sealed; *flags*: those of the field's annotation; *page*, *widget*: further
    entries of the page and of the field."""
    form = b"<</Fields[6 0 R]/DA(/Helv 12 Tf 0 g)/DR<</Font<</Helv 3 0 R>>>>>>"
    return world.sign(
        build_pdf(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm %s>>" % form,
                b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
                HELVETICA,
                stream(CONTENT),
                b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
                b"/Resources<</Font<</F 3 0 R>>>>/Annots[6 0 R]%s>>" % page,
                flagged(FIELD % (b"/DA(/Helv 12 Tf 0 g)" + widget), flags),
            ]
        )
    )


def shown(text: bytes, *, before: bytes = b"") -> bytes:
    return b"/Tx BMC q BT %s /Helv 12 Tf 4 9 Td %s ET Q EMC" % (before, text)


def filled(
    sealed: bytes,
    content: bytes,
    *,
    font: bytes = HELVETICA,
    resources: bytes = b"",
    value: bytes = b"(9000)",
    others: Sequence[bytes] = (),
    flags: int = 4,
) -> bytes:
    """*sealed* with the field filled in; *others* are the objects from 93 on."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 220 30]"
    form += b"/Resources<</Font<</Helv 92 0 R>>%s>>" % resources
    return append_revision(
        sealed,
        {
            6: flagged(FIELD % b"/DA(/Helv 12 Tf 0 g)/V%s/AP<</N 91 0 R>>" % value, flags),
            91: stream(content, form),
            92: font,
            **{93 + at: each for at, each in enumerate(others)},
        },
    )


def kinds(world: World, data: bytes) -> tuple[Verdict, set[str]]:
    report = world.verify(data)
    return report.verdict, codes(report.signatures[0])
