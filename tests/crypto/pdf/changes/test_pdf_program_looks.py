"""Looks of filled fields as programs write them: each is read, or an honest file is blamed."""

import pytest

from crypto.verdict import Verdict
from tests.crypto.pdf.changes.price_form import filled, kinds, sealed_price
from tests.world.sealing import World

_LATIN = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding/Name/Helv>>"
_ACROBAT = (
    b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding<</Type/Encoding/Differences[24/breve"
    b"/caron 39/quotesingle 96/grave 128/bullet/dagger/daggerdbl/ellipsis 160/Euro 164/currency"
    b" 172/logicalnot/.notdef/registered]>>>>"
)
_COURIER = b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding/WinAnsiEncoding>>"


def chinese(base: bytes, encoding: bytes, widths: bytes) -> bytes:
    return (
        b"<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/%s/DescendantFonts[<</Type/Font"
        b"/Subtype/CIDFontType0/BaseFont/%s%s/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)"
        b"/Supplement 4>>/FontDescriptor<</Type/FontDescriptor/FontName/%s/Flags 6>>>>]>>"
    ) % (base, encoding, base, widths, base)


def utf16(text: str) -> bytes:
    return text.encode("utf-16-be").hex().encode()


_PROPORTIONAL = b"/DW 1000/W[1[207 270 342 467 462 797 710 239 374 374 423 605 238 375 238 334"
_PROPORTIONAL += b" 462 462 462 462 462 462 462 462 462 462]]"
_HALF = b"/W[1 95 500 814 939 500 7712[500]7716[500]]/DW 1000"
LOOKS = {
    "Acrobat": (b"/Tx BMC \nq\nBT\n0 g\n/Helv 12 Tf\n2 9.3 Td\n(9000) Tj\nET\nQ\nEMC", _ACROBAT),
    "Acrobat, ground and border": (
        b".75 g 0 0 220 30 re f q 0 G 1 w .5 .5 219 29 re s Q /Tx BMC q 1 1 218 28 re W n "
        b"BT 0 g /Helv 12 Tf 2 9.3 Td (9000) Tj ET Q EMC",
        _ACROBAT,
    ),
    "Acrobat, bevelled": (
        b".75 g 0 0 220 30 re f 0 G 1 w .5 .5 219 29 re s 1 g 1 1 m 1 29 l 219 29 l 218 28 l "
        b"2 28 l 2 2 l f .5 g 219 29 m 219 1 l 1 1 l 2 2 l 218 2 l 218 28 l f /Tx BMC q "
        b"BT 0 g /Helv 12 Tf 4 9 Td (9000) Tj ET Q EMC",
        _ACROBAT,
    ),
    "Acrobat, underlined": (
        b"q 0 0 1 RG 1 w 0 .5 m 220 .5 l s Q /Tx BMC q BT 0 g /Helv 12 Tf 2 9 Td (9000) Tj "
        b"ET Q EMC",
        _ACROBAT,
    ),
    "cells": (
        b"/Tx BMC q 1 1 218 28 re W n BT /Helv 12 Tf 0 g 15.4 9.3 Td (9) Tj 27.5 0 Td (0) Tj "
        b"27.5 0 Td (0) Tj 27.5 0 Td (0) Tj ET Q EMC",
        _ACROBAT,
    ),
    "pdf.js": (b"/Tx BMC q BT /Helv 12 Tf 0 g 1 0 0 1 0 0 Tm 2 9 Td (9000) Tj ET Q EMC", _LATIN),
    "iText 5": (b"/Tx BMC\nq\nBT\n/Helv 12 Tf\n0 g\n2 9.64 Td\n(9000)Tj\nET\nQ\nEMC", _LATIN),
    "iText 7": (
        b"/Tx BMC\nq\n1 0 0 1 0 0 cm\nq\nBT\n/Helv 12 Tf\n2 9 Td\n0 g\n(9000)Tj\nET\nQ\nQ\nEMC",
        _LATIN,
    ),
    "PDFBox": (b"/Tx BMC q 1 1 218 28 re W n BT /Helv 12 Tf 0 g 2 9 Td (9000) Tj ET Q EMC", _LATIN),
    "Aspose": (
        b"q 0 0 220 30 re W n q BT /Helv 12 Tf 0 0 0 rg 1 0 0 1 2 9 Tm [(9000)] TJ ET Q Q",
        _LATIN,
    ),
    "MuPDF": (
        b"/Tx BMC q 1 1 218 28 re W n BT 0 g 2 21.6 Td 0 -12.3 Td /Helv 12 Tf (9000) Tj ET Q EMC",
        _LATIN,
    ),
    "LibreOffice": (b"q 0 0 220 30 re W* n BT 0 g /Helv 12 Tf 2 9 Td (9000) Tj ET Q", _LATIN),
    "ReportLab": (
        b"q 1 1 1 rg 0 0 220 30 re f .5 .5 .5 RG 1 w .5 .5 219 29 re s /Tx BMC q "
        b"BT 0 g /Helv 12 Tf 4 9 Td (9000) Tj ET Q EMC Q",
        _LATIN,
    ),
    "pypdf": (b"q\n/Tx BMC \nq\n1 1 218 28 re\nW\nBT\n/Helv 12.0 Tf 0 g\n2 9.4 Td\n(9000) Tj\n"
              b"ET\nQ\nEMC\nQ\n", _LATIN),
    "in blue, to the right": (
        b"/Tx BMC q BT 0 0 1 rg /Helv 12 Tf 190 9 Td (9000) Tj ET Q EMC",
        _LATIN,
    ),
    "a typewriter's": (b"/Tx BMC q BT 0 g /Helv 10 Tf 2 9 Td (9000) Tj ET Q EMC", _COURIER),
    "as an amount": (b"/Tx BMC q BT 0 g /Helv 12 Tf 2 9 Td (9,000.00) Tj ET Q EMC", _LATIN),
}  # fmt: skip
_TEXT = "甲方：人民币90元"
CHINESE = {
    "iText": (chinese(b"STSong-Light", b"UniGB-UCS2-H", _PROPORTIONAL), utf16(_TEXT)),
    "WPS": (chinese(b"SimSun", b"UniGB-UTF16-H", _HALF), utf16(_TEXT)),
    "Acrobat": (
        chinese(b"AdobeSongStd-Light", b"UniGB-UTF16-H", b"/DW 1000/W[1[207] 17 26 462]"),
        utf16(_TEXT),
    ),
    "Foxit": (
        chinese(b"SimSun", b"GBK-EUC-H", b"/DW 1000"),
        _TEXT.encode("gbk").hex().encode(),
    ),
}


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return sealed_price(world)


@pytest.mark.parametrize("program", LOOKS)
def test_a_filled_look_is_read(world: World, sealed: bytes, program: str) -> None:
    content, font = LOOKS[program]
    verdict, found = kinds(world, filled(sealed, content, font=font))
    assert verdict is Verdict.VALID_CHANGED_LATER, found


@pytest.mark.parametrize("program", CHINESE)
def test_a_look_in_chinese_is_read(world: World, sealed: bytes, program: str) -> None:
    font, codes = CHINESE[program]
    content = b"/Tx BMC q BT 0 g /Helv 12 Tf 2 9 Td <%s> Tj ET Q EMC" % codes
    data = filled(sealed, content, font=font, value=b"<FEFF%s>" % utf16(_TEXT))
    verdict, found = kinds(world, data)
    assert verdict is Verdict.VALID_CHANGED_LATER, found


def test_lines_of_a_long_value_are_read(world: World, sealed: bytes) -> None:
    content = b"/Tx BMC q BT 0 g /Helv 9 Tf 2 19 Td 10.4 TL (line one) Tj T* (line two) Tj ET Q EMC"
    data = filled(sealed, content, font=_LATIN, value=b"(line one\\rline two)")
    assert kinds(world, data)[0] is Verdict.VALID_CHANGED_LATER
