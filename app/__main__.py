"""The composition root of ``sealdesk``."""

from __future__ import annotations

import sys

from app.cli import main as command_line


def main() -> int:
    """Entry point of ``sealdesk``."""
    return command_line(sys.argv[1:] or ["--help"])


if __name__ == "__main__":
    sys.exit(main())
