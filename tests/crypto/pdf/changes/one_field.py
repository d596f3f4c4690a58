"""A page with a field or two, and what they look like."""

import re
from dataclasses import dataclass

from tests.world.documents import build_pdf

TEXT = b"/FT/Tx/T(x)/DA(/F 12 Tf 0 g)"
RESOURCES = (
    b"<</Font<</F 5 0 R/Z 8 0 R>>/ExtGState<</TR<</TR 9 0 R>>/Pale<</ca .35>>>>"
    b"/XObject<</I 10 0 R>>>>"
)
BLANK = (60, 590, 360, 630)


def look(content: bytes, size: tuple[int, int] = (300, 40)) -> bytes:
    return (
        b"<</Type/XObject/Subtype/Form/BBox[0 0 %d %d]/Resources %s/Length %d>>stream\n"
        b"%s\nendstream" % (*size, RESOURCES, len(content), content)
    )


def text(said: bytes, left: float = 4, size: float = 12) -> bytes:
    return b" BT 0 g /F %g Tf %g 14 Td (%s) Tj ET " % (size, left, said)


def widget(rect: tuple[int, ...], entries: bytes) -> bytes:
    box = b" ".join(b"%d" % each for each in rect)
    return b"<</Type/Annot/Subtype/Widget/F 4/P 3 0 R/Rect[%s]%s>>" % (box, entries)


@dataclass(frozen=True)
class Form:
    """A document with the widgets 20 and, if there is one, 22, and the looks 21 and 23."""

    objects: dict[int, bytes]
    page: bytes = b"BT /F 24 Tf 72 700 Td (Party A pays 100 CNY) Tj ET"
    entries: bytes = b"/DA(/F 12 Tf 0 g)"
    fields: bytes = b"20 0 R"
    resources: bytes = b"/DR<</Font<</F 5 0 R>>>>"

    def document(self) -> bytes:
        shown = b" ".join(b"%d 0 R" % n for n, each in self.objects.items() if b"/Rect" in each)
        image = b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray"
        parts = {
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R>>",
            2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
            3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources%s"
            b"/Annots[%s]>>" % (RESOURCES, shown),
            4: b"<</Length %d>>stream\n%s\nendstream" % (len(self.page), self.page),
            5: b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            6: b"<</Fields[%s]%s%s>>" % (self.fields, self.resources, self.entries),
            8: b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>",
            9: b"<</FunctionType 2/Domain[0 1]/C0[1]/C1[0]/N 1>>",
            10: image + b"/BitsPerComponent 8/Length 1>>stream\n\xff\nendstream",
            **self.objects,
        }
        return build_pdf([parts.get(number, b"null") for number in range(1, max(parts) + 1)])


def rewritten(data: bytes, number: int, *changes: tuple[bytes, bytes]) -> bytes:
    """The newest object of this number, changed."""
    start = data.rindex(b"\n%d 0 obj" % number)
    body = data[start : data.index(b"endobj", start)].split(b"obj", 1)[1].strip()
    for old, new in changes:
        changed = re.sub(old, lambda _, new=new: new, body)
        assert changed != body
        body = changed
    return body
