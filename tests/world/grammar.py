"""A walk over a command line: its commands and their options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

Words = tuple[str, ...]
"""What a person types to come to a command."""
Parser = argparse.ArgumentParser


def commands(
    made: argparse.ArgumentParser, *words: str
) -> Iterator[tuple[Words, argparse.ArgumentParser]]:
    """*made*, which *words* lead to, and every command below it."""
    yield words, made
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from commands(below, *words, name)


def options(made: Parser) -> Iterator[tuple[Words, argparse.Action]]:
    """Every option of every command: its command's words, and the option."""
    for words, command in commands(made):
        for action in command._actions:
            if not isinstance(action, argparse._SubParsersAction):
                yield words, action
