"""The window's language: Chinese is written in the source, other languages stand in a catalogue.

    tr("第 {page} 页", page=3)

looks the Chinese text up in ``resources/translations/<language>.toml`` and fills the blanks. A test
compares the catalogues with the sources, so a missing or a stale entry fails. Where a language has
a plural, ``{count|file|files}`` gives the word for one and the word for any other number. Qt's own
few words (the context menu of a text field) come from its ``qtbase`` catalogue.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QTranslator

SOURCE = "zh_CN"
_BY_NUMBER = re.compile(r"\{(\w+)\|([^|{}]*)\|([^|{}]*)\}")
"""A blank's name, the words for one, the words for any other number."""
_chosen = SOURCE
_qt_words: QTranslator | None = None
"""What translates them now."""


def use(language: str) -> None:
    """Use *language* ("zh_CN" or "en") from now on; widgets that exist keep their texts."""
    global _chosen, _qt_words
    _chosen = language
    application = QCoreApplication.instance()
    if application is None:
        return
    if _qt_words is not None:
        application.removeTranslator(_qt_words)
        _qt_words = None
    if language == SOURCE:
        translator = QTranslator()
        folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
        if translator.load("qtbase_zh_CN", folder):
            application.installTranslator(translator)
            _qt_words = translator


def language() -> str:
    """The language in use, as :func:`app.errors.explain` wants it."""
    return _chosen


def tr(text: str, /, **values: object) -> str:
    """*text* (Chinese, as in the source) in the language in use, its ``{blanks}`` filled."""
    said = text if _chosen == SOURCE else catalogue(_chosen).get(text, text)
    if not values:
        return said
    by_number = _BY_NUMBER.sub(lambda found: found[2 if values[found[1]] == 1 else 3], said)
    return by_number.format(**values)


def pair(name: str, value: object) -> str:
    """A name and its value, with the language's own colon between."""
    return tr("{name}：{value}", name=name, value=value)


@cache
def catalogue(name: str) -> dict[str, str]:
    """The translations of a language, by the Chinese text."""
    source = resources.files("resources") / "translations" / f"{name}.toml"
    texts: dict[str, str] = tomllib.loads(source.read_text(encoding="utf-8"))["texts"]
    return texts
