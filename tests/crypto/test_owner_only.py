"""What is its owner's alone, and how others are noticed."""

import stat
import sys
from pathlib import Path

import pytest

from crypto.owner_only import exposed, others_in, protect
from tests.world.access import open_to_others

OWNER = "S-1-5-21-1-2-3-1001"


@pytest.mark.parametrize(
    ("descriptor", "others"),
    [
        (f"D:P(A;;FA;;;{OWNER})(A;;FA;;;SY)", set()),
        (f"D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICIID;FA;;;{OWNER})", set()),
        (f"D:(A;;FA;;;{OWNER})(A;;0x1200a9;;;WD)", {"WD"}),
        (f"D:AI(A;ID;FA;;;{OWNER})(A;ID;0x1200a9;;;BU)(A;ID;0x1301bf;;;AU)", {"BU", "AU"}),
        (f"D:(A;;FA;;;{OWNER})(A;;FR;;;S-1-5-21-1-2-3-1002)", {"S-1-5-21-1-2-3-1002"}),
        (f'D:(A;;FA;;;{OWNER})(XA;;FX;;;S-1-1-0;(@User.Title=="PM"))', {"S-1-1-0"}),
        (f"D:(A;OICIIO;FA;;;WD)(A;;FA;;;{OWNER})", set()),  # for what is made in it alone
        (f"D:(D;;FA;;;WD)(A;;FA;;;{OWNER})", set()),
        ("D:P", set()),  # nobody at all
        ("D:NO_ACCESS_CONTROL", {"WD"}),
        ("", {"WD"}),
    ],
)
def test_everybody_else_who_is_let_in_is_found(descriptor: str, others: set[str]) -> None:
    assert others_in(descriptor, OWNER) == others


def test_what_is_protected_is_not_exposed_until_somebody_opens_it(tmp_path: Path) -> None:
    file, folder = tmp_path / "密钥.json", tmp_path / "文件夹"
    file.write_bytes(b"secret")
    folder.mkdir()
    for path in (file, folder):
        protect(path)
        assert not exposed(path)
    open_to_others(file)
    assert exposed(file)
    protect(file)
    assert not exposed(file)
    assert file.read_bytes() == b"secret"
    if sys.platform != "win32":
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (file, folder)]
        assert modes == [0o600, 0o700]


def test_what_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    for ask in (protect, exposed):
        with pytest.raises(FileNotFoundError):
            ask(tmp_path / "missing")
