"""Following references and looking up entries, as every reader of a PDF's objects needs it."""

from __future__ import annotations

from typing import Any

from pyhanko.pdf_utils import generic


def follow(value: Any) -> Any:
    """The object that *value* refers to; *value* itself if it is no reference."""
    if isinstance(value, generic.IndirectObject | generic.Reference):
        return value.get_object()
    return value


def entry(dictionary: Any, key: str, default: Any = None) -> Any:
    """The value under *key* with a reference followed; *default* if there is none.

    pyHanko's own ``get`` hands out references as they are."""
    return follow(dictionary.raw_get(key)) if key in dictionary else default


def items_of(listed: Any) -> list[Any]:
    """The elements of an array with references as they are; none if it is no array."""
    if not isinstance(listed, generic.ArrayObject):
        return []
    return [
        listed.raw_get(index) if isinstance(each, generic.DecryptedObjectProxy) else each
        for index, each in enumerate(list.__iter__(listed))
    ]


def key_of(reference: Any) -> tuple[int, int]:
    """Object number and generation of a reference, whatever view of the file it belongs to."""
    return reference.idnum, reference.generation
