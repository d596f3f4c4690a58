"""诊断信息: what support needs to know of this machine, and nothing that is anybody's secret.

No PIN, key, seal, name of a file or person: versions, settings, and what state things are in. What
cannot be read is named by its error code, since that is when a diagnosis is wanted.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.addresses import without_login
from app.errors import FileProblem, OutputExists, OutputNotWritable, explain
from app.settings import NAMES

if TYPE_CHECKING:
    from app.desk import Desk
    from device.token import Token

_PACKAGES = (
    "PySide6-Essentials",
    "pymupdf",
    "pypdfium2",
    "pyhanko",
    "cryptography",
    "python-pkcs11",
)


def diagnosis(desk: Desk) -> dict[str, Any]:
    """JSON-ready facts about the program, the system, the settings and what is kept here."""
    from app.store.data_place import place_of
    from crypto.pdf.verify import PROGRAM

    settings = desk.settings
    return {
        "program": PROGRAM,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "data_place": place_of(settings.folders.data) or "disk",
        "python": sys.version.split()[0],
        "packages": {name: version_of(name) for name in _PACKAGES},
        "settings": {
            name: without_login(str(getattr(settings, name)))
            for name in NAMES
            if "token" not in name
        },
        "origins": {name: settings.source(name).origin.value for name in NAMES},
        "seals": _or_code(lambda: _seals(desk)),
        "waiting_usage_records": _or_code(lambda: desk.cabinet.waiting_usage()),
        "journal": _or_code(lambda: _journal(desk)),
    }


def keys(tokens: Iterable[Token]) -> list[Any]:
    """What is plugged in: of which kind and in which state, not whose."""
    return [_or_code(partial(_key, token)) for token in tokens]


def diagnose(desk: Desk, options: argparse.Namespace) -> int:
    """``sealdesk diagnose``: to a new file or to standard output."""
    found = {**diagnosis(desk), "keys": _or_code(lambda: keys(desk.tokens()))}
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with options.output.open("x", encoding="utf-8") as output:
            output.write(text)
    except FileExistsError as error:
        raise OutputExists(str(options.output)) from error
    except OSError as error:
        raise OutputNotWritable(str(options.output), FileProblem.of(error)) from error
    return 0


def _key(token: Token) -> dict[str, Any]:
    info, state = token.info, token.pin_state()
    return {
        "manufacturer": info.manufacturer,
        "model": info.model,
        "driver": Path(info.module).name,
        "virtual": info.is_virtual,
        "initialised": token.initialised,
        "locked": state.locked,
        "tries_left": state.tries_left,
    }


def _seals(desk: Desk) -> list[dict[str, str]]:
    return [
        {"state": seal.state, "valid_until": f"{seal.valid_until:%Y-%m-%d}"}
        for seal in desk.cabinet.seals()
    ]


def _journal(desk: Desk) -> dict[str, Any]:
    check = desk.journal.check()
    return {"entries": check.entries, "problem": check.problem, "line": check.line}


def _or_code(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - any failure belongs in the diagnosis
        return {"error": explain(error).code, "kind": type(error).__name__}


def version_of(name: str) -> str:
    """The version of the installed package *name*; "?" in a program that lacks its metadata."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
