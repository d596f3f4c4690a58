"""What a document says of itself in its XMP packet: which part of PDF/A it follows.

ISO 19005-1 §6.7.11: ``pdfaid:part`` as an attribute or an element. Nothing is proved by it.
"""

from __future__ import annotations

import re

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose

from crypto.pdf.reading.access import entry
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PARSER_FAILURES

_PART = re.compile(rb"""pdfaid:part\s*(?:=\s*["']|>)\s*(\d)""")
_MAX_PACKET = 1 << 20
_RGB = 3
"""Components."""


def pdfa_part(document: Document) -> int | None:
    """1 for PDF/A-1 and so on; None for a document that claims nothing that can be read."""
    try:
        packet = entry(document.root, "/Metadata")
        if not isinstance(packet, generic.StreamObject):
            return None
        data = packet.read_data(DecodePurpose.XMP_METADATA)[:_MAX_PACKET].replace(b"\0", b"")
    except PARSER_FAILURES:
        return None
    found = _PART.search(data)  # zeros removed: UTF-16 reads like ASCII here
    return int(found[1]) if found else None


def has_rgb_intent(document: Document) -> bool:
    """Does an output intent say what red, green and blue are? PDF/A-1 allows DeviceRGB, in which
    seals are drawn, only then (ISO 19005-1 §6.2.3.3)."""
    try:
        intents = entry(document.root, "/OutputIntents")
        if not isinstance(intents, generic.ArrayObject):
            return False
        profiles = [entry(intent, "/DestOutputProfile") for intent in map(_plain, intents)]
        return any(
            isinstance(profile, generic.StreamObject) and entry(profile, "/N") == _RGB
            for profile in profiles
        )
    except PARSER_FAILURES:
        return False


def _plain(intent: object) -> generic.DictionaryObject:
    found = intent.get_object() if isinstance(intent, generic.IndirectObject) else intent
    return found if isinstance(found, generic.DictionaryObject) else generic.DictionaryObject()
