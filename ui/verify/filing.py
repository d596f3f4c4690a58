"""What of a verification is filed: the report, the evidence package, the table of many files, and
the report that the platform makes and seals itself.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QWidget

from app.durable import discard, patiently
from app.publishing import replace_output
from crypto.verdict import Report, Verdict
from ui.dialogs import confirm
from ui.files import ask_where
from ui.language import language, tr
from ui.verify import verdicts

if TYPE_CHECKING:
    from app.many.bulk import Outcome
    from ui.shell.interface import Shell


class ReportSaver:
    """Asks where, writes in the pool, tells when it is done; a file is whole or not there."""

    def __init__(self, shell: Shell, parent: QWidget) -> None:
        self._shell, self._parent = shell, parent

    def report(self, source: Path, report: Report, password: str | None) -> None:
        """Save *report* on A4 or as JSON (docs/report-schema.md)."""
        context = self._shell.context
        name = tr("{name}_验章报告", name=source.stem)
        path = self._ask_where(source.with_name(f"{name}.pdf"), "PDF (*.pdf);;JSON (*.json)")
        if path is None:
            return

        def write() -> None:
            if path.suffix.lower() == ".json":
                text = json.dumps(report.to_json(language()), ensure_ascii=False, indent=2)
                replace_output(path, text.encode())
            else:
                replace_output(path, context.report_pdf(source, report, password, language()))

        self._save(write, path)

    def evidence(self, source: Path, password: str | None) -> None:
        """Save document, report, chain and status together, with how to check them again."""
        context = self._shell.context
        name = tr("{name}_证据包", name=source.stem)
        path = self._ask_where(source.with_name(f"{name}.zip"), "ZIP (*.zip)")
        if path is not None:
            self._save(
                lambda: _anew(
                    path, lambda fresh: context.evidence(source, fresh, password, language())
                ),
                path,
            )

    def summary(self, folder: Path, outcomes: Sequence[Outcome]) -> None:
        """Save a table of all files and what is said of each, as ``sealdesk verify --csv`` does."""
        from app.many.bulk import Run
        from app.many.bulk_summary import summary_csv

        path = self._ask_where(folder / f"{tr('验章汇总')}.csv", "CSV (*.csv)")
        if path is not None:
            run = Run(tuple(outcomes), False)
            self._save(lambda: replace_output(path, summary_csv(run, language())), path)

    def sealed_report(self, source: Path) -> None:
        """Have the platform verify *source* and seal its report: the document goes there, so the
        person is asked."""
        context = self._shell.context
        sent = confirm(
            self._parent,
            tr("平台盖章的报告"),
            tr("把“{name}”发给平台验证？", name=source.name),
            tr("发送"),
            details=tr(
                "整个文件会发送到 {url}。平台验证后出具盖有平台印章的报告，不保存文件。"
                "不便外发的文件请用“导出报告…”。",
                url=context.settings.platform_url,
            ),
        )
        name = tr("{name}_平台验章报告", name=source.stem)
        path = sent and self._ask_where(source.with_name(f"{name}.pdf"), "PDF (*.pdf)")
        if not path:
            return
        said: list[Verdict] = []

        def fetch() -> None:
            _anew(path, lambda fresh: said.append(context.sealed_report(source, fresh, language())))

        def words() -> str:
            return tr(
                "平台的结论：{verdict}。盖章的报告已保存到 {path}",
                verdict=verdicts.word(said[0]),
                path=path,
            )

        waiting = tr("正在等待平台验证“{name}”…", name=source.name)
        self._shell.notices.show_notice("export", "info", waiting, lasting=True)
        self._save(fetch, path, words)

    def _ask_where(self, suggested: Path, kinds: str) -> Path | None:
        return ask_where(self._parent, tr("保存"), suggested, kinds, replaces=True)

    def _save(
        self, write: Callable[[], None], path: Path, words: Callable[[], str] | None = None
    ) -> None:
        notices = self._shell.notices

        def done(_: object) -> None:
            said = words() if words else tr("已保存到 {path}", path=path)
            opened = (tr("打开"), lambda: self._shell.open_outside(path))
            notices.show_notice("export", "good", said, opened)

        def failed(error: BaseException) -> None:
            notices.clear_notice("export")
            self._shell.complain(error)

        self._shell.tasks.work(write, done=done, failed=failed)


def _anew(path: Path, make: Callable[[Path], object]) -> None:
    """Let *make* write a new file, and put that in the place of *path*; the dialog has asked."""
    fresh = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        make(fresh)
        patiently(partial(fresh.replace, path))
    finally:
        discard(fresh)
