"""A seal's picture as an OFD package: what is drawn, and what is refused before it is."""

import io
import math
import struct
import zipfile

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops

from crypto.rendering.imprints import as_pdf
from crypto.rendering.mupdf_engine import glyphs_of
from crypto.rendering.ofd_package import Package, PackageError, resolve
from crypto.rendering.ofd_picture import ofd_as_pdf
from crypto.rendering.one_page import FontMissing, PictureError
from crypto.rendering.plain_xml import XmlError, read_xml
from tests.world.ofd_seals import Design, package, path_objects, pixel_ofd, pixels, vector_ofd

SIDE = 400


def shown(pdf: bytes) -> Image.Image:
    """A page of one by one, SIDE pixels wide."""
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        page = document[0]
        scale = SIDE / page.rect.width
        made = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale))
        return Image.frombytes("RGB", (made.width, made.height), made.samples)


def drawn(objects: str, resources: str = "", files: dict[str, bytes] | None = None) -> Image.Image:
    return shown(ofd_as_pdf(package(objects, resources=resources, files=files), glyphs_of))


def path(data: str, more: str = "", colour: str = "0 0 0", children: str = "") -> str:
    return (
        f'<ofd:PathObject ID="9" Boundary="0 0 40 40" Fill="true" Stroke="false" {more}>'
        f'<ofd:FillColor Value="{colour}"/>{children}'
        f"<ofd:AbbreviatedData>{data}</ofd:AbbreviatedData></ofd:PathObject>"
    )


def at(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place in millimetres of a page of 40."""
    found = image.getpixel((round(x * SIDE / 40), round(y * SIDE / 40)))
    assert isinstance(found, tuple)
    return found


# ---------------------------------------------------------------- what is drawn


@pytest.mark.parametrize("picture", [vector_ofd(Design()), pixel_ofd(Design())])
def test_a_seal_looks_as_it_does_drawn_by_something_else(picture: bytes) -> None:
    pdf, _ = as_pdf(picture, (40, 40))
    own = Image.open(io.BytesIO(pixels(Design(), SIDE, clear=False))).convert("RGB")
    difference = ImageChops.difference(shown(pdf).resize(own.size), own).convert("L")
    blurred = difference.resize((50, 50), Image.Resampling.BOX)
    assert blurred.getextrema()[1] < 60


@pytest.mark.parametrize(
    ("arc", "inside", "outside"),
    [
        ("M 10 20 A 10 10 0 0 1 30 20 C", (20, 12), (20, 28)),
        ("M 10 20 A 10 10 0 0 0 30 20 C", (20, 28), (20, 12)),
        ("M 20 10 A 10 10 0 1 1 10 20 L 20 20 C", (26, 26), (14, 14)),
        ("M 20 10 A 10 10 0 0 0 10 20 L 20 20 C", (15, 15), (26, 26)),
        ("M 10 20 A 10 5 0 1 1 30 20 C", (20, 16), (20, 13)),
        ("M 20 10 A 10 5 90 1 1 20 30 C", (24, 20), (27, 20)),
        ("M 10 20 A 1 1 0 0 1 30 20 C", (20, 12), (20, 28)),
        ("M 5 5 Q 20 5 35 35 L 5 35 C", (8, 30), (30, 8)),
        ("M 5 5 B 5 20 20 35 35 35 L 5 35 C", (6, 33), (30, 8)),
    ],
)
def test_curves_run_where_they_should(
    arc: str, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    image = drawn(path(arc))
    assert at(image, *inside) == (0, 0, 0)
    assert at(image, *outside) == (255, 255, 255)


def test_matrix_boundary_rule_opacity_and_order_are_followed() -> None:
    square = "M 0 0 L 10 0 L 10 10 L 0 10 C"
    turned = path(square, 'CTM="0 2 -2 0 20 0"')
    assert at(drawn(turned), 5, 15) == (0, 0, 0)
    clipped = path(square).replace('"0 0 40 40"', '"5 5 3 3"')
    image = drawn(clipped)
    assert at(image, 7, 7) == (0, 0, 0)
    assert at(image, 9, 9) == (255, 255, 255)
    hole = square + " M 2 2 L 8 2 L 8 8 L 2 8 C"
    assert at(drawn(path(hole)), 5, 5) == (0, 0, 0)
    assert at(drawn(path(hole, 'Rule="Even-Odd"')), 5, 5) == (255, 255, 255)
    faint = at(drawn(path(square, 'Alpha="128"')), 5, 5)
    assert all(abs(part - 127) <= 2 for part in faint)
    over = drawn(path(square, colour="255 0 0") + path(square, colour="0 0 255"))
    assert at(over, 5, 5) == (0, 0, 255)
    unseen = drawn(path(square, 'Visible="false"'))
    assert at(unseen, 5, 5) == (255, 255, 255)


def test_a_ground_without_a_colour_is_not_painted() -> None:
    """Writers mark circles as filled and give no colour; readers show them empty."""
    objects = path("M 0 0 L 10 0 L 10 10 L 0 10 C").replace('<ofd:FillColor Value="0 0 0"/>', "")
    assert at(drawn(objects), 5, 5) == (255, 255, 255)


@pytest.mark.parametrize(
    ("space", "value", "seen"),
    [("RGB", "255 0 0", (255, 0, 0)), ("RGB", "#FF #0 #0", (255, 0, 0)), ("GRAY", "0", (0, 0, 0))],
)
def test_colours_are_those_of_their_space(
    space: str, value: str, seen: tuple[int, int, int]
) -> None:
    spaces = f'<ofd:ColorSpaces><ofd:ColorSpace ID="8" Type="{space}"/></ofd:ColorSpaces>'
    objects = path("M 0 0 L 10 0 L 10 10 L 0 10 C", colour=value).replace(
        "<ofd:FillColor ", '<ofd:FillColor ColorSpace="8" '
    )
    assert at(drawn(objects, spaces), 5, 5) == seen


FONTS = (
    '<ofd:Fonts><ofd:Font ID="4" FontName="测试体"><ofd:FontFile>f.ttf</ofd:FontFile></ofd:Font>'
    "</ofd:Fonts>"
)


def square_font() -> bytes:
    """A TrueType font whose letter A is a square of one em, and nothing else."""
    glyph = struct.pack(">hhhhh", 1, 0, 0, 1000, 1000) + struct.pack(">HH", 3, 0)
    glyph += bytes((1, 1, 1, 1)) + struct.pack(">hhhh", 0, 1000, 0, -1000)
    glyph += struct.pack(">hhhh", 0, 0, 1000, 0)
    cmap = struct.pack(">HHHHI", 0, 1, 3, 1, 12)
    cmap += struct.pack(">HHHHHHH", 4, 32, 0, 4, 4, 1, 0) + struct.pack(">HH", 65, 0xFFFF)
    cmap += struct.pack(">H", 0) + struct.pack(">HH", 65, 0xFFFF)
    cmap += struct.pack(">HH", (1 - 65) % 65536, 1) + struct.pack(">HH", 0, 0)
    head = struct.pack(">IIIIHH", 0x10000, 0x10000, 0, 0x5F0F3CF5, 0, 1000) + bytes(16)
    head += struct.pack(">hhhhHHhhh", 0, 0, 1000, 1000, 0, 8, 2, 1, 0)
    hhea = struct.pack(">IhhhHhhhhhh", 0x10000, 1000, 0, 0, 1000, 0, 0, 1000, 1, 0, 0)
    hhea += bytes(8) + struct.pack(">hH", 0, 2)
    tables = {
        b"cmap": cmap,
        b"glyf": glyph,
        b"head": head,
        b"hhea": hhea,
        b"hmtx": struct.pack(">HhHh", 1000, 0, 1000, 0),
        b"loca": struct.pack(">III", 0, 0, len(glyph)),
        b"maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, 0, 0, 1, *(0,) * 8),
    }
    out = struct.pack(">IHHHH", 0x10000, len(tables), 64, 2, 48)
    place = 12 + 16 * len(tables)
    body = b""
    for name, data in tables.items():
        out += name + struct.pack(">III", 0, place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    return out + body


def text(codes: str, more: str = "") -> str:
    return (
        '<ofd:TextObject ID="3" Boundary="0 0 40 40" Font="4" Size="4">'
        f"<ofd:FillColor Value='0 0 0'/>{more}{codes}</ofd:TextObject>"
    )


def test_text_stands_where_its_distances_put_it() -> None:
    files = {"Doc_0/Res/f.ttf": square_font()}
    image = drawn(
        text('<ofd:TextCode X="2" Y="10" DeltaX="g 2 8">AAA</ofd:TextCode>'), FONTS, files
    )
    for left in (2, 10, 18):
        assert at(image, left + 2, 8) == (0, 0, 0)
        assert at(image, left + 6, 8) == (255, 255, 255)
    glyphs = '<ofd:CGTransform CodePosition="0" CodeCount="1" GlyphCount="1"><ofd:Glyphs>1</ofd:Glyphs></ofd:CGTransform>'  # noqa: E501
    by_number = drawn(text('<ofd:TextCode X="2" Y="10">中</ofd:TextCode>', glyphs), FONTS, files)
    assert at(by_number, 4, 8) == (0, 0, 0)


def test_a_character_that_the_font_has_not_is_no_guess() -> None:
    files = {"Doc_0/Res/f.ttf": square_font()}
    with pytest.raises(FontMissing, match="测试体"):
        drawn(text('<ofd:TextCode X="2" Y="10">中</ofd:TextCode>'), FONTS, files)


# ---------------------------------------------------------------- what is refused

UNKNOWN = {
    "clips": path("M 0 0 L 9 9 C", children="<ofd:Clips/>"),
    "pattern": path("M 0 0 L 9 9 C").replace(
        '<ofd:FillColor Value="0 0 0"/>', "<ofd:FillColor><ofd:Pattern/></ofd:FillColor>"
    ),
    "draw parameters": path("M 0 0 L 9 9 C", 'DrawParam="3"'),
    "video": '<ofd:VideoObject ID="1"/>',
    "composite": '<ofd:CompositeObject ID="1" ResourceID="2"/>',
    "a path that begins nowhere": path("L 9 9 C"),
    "a path cut short": path("M 0 0 B 1 2 3"),
    "a strange command": path("M 0 0 X 1 2"),
    "not a number": path("M 0 0 L nan inf"),
    "a huge number": path("M 0 0 L 1e9 1"),
    "another colour": path("M 0 0 L 9 9 C", colour="1 2"),
    "a colour too bright": path("M 0 0 L 9 9 C", colour="256 0 0"),
    "an image nowhere": '<ofd:ImageObject ID="1" Boundary="0 0 9 9" ResourceID="5"/>',
    "text in no font": text('<ofd:TextCode X="0" Y="0">A</ofd:TextCode>'),
    "blocks without end": "<ofd:PageBlock>" * 12 + "</ofd:PageBlock>" * 12,
}


@pytest.mark.parametrize("objects", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_followed_is_not_left_out(objects: str) -> None:
    with pytest.raises(PictureError):
        ofd_as_pdf(package(objects), glyphs_of)


def zipped(*entries: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in entries:
            made.writestr(name, data)
    return buffer.getvalue()


BAD_PACKAGES = {
    "no zip": b"%PDF-1.7",
    "cut short": zipped(("a", b"b" * 100))[:80],
    "a bomb": zipped(("a", bytes(3 << 20))),
    "much too large": zipped(*((f"{n}", bytes(4 << 20)) for n in range(5))),
    "many entries": zipped(*((f"{n}", b"") for n in range(300))),
    "a way out": zipped(("../a", b"b")),
    "a root": zipped(("/a", b"b")),
    # zipfile itself would write a slash on Windows
    "a backslash": zipped(("a!b", b"b")).replace(b"a!b", b"a\\b"),
    "twice but for case": zipped(("a", b"1"), ("A", b"2")),
}


@pytest.mark.parametrize("data", BAD_PACKAGES.values(), ids=BAD_PACKAGES)
def test_a_package_that_is_none_is_refused_unpacked(data: bytes) -> None:
    with pytest.raises(PackageError):
        Package(data)


def test_an_entry_without_a_name_is_refused() -> None:
    """Found by fuzzing: the standard library looks at the last letter of a name."""
    with pytest.raises(PackageError):
        Package(zipped(("QQ", b"x"), ("a", b"y")).replace(b"QQ", b"\0\0"))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(PackageError):
        Package(zipped(("a", b"1"), ("a", b"2")))


def test_names_in_gbk_are_read() -> None:
    """As writers in China still name entries, without the flag that says UTF-8."""
    data = zipped(("QQQQ.xml", b"x")).replace(b"QQQQ.xml", "印章.xml".encode("gb18030"))
    assert Package(data).read("印章.xml") == b"x"


def test_paths_stay_inside() -> None:
    assert resolve("Doc_0/Document.xml", "Pages/P.xml") == "Doc_0/Pages/P.xml"
    assert resolve("Doc_0/Document.xml", "/Doc_1/P.xml") == "Doc_1/P.xml"
    assert resolve("Doc_0/a/b.xml", "../P.xml") == "Doc_0/P.xml"
    for bad in ("../../x", "..\\x", "", "/", "a\0b"):
        with pytest.raises(PackageError):
            resolve("Doc_0/Document.xml", bad)


BAD_XML = {
    "doctype": b"<!DOCTYPE a><a/>",
    "entity": b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    "outside": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    "unknown entity": b"<a>&x;</a>",
    "utf-16": "<a/>".encode("utf-16"),
    "deep": b"<a>" * 40 + b"</a>" * 40,
    "many": b"<a>" + b"<b/>" * 60_000 + b"</a>",
    "long text": b"<a>" + b"x" * (2 << 20) + b"</a>",
    "an attribute twice": b'<a xmlns:x="1" b="1" x:b="2"/>',
    "empty": b"",
    "too long": b"<a>" + b" " * (5 << 20) + b"</a>",
}


@pytest.mark.parametrize("data", BAD_XML.values(), ids=BAD_XML)
def test_xml_that_is_more_than_elements_is_refused(data: bytes) -> None:
    with pytest.raises(XmlError):
        read_xml(data)


def test_namespaces_are_dropped_and_chinese_read() -> None:
    for encoding in ("utf-8", "gb18030", "utf-8-sig"):
        root = read_xml('<x:a xmlns:x="u" x:k="值"><b> 字 </b></x:a>'.encode(encoding))
        assert (root.name, root.attributes, root.said("b")) == ("a", {"k": "值"}, "字")


@given(st.data())
def test_any_change_is_drawn_or_refused(data: st.DataObject) -> None:
    """Of the XML inside the package: nothing but PictureError comes out."""
    content = path_objects(Design(digits="17"))
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 40))
    other = data.draw(st.text(max_size=20))
    try:
        made = ofd_as_pdf(package(content[:start] + other + content[start + length :]), glyphs_of)
    except PictureError:
        return
    assert made.startswith(b"%PDF")


@given(st.binary(max_size=60), st.integers(0, 10_000), st.integers(0, 60))
def test_any_bytes_are_drawn_or_refused(other: bytes, place: int, length: int) -> None:
    whole = vector_ofd(Design(digits="17"))
    start = place % len(whole)
    try:
        ofd_as_pdf(whole[:start] + other + whole[start + length :], glyphs_of)
    except PictureError:
        return


def test_no_arc_ends_elsewhere() -> None:
    """The last operator of an arc names its end."""
    from crypto.rendering.ofd_paths import outline

    for turn in range(0, 360, 15):
        end = 20 + 10 * math.cos(math.radians(turn)), 20 + 7 * math.sin(math.radians(turn))
        *_, last = outline(f"M 10 20 A 10 7 30 0 1 {end[0]} {end[1]}")
        assert [float(word) for word in last.split()[-3:-1]] == pytest.approx(end, abs=1e-4)
