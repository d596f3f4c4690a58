"""What one run of SealDesk works with: settings, cabinet, journal, tokens, platform.

Everything is opened on first use, so that verifying a file does not touch the keyring and a
diagnosis does not need a Ukey. Command line, window and demo all work with a :class:`Desk`.

One module, because it is the one place where all of them find what they need.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from app.durable import discard, temporary_folder
from app.errors import (
    AppError,
    PlatformError,
    PlatformNotMetYet,
    PlatformNotSet,
    PlatformUnreachable,
    SealNotFound,
    SettingLocked,
    TokenAmbiguous,
    UsageError,
)
from app.pins.age import PinAges
from app.settings import Settings, load, save
from crypto.owner_only import protect

if TYPE_CHECKING:
    from app.publishers.authenticode import Judge
    from app.remote.approval.asking import Approvals
    from app.remote.approval.client import ApprovalClient
    from app.remote.lending import Lending, Settled
    from app.remote.lending_client import LendingClient
    from app.remote.public_services import PublicPlatform, PublicServices
    from app.remote.states import AskedPlatforms
    from app.remote.timestamping import Timestamper
    from app.signing import TokenKey
    from app.store.answers import Answers
    from app.store.audited_ledgers import AuditedLedgers
    from app.store.cabinet import Cabinet, SealRecord
    from app.store.journal import Journal
    from app.store.secret_store import SystemStores
    from crypto.pki.certificate import Certificate
    from crypto.validation.trust import Trust
    from device.pkcs11 import Module
    from device.token import Session, Token


_REQUEST_MM = (120.0, 178.0)
"""From left and top to the imprint on a request to cancel: beside the words that ask for it."""

Client = TypeVar("Client", bound="PublicPlatform")


class Desk:
    """One run's settings and everything opened under them; a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.window: Callable[[Desk, Sequence[Path], str], int] | None = None
        """Shows the window at a desk with files on a page, where there is a screen (handed in by
        ``app.__main__``)."""
        self.keyring_waits: Callable[[], None] = lambda: None
        """Called when the system's keyring takes long to answer."""
        self._opened = ExitStack()
        self._signed: set[Path] = set()
        """Drivers whose signature was found good: what is loaded stays loaded."""
        self._signers: dict[str, str] = {}

    @classmethod
    def open(cls) -> Desk:
        """With the settings in force. Raises :class:`app.errors.SettingsInvalid`."""
        return cls(load())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        self._opened.close()

    # --- what is kept here -------------------------------------------------------------------

    @cached_property
    def cabinet(self) -> Cabinet:
        """The seal cabinet, made on first use. Raises :class:`app.errors.LocalDataError`."""
        from app.store.cabinet import Cabinet

        return self._opened.enter_context(Cabinet.open(self._cabinet_path, self._secret_stores))

    @cached_property
    def _secret_stores(self) -> SystemStores:
        """One for the whole run: a keyring that was asked in vain is not asked anew."""
        from app.store.secret_store import SystemStores

        return SystemStores(self.settings, waiting=self.keyring_waits)

    @property
    def _cabinet_path(self) -> Path:
        return self.settings.folders.data / "cabinet.db"

    @cached_property
    def journal(self) -> Journal:
        """The usage journal."""
        from app.store.journal import Journal

        return Journal(self.settings.folders.data / "journal.jsonl")

    def enter_unfinished(self) -> int:
        """Enter what a crash has published and not entered (:mod:`app.store.unfinished`); gives the
        number of entries. Raises :class:`app.errors.LocalDataError`, OSError."""
        from app.store.unfinished import take_up

        return take_up(self.journal, lambda *record: self.cabinet.queue_usage(*record))

    @cached_property
    def answers(self) -> Answers:
        """What this user has said yes to, by document."""
        from app.store.answers import Answers

        return Answers(self.settings.folders.data / "answers.json")

    @cached_property
    def pin_ages(self) -> PinAges:
        """When the PIN of each Ukey was last changed."""
        return PinAges(self.settings.folders.data / "pins.json", lambda: datetime.now(UTC))

    @property
    def begun_orders(self) -> Path:
        """Where the command line's orders are remembered until they are done."""
        return self.settings.folders.data / "orders"

    @property
    def spare_folder(self) -> Path:
        """Where a stamped file lies that could not be saved where it should be."""
        return self.settings.folders.data / "unsaved"

    @cached_property
    def lending(self) -> Lending:
        """The leases of the cabinet and what reports uses later. Raises
        :class:`app.errors.LocalDataError`."""
        from app.remote.lending import Lending
        from app.store.lending import LeaseBook
        from app.store.secret_store import SecretStore

        lasting = not self.cabinet.session_only
        store = self._secret_stores.best() if lasting else SecretStore.session()
        return Lending(LeaseBook(self.cabinet, store), store)

    @property
    def offline_limit(self) -> timedelta:
        """How long after the last word of the platform a seal may be used offline."""
        return timedelta(hours=self.settings.offline_hours)

    # --- whom it trusts ----------------------------------------------------------------------

    def trust(self, extra: Iterable[Path] = ()) -> Trust:
        """Whom to trust: the cabinet's platforms (if there is a cabinet), the anchors and *extra*
        certificate files. Raises :class:`app.errors.AppError`."""
        trust = self.anchors(extra)
        if self._cabinet_path.exists() or "cabinet" in self.__dict__:
            from app.remote.registry import cabinet_trust

            trust = trust.merged(cabinet_trust(self.cabinet))
        return trust

    def anchors(self, extra: Iterable[Path] = ()) -> Trust:
        """The anchors in force and *extra* certificate files alone, without the cabinet."""
        from app.store import kept_trust_list, trusted_platforms
        from app.store.anchors import anchors, trust_files, trust_of

        trust = trust_files((*self.settings.trust, *extra))
        trust = trust.merged(trust_of(anchors(self.settings)))
        platforms = trusted_platforms.trusted_platforms(self.settings)
        trust = trust.merged(trusted_platforms.trust_of(platforms))
        listed = kept_trust_list.kept(self.settings)
        trust = trust.merged(kept_trust_list.trust_of(listed, datetime.now(UTC)))
        return replace(trust, status_life=timedelta(hours=self.settings.status_hours))

    def refresh_trust(self, *, online: bool) -> list[AppError]:
        """Before verifying: take the trust list from its file; *online*, fetch it, once a day, and
        pin the platform that the administrator has named, if that has not been done. Gives what
        went wrong."""
        from app.store import kept_trust_list, trusted_platforms

        problems: list[AppError] = []
        settings = self.settings
        try:
            kept_trust_list.take_file(settings)
        except AppError as error:
            problems.append(error)
        known = trusted_platforms.trusted_platforms(settings)
        unmet = trusted_platforms.set_by_administrator(settings) and not any(
            platform.by == "policy" for platform in known
        )
        if unmet and online:
            from app.remote.trust_sources import pin_platform

            try:
                pinned = pin_platform(settings)
                self.journal.append(
                    "platform-trusted",
                    origin=pinned.origin,
                    root_sm3=pinned.root_sm3,
                    holders=[],
                    by="policy",
                )
                unmet = False
            except AppError as error:
                problems.append(error)
                unmet = isinstance(error, PlatformUnreachable)
        if unmet and not self._cabinet_path.exists():  # who has a seal has met its platform
            problems.append(PlatformNotMetYet(settings.platform_url))
        if not online:
            return problems
        if kept_trust_list.due(settings):
            from app.remote.trust_sources import fetch_list

            try:
                fetch_list(settings)
            except AppError as error:
                problems.append(error)
        return problems

    # --- the platform ------------------------------------------------------------------------

    def platform(self, url: str = "") -> ApprovalClient:
        """A client for *url* or the platform of the settings, bound to its pinned root.

        Raises :class:`app.errors.PlatformNotSet`, :class:`app.errors.PlatformUntrusted`."""
        from app.remote.approval.client import ApprovalClient

        return self._opened.enter_context(self.client(ApprovalClient, url))

    def client(self, kind: type[Client], url: str = "") -> Client:
        """A client of that *kind*, to be closed by whoever asked for it. Raises as
        :meth:`platform`."""
        origin = (url or self.settings.platform_url).rstrip("/")
        if not origin:
            raise PlatformNotSet
        pinned = self.cabinet.platform(origin)
        root = self.settings.platform_root or (pinned.root_sm3 if pinned else "")
        root = root or self._root_by_policy(origin)
        return kind(origin, root_sm3=root, proxy=self.settings.proxy)

    @property
    def audited_ledgers(self) -> AuditedLedgers:
        """What an auditor has seen of platforms' ledgers."""
        from app.store.audited_ledgers import AuditedLedgers

        return AuditedLedgers(self.settings.folders.data / "audit")

    def _root_by_policy(self, origin: str) -> str:
        from app.store.trusted_platforms import trusted_platforms

        known = trusted_platforms(self.settings)
        return next((e.root_sm3 for e in known if e.by == "policy" and e.origin == origin), "")

    @cached_property
    def clock_offset(self) -> timedelta | None:
        """How far the platform's clock is ahead of this computer's, as when it was first asked."""
        there = self.platform_time()
        return there - datetime.now(UTC) if there else None

    def platform_time(self) -> datetime | None:
        """What the clock of the settings' platform says; None if there is none to ask."""
        if not self.settings.platform_url:
            return None
        try:
            return self.platform().clock()
        except PlatformError:
            return None

    def platform_to_join(self, url: str) -> ApprovalClient:
        """The platform at *url*, or the settings' one, for an application, an acceptance, or all
        that a key has there: what makes it this user's.

        Raises :class:`app.errors.SettingLocked` if the administrator chose another one, and as
        :meth:`platform`."""
        chosen = url.rstrip("/")
        if chosen and chosen != self.settings.platform_url and self.settings.locked("platform_url"):
            raise SettingLocked("platform_url")
        return self.platform(chosen)

    def remember_platform(self, url: str) -> None:
        """Make *url* the platform of this user's settings."""
        if url.rstrip("/") != self.settings.platform_url:
            self.settings = save(self.settings, {"platform_url": url})

    def status_service(self) -> AskedPlatforms | None:
        """The platforms to ask about seals: this desk's own, and those that its anchors name; None
        if there are none."""
        from app.remote.registry import RegistryStatus
        from app.remote.states import AskedPlatforms

        settings = self.settings
        own = RegistryStatus(self.platform(), self.cabinet) if settings.platform_url else None
        if own is None and not any(rule.origin for rule in self.anchors().rules):
            return None
        return AskedPlatforms(own, settings.proxy, settings.fetch_hosts)

    def ticket_service(self, key: TokenKey) -> ApprovalClient | None:
        """The platform, signed in with *key*; None if it is not set or does not answer now."""
        if not self.settings.platform_url:
            return None
        client = self.platform()
        try:
            client.sign_in(key)
        except PlatformUnreachable:
            return None
        return client

    def approvals(self, client: ApprovalClient | None, patience: float = 0.0) -> Approvals | None:
        """What stamping asks where a seal's policy wants approvals; *client* is signed in with the
        key that stamps; *patience*: seconds to wait for answers. None: offline."""
        from app.placing.finder import Finder
        from app.remote.approval.asking import Approvals

        if client is None:
            return None
        return Approvals(client, self.cabinet, self._opened.enter_context(Finder()), patience)

    def settle(self, client: LendingClient | None, certificate: bytes) -> Settled:
        """After stamping, while *client* is signed in with *certificate* (DER): report the uses,
        renew the lease. What cannot be done now waits for the next time."""
        from app.remote.lending import Settled, settle, settle_quietly

        if client is None:
            return Settled()
        return settle_quietly(lambda: settle(client, self.cabinet, self.lending, [certificate]))

    def settle_token(self, session: Session, seal: SealRecord) -> Settled:
        """The same with the key of *seal* on a token that is logged in: a seal that was collected
        just now can be used offline, and reported without the PIN."""
        from app.signing import find_key

        key = find_key(session, seal.certificate)
        client = self.platform(seal.platform)
        try:
            client.sign_in(key)
        except PlatformError:
            return self.settle(None, key.certificate)
        return self.settle(client, key.certificate)

    def report_later(self) -> Settled:
        """Report what waits, without a PIN, if this computer may and the platform answers."""
        from app.remote.lending import Settled, report_later, settle_quietly

        if not self.settings.platform_url or not self._cabinet_path.exists():
            return Settled()
        store = self.lending.store
        return settle_quietly(lambda: report_later(self.platform(), self.cabinet, store))

    # --- time stamps and revocation ----------------------------------------------------------

    @cached_property
    def services(self) -> PublicServices:
        """Access to time-stamping authorities, revocation lists and OCSP responders."""
        from app.remote.public_services import PublicServices

        return self._opened.enter_context(PublicServices(self.settings.proxy))

    def timestamper(
        self, choice: str | None, seals: Iterable[SealRecord] = ()
    ) -> Timestamper | None:
        """The time-stamping authority of a *choice*: "none", "platform", a URL; None: what the
        settings say. A stamp that was chosen is required. Where one of *seals* is used under a
        grant, the platform's is had if it can be: it shows that sealing came before a withdrawal.

        Raises :class:`app.errors.PlatformNotSet` where the platform's is meant and none is set."""
        from app.remote.timestamping import Timestamper

        wanted = self.settings.timestamp if choice is None else "required"
        url = self.settings.timestamp_url if choice is None else choice
        lent = any(seal.grant is not None for seal in seals)
        if wanted == "none" and choice is None and lent and self.settings.platform_url:
            wanted, url = "optional", "platform"
        if wanted == "none" or url == "none":
            return None
        of_platform = url in ("", "platform")
        if of_platform:
            if not self.settings.platform_url:
                raise PlatformNotSet
            url = self.settings.platform_url + "/tsa"
        required = wanted == "required"
        return Timestamper(
            url, self.services, self.trust(), required=required, of_platform=of_platform
        )

    # --- tokens ------------------------------------------------------------------------------

    def modules(self, chosen: Path | None = None) -> list[Module]:
        """The driver libraries: *chosen* alone, or those of the settings, or the known ones that
        are installed; with the virtual Ukey where it is allowed and there is one.

        Raises :class:`device.token.ModuleError` for a library that was named and does not load,
        :class:`app.errors.SettingLocked` for one that policy does not name."""
        from device.installed import installed_modules

        named = self.settings.pkcs11_modules
        if chosen is not None:
            if self.settings.locked("pkcs11_modules") and str(chosen) not in named:
                raise SettingLocked("pkcs11_modules")
            return [self._driver(chosen)]
        found = [self._driver(path) for path in (named or installed_modules())]
        if self.settings.allow_virtual_ukey and not self.settings.locked("pkcs11_modules"):
            from device import virtual
            from device.virtual.build import module_path

            os.environ.setdefault(virtual.FOLDER_VARIABLE, str(self.virtual_folder))
            folder = Path(os.environ[virtual.FOLDER_VARIABLE])
            if any(virtual.token_path(folder, slot).exists() for slot in virtual.SLOTS):
                found.append(self._driver(module_path()))
        return found

    @cached_property
    def judge(self) -> Judge:
        """Who says whether a program's signature is good: Windows."""
        from app.publishers.system_trust import SystemTrust

        return SystemTrust()

    def _driver(self, name: str | Path) -> Module:
        """The library *name*, loaded; where policy demands a signature, only with one."""
        from device.loading import full_path
        from device.pkcs11 import open_module

        path = full_path(name)
        if self.settings.signed_modules and path not in self._signed:
            from app.publishers.authenticode import require_signed

            require_signed(path, self.judge)
            self._signed.add(path)
        return open_module(path)

    def driver_signer(self, path: str) -> str:
        """The common name of who has signed the driver *path*, if Windows holds the signature to
        be good; else "". Asked once: Windows may ask the network for revocations."""
        if path not in self._signers:
            from app.publishers.authenticode import publisher_of

            self._signers[path] = publisher_of(Path(path), self.judge)
        return self._signers[path]

    @contextmanager
    def new_virtual_token(self) -> Iterator[Token]:
        """Plug a blank virtual Ukey into this user's next free slot; gone again if the block fails.

        Raises :class:`app.errors.UsageError` if all are taken, or this program has none."""
        from device import virtual
        from device.virtual.build import comes_along, module_path

        folder = Path(os.environ.setdefault(virtual.FOLDER_VARIABLE, str(self.virtual_folder)))
        free = [s for s in virtual.SLOTS if not virtual.token_path(folder, s).exists()]
        if not (self.settings.allow_virtual_ukey and comes_along() and free):
            raise UsageError("no_virtual_key")
        module = self._driver(module_path())
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # a stick knows no owners
            protect(folder)
        path = virtual.make_blank_token(folder, free[0])
        try:
            yield next(token for token in module.tokens() if token.info.slot == free[0])
        except BaseException:
            discard(path)
            raise

    @property
    def virtual_folder(self) -> Path:
        """Where this user's virtual Ukeys lie."""
        return self.settings.folders.data / "virtual-ukey"

    def tokens(self, module: Path | None = None) -> list[Token]:
        """All keys plugged in now."""
        return [token for opened in self.modules(module) for token in opened.tokens()]

    def token(
        self,
        which: str | None = None,
        module: Path | None = None,
        *,
        holding: Certificate | None = None,
        blank: bool = False,
    ) -> Token:
        """The one key that is meant: by serial number or label, by a certificate it holds, by the
        settings' last one, or because there is only one.

        Raises :class:`device.token.TokenNotPresent`, :class:`device.token.TokenNotInitialised` if
        there are only blank ones, :class:`app.errors.TokenAmbiguous`."""
        from device.token import TokenNotInitialised, TokenNotPresent

        plugged_in = self.tokens(module)
        found = [token for token in plugged_in if blank or token.initialised]
        if which:
            found = [token for token in found if which in (token.info.serial, token.info.label)]
        if holding is not None and len(found) > 1:
            found = [token for token in found if _holds(token, holding.der)] or found
        if len(found) > 1:
            last = [t for t in found if t.info.serial == self.settings.token_serial]
            found = last or found
        if not found and not which and plugged_in:
            raise TokenNotInitialised("the key that is plugged in is blank")
        if not found:
            raise TokenNotPresent("no smart key is plugged in")
        if len(found) > 1:
            raise TokenAmbiguous(", ".join(t.info.serial or t.info.label for t in found))
        return found[0]

    def holder_key(self, session: Session) -> TokenKey:
        """The key on an opened token whose certificate belongs to a seal of the cabinet.

        Raises :class:`app.errors.SealNotFound`."""
        from app.signing import find_key
        from device.token import KeyNotFound

        for seal in self.cabinet.seals():
            try:
                return find_key(session, seal.certificate)
            except KeyNotFound:
                continue
        raise SealNotFound("")

    def international_key(
        self, name: str = "", module: Path | None = None
    ) -> tuple[Token, Certificate]:
        """The token and certificate of the RSA or P-256 key that *name* means: the certificate's
        common name or serial number (hexadecimal), the token's label or serial number; "": the
        only one there is. Certificates that are not valid now do not count.

        Raises :class:`device.token.KeyNotFound`, :class:`app.errors.TokenAmbiguous`."""
        from device.token import KeyNotFound

        now = datetime.now(UTC)
        found = []
        for token in self.tokens(module):
            if not token.initialised:
                continue
            with token.open() as session:
                stored = _readable(session.certificates())
            for certificate in stored:
                names = (certificate.subject.common_name, f"{certificate.serial:x}")
                meant = not name or name in (*names, token.info.label, token.info.serial)
                signs = (
                    certificate.may_sign() and not certificate.is_ca and certificate.valid_at(now)
                )
                if meant and signs and certificate.public_key.kind in ("rsa", "ec"):
                    found.append((token, certificate))
        if not found:
            raise KeyNotFound("no RSA or P-256 key with a valid certificate of that name")
        if len(found) > 1:
            raise TokenAmbiguous(
                ", ".join(
                    f"{holder.subject.common_name} ({holder.serial:x})" for _, holder in found
                )
            )
        return found[0]

    def chain_of(self, certificate: Certificate, along: Iterable[bytes] = ()) -> tuple[bytes, ...]:
        """The authorities between *certificate* and its root (DER), from those of the trust and
        those *along*."""
        from crypto.pki.chain import build_chain

        trust = self.trust()
        pool = (*trust.pool, *_readable(along))
        path = build_chain(certificate, pool, trust.signers, datetime.now(UTC)).path
        return tuple(authority.der for authority in path[1:] if not authority.self_issued)

    def sealed_request(
        self,
        session: Session,
        platform: LendingClient,
        seal: SealRecord,
        output: Path,
        written: bytes,
    ) -> Path:
        """The request to cancel *seal* that the *platform* has *written* (PDF), under that seal, as
        *output*: sealed like any document, with a ticket, in the journal, on record.

        Raises as :func:`app.stamping.stamp`."""
        from app.signing import find_key
        from app.stamping import StampJob, stamp
        from crypto.pdf.marks.drawing import Mark

        with temporary_folder() as folder:
            source = folder / output.name
            source.write_bytes(written)
            mark = Mark(0, *_REQUEST_MM, seal.parsed.width_mm, seal.parsed.height_mm)
            return stamp(
                StampJob(source, seal.code, (mark,), output=output),
                key=find_key(session, seal.certificate),
                cabinet=self.cabinet,
                journal=self.journal,
                trust=self.trust(),
                platform=platform,
            ).path

    # --- what is shown -----------------------------------------------------------------------

    def seal_facts(self, seal: SealRecord) -> dict[str, Any]:
        """A seal of the cabinet as JSON-ready data."""
        from app.inspecting import seal_facts

        statement = self.cabinet.statement(seal.code, seal.platform)
        return seal_facts(seal, statement, datetime.now(UTC), self.settings.language)


def with_settings(desk: Desk, **changes: Any) -> Desk:
    """Another desk under changed settings (for the demo and for tests)."""
    return Desk(replace(desk.settings, **changes))


def _readable(certificates: Iterable[bytes]) -> list[Certificate]:
    """The certificates that can be parsed; a token may hold anything."""
    from crypto.pki.certificate import Certificate
    from crypto.pki.names_and_algorithms import CertificateError

    found = []
    for certificate in certificates:
        with suppress(CertificateError):
            found.append(Certificate.parse(certificate))
    return found


def _holds(token: Token, certificate: bytes) -> bool:
    with token.open() as session:
        return certificate in session.certificates()
