"""Puts off importing pyHanko's certificate validator until somebody asks for it.

pyHanko's PDF layer takes three small things from ``pyhanko_certvalidator.util``. Importing that
imports the package around it, the whole validator with asyncio and all of X.509: a third of the
time that ``sealdesk verify`` takes. SealDesk builds chains itself (:mod:`crypto.pki.chain`). So
:func:`put_off` enters the package into ``sys.modules`` empty, with its path alone: its modules can
be imported one by one, and the first name looked up in the package itself runs its code as usual.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

NAME = "pyhanko_certvalidator"


class _Late(ModuleType):
    """A package whose ``__init__`` has not run yet."""

    _lock = threading.RLock()
    _begun = False

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        with self._lock:  # other threads wait; what the package asks of itself meanwhile does not
            if not self._begun:
                self._begun = True
                spec.loader.exec_module(self)
                self.__class__ = ModuleType  # type: ignore[assignment]
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module {NAME!r} has no attribute {name!r}")


def put_off() -> None:
    """Put off importing the validator, unless it is imported already or not installed."""
    if NAME in sys.modules:
        return
    spec: ModuleSpec | None = find_spec(NAME)
    if spec is None:
        return
    package = module_from_spec(spec)  # with its path, and nothing else yet
    package.__class__ = _Late
    sys.modules[NAME] = package
