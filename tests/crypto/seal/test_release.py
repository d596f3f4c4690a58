"""The record of a released version: what was signed comes back, everything else is refused."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.seal.release import Release, ReleaseError, SignedRelease, numbers
from tests.world.authorities import Authorities

WHEN = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
RELEASE = Release(
    origin="https://seal.example.cn",
    version="0.2.0",
    system="windows-x64",
    file="SealDesk-0.2.0-x64.msi",
    size=90_000_000,
    sha256="ab" * 32,
    sm3="cd" * 32,
    publisher="云杉软件有限公司",
    notes={"zh_CN": "修了几处", "en": "some mends"},
    not_before=WHEN,
    issued_at=WHEN,
)


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    return Authorities()


def test_what_was_signed_comes_back(authorities: Authorities) -> None:
    token = RELEASE.encode(authorities.status)
    signed = SignedRelease.parse(token)
    assert signed.release == RELEASE
    assert signed.certificate.der == authorities.status.certificate


def test_a_changed_byte_is_found(authorities: Authorities) -> None:
    token = RELEASE.encode(authorities.status)
    for place in range(0, len(token), 7):
        changed = bytearray(token)
        changed[place] ^= 1
        try:
            found = SignedRelease.parse(bytes(changed))
        except ReleaseError:
            continue
        assert found.certificate.der != authorities.status.certificate, "who trusts it compares"


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "1.0-beta"},
        {"version": "01.0"},
        {"version": "1"},
        {"system": "beos"},
        {"file": "../evil.msi"},
        {"file": "evil.exe"},
        {"file": "a b.msi"},
        {"size": 0},
        {"size": 1 << 40},
        {"sha256": "AB" * 32},
        {"sm3": "cd"},
        {"notes": {"en": "x" * 5000}},
        {"publisher": "x" * 300},
    ],
)
def test_what_makes_no_sense_is_refused_though_it_is_signed(
    authorities: Authorities, wrong: dict[str, object]
) -> None:
    with pytest.raises(ReleaseError):
        SignedRelease.parse(replace(RELEASE, **wrong).encode(authorities.status))  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_whatever_comes_is_a_record_or_an_error(data: bytes) -> None:
    with pytest.raises(ReleaseError):
        SignedRelease.parse(data)


def test_only_higher_is_newer() -> None:
    for version, newer in (("0.1.9", True), ("0.2.0", False), ("0.2", False), ("0.10.0", False)):
        assert RELEASE.is_newer_than(version) is newer, version
    assert numbers("1.0.0") == numbers("1.0")
    for unknown in ("", "?", "0.1.0.dev1", "a.b"):
        assert not RELEASE.is_newer_than(unknown)
