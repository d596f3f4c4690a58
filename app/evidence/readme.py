"""README.txt of the evidence package: how to check everything again with ``openssl`` alone.

Chinese and English side by side. A line that begins with ``$`` is a command for a POSIX shell in
the unpacked folder; tests/app/evidence/test_evidence.py runs these very lines. Names inside
commands are the package's own, never a stranger's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.errors import LANGUAGES, phrase
from crypto.frozen import frozen
from crypto.seal.registry_proof import ProvedEntry, RegistryProof
from crypto.verdict import Report, SignatureReport, beijing, one_line, say

_DISTID = "distid:1234567812345678"
_HASHES = {"sm3", "sha1", "sha224", "sha256", "sha384", "sha512"}


@frozen
class Value:
    """One signature value that openssl can check; names are those of members."""

    signed: str
    signature: str
    certificate: str
    kind: str
    """Of the key: sm2, rsa, ec, …"""
    hash_name: str
    form: str
    """"pss" for RSASSA-PSS, otherwise ""."""
    what: str = "value"
    """Or "seal", or what :class:`app.evidence.unpacking.SignedPart` has."""


@frozen
class Recheck:
    """What there is to check of one signature."""

    number: int
    report: SignatureReport
    covered: tuple[int, ...]
    """/ByteRange; empty if it is malformed."""
    hash_name: str
    digest: str
    """Hexadecimal, as found inside the signed bytes."""
    digest_in: str
    """The member it is inside of; "" if it stands nowhere."""
    values: tuple[Value, ...]
    pairs: tuple[tuple[str, str], ...]
    """(certificate, its issuer), names of members."""


@frozen
class Registered:
    """What the registry has of one seal, and how to go over it."""

    proof: RegistryProof
    values: tuple[Value, ...]
    pairs: tuple[tuple[str, str], ...]


def readme(report: Report, rechecks: list[Recheck], registered: Sequence[Registered] = ()) -> str:
    """The whole text."""
    lines = [*_both("title"), ""]
    file = report.file
    lines += _both("document", name=one_line(file.name), size=str(file.size), sm3=file.sm3)
    for language in LANGUAGES:
        verdict = say("verdicts", report.verdict.value, language)
        words = phrase("evidence.verdict", language)
        lines.append(words.format(verdict=verdict, time=beijing(report.judged_at)))
    lines += ["", *_both("contents"), "", *_both("how"), "", *_both("file")]
    lines += ["$ openssl dgst -sm3 document.pdf", f"    {file.sm3}"]
    for recheck in rechecks:
        lines += ["", *_signature(recheck)]
    for number, each in enumerate(registered, 1):
        lines += ["", *_registered(number, each)]
    lines += ["", *_both("not_proved"), ""]
    return "\n".join(lines)


def _signature(each: Recheck) -> list[str]:
    called = dict.fromkeys(each.report.called(language) for language in LANGUAGES)
    lines = [f"== {each.number}. {' / '.join(called)} =="]
    if each.covered and each.hash_name in _HASHES and each.digest:
        _, gap_start, gap_end, rest = each.covered
        part = f"covered-{each.number}.bin"
        lines += [
            *_both("digest", name=each.digest_in),
            f"$ (head -c {gap_start} document.pdf; "
            f"tail -c +{gap_end + 1} document.pdf | head -c {rest}) > {part}",
            f"$ openssl dgst -{each.hash_name} {part} | grep -c {each.digest}",
            "    1",
            f"$ od -An -v -tx1 {each.digest_in} | tr -d ' \\n' | grep -c {each.digest}",
            "    1",
        ]
    else:
        lines += _both("digest_missing")
    for value in each.values:
        lines += _value(f"{each.number}", value)
    return lines + _chains(each.pairs)


def _chains(pairs: Sequence[tuple[str, str]]) -> list[str]:
    lines = _both("chain") if pairs else []
    for subject, issuer in pairs:
        lines.append(
            "$ openssl verify -partial_chain -no_check_time"
            f" -vfyopt {_DISTID} -trusted {issuer} {subject}"
        )
        lines.append(f"    {subject}: OK")
    return lines


def _registered(number: int, each: Registered) -> list[str]:
    """What became of a seal, as the registry has it."""
    proof = each.proof
    lines = [
        f"== {proof.seal_code} ==",
        *_both("registered", seal=proof.seal_code, count=str(len(proof.entries))),
        *_both("log", log=one_line(proof.log), size=str(proof.size), at=beijing(proof.issued_at)),
    ]
    for entry in proof.entries:
        for language in LANGUAGES:
            words = phrase("evidence.entry", language)
            lines += words.format(**told(entry, language)).splitlines()
    for value in each.values:
        lines += _value(f"registry-{number}", value)
    return lines + _chains(each.pairs)


def told(entry: ProvedEntry, language: str) -> dict[str, str]:
    """What an entry of the registry says in *language*, for phrases.evidence.entry; a word that
    this program does not know stands as it is."""
    said = entry.fields
    moment = datetime.fromisoformat(said["effective_at"] or said["recorded_at"])
    states = [_known("seal_state", str(said[name]), language) for name in ("from", "to")]
    words = f"{states[0]} → {states[1]}"
    reason, successor = (str(said.get(name) or "") for name in ("reason", "successor"))
    for word in (_known("reason", reason, language), successor):
        words += f" · {word}" if word else ""
    return {"index": str(entry.index), "time": beijing(moment), "what": one_line(words)}


def _known(group: str, word: str, language: str) -> str:
    try:
        return phrase(f"{group}.{word}", language) if word else ""
    except (KeyError, TypeError):
        return word


def _value(number: str, value: Value) -> list[str]:
    what = value.what
    if value.kind not in ("sm2", "rsa", "ec") or value.hash_name not in _HASHES:
        return _both("value_missing", name=value.signature)
    key = f"{what}-key-{number}.pem"
    if what not in ("value", "seal"):  # there may be several of a kind
        key = f"{value.signed.removesuffix('-signed.bin').replace('/', '-')}-key.pem"
    options = f" -sigopt {_DISTID}" if value.kind == "sm2" else ""
    if value.form == "pss":
        options = " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:auto"
    return [
        *_both(what),
        f"$ {_read_key(value.certificate)} > {key}",
        f"$ openssl dgst -{value.hash_name} -verify {key}{options}"
        f" -signature {value.signature} {value.signed}",
        "    Verified OK",
    ]


def _read_key(file: str) -> str:
    if file.endswith(".der"):
        return f"openssl pkey -pubin -inform DER -in {file}"
    return f"openssl x509 -in {file} -pubkey -noout"


def _both(key: str, **blanks: str) -> list[str]:
    """A text in Chinese, then in English."""
    return [
        line
        for language in LANGUAGES
        for line in phrase(f"evidence.{key}", language).format(**blanks).splitlines()
    ]
