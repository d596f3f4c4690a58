"""What a page may ask of the window, and the window of a page.

This module imports no page, so that pages and window do not import each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtWidgets import QWidget

from ui.away import AwayNotices
from ui.canvas.renderer import Renderer
from ui.shell.context.values import TokenView
from ui.shell.context.whole import Context
from ui.shell.notice import NoticeBar
from ui.shell.recent import RecentFiles
from ui.shell.state import WindowState
from ui.tasks import Tasks

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord


class WindowPage(Protocol):
    """What the window asks of every page.

    A page may also have ``open_files(paths)``, ``choose()`` (a file dialog), ``light_up(over)``
    (files are dragged over it) and ``closing()``."""

    def activated(self) -> None:
        """The page has come to the front."""

    def panes(self) -> list[QWidget]:
        """Where F6 leads, in order."""


class Shell(Protocol):
    """What a page may ask of the window (:class:`ui.shell.window.MainWindow`)."""

    context: Context
    tasks: Tasks
    renderer: Renderer
    notices: NoticeBar
    recent: RecentFiles
    away: AwayNotices
    state: WindowState

    seals: tuple[SealRecord, ...]
    seals_known: bool
    """Have they been read?"""
    tokens_changed: Any
    """Signal without arguments."""
    seals_changed: Any
    """Signal without arguments."""

    @property
    def tokens(self) -> tuple[TokenView, ...]:
        """The keys that are plugged in."""

    @property
    def token(self) -> TokenView | None:
        """The key in use."""

    def complain(self, error: BaseException) -> None:
        """Show an error that has no better place."""

    def open_outside(self, target: Path | str) -> None:
        """Open a file, a folder or an address with the system's own program, or say why not."""

    def folder(self) -> Path:
        """Where a file dialog begins."""

    def remember_folder(self, folder: Path) -> None:
        """The next file dialog begins there."""

    def go(self, name: str, files: Sequence[Path] = ()) -> None:
        """Show the page of that name, with *files* if it takes any."""

    def reload_seals(self) -> None:
        """Read the cabinet again."""

    def synchronise(self) -> None:
        """Exchange seals and usage records with the platform; the page that is shown stays."""

    def count_notices(self) -> None:
        """Read how many notices are unread, and show it."""

    def show_help(self) -> None:
        """Keys, version, manual, and whether there is a newer version."""

    def show_guide(self) -> None:
        """The steps to the first stamp."""

    def apply_for_seal(self) -> None:
        """Show the page of seals with the form for a new one."""

    def change_pin(self) -> None:
        """Ask for the old and a new PIN of the key in use, and set it."""

    def unlock_token(self, token: TokenView | None = None) -> None:
        """A new PIN for *token*, or for the key in use, which is locked, or whose PIN nobody knows
        any more."""

    def initialise_token(self) -> None:
        """Ask for name and PINs of the key in use, which is blank, and set them."""

    def enter_demo(
        self, demo: Context, document: Path | None = None, *, go_on: bool = False
    ) -> None:
        """Work with the demo's context from now on: verify *document*, *go on* with the job that
        was interrupted there, or stamp the sample."""

    def change_language(self) -> None:
        """Show everything in the language of the settings, as soon as nothing is under way."""

    def hold_polling(self, held: bool) -> None:
        """Stop (True) or resume (False) looking for keys; calls nest."""
