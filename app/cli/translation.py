"""The command line's own words in the person's language.

English stands beside the commands (``add_commands``); ``resources/help.zh_CN.toml`` has the Chinese
for each text, argparse's included.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from functools import cache
from importlib import resources

_language = "en"
_WORD = re.compile(r"[A-Za-z_]{2,}|\bS\b")


@cache
def _tables() -> dict[str, dict[str, str]]:
    source = resources.files("resources") / "help.zh_CN.toml"
    found: dict[str, dict[str, str]] = tomllib.loads(source.read_text(encoding="utf-8"))
    return found


def texts() -> dict[str, str]:
    """English → Chinese: what commands and options are explained with, and argparse's own words."""
    return _tables()["texts"]


def speak(language: str) -> None:
    """Let argparse say its own words in *language* from now on.

    argparse takes them from gettext under the name ``_``; there is no public way to set them."""
    global _language
    _language = language
    chinese = texts() if language == "zh_CN" else {}
    vars(argparse)["_"] = lambda text: chinese.get(text, text)


def said(problem: str) -> str:
    """What is wrong with a value, in the language that is spoken."""
    return _tables()["values"][problem] if _language == "zh_CN" else problem


def placeholder(metavar: str) -> str:
    """``FILE.pdf|FOLDER`` in Chinese; what is typed as it stands (``none``) stays."""
    words = _tables()["placeholders"]
    return _WORD.sub(lambda found: words.get(found[0], found[0]), metavar)


def translate(parser: argparse.ArgumentParser) -> None:
    """Put the Chinese texts into *parser* and all commands below it; what has none stays."""
    chinese = texts()
    parser.description = chinese.get(parser.description or "", parser.description)
    parser.epilog = chinese.get(parser.epilog or "", parser.epilog)
    for action in parser._actions:
        if action.help:
            action.help = chinese.get(action.help, action.help)
        if isinstance(action, argparse._SubParsersAction):
            action.metavar = placeholder(str(action.metavar))
            for choice in action._choices_actions:
                choice.help = chinese.get(choice.help or "", choice.help)
            for child in action.choices.values():
                translate(child)
        elif action.nargs != 0 and action.choices is None:
            action.metavar = placeholder(str(action.metavar or action.dest.upper()))
