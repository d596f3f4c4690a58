"""A new version: released by the platform, told, fetched and checked; and everything that must not
come of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.cli.program.updating import mention
from app.errors import UpdateRejected
from app.settings import Settings
from app.updates.installing import install
from app.updates.offered import offered
from crypto.algorithms.gm import sm3
from crypto.seal.release import Release, SignedRelease
from device.loading import system_folder
from server_stub.console.account import operator
from server_stub.records.store import LedgerEntry
from server_stub.releases.keeping import ReleaseRefused, problems, publish
from server_stub.web.serving import RunningServer
from tests.world.clerk import Clerk

PACKAGE = b"!<arch>\n" + bytes(range(256)) * 400
NOTES = {"zh_CN": "批量更快\n修了几处", "en": "quicker batches"}

Publish = Callable[..., SignedRelease]


@pytest.fixture
def release(city: RunningServer, tmp_path: Path) -> Iterator[Publish]:
    """Publishes a package at the platform, which offers none after the test."""
    folder = city.platform.settings.directory / "releases"

    def made(version: str = "9.0.0", data: bytes = PACKAGE, **more: datetime) -> SignedRelease:
        path = tmp_path / f"sealdesk_{version}_amd64.deb"
        path.write_bytes(data)
        begins = {"not_before": datetime.now(UTC), **more}["not_before"]
        return publish(
            city.platform,
            operator(),
            path,
            version=version,
            publisher="",
            notes=NOTES,
            not_before=begins,
        )

    yield made
    for path in folder.glob("*"):
        path.unlink()


def updates(clerk: Clerk) -> Path:
    with clerk.desk() as desk:
        return desk.settings.folders.cache / "updates"


@pytest.mark.wants("posix")  # Debian's kind: tests/installer/test_update_publisher.py has the other
def test_a_new_version_is_told_fetched_and_checked_and_nothing_is_installed(
    clerk: Clerk, city: RunningServer, release: Publish
) -> None:
    answer = clerk("update", "check")
    assert (answer.code, answer.out.strip()) == (0, "没有更新的版本。")
    known = release().release
    answer = clerk("update", "check")
    assert answer.code == 0
    assert "有新版本 9.0.0。\n  批量更快\n  修了几处\n" in answer.out
    told = clerk("update", "check", "--json", LANGUAGE="en").json
    assert told["newer"] is True
    assert (told["sm3"], told["notes"]) == (known.sm3, "quicker batches")
    answer = clerk("update", "download")
    assert answer.code == 0, answer.err
    path = updates(clerk) / "sealdesk_9.0.0_amd64.deb"
    assert path.read_bytes() == PACKAGE
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert f"sudo apt install {path}" in answer.out
    assert "有新版本 9.0.0。" in clerk("sync").err
    with city.platform.reading() as session:
        entry = session.scalar(
            select(LedgerEntry.record).where(LedgerEntry.object_kind == "release").limit(1)
        )
    assert entry is not None
    assert known.sm3.encode() in entry


def test_the_platform_releases_nothing_that_is_not_newer(release: Publish) -> None:
    release("9.1.0")
    for version in ("9.1.0", "9.0.9", "0.1", "9"):
        with pytest.raises(ReleaseRefused):
            release(version)
    release("9.10.0")


def test_an_older_record_that_was_put_back_is_found_by_the_audit(
    city: RunningServer, release: Publish
) -> None:
    settings = city.platform.settings
    release("9.20.0")
    record = settings.directory / "releases" / "linux-amd64.release"
    older = record.read_bytes()

    def found() -> list[str]:
        with city.platform.reading() as session:
            return list(problems(session, settings))

    release("9.21.0")
    assert found() == []
    record.write_bytes(older)
    assert found() == ["release linux-amd64: 9.20.0 is offered, the last on record is 9.21.0"]
    record.write_bytes(b"another")
    assert len(found()) == 1
    record.unlink()
    assert found() == []


def test_an_older_version_and_one_that_is_to_come_are_not_told(
    clerk: Clerk, release: Publish
) -> None:
    release("0.0.1")
    assert "没有更新的版本" in clerk("update", "check").out
    release("9.0.0", not_before=datetime.now(UTC) + timedelta(hours=1))
    assert "没有更新的版本" in clerk("update", "download").out
    assert not updates(clerk).exists()


@pytest.mark.wants("posix")  # Debian's kind: tests/installer/test_update_publisher.py has the other
@pytest.mark.parametrize(
    ("data", "reason"),
    [(PACKAGE[:-1] + b"x", "内容"), (PACKAGE + b"x", "大小"), (PACKAGE[:-1], "大小")],
    ids=["another byte", "longer", "shorter"],
)
def test_another_package_than_the_record_names_is_refused_and_not_kept(
    clerk: Clerk, city: RunningServer, release: Publish, data: bytes, reason: str
) -> None:
    known = release().release
    (city.platform.settings.directory / "releases" / known.sm3).write_bytes(data)
    answer = clerk("update", "download")
    assert answer.code != 0
    assert "E-617" in answer.err
    assert "sealdesk_9.0.0_amd64.deb" in answer.err
    assert reason in answer.err
    assert list(updates(clerk).iterdir()) == []


@pytest.mark.wants("posix")  # Debian's kind: tests/installer/test_update_publisher.py has the other
def test_a_record_that_another_key_has_signed_counts_for_nothing(
    clerk: Clerk, city: RunningServer, release: Publish
) -> None:
    known = release().release
    record = city.platform.settings.directory / "releases" / "linux-amd64.release"
    for purpose in ("timestamp", "registry"):
        record.write_bytes(known.encode(city.platform.authority.key(purpose)))
        for command in ("check", "download"):
            answer = clerk("update", command)
            assert answer.code != 0
            assert "E-504" in answer.err
            assert "没有平台的签名" in answer.err
    assert not updates(clerk).exists()


@pytest.mark.wants("posix")  # Debian's kind: tests/installer/test_update_publisher.py has the other
def test_what_an_attacker_puts_in_the_folder_is_replaced(clerk: Clerk, release: Publish) -> None:
    release()
    folder = updates(clerk)
    folder.mkdir(parents=True)
    (folder / "sealdesk_9.0.0_amd64.deb").write_bytes(b"evil")
    (folder / "old.part").write_bytes(b"left")
    assert clerk("update", "download").code == 0
    assert [path.name for path in folder.iterdir()] == ["sealdesk_9.0.0_amd64.deb"]
    assert (folder / "sealdesk_9.0.0_amd64.deb").read_bytes() == PACKAGE


def test_where_it_is_switched_off_nobody_asks(clerk: Clerk, release: Publish) -> None:
    release()
    for command in ("check", "download"):
        answer = clerk("update", command, AUTO_UPDATE="off")
        assert "E-616" in answer.err
        assert answer.out == ""
    assert "新版本" not in clerk("sync", AUTO_UPDATE="off").err


def test_a_platform_that_does_not_answer_is_not_talked_about_after_a_synchronisation(
    clerk: Clerk, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = replace(clerk, settings={"PLATFORM_URL": "http://127.0.0.1:9"})
    with nowhere.desk() as desk:
        mention(desk)
    assert capsys.readouterr().err == ""


@pytest.mark.wants("posix")  # Debian's kind: tests/installer/test_update_publisher.py has the other
def test_a_command_beside_a_platform_that_does_not_know_its_address_releases_too(
    clerk: Clerk, city: RunningServer, release: Publish
) -> None:
    known = replace(release().release, origin="http://127.0.0.1:8080")
    record = city.platform.settings.directory / "releases" / "linux-amd64.release"
    record.write_bytes(known.encode(city.platform.authority.key("status")))
    assert "有新版本 9.0.0" in clerk("update", "check").out


def test_a_record_for_another_system_is_not_taken_for_ones_own(
    clerk: Clerk, city: RunningServer, release: Publish
) -> None:
    from app.errors import PlatformUntrusted
    from app.remote.public_services import PublicPlatform

    release()
    folder = city.platform.settings.directory / "releases"
    (folder / "windows-x64.release").write_bytes((folder / "linux-amd64.release").read_bytes())
    with clerk.desk() as desk, desk.client(PublicPlatform) as platform:
        with pytest.raises(PlatformUntrusted):
            offered(platform, wanted="windows-x64")
        found = offered(platform, wanted="linux-amd64", installed="8.9")
        assert found is not None
        assert offered(platform, wanted="linux-amd64", installed="9.0.0") is None


if sys.platform == "win32":  # elsewhere a trial judge: tests/installer/test_update_publisher.py
    FOUNDATION = "Python Software Foundation"

    def record(path: Path) -> Release:
        data = path.read_bytes()
        return Release(
            origin="https://seal.example.cn",
            version="9.0.0",
            system="windows-x64",
            file=path.name,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            sm3=sm3(data).hex(),
            publisher=FOUNDATION,
            notes={},
            not_before=datetime.now(UTC),
            issued_at=datetime.now(UTC),
        )

    def test_windows_judges_a_package_before_it_is_installed(tmp_path: Path) -> None:
        """CPython's own files stand for a package: they are signed by its foundation."""
        program = Path(sys.base_prefix) / "DLLs" / "libcrypto-3.dll"
        package, changed = tmp_path / "SealDesk-9.0.0-x64.msi", tmp_path / "SealDesk-9.0.1-x64.msi"
        package.write_bytes(program.read_bytes())
        code = bytearray(program.read_bytes())
        code[5000] ^= 1
        changed.write_bytes(code)
        begun: list[Sequence[str]] = []

        def problem(path: Path, settings: Settings, program: Path = program) -> str:
            try:
                install(path, record(path), settings, program=program, begin=begun.append)
            except UpdateRejected as error:
                return error.reason
            return ""

        default = Settings()
        assert problem(changed, default) == "signature"
        assert problem(package, default, Path(sys.executable)) == "own"  # nobody has signed it
        assert problem(package, replace(default, update_publisher="印台")) == "publisher"
        assert begun == []
        assert problem(package, default) == ""
        assert problem(package, replace(default, update_publisher=FOUNDATION), changed) == ""
        for command in begun:
            assert Path(command[0]) == system_folder() / "msiexec.exe"
            assert command[1:3] == ["/i", str(package)]
