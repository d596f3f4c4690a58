"""提出异议 (第二十八条): somebody objects to a seal on a document; no seal is needed for it.

The objector's statement is their own text, byte for byte, as usage records are; it is kept sealed,
and the ledger holds its digest. The platform then gathers what it can say **in public** into a
package of evidence, which the objector fetches with the secret whose digest came with the
statement. What only the seal's owner and the authorities may see — uses, applications, people —
goes into the package that a member of staff hands over, and into no other.
"""

from __future__ import annotations

import hmac
import io
import json
import re
import secrets
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pki import timestamp
from crypto.pki.certificate import Certificate as X509Certificate
from server_stub import policy, revocation, signin, states
from server_stub.authority import ISSUING, PURPOSES, TIMESTAMP, TIMESTAMP_ACCURACY, TIMESTAMP_POLICY
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records import canonical
from server_stub.records.blobs import SealedBlob, keep
from server_stub.records.ledger import LEDGER, REGISTRY, Transaction, latest_note, stored_tree
from server_stub.records.store import (
    Certificate,
    Dispute,
    LedgerEntry,
    Seal,
    SealChange,
    UsageRecord,
)
from server_stub.seals import statements

MAX_STATEMENT = 16 * 1024
FORMAT = "sealdesk-dispute-evidence/1"
_LENGTHS = {"reason": 2000, "name": 60, "contact": 200}


class DisputeInvalid(Exception):
    """The statement does not have the right fields."""


@frozen
class Statement:
    """What an objector says, read."""

    document_sm3: str
    seal_code: str
    reason: str
    name: str
    contact: str

    @classmethod
    def parse(cls, text: str) -> Statement:
        """The objector's text (docs/platform.md). Raises :class:`DisputeInvalid`."""
        try:
            body = json.loads(text)
            if not isinstance(body, dict) or body.pop("type") != "dispute-v1":
                raise ValueError("not a dispute-v1 statement")
            canonical.parse_timestamp(body.pop("at"))
            found = cls(**body)
            if not all(isinstance(value, str) for value in body.values()):
                raise ValueError("all fields are texts")
        except (ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
            raise DisputeInvalid(str(error)[:200]) from error
        for name, limit in _LENGTHS.items():
            value = getattr(found, name)
            if len(value) > limit or (name != "name" and not value.strip()):
                raise DisputeInvalid(f"{name}: 1 to {limit} characters")
        if not re.fullmatch("[0-9a-f]{64}", found.document_sm3):
            raise DisputeInvalid("document_sm3: 64 hex digits")
        return found


# --- commands ----------------------------------------------------------------------------------


@frozen
class Signer:
    """Who signed a statement with a certificate of this platform."""

    certificate: bytes
    """DER."""
    signature: bytes
    """Over :data:`server_stub.signin.INTENT`, verb "dispute", object the seal code."""


def open_dispute(
    tx: Transaction,
    origin: str,
    text: str,
    secret_sm3: str,
    blob: SealedBlob,
    signer: Signer | None,
) -> dict[str, Any]:
    """立案. *blob*: of *text*. Raises :class:`DisputeInvalid`,
    NotFound for a seal that is not ours, SignatureInvalid, CertificateNotValid."""
    said = Statement.parse(text)
    seal = tx.session.scalar(select(Seal).where(Seal.seal_code == said.seal_code))
    if seal is None:
        raise policy.NotFound("no such seal")
    sn = _signer(tx, origin, said, text, signer) if signer else None
    row = Dispute(
        id=f"dispute_{secrets.token_hex(8)}",
        seal_id=seal.id,
        seal_code=seal.seal_code,
        document_sm3=said.document_sm3,
        statement_sm3=blob.address,
        secret_sm3=secret_sm3,
        signer_sn=sn,
        signature=signer.signature if signer else None,
        state=states.START,
        opened_at=tx.now,
        updated_at=tx.now,
    )
    tx.session.add(row)
    fields: dict[str, object] = {"signer": sn}
    fields["signature"] = signer.signature.hex() if signer else None
    if signer and sn:
        wanted = _intent(origin, said, text)
        fields["intent"] = signin.intent(wanted, signer.signature, certificate=sn)
    keep(tx.session, blob)
    _move(tx, row, "open", document_sm3=said.document_sm3, **fields)
    return view(row)


def _signer(tx: Transaction, origin: str, said: Statement, text: str, signer: Signer) -> str:
    row = signin.usable(tx.session, signer.certificate, tx.now)
    wanted = _intent(origin, said, text)
    signin.signed_by(X509Certificate.parse(row.der).public_key, wanted, signer.signature)
    return row.sn


def _intent(origin: str, said: Statement, text: str) -> str:
    return signin.INTENT.format(
        origin=origin,
        verb="dispute",
        object=said.seal_code,
        payload_sm3=gm.sm3(text.encode()).hex(),
    )


def enclose(tx: Transaction, identity: str, blob: SealedBlob) -> None:
    """The objector's own evidence package; once per dispute."""
    row = tx.session.get_one(Dispute, identity)
    if row.enclosure_sm3 is not None or row.state in states.DISPUTE.final:
        raise states.IllegalTransition("dispute", row.state, "enclose")
    row.enclosure_sm3, row.updated_at = blob.address, tx.now
    keep(tx.session, blob)
    _record(tx, row, "enclose", enclosure_sm3=blob.address)


def gathered(tx: Transaction, identity: str, blob: SealedBlob) -> None:
    """The platform's public package is ready."""
    row = tx.session.get_one(Dispute, identity)
    row.package_sm3 = blob.address
    keep(tx.session, blob)
    _move(tx, row, "gather", package_sm3=blob.address)


def remove_enclosures(tx: Transaction, days: int) -> None:
    """Enclosures hold whole documents: *days* after a dispute is over they go, on record."""
    over = select(Dispute).where(
        Dispute.state.in_(states.DISPUTE.final),
        Dispute.enclosure_sm3.is_not(None),
        Dispute.updated_at < tx.now - days * 86_400 * signin.SECOND,
    )
    for row in tx.session.scalars(over).all():
        address, row.enclosure_sm3 = row.enclosure_sm3 or "", None
        _record(tx, row, "remove_enclosure", enclosure_sm3=address)


def hand_over(tx: Transaction, actor: Actor, identity: str, note: str, package_sm3: str) -> None:
    """移交: to whom, and the digest of what was handed over, go on record."""
    row = find(tx.session, actor, identity)
    row.note = note
    _move(tx, row, "hand_over", role=_role(actor), note=note, package_sm3=package_sm3)
    _handled(tx, row, "hand_over", actor)


def close(tx: Transaction, actor: Actor, identity: str, note: str) -> None:
    """结案, with the reason that the objector reads."""
    row = find(tx.session, actor, identity)
    row.note = note
    _move(tx, row, "close", role=_role(actor), note=note)
    _handled(tx, row, "close", actor)


def find(session: Session, actor: Actor, identity: str) -> Dispute:
    """For staff. Raises NotFound, Forbidden."""
    policy.allow(actor, "dispute.handle")
    row = session.get(Dispute, identity)
    if row is None:
        raise policy.NotFound
    return row


def of_objector(session: Session, identity: str, secret: str) -> Dispute:
    """For whoever has the secret; raises NotFound for everybody else."""
    row = session.get(Dispute, identity)
    given = gm.sm3(secret.encode()).hex()
    if not hmac.compare_digest(given, row.secret_sm3 if row else "") or row is None:
        raise policy.NotFound
    return row


def _role(actor: Actor) -> str:
    """The role in which *actor* handles disputes: the objector is shown it instead of a name."""
    return min(actor.roles & policy.VERBS["dispute.handle"])


def _handled(tx: Transaction, row: Dispute, event: str, actor: Actor) -> None:
    """Who it was, in an entry of its own that the objector is not shown."""
    tx.act(actor.who)
    fields = {"dispute": row.id, "event": event, "actor": actor.subject}
    tx.record(LEDGER, "dispute-handling-v1", fields, about=("dispute_handling", row.id))


def _move(tx: Transaction, row: Dispute, event: str, **fields: object) -> None:
    row.state = states.advance(states.DISPUTE, row.state, event)
    row.updated_at = tx.now
    _record(tx, row, event, **fields)


def _record(tx: Transaction, row: Dispute, event: str, **fields: object) -> None:
    body = {
        "dispute": row.id,
        "event": event,
        "to": row.state,
        "seal_code": row.seal_code,
        "statement_sm3": row.statement_sm3,
        **fields,
    }
    tx.record(LEDGER, "dispute-v1", body, about=("dispute", row.id), named=False)


# --- answers -----------------------------------------------------------------------------------


def view(row: Dispute) -> dict[str, Any]:
    """What the objector sees of it."""
    return {
        "id": row.id,
        "state": row.state,
        "seal_code": row.seal_code,
        "document_sm3": row.document_sm3,
        "statement_sm3": row.statement_sm3,
        "signed": row.signer_sn is not None,
        "enclosure_sm3": row.enclosure_sm3,
        "evidence_sm3": row.package_sm3,
        "note": row.note,
        "opened_at": canonical.timestamp(row.opened_at),
        "updated_at": canonical.timestamp(row.updated_at),
    }


def proofs(session: Session, log: str, kind: str, identity: str) -> dict[str, Any]:
    """The entries of *log* about one thing, each with its proof under the newest checkpoint."""
    rows = session.execute(
        select(LedgerEntry.number, LedgerEntry.record)
        .where(
            LedgerEntry.log == log,
            LedgerEntry.object_kind == kind,
            LedgerEntry.object_id == identity,
        )
        .order_by(LedgerEntry.number)
    )
    return proved(session, log, {row.number: row.record for row in rows})


def proved(session: Session, log: str, entries: Mapping[int, bytes]) -> dict[str, Any]:
    """*entries* by their numbers, each with its inclusion proof, and the signed checkpoint."""
    tree = stored_tree(session, log)
    return {
        "checkpoint": latest_note(session, log),
        "size": tree.size,
        "entries": [
            {
                "index": number,
                "record": record.decode(),
                "proof": [step.hex() for step in tree.inclusion_proof(number)],
            }
            for number, record in entries.items()
        ],
    }


# --- packages ----------------------------------------------------------------------------------


def gather(platform: Platform, session: Session, row: Dispute) -> None:
    """收集: make the public package and put it beside the dispute."""
    package = platform.blobs.seal(public_package(platform, session, row))
    platform.ledger.write(gathered, row.id, package).result()


def public_package(platform: Platform, session: Session, row: Dispute) -> bytes:
    """What the platform tells an objector, a zip: only what anybody could ask for, proved.

    The seal's public status history, its status now, the platform's certificates and revocation
    list, the objector's own statement and the proof that it is on record. Nothing about the owner,
    its other documents, or whether the platform knows of this one."""
    return _zipped(platform, _public_members(platform, session, row), row)


def full_package(platform: Platform, session: Session, row: Dispute) -> bytes:
    """What is handed over to whoever decides: the public package and, of the private ledger, the
    entries about this seal's changes and about uses on this very document, with proofs; the
    enclosure of the objector, if any."""
    members = _public_members(platform, session, row)
    uses = session.scalars(
        select(UsageRecord.id).where(
            UsageRecord.document_sm3 == row.document_sm3, UsageRecord.seal_id == row.seal_id
        )
    ).all()
    entries = dict(
        sorted(
            (number, record)
            for kind, identity in (("seal", row.seal_id), *(("usage", use) for use in uses))
            for number, record in session.execute(
                select(LedgerEntry.number, LedgerEntry.record).where(
                    LedgerEntry.log == LEDGER,
                    LedgerEntry.object_kind == kind,
                    LedgerEntry.object_id == identity,
                )
            )
            if kind == "usage" or json.loads(record)["type"] == "seal-change-v1"
        )
    )
    members["private-ledger.json"] = _json(proved(session, LEDGER, entries))
    seal = session.get_one(Seal, row.seal_id)
    members["seal.der"] = platform.blobs.get(seal.seal_sm3)
    members["certificates/holder.crt"] = session.get_one(Certificate, seal.certificate_sn).der
    if row.enclosure_sm3:
        members["enclosure.zip"] = platform.blobs.get(row.enclosure_sm3)
    return _zipped(platform, members, row)


def _public_members(platform: Platform, session: Session, row: Dispute) -> dict[str, bytes]:
    authority, now = platform.authority, canonical.now()
    seal = session.get_one(Seal, row.seal_id)
    life = timedelta(seconds=platform.settings.status_seconds)
    status = authority.attest(statements.state_of(session, seal, now, life))
    history = proved(session, REGISTRY, registry_entries(session, seal))
    members = {
        "statement.json": platform.blobs.get(row.statement_sm3),
        "status.der": status,
        "registry.json": _json(history),
        "dispute.json": _json(proofs(session, LEDGER, "dispute", row.id)),
        "crls/issuing.crl": authority.crl(ISSUING, revocation.revoked(session)),
        "README.txt": _README.encode(),
    }
    for name in PURPOSES:
        members[f"certificates/{name}.crt"] = authority.certificate(name)
    return members


def registry_entries(session: Session, seal: Seal) -> dict[int, bytes]:
    """All public entries about *seal*. Those of older installations do not say what they are about:
    then the whole log is looked through."""
    expected = session.scalar(select(func.count()).where(SealChange.seal_id == seal.id))
    base = (
        select(LedgerEntry.number, LedgerEntry.record)
        .where(LedgerEntry.log == REGISTRY)
        .order_by(LedgerEntry.number)
    )
    named = base.where(LedgerEntry.object_kind == "seal", LedgerEntry.object_id == seal.id)
    found = {row.number: row.record for row in session.execute(named)}
    if len(found) == expected:
        return found
    code = f'"seal_code":"{seal.seal_code}"'.encode()
    rows = session.execute(base).yield_per(1000)
    return {number: record for number, record in rows if code in record}


def _zipped(platform: Platform, members: Mapping[str, bytes], row: Dispute) -> bytes:
    """Members, a manifest of their digests, and a time stamp of the platform over the manifest."""
    now = canonical.moment(canonical.now())
    manifest = _json(
        {
            "format": FORMAT,
            "platform": platform.origin,
            "dispute": row.id,
            "seal_code": row.seal_code,
            "document_sm3": row.document_sm3,
            "made_at": canonical.timestamp(canonical.microseconds(now)),
            "members": [
                {"name": name, "size": len(data), "sm3": gm.sm3(data).hex()}
                for name, data in sorted(members.items())
            ],
        }
    )
    stamp = timestamp.make_token(
        key=platform.authority.key(TIMESTAMP),
        hash_name="sm3",
        digest=gm.sm3(manifest),
        policy=TIMESTAMP_POLICY,
        serial=secrets.randbits(127) | 1 << 127,
        generated=now,
        accuracy=TIMESTAMP_ACCURACY,
        certificates=[platform.authority.certificate(ISSUING)],
        gb_types=True,
    )
    output = io.BytesIO()
    whole = {**members, "manifest.json": manifest, "manifest.tst": stamp}
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as package:
        for name, data in sorted(whole.items()):
            package.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return output.getvalue()


def _json(data: object) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


_README = """\
异议证据包
==========

statement.json      异议人的陈述，原文
dispute.json        平台存证日志中关于本异议的记录，附包含证明与签名的检查点
registry.json       平台公开状态日志中关于该印章的全部记录，附包含证明与签名的检查点
status.der          平台对该印章目前状态的签名说明
certificates/       平台的证书（root.crt 为根证书，请与平台另行公布的核对）
crls/               签发机构的证书吊销列表
manifest.json       每个文件的大小与 SM3 摘要
manifest.tst        平台对 manifest.json 的时间戳（RFC 3161，SM2/SM3）

复核：
  openssl dgst -sm3 manifest.json registry.json …      与 manifest.json 所列比较
  openssl ts -reply -token_in -in manifest.tst -text   时间戳的摘要应等于 manifest.json 的 SM3
  sealdesk dispute 回执.json --fetch 新文件.zip         取回并逐项核对
日志的叶子为 SM3(00‖记录)，节点为 SM3(01‖左‖右)，证明的格式同 RFC 6962。

公开的证据包只含任何人都可以查询的内容；印章持有人的用印记录、申请材料与人员信息只移交有权机关。
"""
