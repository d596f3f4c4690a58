"""Verifies a document with all that the platform knows."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from crypto.seal.statement import SealChange, SealStatement
from crypto.verdict import Report
from server_stub import revocation, verifying
from server_stub.authority import RSA_ROOT
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.records.store import Seal
from server_stub.seals import statements


def examine(platform: Platform, document: bytes, name: str) -> Report:
    """The report on *document*. Raises as :func:`server_stub.verifying.verify`."""
    authority = platform.authority
    with platform.reading() as session:
        crls = [authority.crl("root", []), authority.crl("issuing", revocation.revoked(session))]
    material = verifying.TrustMaterial(
        anchors=[authority.certificate("root")],
        pool=[authority.certificate("issuing"), authority.certificate(RSA_ROOT)],
        crls=crls,
    )

    def statement(seal_code: str) -> bytes | None:
        said = statement_about(platform, seal_code)
        return authority.attest(said) if said else None

    def history(seal_code: str) -> list[SealChange]:
        with platform.reading() as session:
            return statements.changes_of(session, seal_code)

    limit = platform.settings.verification_seconds
    return verifying.verify(document, name, material, statement, limit, history)


def statement_about(platform: Platform, seal_code: str) -> SealStatement | None:
    """The statement about the seal of that code as of now."""
    life = timedelta(seconds=platform.settings.status_seconds)
    with platform.reading() as session:
        row = session.scalar(select(Seal).where(Seal.seal_code == seal_code))
        return statements.state_of(session, row, canonical.now(), life) if row else None
