"""The command line ``sealdesk-server``: init, serve, and what only an operator on the spot may do.

Every command opens the same store; a running server notices, because the one writer reads the log's
size anew in each transaction.
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sqlalchemy import select

from crypto.algorithms import gm
from crypto.validation.seal_check import DEMO_VENDOR
from crypto.windows_process import keep_to_known_folders
from server_stub import (
    applying,
    background,
    disputes,
    epochs,
    issuing,
    policy,
    report_seal,
    signin,
    states,
    trust_lists,
)
from server_stub.authority import PURPOSES
from server_stub.console import auditing, filings, losing, releasing, reviewing, status
from server_stub.console.account import operator
from server_stub.context import Platform
from server_stub.policy import Actor
from server_stub.records import cosigning, logbook, store, vault
from server_stub.records.identity import identity_index, known_by
from server_stub.records.ledger import LEDGER, LedgerError, Transaction
from server_stub.releases.keeping import ReleaseRefused
from server_stub.seals import stopping
from server_stub.seals.statements import SealNotActive
from server_stub.settings import Settings, output_path
from server_stub.staff import agreeing
from server_stub.web import serving

_GIVE_WAY_S = 0.001
"""Seconds after which the thread that answers lets the writer run, and the writer it. Each waits
for the other at every statement of the database: at Python's own 5 ms they add up to hundreds."""
_NO_ADDRESS = """\
note: no public URL is set. The certificates do not say where issuers, revocation lists and OCSP
are to be found, so receivers of sealed files cannot look them up. The platform's own certificates
never change: set SEALDESK_SERVER_PUBLIC_URL and run init into an empty folder before first use."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code: 0 done, 1 refused or damaged, 2 usage."""
    keep_to_known_folders()
    options = _parser().parse_args(arguments)
    overrides: dict[str, Any] = {}
    if options.dir is not None:
        overrides["directory"] = options.dir
    if options.command == "serve":
        overrides |= {k: v for k in ("host", "port") if (v := getattr(options, k)) is not None}
        if options.demo:
            demo = {"auto_review": True, "open_register": True, "vendor_id": DEMO_VENDOR}
            overrides |= demo
    settings = Settings(**overrides)
    logbook.configure(options.log_level)
    try:
        result: int = options.run(settings, options)
        return result
    except states.IllegalTransition as error:
        return _refused(str(error))
    except signin.SignatureInvalid as error:
        return _refused(str(error))
    except (policy.Forbidden, vault.VaultError, LedgerError, applying.RequestInvalid) as error:
        return _refused(str(error))
    except trust_lists.TrustListRefused as error:
        return _refused(str(error))
    except (cosigning.CosigningRefused, ReleaseRefused) as error:
        return _refused(str(error))
    except (report_seal.ReportSealMissing, SealNotActive) as error:
        return _refused(str(error))
    except policy.NotFound:
        return _refused("no such thing")
    except (OSError, serving.StartFailed) as error:
        return _refused(str(error))


def _refused(why: str) -> int:
    print(f"refused: {why}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sealdesk-server", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--dir", type=output_path, help="the platform's folder")
    common.add_argument("--log-level", default="warning", choices=["info", "warning", "error"])
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, run: Any, help_: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, parents=[common], help=help_)
        command.set_defaults(run=run)
        return command

    add("init", _init, "make database, keys and certificates; what exists is kept")
    serve = add("serve", _serve, "answer HTTP until interrupted")
    serve.add_argument("--host")
    serve.add_argument("--port", type=int, help="0 takes a free one")
    serve.add_argument(
        "--demo", action="store_true", help="simulated reviewer and open simulated register"
    )
    serve.add_argument(
        "--accept-lost-witness",
        metavar="REASON",
        default="",
        help="the witness was lost and begins anew; the reason goes on record",
    )
    reviewing.add_arguments(add("review", reviewing.run, "look at applications and decide"))
    seal = add("seal", _seal, "suspend, resume or cancel a seal by its 14-digit code")
    seal.add_argument("action", choices=["suspend", "resume", "cancel"])
    seal.add_argument("seal_code")
    seal.add_argument("--reason", default="", choices=["", *states.SEAL_REASONS])
    seal.add_argument(
        "--agreed",
        type=Path,
        metavar="FILE",
        help="resume, cancel: what a reviewer signed with sealdesk review agree",
    )
    losing.add_arguments(add("loss", losing.run, "a lost Ukey, told by a call: two people"))
    disputed = add("dispute", _dispute, "objections to seals: look, hand over, close")
    disputed.add_argument("action", choices=["list", "show", "hand-over", "close"])
    disputed.add_argument("dispute", nargs="?")
    disputed.add_argument("--note", default="", help="to whom, or why; the objector reads it")
    disputed.add_argument(
        "--out", type=output_path, help="hand-over: the whole evidence package, a zip"
    )
    staff = add("staff", _staff, "certify the key of a reviewer or auditor")
    staff.add_argument("action", choices=["add"])
    staff.add_argument("name")
    staff.add_argument("--role", required=True, choices=["reviewer", "auditor"])
    staff.add_argument("--request", required=True, type=Path, help="PKCS#10, DER")
    staff.add_argument(
        "--id-no", default="", help="identity number: nobody reviews an application of his own"
    )
    staff.add_argument("--out", required=True, type=output_path, help="the certificate, DER")
    filings.add_arguments(add("filing", filings.run, "reports to the police that were given up"))
    status.add_arguments(add("status", status.run, "what waits for people, what went wrong"))
    registry = add("registry", _registry, "write the public registry down as shards, now")
    registry.add_argument("action", choices=["publish"])
    releasing.add_arguments(
        add("release", releasing.run, "tell desks of a new version of the program")
    )
    lists = add("trust-list", trust_lists.run, "keep a list of trusted platforms for desks")
    trust_lists.add_arguments(lists)
    cosigns = commands.add_parser("cosign", help="remember, elsewhere, how long the logs are")
    cosigns.set_defaults(run=_cosign, dir=None, log_level="warning")
    cosigns.add_argument("platform", help="the platform's address, or its folder or a copy of it")
    cosigns.add_argument(
        "--state", type=output_path, required=True, help="the cosigner's own folder"
    )
    cosigns.add_argument("--every", type=float, help="go on, with so many seconds between")
    cosigns.add_argument("--listen", metavar="HOST:PORT", help="tell what was cosigned over HTTP")
    auditing.add_arguments(add("audit", auditing.run, "re-compute logs and tables, search, export"))
    return parser


def _init(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        folder = settings.directory / "certificates"
        folder.mkdir(exist_ok=True)
        for purpose in PURPOSES:
            (folder / f"{purpose}.crt").write_bytes(platform.authority.certificate(purpose))
        (folder / "abroad_root.crt").write_bytes(platform.authority.rsa_root())
        own = report_seal.ready(platform)
        (folder / "report_seal.crt").write_bytes(own.key.certificate)
        print(f"platform ready in {settings.directory}; certificates in {folder}")
        if not settings.public_url:
            print(_NO_ADDRESS)
        return 0
    finally:
        platform.close()


def _serve(settings: Settings, options: argparse.Namespace) -> int:
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    sys.setswitchinterval(_GIVE_WAY_S)
    with serving.start_in_thread(settings, options.accept_lost_witness) as server:
        for warning in server.platform.warnings:
            print(f"note: {warning}", file=sys.stderr)
        if settings.misbehaviour.any:
            wrong = settings.misbehaviour.model_dump_json(exclude_defaults=True)
            print(f"note: this platform misbehaves on purpose: {wrong}", file=sys.stderr)
        print(f"SealDesk platform: {server.url}", flush=True)
        while not ending.wait(
            1
        ):  # in short waits: on Windows Ctrl-C does not interrupt an endless one
            pass
    return 0


def _seal(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        with platform.reading() as session:
            row = session.scalar(
                select(store.Seal).where(store.Seal.seal_code == options.seal_code)
            )
            if row is None:
                raise policy.NotFound
            identity = row.id
        if options.action != "resume" and not options.reason:
            return _refused("--reason is needed: it goes on record")
        _change_seal(platform, identity, options)
        with platform.reading() as session:
            after = session.get_one(store.Seal, identity)
            print(f"{after.seal_code} {after.name}: {after.state} {after.reason or ''}".rstrip())
        return 0
    finally:
        platform.close()


def _change_seal(platform: Platform, identity: str, options: argparse.Namespace) -> None:
    """Stopping is one operator's act; lifting and cancelling take a reviewer's signature, too."""
    write, about = platform.ledger.write, (operator(), platform.origin, identity)
    if options.action == "suspend":
        write(stopping.suspend, *about, options.reason).result()
        return
    try:
        agreement = agreeing.Agreement.read(options.agreed) if options.agreed else None
    except ValueError as error:
        raise policy.Forbidden(f"{options.agreed}: {error}") from error
    if options.action == "resume":
        write(agreeing.resume, *about, agreement).result()
    else:
        write(agreeing.cancel, operator(), identity, options.reason, agreement).result()


def _dispute(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        background.work(platform)  # what was opened lately is gathered first
        who = operator()
        with platform.reading() as session:
            if options.action == "list":
                rows = session.scalars(select(store.Dispute).order_by(store.Dispute.opened_at))
                for row in rows.all():
                    print(json.dumps(disputes.view(row), ensure_ascii=False))
                return 0
            row = disputes.find(session, who, options.dispute or "")
            said = platform.blobs.get(row.statement_sm3).decode()
            package = disputes.full_package(platform, session, row)
        if options.action == "show":
            view = {**disputes.view(row), "statement": json.loads(said)}
            print(json.dumps(view, ensure_ascii=False, indent=1))
            return 0
        if not options.note:
            return _refused("--note is needed: it goes on record")
        if options.action == "close":
            platform.ledger.write(disputes.close, who, row.id, options.note).result()
        else:
            _hand_over(platform, who, row.id, options, package)
        print(f"{row.id}: {'closed' if options.action == 'close' else options.out}")
        return 0
    finally:
        platform.close()


def _hand_over(
    platform: Platform, who: Actor, identity: str, options: argparse.Namespace, package: bytes
) -> None:
    """The file first: what is on record as handed over must exist."""
    if options.out is None:
        raise policy.Forbidden("--out is needed: the evidence package goes there")
    with options.out.open("xb") as stream:
        stream.write(package)
    digest = gm.sm3(package).hex()
    try:
        command = disputes.hand_over
        platform.ledger.write(command, who, identity, options.note, digest).result()
    except BaseException:
        options.out.unlink()
        raise


def _staff(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        request = options.request.read_bytes()

        def add(tx: Transaction) -> bytes:
            identity = f"staff_{secrets.token_hex(8)}"
            number, index = options.id_no, None
            if number:
                index = identity_index(platform.vault, options.name, number)
                same = known_by(platform.vault, options.name, number)
                known = select(store.Staff.role).where(store.Staff.identity_index.in_(same))
                if set(tx.session.scalars(known)) - {options.role}:
                    raise policy.Forbidden("that person has another role: one each")
            tx.session.add(
                store.Staff(id=identity, name=options.name, role=options.role, identity_index=index)
            )
            tx.session.flush()
            fields = {"staff": identity, "role": options.role, "actor": operator().subject}
            tx.record(LEDGER, "staff-added-v1", fields, about=("staff", identity))
            return issuing.certify_staff(tx, platform.authority, identity, options.name, request)

        options.out.write_bytes(platform.ledger.write(add).result().answer)
        print(f"{options.name} is {options.role}: {options.out}")
        return 0
    finally:
        platform.close()


def _registry(settings: Settings, options: argparse.Namespace) -> int:
    platform = Platform.open(settings)
    try:
        made = epochs.publish(platform)
        size = sum(shard.size for shard in made.shards.values())
        print(f"epoch {made.epoch}: {made.size} entries, {len(made.shards)} shards, {size} bytes")
        return 0
    finally:
        platform.close()


def _cosign(settings: Settings, options: argparse.Namespace) -> int:
    keeper = cosigning.Cosigner.open(options.state)
    print(f"cosigner {keeper.public.hex()}@{options.state.resolve()}", flush=True)
    ending = threading.Event()
    with ExitStack() as stack:
        if options.listen:
            told = stack.enter_context(cosigning.told_over_http(keeper, options.listen))
            print(f"cosigner {keeper.public.hex()}@{told}", flush=True)
        source = _source(stack, options.platform)
        if options.every:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: ending.set())
        while True:
            try:
                for seen in keeper.cosign(source):
                    print(f"cosigned {seen.origin}: {seen.size} entries", flush=True)
            except OSError as error:  # out of reach: that is no fork
                if not options.every:
                    raise
                print(f"note: {error}", file=sys.stderr, flush=True)
            if not options.every or ending.wait(options.every):
                return 0


def _source(stack: ExitStack, platform: str) -> cosigning.Source:
    if platform.startswith(("http://", "https://")):
        return cosigning.HttpSource(platform.rstrip("/"))
    file = Path(platform) / "platform.db"
    if not file.exists():
        raise FileNotFoundError(f"{platform} is no platform's folder")
    engine = store.open_engine(f"sqlite:///{file.as_posix()}")
    stack.callback(engine.dispose)
    return cosigning.DatabaseSource(engine)


if __name__ == "__main__":
    sys.exit(main())
