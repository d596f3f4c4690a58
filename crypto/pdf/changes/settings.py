"""Entries of the catalog and of pages that show nothing on a page, whatever they become.

    kind_of_setting(key, before, after)  → "view", "metadata", or "" for everything else

Viewers take from them how a file is first displayed, in which language it is read aloud, or what
another program noted for itself (ISO 32000-1 §7.7.2, §12.2, §14.5, §14.9.2).
"""

from __future__ import annotations

from typing import Any

from pyhanko.pdf_utils import generic

from crypto.pdf.reading.access import entry
from crypto.pdf.reading.objects import differing_keys

_NAMED = {
    "/PageMode": frozenset(
        ("/UseNone", "/UseOutlines", "/UseThumbs", "/FullScreen", "/UseOC", "/UseAttachments")
    ),
    "/PageLayout": frozenset(
        (
            *("/SinglePage", "/OneColumn", "/TwoColumnLeft"),
            *("/TwoColumnRight", "/TwoPageLeft", "/TwoPageRight"),
        )
    ),
}
_PREFERENCES = frozenset(
    (
        *("/HideToolbar", "/HideMenubar", "/HideWindowUI", "/FitWindow", "/CenterWindow"),
        *("/DisplayDocTitle", "/NonFullScreenPageMode", "/Direction", "/PrintScaling", "/Duplex"),
        *("/PickTrayByPDFSize", "/NumCopies"),
    )
)
"""Of /ViewerPreferences; others choose which part of a page is shown or printed."""
_TEXTS = (generic.TextStringObject, generic.ByteStringObject)
_SIMPLE = (generic.BooleanObject, generic.NameObject, generic.NumberObject)


def kind_of_setting(key: str, before: Any, after: Any) -> str:
    """What it means that the entry *key* of a catalog or a page was *before* and is *after*, None
    where it is missing."""
    if key in _NAMED:
        return "view" if after is None or after in _NAMED[key] else ""
    if key == "/ViewerPreferences":
        return "view" if _are_harmless(before, after) else ""
    if key in ("/Lang", "/LastModified"):
        return "metadata" if after is None or isinstance(after, _TEXTS) else ""
    if key == "/PieceInfo":
        is_plain = isinstance(after, generic.DictionaryObject) and not isinstance(
            after, generic.StreamObject
        )
        return "metadata" if after is None or is_plain else ""
    return ""


def _are_harmless(before: Any, after: Any) -> bool:
    empty = generic.DictionaryObject()
    old, new = (empty if each is None else each for each in (before, after))
    if not all(isinstance(each, generic.DictionaryObject) for each in (old, new)):
        return False
    return all(
        key in _PREFERENCES and (key not in new or isinstance(entry(new, key), _SIMPLE))
        for key in differing_keys(old, new)
    )
