"""Facts about seals as JSON-ready data: of a file by itself, offline, and of the cabinet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.errors import FileNotReadable, FileProblem
from app.store.cabinet import SealRecord
from crypto.seal.statement import SignedStatement
from crypto.seal.structure import MAX_SIZE, Seal, SealSignature, is_signature
from crypto.validation.seal_check import check_seal, check_signature, seal_info
from crypto.validation.trust import Trust
from crypto.verdict import SCHEMA, finding_list, plain, say, seal_json, verdict_of


def inspect(path: Path, trust: Trust, at: datetime | None, language: str) -> dict[str, Any]:
    """JSON-ready facts and verdict of the file at *path*, a DER SESeal or SES_Signature.

    The verdict is of the seal, or of the signature without the original it protects. Raises
    :class:`app.errors.FileNotReadable`, :class:`crypto.seal.structure.SealError`."""
    now = at or datetime.now(UTC)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    answer: dict[str, Any] = {"schema": SCHEMA, "file": path.name}
    if is_signature(data):
        value = SealSignature.parse(data)
        judged = check_signature(value, None, trust, now)
        seal, findings = judged.seal, judged.findings
        answer |= {
            "kind": "signature",
            "format": f"ses-{value.generation}",
            "property_info": value.property_info,
            "digest": value.digest.hex(),
            "signature_valid": judged.signature_valid,
            "digest_matches": None,
            "signer_in_seal_list": judged.signer_in_seal_list,
            "signer": plain(judged.signer),
            "chain": plain(judged.chain),
            "times": plain(judged.times),
            "platform": plain(judged.platform),
        }
    else:
        parsed = Seal.parse(data)
        seal = check_seal(parsed, trust, now)
        findings = seal.findings
        answer |= {"kind": "seal", "format": f"ses-{parsed.generation}"}
    verdict = verdict_of(findings)
    return answer | {
        "seal": seal_json(seal.info, language),
        "seal_signature_valid": seal.signature_valid,
        "seal_chain": plain(seal.chain),
        "verdict": verdict.value,
        "verdict_text": say("verdicts", verdict.value, language),
        "findings": finding_list(findings, language),
    }


def seal_facts(
    seal: SealRecord, statement: SignedStatement | None, now: datetime, language: str
) -> dict[str, Any]:
    """A seal of the cabinet; *statement* is what the platform last said of it."""
    facts = seal_json(seal_info(seal.parsed, seal.parsed.maker), language)
    as_of = f"{statement.statement.issued_at:%Y-%m-%dT%H:%M:%SZ}" if statement else None
    return facts | {
        "id": seal.id,
        "state": seal.state,
        "reason": seal.reason,
        "usable": seal.usable(now) is None,
        "why_not": seal.usable(now),
        "lent": seal.grant is not None,
        "enterprise": seal.enterprise,
        "uscc": seal.uscc,
        "platform": seal.platform,
        "certificate": str(seal.signer.subject),
        "certificate_valid_until": f"{seal.signer.not_after:%Y-%m-%d}",
        "status_as_of": as_of,
    }
