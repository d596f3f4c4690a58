"""常用位置: places that a person has named, and where the last document was sealed.

    Templates(folder)   all() · named(name) · last() · keep(…) · keep_last(…) · remove(name)

A file of the user's, ``places.json``, written whole or not at all. It holds rules, no marks: they
are laid out on each document anew (:func:`app.placing.stamp_plan.lay_out`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.durable import locked, replace_file
from app.errors import SettingsInvalid, TemplateNotFound
from app.placing.stamp_plan import Placed, placed_from_json, to_json
from crypto.frozen import frozen

MOST = 50
"""Templates that are kept; one more than a person can tell apart in a list."""
_LONGEST = 1 << 20
"""Bytes of the file."""
_NAME = 60
"""Characters of a name."""


@frozen
class Template:
    """Where a seal usually goes."""

    name: str
    placed: tuple[Placed, ...]
    """All of one seal."""

    @property
    def seal_code(self) -> str:
        return self.placed[0].seal_code


class Templates:
    """Those of one user. Safe between threads and processes."""

    def __init__(self, folder: Path) -> None:
        """*folder*: where the user's settings lie."""
        self._path = folder / "places.json"

    def all(self) -> list[Template]:
        """Those that were named, in the order in which they were.

        Raises :class:`app.errors.SettingsInvalid` for a file that this program has not written."""
        return self._read()[0]

    def named(self, name: str) -> Template:
        """Raises :class:`app.errors.TemplateNotFound`, :class:`app.errors.SettingsInvalid`."""
        known = self.all()
        for template in known:
            if template.name == name.strip():
                return template
        raise TemplateNotFound(name, " · ".join(template.name for template in known) or None)

    def last(self) -> tuple[Placed, ...]:
        """What the last document was sealed with; nothing if there was none yet."""
        return self._read()[1]

    def keep(self, template: Template) -> None:
        """Keep *template*, in the place of one with the same name.

        Raises ValueError for an empty name, for one that is too long, without a rule, with rules of
        several seals, or for one too many; :class:`app.errors.SettingsInvalid`, OSError."""
        name = " ".join(template.name.split())
        codes = {placed_mark.seal_code for placed_mark in template.placed}
        if not name or len(name) > _NAME or len(codes) != 1:
            raise ValueError("no template")
        with locked(self._path.with_suffix(".lock")):
            known, last = self._read()
            new = Template(name, template.placed)
            names = [kept.name for kept in known]
            if name in names:
                known[names.index(name)] = new
            elif len(known) >= MOST:
                raise ValueError("too many templates")
            else:
                known.append(new)
            self._write(known, last)

    def remove(self, name: str) -> None:
        """Forget it, if there is one. Raises :class:`app.errors.SettingsInvalid`, OSError."""
        with locked(self._path.with_suffix(".lock")):
            known, last = self._read()
            self._write([template for template in known if template.name != name], last)

    def keep_last(self, placed: Sequence[Placed]) -> None:
        """Remember what a document was sealed with. Raises as :meth:`remove`."""
        with locked(self._path.with_suffix(".lock")):
            self._write(self._read()[0], placed)

    # --- the file ----------------------------------------------------------------------------

    def _read(self) -> tuple[list[Template], tuple[Placed, ...]]:
        try:
            with self._path.open("rb") as file:
                data = file.read(_LONGEST + 1)
        except FileNotFoundError:
            return [], ()
        try:
            if len(data) > _LONGEST:
                raise ValueError("too long")
            content = json.loads(data)
            known = [_template(template) for template in content["templates"]]
            return known, placed_from_json(content["last"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SettingsInvalid(str(self._path), "", str(error)) from error

    def _write(self, known: Sequence[Template], last: Sequence[Placed]) -> None:
        content: dict[str, Any] = {
            "templates": [
                {"name": template.name, "placed": to_json(template.placed)} for template in known
            ],
            "last": to_json(last),
        }
        replace_file(self._path, json.dumps(content, ensure_ascii=False, indent=1).encode())


def _template(data: Any) -> Template:
    placed = placed_from_json(data["placed"])
    if not isinstance(data["name"], str) or len({rule.seal_code for rule in placed}) != 1:
        raise ValueError("no template")
    return Template(data["name"], placed)
