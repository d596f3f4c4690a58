"""Data on a share or a stick is noticed."""

import sys
from pathlib import Path

import pytest

from app.store.data_place import in_mounts, place_of

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:44 / /home rw - nfs4 files:/home rw,vers=4.2
31 30 0:45 / /home/local rw - ext4 /dev/sdb1 rw
32 22 8:17 / /media/clerk/KEY\\040STICK rw - vfat /dev/sdc1 rw
33 22 0:46 / /mnt/all rw - cifs //server/all rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "place"),
    [
        ("/var/lib/sealdesk", ""),
        ("/home/clerk/.local/share/sealdesk", "share"),
        ("/home/local/clerk", ""),
        ("/home", "share"),
        ("/homes/clerk", ""),
        ("/mnt/all/sealdesk", "share"),
        ("/media/clerk/KEY STICK/sealdesk", "stick"),
    ],
)
def test_the_mount_that_is_nearest_counts(folder: str, place: str) -> None:
    assert in_mounts(Path(folder), MOUNTS) == place


def test_an_ordinary_folder_is_no_matter(tmp_path: Path) -> None:
    assert place_of(tmp_path) == ""
    assert place_of(tmp_path / "missing" / "folder") == ""


if sys.platform == "win32":

    def test_a_share_is_known_by_its_name() -> None:
        assert place_of(Path(r"\\server\all\sealdesk")) == "share"
        assert place_of(Path(r"C:\Users")) == ""
