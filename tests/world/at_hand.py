"""What bounded processes are copies of in tests (:mod:`tests.world.bounds`): this process has
imported what they need, and their own bounded processes are copies of them."""

from __future__ import annotations

import gc
import importlib
import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkProcess
from typing import Any

import PIL.Image

from crypto import bounded

MODULES = (
    "app.many.bulk",
    "app.placing.finder",
    "crypto.pdf.verify",
    "crypto.rendering.looker",
    "crypto.rendering.mupdf_engine",
    "crypto.rendering.pdfium_engine",
    "crypto.report.pictures",
    "crypto.report.setting",
    "server_stub.neighbours.imprint_drawing",
    "ui.canvas.render_process",
)
"""Half a second of work."""


class Copies:
    """A context as :mod:`multiprocessing` has them."""

    Pipe = staticmethod(multiprocessing.get_context("fork").Pipe)

    @staticmethod
    def Process(target: Callable[..., None], args: tuple[Any, ...], name: str) -> ForkProcess:
        end, memory = args  # nothing is pickled on the way
        return ForkProcess(target=target, args=(end._pipe, memory), name=name)


gc.disable()  # until all is here that stays
for module in MODULES:
    importlib.import_module(module)
gc.freeze()  # a copy that looked for garbage in it would make memory of its own of it all
gc.enable()
PIL.Image.preinit()
bounded.get_context = lambda _: Copies()  # type: ignore[assignment,return-value]
