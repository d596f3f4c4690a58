"""Names of outputs, and what becomes of a signed file whose place fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import publishing, revisions
from app.errors import FileProblem, OutputExists, OutputNotWritable, SavedElsewhere
from app.publishing import check_output, free_name, save_new
from crypto.file_names import MAX_NAME
from crypto.pdf.verify import verify_pdf
from crypto.verdict import Verdict
from tests.world.authorities import NOW
from tests.world.office import Office


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=120))
def test_a_name_made_from_any_other_can_be_written_everywhere(stem: str) -> None:
    made = free_name(Path("/nowhere") / f"{stem}.pdf", "_已盖章").name
    assert len(made.encode()) <= MAX_NAME
    assert not set(made) & set('<>:"/\\|?*')
    assert made.endswith("_已盖章.pdf")


def test_a_long_name_is_shortened_where_it_can_be_seen(tmp_path: Path) -> None:
    long = "关于宿迁市云杉软件有限公司与洪泽湖水产有限公司签订年度供货合同补充协议" * 3
    made = free_name(tmp_path / f"{long}（第二版）.pdf", "_已盖章").name
    assert made.startswith("关于宿迁市云杉软件")
    assert made.endswith("（第二版）_已盖章.pdf")
    assert "…" in made
    (tmp_path / made).write_bytes(b"")
    assert free_name(tmp_path / f"{long}（第二版）.pdf", "_已盖章").name.endswith("(2).pdf")


def test_a_full_disk_is_seen_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_output(tmp_path / "a.pdf", 1000)
    free = publishing.shutil.disk_usage(tmp_path).free
    with pytest.raises(OutputNotWritable, match="full"):
        check_output(tmp_path / "a.pdf", free)
    assert list(tmp_path.iterdir()) == []

    def refuse(target: Path) -> None:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(publishing, "_new", refuse)
    with pytest.raises(OutputNotWritable, match="denied"):
        check_output(tmp_path / "a.pdf", 1000)


def unplugged(monkeypatch: pytest.MonkeyPatch, office: Office, error: int) -> None:
    """The documents' folder takes no name any more."""
    give_name = publishing._give_name

    def refuse(temporary: Path, output: BinaryIO, target: Path) -> None:
        if target.parent == office.folder / "documents":
            raise OSError(error, os.strerror(error))
        give_name(temporary, output, target)

    monkeypatch.setattr(publishing, "_give_name", refuse)


@pytest.mark.parametrize(
    ("error", "reason"), [(errno.EACCES, "denied"), (errno.ENOSPC, "full"), (errno.EIO, "other")]
)
def test_a_file_that_the_key_has_signed_is_kept_where_its_folder_fails(
    office: Office, monkeypatch: pytest.MonkeyPatch, error: int, reason: str
) -> None:
    unplugged(monkeypatch, office, error)
    spare = office.folder / "data" / "unsaved"
    done = office.stamp(office.document(), spare=spare)
    assert done.path == spare / "合同_已盖章.pdf"
    assert isinstance(done.misplaced, SavedElsewhere)
    assert (done.misplaced.saved, done.misplaced.reason) == (str(done.path), reason)
    with done.path.open("rb") as stream:
        report = verify_pdf(stream, "x", office.authorities.trust, NOW)
    assert report.verdict is done.report.verdict is Verdict.VALID
    assert office.events() == ["stamp-begun", "stamped"]
    assert len(office.platform.tickets) == 1
    assert office.in_documents() == {"合同.pdf"}


def test_a_name_that_was_taken_meanwhile_costs_no_signature(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, spare = office.document(), office.folder / "data" / "unsaved"
    wanted = source.with_name("结果.pdf")
    verify_own = revisions.verify_own

    def meanwhile(*arguments: object) -> object:
        wanted.write_bytes(b"somebody else's")
        return verify_own(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(revisions, "verify_own", meanwhile)
    done = office.stamp(source, output=wanted, spare=spare)
    assert wanted.read_bytes() == b"somebody else's"
    assert done.misplaced is not None
    assert done.misplaced.reason == "exists"
    assert done.path.parent == spare


def test_without_another_place_the_failure_is_told(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    unplugged(monkeypatch, office, errno.EACCES)
    with pytest.raises(OutputNotWritable):
        office.stamp(office.document())
    with pytest.raises(OutputExists):
        office.stamp(office.document("b.pdf"), output=office.document("c.pdf"))
    assert office.events()[:2] == ["stamp-begun", "stamp-failed"]


def test_a_disk_that_is_full_says_so_before_the_key_signs(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room of the signature is written before it is made."""
    unpublished = revisions.unpublished
    limit = office.document().stat().st_size + 1000

    class Full:
        def __init__(self, file: object) -> None:
            self._file = file

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

        def write(self, data: bytes) -> int:
            if self._file.tell() + len(data) > limit:  # type: ignore[attr-defined]
                raise OSError(errno.ENOSPC, "full")
            return self._file.write(data)  # type: ignore[attr-defined, no-any-return]

    import contextlib

    @contextlib.contextmanager
    def small(target: Path):  # type: ignore[no-untyped-def]
        with unpublished(target) as (temporary, file):
            yield temporary, Full(file)

    monkeypatch.setattr(revisions, "unpublished", small)
    with pytest.raises(OutputNotWritable, match="full"):
        office.stamp(office.document())
    assert office.platform.tickets == []


@pytest.mark.parametrize(
    "name",
    ["CON.pdf", "nul", "Aux.合同.pdf", "COM1.pdf", "lpt³.pdf", "conout$", "prn .pdf", "合同:1.pdf",
     "a?.pdf", "尾点.", "尾空 "],
)  # fmt: skip
def test_a_name_that_means_something_else_on_windows_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputNotWritable) as refused:
        save_new(tmp_path / name, b"x")
    assert refused.value.reason is FileProblem.NAME
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stem", ["con", "NUL", "com1", "aux ", "LPT²"])
def test_a_name_made_from_a_devices_name_shows_that_it_is_another(
    tmp_path: Path, stem: str
) -> None:
    """A file from another system may be called so; a dot in the suffix would bring it back."""
    made = free_name(tmp_path / f"{stem}.pdf", ".盖章")
    assert made.name == f"_{stem}.盖章.pdf"
    assert save_new(made, b"x").read_bytes() == b"x"


def test_below_a_path_of_more_than_260_characters_a_file_is_published(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["很长的文件夹名称" * 5] * 8)
    folder.mkdir(parents=True)
    saved = save_new(folder / "合同.pdf", b"content")
    assert len(str(saved)) > 300
    assert saved.read_bytes() == b"content"
    assert list(folder.iterdir()) == [saved]
