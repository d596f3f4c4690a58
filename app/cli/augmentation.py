"""What ``sealdesk timestamp`` and the profiles ``pades`` and ``dual`` do on the command line.

Used by :mod:`app.cli.stamping`; apart from it, because no seal is used here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.stamp.placing import says_where
from app.errors import UsageError

if TYPE_CHECKING:
    from app.augmentation import AugmentedFile
    from app.desk import Desk
    from app.remote.timestamping import Timestamper
    from app.revisions import Revise
    from crypto.algorithms.keys import SigningKey
    from device.token import Session, Token

AskPin = Callable[["Token"], str]


def refuse_nonsense(options: argparse.Namespace, profile: str) -> None:
    """Raise :class:`UsageError` for options that do not go with *profile*."""
    placed = options.seal or says_where(options) or options.pages
    placed = placed or options.date or options.date_at
    if profile == "pades" and placed:
        # a picture of a seal outside the signature proves nothing
        raise UsageError("pades_without_seal", "--profile pades")
    if profile not in ("pades", "dual") and (options.pades_key or options.pades_module):
        raise UsageError("key_for_pades", "--pades-key")


def foreign_signer(
    desk: Desk,
    options: argparse.Namespace,
    ask_pin: AskPin,
    opened: ExitStack,
    signed_in: tuple[Token, Session] | None = None,
) -> tuple[SigningKey, tuple[bytes, ...]]:
    """The RSA or P-256 key that is meant and its chain (DER), its token signed in to.

    *signed_in*: the seal's token, whose session serves if the key is on it as well."""
    from app.signing import find_key

    token, certificate = desk.international_key(options.pades_key or "", options.pades_module)
    same = signed_in is not None and _place(signed_in[0]) == _place(token)
    if signed_in is not None and same:
        session = signed_in[1]
    else:
        session = opened.enter_context(token.login(ask_pin(token)))
    return find_key(session, certificate.der), desk.chain_of(certificate, session.certificates())


def _place(token: Token) -> tuple[str, str, str]:
    return token.info.module, token.info.serial, token.info.label


def afterwards(
    desk: Desk,
    options: argparse.Namespace,
    stamper: Timestamper | None,
    signer: tuple[SigningKey, tuple[bytes, ...]] | None,
) -> list[Revise]:
    """The revisions that follow a seal, or stand alone: PAdES by *signer*, validation material."""
    if signer is None and not options.long_term:
        return []
    from app.augmentation import long_term, pades
    from crypto.pdf.signing.values import SignatureMaker

    steps = []
    if signer is not None:
        key, chain = signer
        maker = SignatureMaker("pades", key, certificates=chain, timestamp=stamper)
        steps.append(pades(maker, reason=options.reason))
    if options.long_term:
        steps.append(long_term(desk.trust(), None if options.offline else desk.services))
    return steps


def sign_without_seal(
    desk: Desk, options: argparse.Namespace, ask_pin: AskPin, password: str | None
) -> tuple[AugmentedFile, Timestamper | None]:
    """``stamp --profile pades``: a signature for foreign readers, not visible on a page."""
    stamper = desk.timestamper(options.timestamp)
    with ExitStack() as opened:
        signer = foreign_signer(desk, options, ask_pin, opened)
        steps = afterwards(desk, options, stamper, signer)
        return _augment(desk, options, options.files[0], steps, password), stamper


def timestamp(desk: Desk, options: argparse.Namespace, password: str | None) -> AugmentedFile:
    """``timestamp``: a document time stamp, before it, if asked for, all validation material."""
    from app.augmentation import document_timestamp, long_term

    chosen = options.timestamp or desk.settings.timestamp_url or "platform"
    stamper = desk.timestamper(chosen)
    if stamper is None:
        raise UsageError("no_service", "--timestamp none")
    steps: list[Revise] = []
    if options.long_term:
        steps.append(long_term(desk.trust(), desk.services))
    # of the authorities, the platform's alone is known to support SM3
    steps.append(document_timestamp(stamper, "sm3" if stamper.of_platform else "sha256"))
    return _augment(desk, options, options.file, steps, password)


def _augment(
    desk: Desk,
    options: argparse.Namespace,
    source: Path,
    steps: Sequence[Revise],
    password: str | None,
) -> AugmentedFile:
    from app.augmentation import augment

    return augment(
        source,
        steps,
        journal=desk.journal,
        trust=desk.trust(),
        output=options.output,
        suffix=desk.settings.output_suffix,
        password=password,
    )


def facts(done: AugmentedFile, language: str) -> dict[str, Any]:
    """The outcome as JSON-ready data."""
    return {
        "output": str(done.path),
        "journal_entry": done.journal_entry,
        "report": done.report.to_json(language),
    }
