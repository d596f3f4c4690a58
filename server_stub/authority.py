"""The platform's own keys and what they sign: certificates, CRLs, statements about seals.

::

    root ── issuing ─┬─ seal_maker   purpose sealMaking (our own): signs seal data
                     ├─ timestamp    purpose timeStamping
                     ├─ status       purpose OCSPSigning: statements and tickets
                     ├─ registry     checkpoints of the public log
                     ├─ ledger       checkpoints of the private log
                     ├─ unlocking    statements that unlock a Ukey (crypto.seal.unlocking)
                     ├─ unlocking_secret  to whom a Ukey encrypts the secret that opens it
                     └─ holders      purpose documentSigning; CN = 14-digit seal code,
                                     O = credit code + name, C = CN; one of them is the
                                     platform's own seal (:mod:`server_stub.report_seal`)
         └ abroad ──── timestamp_rsa purpose timeStamping, RSA with SHA-256

The root called `abroad` in files and addresses is an RSA authority for readers that know no SM2. It
has two certificates for one key: the root's, by which our own clients trust it, and a self-signed
one (:meth:`Authority.rsa_root`). One key, one purpose (GB/T 17901.1-2020, 第二十五条); the private
halves stay in a ``KeyStore``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crypto.frozen import frozen
from crypto.pki.certificate import (
    DOCUMENT_SIGNING,
    OCSP_SIGNING,
    SEAL_MAKING,
    TIME_STAMPING,
    Certificate,
)
from crypto.pki.certificate_making import make_certificate, make_crl
from crypto.pki.names_and_algorithms import Name
from crypto.seal.registry_proof import RegistryProof
from crypto.seal.statement import SealStatement
from crypto.seal.unlocking import RECIPIENT, SIGNER
from server_stub import states
from server_stub.records import canonical
from server_stub.records.ledger import LEDGER, Transaction
from server_stub.records.store import WRITER, Key, LedgerEntry
from server_stub.records.vault import KeyStore, ServerKey
from server_stub.settings import Settings

ROOT, ISSUING, SEAL_MAKER, TIMESTAMP, STATUS = (
    "root",
    "issuing",
    "seal_maker",
    "timestamp",
    "status",
)
RSA_ROOT, TIMESTAMP_RSA = "abroad", "timestamp_rsa"  # as stored in vaults since 0.1
ISSUERS = (ROOT, ISSUING, RSA_ROOT)
TIMESTAMP_POLICY = "2.25.339127908187531583815722223074248044572"
"""The policy of our time stamps: the platform's clock, good to a second (an OID from a UUID)."""
TIMESTAMP_ACCURACY = timedelta(seconds=1)
_SIGNING = ("digitalSignature", "nonRepudiation")
_YEAR = timedelta(days=365)
_SKEW = timedelta(minutes=5)
"""Certificates begin a little earlier than now, for clocks that are behind ours."""

HOLDER_LIFE = 3 * _YEAR


@frozen
class _Purpose:
    name: str
    title: str
    life: timedelta
    usage: tuple[str, ...] = _SIGNING
    extended: tuple[str, ...] = ()
    algorithm: str = "SM2"


_PURPOSES = (
    _Purpose(ROOT, "根证书", 20 * _YEAR, ("keyCertSign", "cRLSign")),
    _Purpose(ISSUING, "签发证书", 10 * _YEAR, ("keyCertSign", "cRLSign")),
    _Purpose(SEAL_MAKER, "制章人", 6 * _YEAR, _SIGNING, (SEAL_MAKING,)),
    _Purpose(TIMESTAMP, "时间戳", 6 * _YEAR, _SIGNING, (TIME_STAMPING,)),
    _Purpose(STATUS, "印章状态", 6 * _YEAR, _SIGNING, (OCSP_SIGNING,)),
    _Purpose("registry", "公开状态日志", 6 * _YEAR, ("digitalSignature",)),
    _Purpose("ledger", "存证日志", 6 * _YEAR, ("digitalSignature",)),
    _Purpose(SIGNER, "口令重置", 6 * _YEAR, ("digitalSignature",)),
    _Purpose(RECIPIENT, "口令重置加密", 6 * _YEAR, ("keyEncipherment",)),
    _Purpose(RSA_ROOT, "Abroad CA", 10 * _YEAR, ("keyCertSign", "cRLSign"), (), "RSA"),
    _Purpose(TIMESTAMP_RSA, "Time Stamping", 6 * _YEAR, _SIGNING, (TIME_STAMPING,), "RSA"),
)
PURPOSES = tuple(purpose.name for purpose in _PURPOSES)


class Authority:
    """Every active key by its purpose."""

    def __init__(self, settings: Settings, keys: Mapping[str, ServerKey], origin: str) -> None:
        self._settings = settings
        self._keys = dict(keys)
        self._origin = origin
        self.made: tuple[str, ...] = ()
        """Ids of the keys that were made at this start."""

    @classmethod
    def establish(
        cls, engine: Engine, settings: Settings, store: KeyStore, origin: str
    ) -> Authority:
        """Open the keys of this platform; whatever is missing is made. A second call makes nothing.
        *origin* is how the world addresses it: statements and tickets name it.

        The one write that does not go through the ledger, because the ledger's own keys are among
        them; :func:`announce_keys` puts them on record afterwards."""
        now = canonical.now()
        keys: dict[str, ServerKey] = {}
        made = []
        with Session(engine.execution_options(**WRITER)) as session, session.begin():
            for purpose in _PURPOSES:
                row = session.scalar(
                    select(Key).where(Key.purpose == purpose.name, Key.state == "active")
                )
                if row is None:
                    row = _make_key(settings, store, purpose, keys, now)
                    session.add(row)
                    made.append(row.id)
                keys[purpose.name] = store.open(row.store_ref, row.certificate)
        authority = cls(settings, keys, origin)
        authority.made = tuple(made)
        return authority

    def forget_made(self, engine: Engine, store: KeyStore) -> None:
        """The start fails before its keys are on record: the next one makes them anew, for a row
        that no record speaks of would be named for ever."""
        with Session(engine.execution_options(**WRITER)) as session, session.begin():
            for row in session.scalars(select(Key).where(Key.id.in_(self.made))):
                store.destroy(row.store_ref)
                session.delete(row)

    def key(self, purpose: str) -> ServerKey:
        """The active key for *purpose*."""
        return self._keys[purpose]

    def certificate(self, purpose: str) -> bytes:
        """Its certificate, DER."""
        return self._keys[purpose].certificate

    def issue(
        self,
        subject: Name,
        spki: bytes,
        not_before: datetime,
        not_after: datetime,
        purposes: Sequence[str] = (),
    ) -> bytes:
        """A holder's certificate, DER, with a fresh random serial number; *purposes*: extended key
        usages besides documentSigning."""
        issuer = self._keys[ISSUING]
        end = min(not_after, Certificate.parse(issuer.certificate).not_after)
        return make_certificate(
            subject=subject,
            public_key=spki,
            issuer=Certificate.parse(issuer.certificate).subject,
            issuer_key=issuer,
            authority_spki=issuer.spki,
            serial=_serial(),
            not_before=not_before - _SKEW,
            not_after=end,
            key_usage=_SIGNING,
            # without a purpose of its own it would pass for a seal maker's certificate
            extended_key_usage=(DOCUMENT_SIGNING, *purposes),
            crl_urls=_crl_urls(self._settings, ISSUING),
            ocsp_urls=_ocsp_urls(self._settings),
            issuer_urls=_issuer_urls(self._settings, ISSUING),
        )

    def rsa_root(self) -> bytes:
        """The self-signed certificate of the RSA authority, DER: what a foreign reader adds
        to its anchors. Always the same bytes, because nothing in it or its signature is random."""
        key = self._keys[RSA_ROOT]
        crossed = Certificate.parse(key.certificate)
        return make_certificate(
            subject=crossed.subject,
            public_key=key.spki,
            issuer=crossed.subject,
            issuer_key=key,
            authority_spki=key.spki,
            serial=crossed.serial,
            not_before=crossed.not_before,
            not_after=crossed.not_after,
            key_usage=("keyCertSign", "cRLSign"),
            ca=True,
            path_length=0,
        )

    def crl(
        self,
        issuer: str,
        entries: Iterable[tuple[int, datetime, int | None]],
        at: int | None = None,
    ) -> bytes:
        """A revocation list of *issuer* (one of :data:`ISSUERS`) as of *at*, microseconds (None:
        now), DER; its number is the time."""
        key, now = self._keys[issuer], canonical.now() if at is None else at
        return make_crl(
            issuer=Certificate.parse(key.certificate).subject,
            issuer_key=key,
            authority_spki=key.spki,
            number=now,
            this_update=canonical.moment(now) - _SKEW,
            next_update=canonical.moment(now) + timedelta(seconds=self._settings.crl_seconds),
            entries=entries,
        )

    def attest(self, statement: SealStatement) -> bytes:
        """The signed token of *statement*, DER; it names the platform's address."""
        return replace(statement, origin=self._origin).encode(self._keys[STATUS])

    def vouch(self, proof: RegistryProof) -> bytes:
        """The signed token of *proof*, DER; it names the platform's address."""
        return replace(proof, origin=self._origin).encode(self._keys[STATUS])


def holder_subject(seal_code: str, uscc: str, name: str) -> Name:
    """The subject convention of the 统一电子印章 certificates (docs/design/standards.md §2)."""
    return Name.build([("C", "CN"), ("O", uscc + name), ("CN", seal_code)])


def announce_keys(tx: Transaction, made: Sequence[str]) -> None:
    """Record the keys that were *made* at this start, and all of a platform that was stopped before
    it recorded any. Another row that no record speaks of is not confirmed here: the audit names
    it."""
    announced = set(
        tx.session.scalars(
            select(LedgerEntry.object_id).where(
                LedgerEntry.log == LEDGER, LedgerEntry.object_kind == "key"
            )
        )
    )
    for key in tx.session.scalars(select(Key).order_by(Key.created_at, Key.id)):
        if key.id not in announced and (key.id in made or not announced):
            fields = {"key": key.id, "purpose": key.purpose, "state": key.state}
            fields["public"] = key.public.hex()
            tx.put_on_record(key)
            tx.record(LEDGER, "key-v1", fields, about=("key", key.id))


def _make_key(
    settings: Settings,
    store: KeyStore,
    purpose: _Purpose,
    known: Mapping[str, ServerKey],
    now: int,
) -> Key:
    reference = store.generate(purpose.algorithm)
    key = store.open(reference)
    name = Name.build(
        [("C", "CN"), ("O", settings.provider_name), ("CN", f"{purpose.title} {reference[:6]}")]
    )
    is_ca = purpose.name in ISSUERS
    above = {ISSUING: ROOT, RSA_ROOT: ROOT, TIMESTAMP_RSA: RSA_ROOT}.get(purpose.name, ISSUING)
    issuer = key if purpose.name == ROOT else known[above]
    issuer_name = Certificate.parse(issuer.certificate).subject if issuer is not key else name
    start = canonical.moment(now).replace(microsecond=0)
    certificate = make_certificate(
        subject=name,
        public_key=key.spki,
        issuer=issuer_name,
        issuer_key=issuer,
        authority_spki=issuer.spki,
        serial=_serial(),
        not_before=start - _SKEW,
        not_after=start + purpose.life,
        key_usage=purpose.usage,
        ca=is_ca,
        path_length={ROOT: 1, ISSUING: 0, RSA_ROOT: 0}.get(purpose.name),
        extended_key_usage=purpose.extended,
        crl_urls=() if purpose.name == ROOT else _crl_urls(settings, above),
        ocsp_urls=() if is_ca or above == RSA_ROOT else _ocsp_urls(settings),
        issuer_urls=() if purpose.name == ROOT else _issuer_urls(settings, above),
    )
    state = states.advance(states.KEY, states.START, "generate")
    return Key(
        id=f"key_{secrets.token_hex(8)}",
        purpose=purpose.name,
        algorithm=purpose.algorithm,
        state=states.advance(states.KEY, state, "activate"),
        public=key.public,
        certificate=certificate,
        store_ref=reference,
        created_at=now,
    )


def _serial() -> int:
    """127 random bits: positive, at most 16 bytes, never to be guessed (RFC 5280 §4.1.2.2)."""
    return secrets.randbits(126) | 1 << 126


def _crl_urls(settings: Settings, issuer: str) -> tuple[str, ...]:
    return (f"{settings.public_url}/pki/crl/{issuer}/0.crl",) if settings.public_url else ()


def _ocsp_urls(settings: Settings) -> tuple[str, ...]:
    return (f"{settings.public_url}/ocsp",) if settings.public_url else ()


def _issuer_urls(settings: Settings, issuer: str) -> tuple[str, ...]:
    return (f"{settings.public_url}/pki/{issuer}.crt",) if settings.public_url else ()
