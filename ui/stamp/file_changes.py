"""Changes to the list of files: those that can be undone (files removed, files moved),
and the one that is asked about."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from crypto.frozen import frozen
from ui.dialogs import confirm
from ui.language import tr
from ui.stamp.documents import StampDocument

Files = list[StampDocument]


@frozen
class Removed:
    """Files taken from the list, each with the place it had."""

    files: tuple[tuple[int, StampDocument], ...]

    @classmethod
    def of(cls, files: Files, rows: Sequence[int]) -> Removed:
        return cls(tuple((row, files[row]) for row in sorted(set(rows))))

    def done(self, files: Files) -> Files:
        gone = [document for _, document in self.files]
        return [document for document in files if not any(document is each for each in gone)]

    def undone(self, files: Files) -> Files:
        """Back where they were, among whatever was added since."""
        made = self.done(files)
        for row, document in self.files:
            made.insert(row, document)
        return made


@frozen
class Moved:
    """Files moved within the list, each with the place it had."""

    files: tuple[tuple[int, StampDocument], ...]
    to: int
    """The line in which the first of them is then."""

    @classmethod
    def of(cls, files: Files, rows: Sequence[int], to: int) -> Moved:
        return cls(Removed.of(files, rows).files, to)

    def done(self, files: Files) -> Files:
        moved = [file for _, file in self.files if any(file is here for here in files)]
        made = Removed(self.files).done(files)
        to = max(0, self.to)
        return [*made[:to], *moved, *made[to:]]

    def undone(self, files: Files) -> Files:
        """Back where they were; a file that is gone stays gone."""
        here = tuple(each for each in self.files if any(each[1] is file for file in files))
        return Removed(here).undone(files)


Change = Removed | Moved


def may_close(waiting: int, parent: QWidget) -> bool:
    """Ask whether *waiting* files with seals placed on them may be closed."""
    return confirm(
        parent,
        tr("关闭全部文件"),
        tr("{count} 个文件放好了印章，还没有盖。", count=waiting),
        tr("关闭"),
        details=tr("关闭以后，放好的位置就没有了。文件本身不受影响。"),
    )


class FileChanges:
    """What was done to the list, in step with what was placed: undo takes back the latest."""

    def __init__(self) -> None:
        self._past: list[tuple[int, Change]] = []
        self._future: list[tuple[int, Change]] = []
        self.placed = 0
        """How many changes of placements stand: raised by each, lowered by undoing one."""

    @property
    def can_undo(self) -> bool:
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        return bool(self._future)

    @property
    def undo_is_next(self) -> bool:
        """Was the list changed after the last placing?"""
        return self.can_undo and self._past[-1][0] >= self.placed

    @property
    def redo_is_next(self) -> bool:
        """Was the list changed before the first placing that can be redone?"""
        return self.can_redo and self._future[-1][0] <= self.placed

    def do(self, change: Change, files: Files) -> Files:
        """The list after *change*."""
        self._past.append((self.placed, change))
        self._future.clear()
        return change.done(files)

    def undo(self, files: Files) -> Files:
        """The list without the last change."""
        entry = self._past.pop()
        self._future.append(entry)
        return entry[1].undone(files)

    def redo(self, files: Files) -> Files:
        """The list with the change that was undone last."""
        entry = self._future.pop()
        self._past.append(entry)
        return entry[1].done(files)

    def forget(self) -> None:
        """Another job: nothing of before can be undone."""
        self._past.clear()
        self._future.clear()
        self.placed = 0
