"""What ``sealdesk demo`` does not do together."""

import argparse
from pathlib import Path
from typing import cast

import pytest

from app.cli.trial import demo
from app.desk import Desk
from app.errors import UsageError
from app.settings import Folders, Settings


def test_the_tour_has_a_sample_of_its_own(tmp_path: Path) -> None:
    desk = Desk(Settings(folders=Folders(tmp_path, tmp_path, tmp_path)))
    options = {"verify": False, "no_window": True, "tour": True, "output": tmp_path}
    asked = cast("argparse.Namespace", argparse.Namespace(file=Path("my.pdf"), **options))
    with pytest.raises(UsageError) as refused:
        demo.demo(desk, asked)
    assert refused.value.problem == "tour_of_its_own"
