"""New versions of the program, for the window: :class:`ui.shell.context.parts.UpdateDesk` over the
desk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.desk import Desk
    from crypto.seal.release import Release


class DeskUpdates:
    """See :class:`ui.shell.context.parts.UpdateDesk`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def installable(self) -> bool:
        from app.updates.installing import installable

        return installable()

    def offered(self) -> Release | None:
        from app.remote.public_services import PublicPlatform
        from app.updates.offered import offered, refuse_if_off

        refuse_if_off(self._desk.settings)
        with self._desk.client(PublicPlatform) as platform:
            return offered(platform)

    def fetch(self, release: Release, step: Callable[[int], None]) -> Path:
        from app.remote.public_services import PublicPlatform
        from app.updates.offered import fetch, refuse_if_off

        refuse_if_off(self._desk.settings)
        folder = self._desk.settings.folders.cache / "updates"
        with self._desk.client(PublicPlatform) as platform:
            return fetch(platform, release, folder, step)

    def install(self, path: Path, release: Release) -> None:
        from app.updates.installing import install

        install(path, release, self._desk.settings)
