"""``sealdesk diagnose``: facts for support."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, output_option

if TYPE_CHECKING:
    from app.desk import Desk


def add_commands(commands: Commands) -> None:
    """``diagnose``."""
    made = commands.add("diagnose", diagnose, "facts for support, without secrets")
    output_option(made, "OUT.json")


def diagnose(desk: Desk, options: argparse.Namespace) -> int:
    from app.diagnosing import diagnose as run

    return run(desk, options)
