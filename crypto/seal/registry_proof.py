"""What the public registry has of one seal, proved and signed: for a package that outlives the
platform.

Every entry about the seal comes with its inclusion proof under a checkpoint of the registry, and
the platform's status key signs the whole. So nobody has to know which key is the registry's: the
body names it, and the status key is told by its purpose, as for statements. Token, DER::

    SEQUENCE { body OCTET STRING,          -- canonical JSON, UTF-8
               certificate OCTET STRING,   -- of the status key, DER; purpose OCSPSigning
               signature BIT STRING }      -- SM2 with SM3 over PREFIX ‖ body

The token proves that these entries are in the log; that there are no others, the platform states.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from crypto.algorithms import merkle
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pki.certificate import OCSP_SIGNING
from crypto.pki.signed_body import SignedBody, SignedBodyError, sign_body
from crypto.seal.statement import IN_USE, STATES, SealChange

PREFIX = b"SEALDESK-REGISTRY-PROOF-V1\x00"
TYPE = "registry-proof-v1"
EVENT = "seal-event-v1"
MAX_SIZE = 4 * 1024 * 1024
MAX_ENTRIES = 2000
"""About one seal; a busy one has some ten."""


class RegistryProofError(ValueError):
    """The bytes are no proof, or something in it does not hold."""


@frozen
class ProvedEntry:
    """An entry of the registry and why it is one."""

    index: int
    record: str
    """JSON, exactly as the log has it."""
    proof: tuple[bytes, ...]
    """For :func:`crypto.algorithms.merkle.verify_inclusion`."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says. Raises ValueError for what is no object."""
        found = json.loads(self.record)
        if not isinstance(found, dict):
            raise ValueError("an entry that is no object")
        return found


@frozen
class RegistryProof:
    """All that the registry has of one seal; its signer's certificate is yet to be trusted."""

    seal_code: str
    origin: str
    """``https://host[:port]`` of the platform."""
    issued_at: datetime
    log: str
    """Name of the registry."""
    key: bytes
    """The registry's public key, X‖Y."""
    size: int
    checkpoint: str
    """A note (:func:`crypto.algorithms.merkle.open_checkpoint`)."""
    entries: tuple[ProvedEntry, ...]
    certificate: bytes = b""
    """Of the status key, DER."""
    token: bytes = b""
    """What was parsed."""

    def encode(self, key: SigningKey) -> bytes:
        """The signed token, DER."""
        body = json.dumps(
            {
                "type": TYPE,
                "seal_code": self.seal_code,
                "origin": self.origin,
                "issued_at": self.issued_at.astimezone(UTC).isoformat(timespec="seconds"),
                "log": self.log,
                "key": self.key.hex(),
                "size": self.size,
                "checkpoint": self.checkpoint,
                "entries": [
                    {
                        "index": entry.index,
                        "record": entry.record,
                        "proof": [step.hex() for step in entry.proof],
                    }
                    for entry in self.entries
                ],
            },
            ensure_ascii=False,
            separators=(",", ":"),
            sort_keys=True,
        ).encode()
        return sign_body(PREFIX, body, key)

    @classmethod
    def parse(cls, token: bytes) -> RegistryProof:
        """Read a token and check everything but whether the status key's certificate leads to a
        trusted platform: its purpose and signature, the checkpoint's signature, every inclusion
        proof, and that every entry is about this seal. Raises :class:`RegistryProofError`."""
        signed = parts(token)
        if OCSP_SIGNING not in signed.certificate.extended_key_usage:
            raise RegistryProofError("the certificate is not for what a platform says")
        if not signed.holds(PREFIX):
            raise RegistryProofError("the signature is wrong")
        try:
            made = _read(signed.body, signed.certificate.der, token)
            made._check()
            tuple(made.changes)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise RegistryProofError(f"a proof that does not hold: {error}") from error
        return made

    def _check(self) -> None:
        checkpoint = merkle.open_checkpoint(self.checkpoint, self.key, self.log)
        if (checkpoint.origin, checkpoint.size) != (self.log, self.size):
            raise ValueError("the checkpoint of another log or size")
        indices = [entry.index for entry in self.entries]
        if indices != sorted(set(indices)) or len(indices) > MAX_ENTRIES:
            raise ValueError("entries out of order")
        for entry in self.entries:
            leaf = merkle.leaf_hash(entry.record.encode())
            steps = (leaf, entry.index, self.size, entry.proof, checkpoint.root)
            if not merkle.verify_inclusion(*steps):
                raise ValueError(f"entry {entry.index} is not in the log")
            said = entry.fields
            if (said.get("type"), said.get("seal_code")) != (EVENT, self.seal_code):
                raise ValueError(f"entry {entry.index} is about something else")

    @property
    def changes(self) -> Iterator[SealChange]:
        """What became of the seal since it was in use, oldest first."""
        for entry in self.entries:
            said = entry.fields
            if said["to"] not in STATES:
                raise ValueError("an unknown state")
            recorded = _time(said["recorded_at"])
            effective = _time(said["effective_at"] or said["recorded_at"])
            if said["from"] in IN_USE:
                reason = str(said["reason"] or "")
                yield SealChange(self.seal_code, str(said["to"]), reason, effective, recorded)

    @property
    def successor(self) -> str:
        """Code of the seal that took this one's place; "" if none did."""
        said = (str(entry.fields.get("successor", "")) for entry in self.entries)
        return next((code for code in said if re.fullmatch(r"\d{14}", code)), "")


def parts(token: bytes) -> SignedBody:
    """Body, certificate and signature of a token, nothing checked. Raises
    :class:`RegistryProofError`."""
    try:
        return SignedBody.parse(token, MAX_SIZE)
    except SignedBodyError as error:
        raise RegistryProofError(f"not a proof: {error}") from error


def _read(body: bytes, certificate: bytes, token: bytes) -> RegistryProof:
    said = json.loads(body)
    if said["type"] != TYPE or not re.fullmatch(r"\d{14}", said["seal_code"]):
        raise ValueError("another thing, or no seal")
    texts = [said[name] for name in ("origin", "log", "checkpoint")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a text that is none")
    return RegistryProof(
        seal_code=said["seal_code"],
        origin=said["origin"],
        issued_at=_time(said["issued_at"]),
        log=said["log"],
        key=bytes.fromhex(said["key"]),
        size=_number(said["size"]),
        checkpoint=said["checkpoint"],
        entries=tuple(
            ProvedEntry(
                _number(row["index"]),
                str(row["record"]),
                tuple(bytes.fromhex(step) for step in row["proof"]),
            )
            for row in said["entries"]
        ),
        certificate=certificate,
        token=token,
    )


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 48:
        raise ValueError("a number that is none")
    return value


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
