""":class:`ui.shell.context.parts.ApprovalDesk` over the real :class:`app.desk.Desk`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from app.errors import SealNotFound
from app.placing.finder import Finder
from app.remote.approval import asking, deciding, phone_links, setting
from app.signing import find_key
from app.stamping import page_boxes
from ui.desk.keys import assert_device_thread

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.approval.asking import UseWish
    from app.remote.approval.client import ApprovalClient, Candidate
    from app.remote.approval.deciding import Shown
    from app.remote.approval.setting import PolicyWish
    from app.signing import TokenKey
    from app.store.cabinet import Cabinet
    from app.store.use_requests import PolicyRecord, UseRequestRecord


class DeskApprovals:
    """See :class:`ui.shell.context.parts.ApprovalDesk`."""

    def __init__(self, desk: Desk, cabinet: Callable[[], Cabinet]) -> None:
        self._desk, self._cabinet = desk, cabinet

    def requests(self) -> tuple[UseRequestRecord, ...]:
        return tuple(self._cabinet().use_requests())

    def policies(self) -> tuple[PolicyRecord, ...]:
        return tuple(self._cabinet().policies())

    def seen(self, requests: tuple[UseRequestRecord, ...]) -> None:
        for request in requests:
            if request.unread:
                self._cabinet().keep_use_request(replace(request, seen=request.state))

    @contextmanager
    def _signed_in(
        self, certificate: bytes, url: str, serial: str, pin: str
    ) -> Iterator[tuple[ApprovalClient, TokenKey]]:
        assert_device_thread()
        with self._desk.token(serial).login(pin) as session:
            key = find_key(session, certificate)
            client = self._desk.platform(url)
            client.sign_in(key)
            yield client, key

    def see(self, request: UseRequestRecord, serial: str, pin: str) -> Shown | None:
        store = self._desk.lending.store
        with self._signed_in(request.certificate, request.platform, serial, pin) as (client, key):
            if request.side == "asked":
                deciding.make_known(client, store, key, datetime.now(UTC))
            told = asking.told_anew(request, client.use_request(request.id))
            self._cabinet().keep_use_request(told)
            shown = deciding.see(client, store, told)
        return shown.drawn() if shown is not None else None

    def decide(
        self,
        request: UseRequestRecord,
        decision: Literal["approve", "reject"],
        reason: str,
        serial: str,
        pin: str,
    ) -> UseRequestRecord:
        with self._signed_in(request.certificate, request.platform, serial, pin) as (client, key):
            return deciding.decide(client, self._cabinet(), request, decision, reason, key)

    def phone_link(self, request: UseRequestRecord, serial: str, pin: str) -> str:
        store = self._desk.lending.store
        with self._signed_in(request.certificate, request.platform, serial, pin) as (client, _):
            return phone_links.phone_link(client, self._cabinet(), store, request)

    def withdraw(self, request: UseRequestRecord, serial: str, pin: str) -> UseRequestRecord:
        with self._signed_in(request.certificate, request.platform, serial, pin) as (client, key):
            return asking.withdraw(client, self._cabinet(), request, key)

    def ask(
        self, seal_code: str, path: Path, wish: UseWish, serial: str, pin: str
    ) -> UseRequestRecord:
        seal = self._cabinet().seal(seal_code)
        with Finder() as finder:
            document = asking.pictured(path, None, finder, len(page_boxes(path)))
        with self._signed_in(seal.certificate, seal.platform, serial, pin) as (client, key):
            return asking.ask(client, self._cabinet(), seal, document, wish, key)

    def candidates(self, seal_code: str, serial: str, pin: str) -> tuple[Candidate, ...]:
        seal = self._cabinet().seal(seal_code)
        with self._signed_in(seal.certificate, seal.platform, serial, pin) as (client, _):
            return tuple(client.approver_candidates(seal.id))

    def set_policy(self, seal_code: str, wish: PolicyWish, serial: str, pin: str) -> PolicyRecord:
        seal = self._cabinet().seal(seal_code)
        if seal.grant is not None:
            raise SealNotFound(seal.code)
        with self._signed_in(seal.certificate, seal.platform, serial, pin) as (client, key):
            return setting.set_policy(client, self._cabinet(), seal, wish, key)
