"""``sealdesk-server trust-list``: the operator's side of :mod:`crypto.validation.trust_list`.

    make   a draft (JSON): empty, or an older draft with one platform more
    sign   a draft, with the next sequence number and today's date
    show   what is in a list, and the SM3 that desks are told

The operator's key is made at the first signing; its private half stays in the key store of the
folder, its certificate and the number of the last list lie in ``trust-list/`` there.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crypto.algorithms.keys import SigningKey
from crypto.pki.certificate import load_certificates
from crypto.pki.certificate_making import make_certificate
from crypto.pki.names_and_algorithms import CertificateError, Name
from crypto.validation.trust_list import TrustList, TrustListError, sign_list
from server_stub.records.vault import ServerKey, SoftKeyStore, Vault
from server_stub.settings import Settings, output_path

_LIFE = timedelta(days=3650)
_SKEW = timedelta(minutes=5)


class TrustListRefused(Exception):
    """A draft, a certificate file or a list cannot be used."""


def add_arguments(command: argparse.ArgumentParser) -> None:
    """The options of ``trust-list``."""
    command.add_argument("action", choices=["make", "sign", "show"])
    command.add_argument("file", nargs="?", type=Path, help="a draft (make, sign) or a list (show)")
    command.add_argument("--out", type=output_path, help="where the draft or the list goes")
    command.add_argument("--operator", default="", help="make: who answers for the list")
    command.add_argument("--name", help="make: add a platform of this name")
    command.add_argument("--region", default="", help="make: its region, GB/T 2260")
    command.add_argument("--origin", action="append", default=[], help="make: its address")
    command.add_argument("--root", action="append", default=[], type=Path, help="make: certificate")
    command.add_argument(
        "--maker", action="append", default=[], type=Path, help="make: certificate"
    )
    command.add_argument("--withdraw", metavar="NAME", help="make: withdraw this platform")
    command.add_argument("--no-status", action="store_true", help="make: publishes no status")
    command.add_argument("--no-revocation", action="store_true", help="make: nor revocation")
    command.add_argument("--days", type=int, default=30, help="sign: until the next one is due")


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Carry out one action. Raises :class:`TrustListRefused`, OSError."""
    try:
        if options.action == "make":
            _write(options.out, _draft(options).encode())
        elif options.action == "sign":
            _write(options.out, _signed(settings, options))
        else:
            sys.stdout.write(_shown(_bytes(options.file)) + "\n")
        return 0
    except (TrustListError, CertificateError) as error:
        raise TrustListRefused(str(error)) from error


def _draft(options: argparse.Namespace) -> str:
    fields: dict[str, Any] = {"operator": "", "platforms": []}
    if options.file:
        fields = _json(_bytes(options.file))
    fields["operator"] = options.operator or fields["operator"]
    platforms = fields["platforms"]
    if options.withdraw:
        named = [platform for platform in platforms if platform["name"] == options.withdraw]
        if not named:
            raise TrustListRefused(f"no such platform: {options.withdraw}")
        for each in named:
            each["state"] = "withdrawn"
    if options.name:
        platforms.append(
            {
                "name": options.name,
                "region": options.region,
                "state": "granted",
                "since": _now(),
                "until": None,
                "origins": options.origin,
                "roots": _certificates(options.root),
                "makers": _certificates(options.maker),
                "status": not options.no_status,
                "revocation": not options.no_revocation,
                "algorithms": {},
            }
        )
    return json.dumps(fields, ensure_ascii=False, indent=1) + "\n"


def _certificates(paths: list[Path]) -> list[str]:
    found = [certificate for path in paths for certificate in load_certificates(path.read_bytes())]
    return [base64.b64encode(certificate.der).decode() for certificate in found]


def _signed(settings: Settings, options: argparse.Namespace) -> bytes:
    """The list of a draft; nothing is signed that a desk could not read."""
    if not 0 < options.days <= 366:
        raise TrustListRefused("--days: 1 to 366")
    fields = _json(_bytes(options.file))
    if not fields["operator"]:
        raise TrustListRefused("--operator is needed: who answers for the list")
    home = settings.directory / "trust-list"
    home.mkdir(parents=True, exist_ok=True)
    count = home / "sequence"
    sequence = int(count.read_text("ascii")) + 1 if count.exists() else 1
    now = datetime.now(UTC)
    dates = {
        "issued_at": now.isoformat(timespec="seconds"),
        "next_update": (now + timedelta(days=options.days)).isoformat(timespec="seconds"),
    }
    body = {**fields, "type": "trust-list-v1", "sequence": sequence, **dates}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    token = sign_list(text, _key(settings, home, fields["operator"]))
    count.write_text(str(sequence), "ascii")  # first: a number is never given twice
    sys.stdout.write(_shown(token) + "\n")
    return token


def _key(settings: Settings, home: Path, operator: str) -> SigningKey:
    vault = Vault.load(settings.master_key.get_secret_value(), settings.directory / "master.key")
    store, known = SoftKeyStore(vault, settings.directory / "keys"), home / "operator.crt"
    reference = home / "operator.ref"
    if known.exists():
        return store.open(reference.read_text("ascii"), known.read_bytes())
    made = store.generate()
    certificate = _certificate(store.open(made), operator)
    reference.write_text(made, "ascii")
    known.write_bytes(certificate)
    return store.open(made, certificate)


def _certificate(key: ServerKey, operator: str) -> bytes:
    name = Name.build([("C", "CN"), ("O", operator), ("CN", "信任列表")])
    now = datetime.now(UTC).replace(microsecond=0)
    return make_certificate(
        subject=name,
        public_key=key.spki,
        issuer=name,
        issuer_key=key,
        authority_spki=key.spki,
        serial=secrets.randbits(126) | 1 << 126,
        not_before=now - _SKEW,
        not_after=now + _LIFE,
        key_usage=("digitalSignature",),
    )


def _shown(token: bytes) -> str:
    made = TrustList.parse(token)
    lines = [
        f"{made.operator}: list {made.sequence}, {made.issued_at:%Y-%m-%d} to"
        f" {made.next_update:%Y-%m-%d}",
        f"signed by {made.certificate.subject}",
        f"SM3 of that certificate: {made.certificate.fingerprint.hex()}",
    ]
    for platform in made.platforms:
        state = "granted" if platform.granted else "withdrawn"
        lines.append(f"  {state}  {platform.name}  {platform.region}  {' '.join(platform.origins)}")
        lines += [f"      root {c.fingerprint.hex()}  {c.subject}" for c in platform.roots]
        lines += [f"      maker {c.fingerprint.hex()}  {c.subject}" for c in platform.makers]
    return "\n".join(lines)


def _bytes(path: Path | None) -> bytes:
    if path is None:
        raise TrustListRefused("which file?")
    return path.read_bytes()


def _json(data: bytes) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads(data)
        fields["operator"], fields["platforms"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TrustListRefused(f"not a draft: {error}") from error
    return fields


def _write(path: Path | None, data: bytes) -> None:
    if path is None:
        raise TrustListRefused("--out is needed")
    made = path.with_name(f"{path.name}.new")
    made.write_bytes(data)
    os.replace(made, path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
