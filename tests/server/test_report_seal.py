"""The platform's own seal: made once, like any other, renewed before it ends, obedient to its
operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import func, select

from crypto.pki.certificate import DOCUMENT_SIGNING, REPORT_SEALING, Certificate
from crypto.seal.structure import Seal as SealData
from server_stub import background, report_seal
from server_stub.__main__ import main
from server_stub.context import Platform
from server_stub.neighbours.adapters import NeighbourError
from server_stub.records import store
from server_stub.records.auditing import audit
from server_stub.records.ledger import LOGS
from server_stub.settings import Settings
from server_stub.web.serving import start_in_thread
from tests.world.served import blank_page
from tests.world.staff import moved


@pytest.fixture
def platform(open_settings: Callable[..., Settings]) -> Iterator[Platform]:
    opened = Platform.open(open_settings())
    yield opened
    opened.close()


def seals(platform: Platform) -> list[store.Seal]:
    with platform.reading() as session:
        return list(session.scalars(select(store.Seal).order_by(store.Seal.seal_code)))


def keys(platform: Platform) -> list[store.Key]:
    chosen = select(store.Key).where(store.Key.purpose == report_seal.PURPOSE)
    with platform.reading() as session:
        return list(session.scalars(chosen.order_by(store.Key.created_at)))


def test_it_is_made_once_and_as_every_other_seal(platform: Platform) -> None:
    own = report_seal.ready(platform)
    assert report_seal.ready(platform) == own
    (seal,) = seals(platform)
    data = SealData.parse(own.data)
    certificate = Certificate.parse(own.key.certificate)
    assert data.signature_valid()
    assert data.allows(own.key.certificate)
    assert (data.es_id, data.seal_type, data.width_mm) == (seal.seal_code, 6, 40)
    assert data.name == platform.settings.provider_name + "验章专用章"
    assert certificate.extended_key_usage == {DOCUMENT_SIGNING, REPORT_SEALING}
    assert certificate.subject.common_name == seal.seal_code
    assert (seal.state, seal.subtype, seal.kind) == ("active", "verification", "company")
    background.work(platform)  # the report to the police leaves the outbox
    with platform.reading() as session:
        filings = session.scalars(select(store.Filing)).all()  # every change is told
        assert {filing.event for filing in filings} == {"make", "collect"}
        assert {filing.state for filing in filings} == {"receipted"}
        for log in LOGS:
            assert audit(session, log, platform.authority.key(log).public, platform.witness).ok


def test_no_enterprise_can_apply_for_one(holder) -> None:
    answer = holder().draft(seal={"subtype": "verification"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_body"


def test_an_installation_from_before_gets_one_by_init(
    open_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = open_settings()
    Platform.open(settings).close()  # what an older version left: keys and logs, no such seal
    monkeypatch.setenv("SEALDESK_SERVER_IMPRINT_FONT", str(settings.imprint_font))
    monkeypatch.setenv("SEALDESK_SERVER_IMPRINT_DPI", "300")
    for _ in range(2):
        assert main(["init", "--dir", str(settings.directory)]) == 0
    data = (settings.directory / "certificates" / "report_seal.crt").read_bytes()
    assert REPORT_SEALING in Certificate.parse(data).extended_key_usage
    opened = Platform.open(settings)
    try:
        assert len(seals(opened)) == len(keys(opened)) == 1
    finally:
        opened.close()


def test_it_is_replaced_before_it_ends_and_the_old_key_destroyed(
    open_settings: Callable[..., Settings],
) -> None:
    platform = Platform.open(open_settings(report_seal_renew_days=4000))  # always due
    try:
        first, second = report_seal.ready(platform), report_seal.ready(platform)
        assert first.seal_id != second.seal_id
        old, new = seals(platform)
        assert (old.state, old.reason, old.successor_id) == ("cancelled", "replaced", new.id)
        assert new.state == "active"
        old_key, new_key = keys(platform)
        assert (old_key.state, new_key.state) == ("destroyed", "active")
        files = {each.stem for each in (platform.settings.directory / "keys").iterdir()}
        assert new_key.store_ref in files
        assert old_key.store_ref not in files
    finally:
        platform.close()


def test_a_neighbour_that_is_away_delays_the_renewal_and_refuses_the_first(
    open_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = Platform.open(open_settings(report_seal_renew_days=4000))

    def away(*_: object) -> None:
        raise NeighbourError("no answer")

    try:
        with monkeypatch.context() as patched:
            patched.setattr(type(platform.city), "assign_code", away)
            with pytest.raises(report_seal.ReportSealMissing):
                report_seal.ready(platform)
            assert seals(platform) == []
        first = report_seal.ready(platform)
        files = sorted((platform.settings.directory / "keys").iterdir())
        monkeypatch.setattr(type(platform.city), "assign_code", away)
        assert report_seal.ready(platform) == first
        assert sorted((platform.settings.directory / "keys").iterdir()) == files  # none left over
    finally:
        platform.close()


def test_a_suspended_seal_seals_nothing_and_a_cancelled_one_is_made_anew(
    open_settings: Callable[..., Settings],
) -> None:
    settings = open_settings()
    with start_in_thread(settings) as server:
        own = report_seal.ready(server.platform)
        (seal,) = seals(server.platform)
        operate(settings, "suspend", seal.seal_code, "--reason", "key_compromised")
        answer = ask(server.url)
        assert (answer.status_code, answer.json()["code"]) == (409, "seal_not_active")
        moved(server, seal.id, "resume")
        assert ask(server.url).status_code == 200
        moved(server, seal.id, "cancel", "key_compromised")
        assert ask(server.url).status_code == 200
        assert report_seal.ready(server.platform).seal_id != own.seal_id
        old, new = seals(server.platform)
        assert (old.state, old.reason, new.state) == ("cancelled", "key_compromised", "active")


def operate(settings: Settings, *words: str) -> None:
    assert main(["seal", *words[:2], "--dir", str(settings.directory), *words[2:]]) == 0


def ask(url: str, data: bytes = b"", kind: str = "application/pdf") -> httpx.Response:
    return httpx.post(
        f"{url}/v1/verifications",
        params={"report": "sealed"},
        content=data or blank_page(),
        headers={"content-type": kind},
        timeout=60,
    )


def test_the_limits_are_those_of_verification(open_settings: Callable[..., Settings]) -> None:
    with start_in_thread(open_settings(file_bytes=1 << 20, requests_per_minute=1)) as server:
        assert ask(server.url, b"%PDF-" + bytes(1 << 20)).status_code == 413
        assert ask(server.url, b"no pdf").json()["code"] == "file_not_verifiable"
        assert ask(server.url, kind="text/plain").status_code == 415
        answers = {ask(server.url, b"no pdf").status_code for _ in range(12)}
        assert 429 in answers


def test_an_unknown_kind_of_report_is_refused(server) -> None:
    url, kind = f"{server.url}/v1/verifications?report=xml", {"content-type": "application/pdf"}
    answer = httpx.post(url, content=b"%PDF-", headers=kind)
    assert answer.status_code == 422


def test_two_reports_at_once_make_one_seal(platform: Platform) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = {each.seal_id for each in pool.map(report_seal.ready, [platform] * 4)}
    assert len(found) == 1
    with platform.reading() as session:
        assert session.scalar(select(func.count()).select_from(store.Seal)) == 1
