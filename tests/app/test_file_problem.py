"""A folder, a file in use and one that is not permitted are three problems."""

import errno
import os
import sys
from pathlib import Path

import pytest

from app import errors
from app.errors import FileProblem


class WindowsError(OSError):
    """As Windows raises it: with a number of its own."""

    def __init__(self, number: int) -> None:
        super().__init__(errno.EINVAL, "")
        self.winerror = number


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (32, FileProblem.IN_USE),
        (33, FileProblem.IN_USE),
        (53, FileProblem.MISSING),
        (112, FileProblem.FULL),
        (123, FileProblem.NAME),
        (206, FileProblem.TOO_LONG),
        (1, FileProblem.OTHER),
    ],
)
def test_windows_numbers_are_understood(number: int, problem: FileProblem) -> None:
    assert FileProblem.of(WindowsError(number)) is problem


@pytest.mark.parametrize("number", [0, 5, 32, 336])
def test_a_denied_open_is_asked_once_more(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "windows_error", lambda path: number)
    denied = PermissionError(errno.EACCES, "", "合同.pdf")
    expected = {32: FileProblem.IN_USE, 336: FileProblem.FOLDER}
    assert FileProblem.of(denied) is expected.get(number, FileProblem.DENIED)


def test_a_folder_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(OSError) as refused:  # noqa: PT011 - which one is the system's affair
        tmp_path.open("rb")
    assert FileProblem.of(refused.value) is FileProblem.FOLDER


def test_a_busy_file_is_in_use() -> None:
    for code in (errno.EBUSY, errno.ETXTBSY):
        assert FileProblem.of(OSError(code, os.strerror(code))) is FileProblem.IN_USE


if sys.platform == "win32":
    import _winapi

    @pytest.mark.parametrize("how", ["rb", "r+b"])
    def test_a_file_that_another_program_keeps_to_itself_is_in_use(
        how: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "合同.pdf"
        path.write_bytes(b"%PDF")
        shared = 0 if how == "rb" else 1  # with nobody, or for reading
        held = _winapi.CreateFile(str(path), 0x80000000, shared, 0, 3, 0, 0)
        try:
            with pytest.raises(PermissionError) as refused:
                path.open(how)
            assert FileProblem.of(refused.value) is FileProblem.IN_USE
        finally:
            _winapi.CloseHandle(held)
        path.open(how).close()
