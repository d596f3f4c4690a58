"""归档 for the window, over journal, trust and platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crypto.beijing import in_beijing
from ui.shell.context.parts import Step

if TYPE_CHECKING:
    from app.archiving.making import Made
    from app.archiving.metadata import About
    from app.store.journal import Journal
    from app.verifying import StatusService
    from crypto.validation.trust import Trust


class DeskArchives:
    """See :class:`ui.shell.context.parts.ArchiveWork`."""

    def __init__(
        self, journal: Journal, judges: Callable[[], tuple[Trust, StatusService | None]]
    ) -> None:
        """*judges*: whom this desk trusts and asks, as it is now."""
        self._journal, self._judges = journal, judges

    def months(self) -> Mapping[str, int]:
        from app.archiving.sources import Record

        record = Record(self._journal.entries())
        files = {use.output: in_beijing(use.at) for use in record.uses if use.output}
        counts = Counter(f"{at:%Y-%m}" for at in files.values())
        return dict(sorted(counts.items(), reverse=True))

    def make(
        self,
        what: str | Path,
        output: Path,
        about: About,
        language: str,
        step: Step,
        stopped: Callable[[], bool],
    ) -> Made:
        from app.archiving.making import make
        from app.archiving.sources import Record, of_month, of_paths

        record = Record(self._journal.entries())
        if isinstance(what, Path):
            sources = of_paths(record, [what])
        else:
            year, _, month = what.partition("-")
            sources = of_month(record, int(year), int(month))
        trust, platform = self._judges()
        return make(
            sources,
            output,
            record=record,
            trust=trust,
            journal=self._journal,
            about=about,
            platform=platform,
            language=language,
            step=step,
            stopped=stopped,
        )
