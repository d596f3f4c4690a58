"""Puts off importing what libraries ask for at once and SealDesk hardly ever needs.

pyHanko's PDF layer takes three small things from ``pyhanko_certvalidator.util``, which imports the
package around it, the whole validator with asyncio: SealDesk builds chains itself
(:mod:`crypto.pki.chain`). And for documents encrypted for the holders of certificates it imports
the reading of private keys and of PKCS#12 files, and with them all of X.509. Together that was half
of the time that ``sealdesk verify`` takes. The time zone it needs for documents that it makes
itself. Pillow's names of tags are for photographs, PyMuPDF's tables and archives for those who read
text. So :func:`put_off` enters these modules into ``sys.modules`` empty: the first name
looked up in one runs its code as usual.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

OF_PYHANKO = (
    "pyhanko_certvalidator",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.hazmat.primitives.serialization.pkcs12",
    "tzlocal",
    "PIL.ExifTags",
)
"""A package keeps its path, so that its modules can be imported one by one."""
OF_RENDERERS = ("PIL.ExifTags", "pymupdf.table", "tarfile")


class _Late(ModuleType):
    """A module whose code has not run yet."""

    _lock = threading.RLock()

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        if spec is None or spec.loader is None:
            raise AttributeError(name)
        with self._lock:  # other threads wait; what the module asks of itself meanwhile does not
            if not self.__dict__.get("_begun"):
                self.__dict__["_begun"] = True
                spec.loader.exec_module(self)
                self.__class__ = ModuleType  # type: ignore[assignment]
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module {spec.name!r} has no attribute {name!r}")


def put_off(names: Sequence[str]) -> None:
    """Put off importing these modules, unless they are imported already or not installed."""
    for name in names:
        if name in sys.modules:
            continue
        above, _, own = name.rpartition(".")
        spec = _spec_of(name, above)
        if spec is None:
            continue
        module = module_from_spec(spec)  # with its path, and nothing else yet
        module.__class__ = _Late
        sys.modules[name] = module
        if above in sys.modules:  # as importing it would
            vars(sys.modules[above])[own] = module


def _spec_of(name: str, above: str) -> ModuleSpec | None:
    """Without importing what it is a part of, where that could ask for it at once."""
    if not above or above in sys.modules:
        return find_spec(name)
    whole = find_spec(above)
    return PathFinder.find_spec(name, whole.submodule_search_locations) if whole else None
