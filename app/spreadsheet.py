"""Tables as CSV that Excel reads correctly, and as XLSX.

A text that a spreadsheet would run as a formula gets an apostrophe before it; what cannot be
printed is shown as such.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from app.publishing import replace_output

_FORMULA = tuple("=+-@＝＋－＠")
"""How a formula begins; Excel in Chinese and Japanese takes the full width, too."""


def save_table(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Write *rows* (the first is the head) to *path*: XLSX by its suffix, else CSV in UTF-8 with a
    byte order mark. Lists are joined by commas, None is empty. Raises
    :class:`app.errors.OutputNotWritable`, OSError."""
    write = _xlsx if path.suffix.lower() == ".xlsx" else _csv
    replace_output(path, write(_texts(rows)))


def table_csv(rows: Sequence[Sequence[object]]) -> bytes:
    """The CSV of :func:`save_table`."""
    return _csv(_texts(rows))


def _texts(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: object) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = "" if value is None else str(value)
    text = "".join(char if char.isprintable() else "�" for char in text)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


def _xlsx(rows: list[list[str]]) -> bytes:
    import xlsxwriter

    data = io.BytesIO()
    workbook = xlsxwriter.Workbook(data, {"in_memory": True})
    sheet = workbook.add_worksheet()
    sheet.freeze_panes(1, 0)
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            sheet.write_string(number, column, text)
    workbook.close()
    return data.getvalue()
