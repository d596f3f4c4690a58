"""The real window on the made-up company with real data, until it is closed or stopped:
``python -m tests.ui.live_window HOME``. What people send lies in HOME/合同.
"""

import sys
from pathlib import Path


def main(home: Path) -> int:
    from tests.world.desk import StandIn
    from tests.world.real_data import files, long_company
    from ui.shell.starting import run

    context = StandIn(home, holder=long_company())
    files(context, home / "合同")
    return run(context)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
