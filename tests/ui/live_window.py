"""The real window on the made-up company with real data, until it is closed or stopped:
``python -m tests.ui.live_window HOME``. What people send lies in HOME/合同.

With --tour it walks through every screen by itself (tests/ui/screens.py): HOME/screen.txt names the
one that is shown, until HOME/seen.txt names it, too; at the end it names :data:`END`.
"""

import sys
from pathlib import Path

END = "."


def tour(home: Path) -> int:
    from PySide6.QtWidgets import QMenu

    from tests.ui.screens import Tour

    shown, seen = home / "screen.txt", home / "seen.txt"
    walk = Tour(home, exact=False)
    for name, screen in walk.screens():
        if isinstance(screen, QMenu):
            screen.setActiveAction(screen.actions()[0])
        shown.write_text(name, "utf-8")
        walk.until(lambda name=name: seen.exists() and seen.read_text("utf-8") == name)
    shown.write_text(END, "utf-8")
    walk.window.close()
    return 0


def main(home: Path) -> int:
    from tests.world.desk import StandIn
    from tests.world.real_data import files, long_company
    from ui.shell.starting import run

    context = StandIn(home, holder=long_company())
    files(context, home / "合同")
    return run(context)


if __name__ == "__main__":
    sys.exit((tour if "--tour" in sys.argv else main)(Path(sys.argv[1])))
