"""Whether a field's new appearance may hide what its old one left to be seen."""

from __future__ import annotations

from pyhanko.pdf_utils import generic

from crypto.pdf.marks.appearance import drawing_of


def paints_over(before: generic.DictionaryObject, after: generic.DictionaryObject) -> bool:
    """Does the new appearance put down more than text and lines where the old one did not?"""
    new = drawing_of(after)
    covering = {"fill", "shading", "inline image", "unknown"}
    if not new.pictures and not new.other & covering:
        return False
    old = drawing_of(before)
    return bool(new.pictures and not old.pictures) or not new.other & covering <= old.other
