"""installer/windows/wheels.py: what of the lock is for Windows."""

from pathlib import Path

from installer.windows.wheels import for_windows

ROOT = Path(__file__).parents[3]

LOCK = """\
# made by a tool
always==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via something
elsewhere==2.0 ; sys_platform == 'linux' \\
    --hash=sha256:cc
here==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:dd
older==4.0 ; python_full_version < '3.12' \\
    --hash=sha256:ee
"""


def test_markers_are_asked_about_windows_and_hashes_stay() -> None:
    chosen = for_windows(LOCK)
    assert [line.split(" ")[0] for line in chosen.splitlines() if line[0] != " "] == [
        "always==1.0",
        "here==3.0",
        "older==4.0",
    ]
    assert chosen.count("--hash=") == 4
    assert ";" not in chosen


def test_the_lock_itself_gives_windows_its_own_packages() -> None:
    chosen = for_windows((ROOT / "installer" / "requirements.lock").read_text(encoding="utf-8"))
    names = {line.partition("==")[0] for line in chosen.splitlines() if "==" in line}
    assert {"pywin32-ctypes", "tzdata", "colorama", "pyside6-essentials"} <= names
    assert not names & {"secretstorage", "jeepney", "macholib"}
    assert all("--hash=sha256:" in entry for entry in chosen.split("\n\n") if entry.strip())
