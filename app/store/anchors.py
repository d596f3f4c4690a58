"""信任: the certificates that verification rests on, each for a purpose, and where they come from.

An anchor is trusted for seal makers, for signers or for time stamps; "all" means these three. To
trust somebody for seal makers means that he may make anybody's seal, so it must be chosen; he is
believed about the state of the seals that he makes, too. Platforms that are trusted for verifying
and the trust list stand in :mod:`app.store.trusted_platforms` and :mod:`app.store.kept_trust_list`.

From the program (``resources/trust``), from the settings (``trust_seal_makers`` …), and the user's
own, in ``<config>/trust/<purpose>/``; where ``allow_own_trust`` is off, these are not looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Literal

from app.durable import patiently, replace_file
from app.errors import FileNotReadable, FileProblem, SettingLocked, UsageError
from app.settings import Settings
from crypto.frozen import frozen
from crypto.pki.certificate import Certificate, load_certificates
from crypto.pki.names_and_algorithms import CertificateError
from crypto.validation.trust import Trust

Purpose = Literal["makers", "signers", "timestamps", "all"]
PURPOSES: tuple[Purpose, ...] = ("makers", "signers", "timestamps", "all")
_MAX_OWN = 500
_MAX_FILE = 4 * 1024 * 1024


@frozen
class Anchor:
    """One certificate that is trusted."""

    certificate: Certificate
    purpose: Purpose
    origin: Literal["bundled", "settings", "own"]
    path: Path | None = None
    """Its file; None where it came with the program."""

    @property
    def sm3(self) -> str:
        """SM3 of the certificate, hex: what is compared with what the authority publishes."""
        return self.certificate.fingerprint.hex()


def anchors(settings: Settings) -> list[Anchor]:
    """All anchors in force but those of the setting ``trust``.

    Raises :class:`app.errors.FileNotReadable`, :class:`app.errors.UsageError` naming the file."""
    named: tuple[tuple[Purpose, tuple[Path, ...]], ...] = (
        ("makers", settings.trust_seal_makers),
        ("signers", settings.trust_signers),
        ("timestamps", settings.trust_timestamps),
    )
    found = list(_bundled())
    for purpose, paths in named:
        for path in paths:
            each = read_certificates(path)
            found += [Anchor(certificate, purpose, "settings", path) for certificate in each]
    if settings.allow_own_trust:
        found += own(settings)
    return found


def listed(settings: Settings) -> list[Anchor]:
    """Those of the setting ``trust`` as well, which are also believed about the state of seals."""
    named = [
        Anchor(certificate, "all", "settings", path)
        for path in settings.trust
        for certificate in read_certificates(path)
    ]
    return named + anchors(settings)


def own(settings: Settings) -> list[Anchor]:
    """The user's own anchors, by purpose and file name."""
    found: list[Anchor] = []
    for purpose in PURPOSES:
        for path in sorted(_folder(settings, purpose).glob("*.crt"))[:_MAX_OWN]:
            try:
                certificates = read_certificates(path)
            except FileNotReadable:
                if os.path.lexists(path):
                    raise
                continue  # taken away since the folder was read
            found += [Anchor(certificate, purpose, "own", path) for certificate in certificates]
    return found


def trust_of(found: Iterable[Anchor]) -> Trust:
    """Whom these anchors make trusted; who may make seals is believed about them, too."""

    def for_purpose(wanted: Purpose) -> tuple[Certificate, ...]:
        return tuple(anchor.certificate for anchor in given if anchor.purpose in (wanted, "all"))

    given = list(found)
    return Trust(
        platforms=for_purpose("makers"),
        seal_makers=for_purpose("makers"),
        signers=for_purpose("signers"),
        timestamps=for_purpose("timestamps"),
    )


def trust_files(paths: Iterable[Path]) -> Trust:
    """The certificates in *paths* (PEM bundles or DER) as anchors for every purpose.

    Raises :class:`app.errors.FileNotReadable`, :class:`app.errors.UsageError`."""
    return Trust.in_all(certificate for path in paths for certificate in read_certificates(path))


def read_certificates(path: Path) -> list[Certificate]:
    """The certificates in one file, PEM bundle or DER. Raises as :func:`trust_files`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_FILE)
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    try:
        return load_certificates(data)
    except CertificateError as error:
        raise UsageError("no_certificate", path.name) from error


def add(settings: Settings, certificate: Certificate, purpose: Purpose) -> Anchor:
    """Trust *certificate* from now on: a person has looked at it and said so.

    Raises :class:`app.errors.SettingLocked` where a policy forbids it, OSError."""
    if not settings.allow_own_trust:
        raise SettingLocked("allow_own_trust")
    path = _folder(settings, purpose) / f"{certificate.fingerprint.hex()}.crt"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, certificate.der)
    return Anchor(certificate, purpose, "own", path)


def remove(settings: Settings, sm3: str) -> list[Anchor]:
    """Trust the user's own anchor no more whose SM3 begins with *sm3* (8 digits at least); it is
    taken out for every purpose. Raises :class:`app.errors.UsageError` if there is not just one."""
    wanted = sm3.lower().replace(":", "")
    found = [
        anchor for anchor in own(settings) if len(wanted) >= 8 and anchor.sm3.startswith(wanted)
    ]
    if len({anchor.sm3 for anchor in found}) != 1:
        raise UsageError("not_your_own", sm3)
    for anchor in found:
        if anchor.path is not None:
            patiently(partial(anchor.path.unlink, missing_ok=True))
    return found


def _folder(settings: Settings, purpose: Purpose) -> Path:
    return settings.folders.config / "trust" / purpose


def _bundled() -> Iterator[Anchor]:
    for purpose in PURPOSES:
        folder = resources.files("resources") / "trust" / purpose
        if folder.is_dir():
            for file in folder.iterdir():
                if file.name.endswith(".pem"):
                    for certificate in load_certificates(file.read_bytes()):
                        yield Anchor(certificate, purpose, "bundled")
