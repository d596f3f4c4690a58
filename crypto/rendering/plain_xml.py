"""XML from strangers, read strictly: elements, attributes and text, and nothing that XML can fetch
or blow up.

No document type and so no entities of its own, no encoding but UTF-8 and GB 18030, bounds on size,
depth and number. Namespaces are dropped: real OFD packages mix two of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 4 << 20
MAX_DEPTH = 32
MAX_ELEMENTS = 50_000
MAX_TEXT = 1 << 20
"""Characters of one element."""


class XmlError(ValueError):
    """Not XML, or XML that is not read here."""


@dataclass
class Element:
    """One element."""

    name: str
    """Without its namespace."""
    attributes: dict[str, str]
    """By their names without namespaces."""
    children: list[Element] = field(default_factory=list)
    text: str = ""
    """All text directly in it."""

    def all(self, name: str) -> Iterator[Element]:
        """The children called *name*."""
        return (child for child in self.children if child.name == name)

    def first(self, *path: str) -> Element | None:
        """The first element down this *path* of names; None if there is none."""
        found: Element | None = self
        for name in path:
            found = next(found.all(name), None) if found is not None else None
        return found

    def said(self, *path: str) -> str:
        """The text of :meth:`first`, without blanks around it; "" where there is none."""
        found = self.first(*path)
        return found.text.strip() if found is not None else ""


def read_xml(data: bytes) -> Element:
    """The root element of *data*. Raises :class:`XmlError`."""
    if len(data) > MAX_BYTES:
        raise XmlError("too long")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError as error:
            raise XmlError("another encoding") from error
    reader = _Reader()
    parser = expat.ParserCreate("UTF-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.EntityDeclHandler = reader.refuse
    parser.ExternalEntityRefHandler = reader.refuse
    parser.SkippedEntityHandler = reader.refuse
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise XmlError(str(error)) from error
    if reader.root is None:
        raise XmlError("no element")
    return reader.root


class _Reader:
    """What expat calls."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise XmlError("too many elements")
        plain: dict[str, str] = {}
        for key, value in attributes.items():
            if key == "xmlns" or key.startswith("xmlns:"):
                continue
            local = _local(key)
            if local in plain:
                raise XmlError("an attribute twice")
            plain[local] = value
        made = Element(_local(name), plain)
        if self._open:
            self._open[-1].children.append(made)
        else:
            self.root = made
        self._open.append(made)

    def end(self, _name: str) -> None:
        self._open.pop()

    def data(self, text: str) -> None:
        here = self._open[-1]
        here.text += text
        if len(here.text) > MAX_TEXT:
            raise XmlError("too much text")

    def refuse(self, *_details: object) -> int:
        raise XmlError("a document type or an entity")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
