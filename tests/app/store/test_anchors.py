"""Whom verification trusts, and for what; ``sealdesk trust`` asks before it believes."""

import base64
import errno
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.cli.entry import main
from app.desk import Desk
from app.errors import ExitCode, FileNotReadable, SettingLocked, UsageError
from app.settings import Settings, load
from app.store import anchors
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import Name
from crypto.validation.trust import Trust


def authority(name: str, *, days: int = 365) -> Certificate:
    key = SoftKey.generate()
    now = datetime.now(UTC)
    data = make_certificate(
        subject=Name.build([("C", "CN"), ("CN", name)]),
        public_key=key.spki,
        issuer=Name.build([("C", "CN"), ("CN", name)]),
        issuer_key=key,
        authority_spki=key.spki,
        serial=1,
        not_before=now - timedelta(days=2),
        not_after=now + timedelta(days=days),
        key_usage=["keyCertSign"],
        ca=True,
    )
    return Certificate.parse(data)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SEALDESK_HOME", str(tmp_path))
    return load(machine_folder=tmp_path / "machine")


@pytest.fixture
def root() -> Certificate:
    return authority("某地电子印章根")


def file_of(folder: Path, certificate: Certificate) -> Path:
    path = folder / "root.pem"
    text = base64.encodebytes(certificate.der).decode()
    path.write_text(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
    return path


def trusted(settings: Settings) -> Trust:
    with Desk(settings) as desk:
        return desk.anchors()


def test_nothing_is_bundled_and_the_readme_says_why(settings: Settings) -> None:
    assert anchors.anchors(settings) == []
    readme = Path(anchors.__file__).parents[2] / "resources" / "trust" / "README.txt"
    assert "No national root" in readme.read_text()


@pytest.mark.parametrize(
    ("purpose", "makers", "signers", "timestamps"),
    [
        ("makers", True, False, False),
        ("signers", False, True, False),
        ("timestamps", False, False, True),
        ("all", True, True, True),
    ],
)
def test_each_is_trusted_for_its_purpose_and_who_makes_seals_speaks_about_them(
    settings: Settings,
    root: Certificate,
    purpose: anchors.Purpose,
    makers: bool,
    signers: bool,
    timestamps: bool,
) -> None:
    anchors.add(settings, root, purpose)
    found = trusted(settings)
    counts = (found.seal_makers, found.signers, found.timestamps, found.platforms)
    assert [root in each for each in counts] == [makers, signers, timestamps, makers]


def test_settings_name_anchors_by_purpose(
    settings: Settings, root: Certificate, tmp_path: Path
) -> None:
    path = file_of(tmp_path, root)
    found = trusted(replace(settings, trust_signers=(path,)))
    assert (found.signers, found.seal_makers, found.timestamps) == ((root,), (), ())
    found = trusted(replace(settings, trust_timestamps=(path,), trust_seal_makers=(path,)))
    assert (found.signers, found.seal_makers, found.timestamps) == ((), (root,), (root,))
    assert trusted(replace(settings, trust=(path,))).platforms == (root,)


def test_a_policy_forbids_own_anchors(settings: Settings, root: Certificate) -> None:
    anchors.add(settings, root, "all")
    strict = replace(settings, allow_own_trust=False)
    assert trusted(strict).signers == ()
    with pytest.raises(SettingLocked):
        anchors.add(strict, root, "all")


def test_the_age_of_statements_comes_from_the_settings(settings: Settings) -> None:
    assert trusted(replace(settings, status_hours=3)).status_life == timedelta(hours=3)


# --- the command -------------------------------------------------------------------------------


def test_it_shows_what_it_is_about_to_trust_and_takes_no_for_an_answer(
    settings: Settings,
    root: Certificate,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = str(file_of(tmp_path, root))
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert main(["trust", "add", path]) == ExitCode.CANCELLED
    said = capsys.readouterr().out
    assert root.fingerprint.hex() in said
    assert "某地电子印章根" in said
    assert "核对" in said
    assert anchors.own(settings) == []
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["trust", "add", path]) == ExitCode.USAGE
    assert anchors.own(settings) == []
    monkeypatch.setattr("sys.stdin", io.StringIO("是\n"))
    assert main(["trust", "add", path, "--for", "signers"]) == 0
    (own,) = anchors.own(settings)
    assert (own.certificate, own.purpose) == (root, "signers")


def test_what_was_added_is_listed_and_can_be_removed(
    settings: Settings,
    root: Certificate,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(file_of(tmp_path, root))
    assert main(["trust", "list"]) == 0
    assert "没有另外信任" in capsys.readouterr().out
    assert main(["trust", "add", path, "--for", "makers", "--yes"]) == 0
    assert main(["trust", "list"]) == 0
    assert root.fingerprint.hex()[:16] in capsys.readouterr().out
    assert main(["trust", "remove", "00000000"]) == ExitCode.USAGE
    assert main(["trust", "remove", root.fingerprint.hex()[:7]]) == ExitCode.USAGE
    assert main(["trust", "remove", root.fingerprint.hex()[:16]]) == 0
    assert anchors.own(settings) == []


def test_what_is_taken_away_while_it_is_read_is_not_trusted_and_no_error(
    settings: Settings, root: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, left = anchors.add(settings, root, "makers"), anchors.add(settings, root, "signers")
    read = anchors.read_certificates

    def too_late(path: Path) -> list[Certificate]:
        taken.path.unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(anchors, "read_certificates", too_late)
    assert anchors.own(settings) == [left]
    left.path.unlink()
    left.path.mkdir()
    with pytest.raises(FileNotReadable):
        anchors.own(settings)


def test_what_the_settings_name_is_listed_too(
    settings: Settings,
    root: Certificate,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SEALDESK_TRUST", str(file_of(tmp_path, root)))
    assert main(["trust", "list"]) == 0
    said = capsys.readouterr().out
    assert root.fingerprint.hex()[:16] in said
    assert "全部用途" in said


def test_a_certificate_out_of_its_time_is_pointed_out(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = authority("旧根", days=-1)
    assert main(["trust", "add", str(file_of(tmp_path, old)), "--yes"]) == 0
    assert "不在有效期内" in capsys.readouterr().out


def test_rubbish_is_not_trusted(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(b"rubbish")
    assert main(["trust", "add", str(tmp_path / "root.pem"), "--yes"]) == ExitCode.USAGE
    assert anchors.own(settings) == []
    with pytest.raises(UsageError):
        anchors.remove(settings, "")


def test_an_anchor_is_taken_away_although_a_scanner_holds_its_file_for_a_moment(
    settings: Settings, root: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows removes no file that somebody reads."""
    anchors.add(settings, root, "signers")
    remove, held = Path.unlink, [1, 2]

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if held:
            held.pop()
            raise OSError(errno.EBUSY, "in use", str(path))
        remove(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    anchors.remove(settings, root.fingerprint.hex())
    assert held == []
    assert anchors.own(settings) == []
