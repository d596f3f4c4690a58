"""The command line's own words in the person's language.

English stands beside the commands (``add_commands``); ``resources/help.zh_CN.toml`` has the Chinese
for each text, argparse's included.
"""

from __future__ import annotations

import argparse
import tomllib
from functools import cache
from importlib import resources


@cache
def texts() -> dict[str, str]:
    """English → Chinese."""
    source = resources.files("resources") / "help.zh_CN.toml"
    found: dict[str, str] = tomllib.loads(source.read_text(encoding="utf-8"))["texts"]
    return found


def speak(language: str) -> None:
    """Let argparse say its own words in *language* from now on.

    argparse takes them from gettext under the name ``_``; there is no public way to set them."""
    chinese = texts() if language == "zh_CN" else {}
    vars(argparse)["_"] = lambda text: chinese.get(text, text)


def translate(parser: argparse.ArgumentParser) -> None:
    """Put the Chinese texts into *parser* and all commands below it; what has none stays."""
    chinese = texts()
    parser.description = chinese.get(parser.description or "", parser.description)
    for action in parser._actions:
        if action.help:
            action.help = chinese.get(action.help, action.help)
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                choice.help = chinese.get(choice.help or "", choice.help)
            for child in action.choices.values():
                translate(child)
