"""What can go wrong between application and seal, and what the clock does afterwards."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate_making import make_request
from crypto.pki.names_and_algorithms import Name
from crypto.seal.structure import Seal as SealData
from server_stub import applying, background, states
from server_stub.applying import Draft
from server_stub.changing import fulfilling
from server_stub.context import Platform
from server_stub.neighbours import filing
from server_stub.neighbours.adapters import NeighbourError, SimulatedCity
from server_stub.policy import Actor, NotFound
from server_stub.records import canonical, store
from server_stub.records.ledger import REGISTRY, Transaction
from server_stub.seals import collecting, statements
from server_stub.settings import Settings
from server_stub.signin import COLLECT, INTENT
from tests.world.applicant import citizen_number, credit_code

DAY = 86_400 * 1_000_000
CODE = credit_code()
NAME = "宿迁市云杉软件有限公司"


class Desk:
    """A platform without HTTP, and one applicant."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.key = platform, SoftKey.generate()
        self.code = credit_code()
        platform.city.register(self.code, NAME, "李晓梅", legal_rep_id=citizen_number())

    def apply(self, subtype: str = "official", **changes: str) -> str:
        request = make_request(Name.build([("CN", "x")]), self.key.spki, self.key.sign)
        form = Draft(
            uscc=self.code,
            enterprise_name=NAME,
            legal_rep="李晓梅",
            legal_rep_id_no=citizen_number(),
            handler="李晓梅",
            id_no=citizen_number(),
            phone="",
            subtype=subtype,
            physical_code=None,
            spki=applying.read_request(request),
            payload=self.platform.blobs.seal(b"as received"),
        )
        form = replace(form, **changes)
        write = self.platform.ledger.write
        identity = write(applying.draft, self.platform.vault, form).result().answer.id
        who = Actor("applicant", identity, frozenset({"applicant"}), application_id=identity)
        text = INTENT.format(
            origin="o", verb="submit", object=identity, payload_sm3=form.payload.address
        )
        write(applying.submit, who, "o", identity, self.key.sign(text.encode())).result()
        return identity

    def application(self, identity: str) -> store.Application:
        with self.platform.reading() as session:
            return session.get_one(store.Application, identity)

    def seal(self, identity: str) -> store.Seal:
        with self.platform.reading() as session:
            return session.get_one(store.Seal, self.application(identity).seal_id)

    def collect(self, identity: str) -> None:
        seal = self.seal(identity)
        who = Actor("applicant", identity, frozenset({"applicant"}), application_id=identity)
        text = COLLECT.format(
            origin="o", seal=seal.id, seal_sm3=seal.seal_sm3, certificate=seal.certificate_sn
        )
        signature = self.key.sign(text.encode())
        self.platform.ledger.write(collecting.collect, who, "o", seal.id, signature).result()

    def events(self) -> list[tuple[str, str]]:
        with self.platform.reading() as session:
            rows = session.scalars(
                select(store.LedgerEntry.record)
                .where(store.LedgerEntry.log == REGISTRY)
                .order_by(store.LedgerEntry.number)
            )
            found = [json.loads(row) for row in rows]
        return [(entry["event"], entry["to"]) for entry in found]

    def filing(self) -> store.Filing:
        with self.platform.reading() as session:
            return session.scalars(select(store.Filing)).one()


@pytest.fixture
def desk(open_settings: Callable[..., Settings]) -> Iterator[Desk]:
    platform = Platform.open(open_settings(auto_review=True))
    yield Desk(platform)
    platform.close()


def test_the_seal_lives_no_longer_than_licence_or_physical_seal(desk: Desk) -> None:
    soon = canonical.now() + 90 * DAY
    desk.platform.city.change(desk.code, licence_until=soon)
    identity = desk.apply()
    background.work(desk.platform)
    seal = desk.seal(identity)
    assert abs(seal.valid_until - soon) < 1_000_000
    data = SealData.parse(desk.platform.blobs.get(seal.seal_sm3))
    assert data.valid_until == canonical.moment(seal.valid_until)
    filed = desk.platform.city.filed_seal(desk.code, "contract")
    assert filed is not None
    desk.platform.city.change_seal(filed.code, valid_until=soon - 30 * DAY)
    second = desk.apply("contract")
    background.work(desk.platform)
    assert abs(desk.seal(second).valid_until - (soon - 30 * DAY)) < 1_000_000


def test_an_imprint_that_is_not_the_filed_one_is_never_made_into_a_seal(desk: Desk) -> None:
    filed = desk.platform.city.filed_seal(desk.code, "official")
    assert filed is not None
    folder = desk.platform.settings.directory / "simulated-city" / "imprints"
    (folder / f"{filed.code}.png").write_bytes(b"\x89PNG another picture")
    identity = desk.apply()
    background.work(desk.platform)
    assert desk.application(identity).state == "in_review"
    assert "not the one that was filed" in (desk.application(identity).reason or "")
    background.work(desk.platform)  # the automaton does not try for ever: a person has to look
    assert desk.application(identity).state == "returned"
    assert desk.events() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "revoked"}, "营业执照已失效"),
        ({"licence_until": 1}, "营业执照已失效"),
        ({"legal_rep": "另有其人"}, "登记信息不一致"),
        ({"name": "宿迁市更名后有限公司"}, "登记信息不一致"),
    ],
)
def test_what_the_register_contradicts_is_returned(
    desk: Desk, change: dict[str, object], reason: str
) -> None:
    desk.platform.city.change(desk.code, **change)
    identity = desk.apply()
    background.work(desk.platform)
    assert desk.application(identity).state == "returned"
    assert reason in (desk.application(identity).reason or "")


def test_a_lost_or_other_physical_seal_gets_no_twin(desk: Desk) -> None:
    filed = desk.platform.city.filed_seal(desk.code, "official")
    assert filed is not None
    wrong = desk.apply(physical_code="3213029999999")
    desk.platform.city.change_seal(filed.code, status="lost")
    lost = desk.apply()
    background.work(desk.platform)
    for identity in (wrong, lost):
        assert desk.application(identity).state == "returned"
        assert "备案实物印章" in (desk.application(identity).reason or "")


def test_an_enterprise_that_no_register_knows_is_returned(desk: Desk) -> None:
    identity = desk.apply(uscc=credit_code())
    background.work(desk.platform)
    assert "查无此企业" in (desk.application(identity).reason or "")


def test_filing_is_tried_again_later_and_ends_with_a_receipt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: SimulatedCity, report: bytes) -> str:
        raise NeighbourError("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedCity, "file", silent)
        desk.apply()
        background.work(desk.platform)
        first = desk.filing()
        assert (first.state, first.attempts) == ("queued", 1)
        assert first.due_at - canonical.now() > 100 * 1_000_000  # two minutes
        background.work(desk.platform)
        assert desk.filing().attempts == 1  # not due yet

        def make_due(tx: Transaction, attempts: int) -> None:
            filing = tx.session.get_one(store.Filing, first.id)
            filing.due_at, filing.attempts = 0, attempts

        desk.platform.ledger.write(make_due, filing.MAX_ATTEMPTS - 1).result()
        background.work(desk.platform)
        assert desk.filing().state == "dead"  # an operator has to look
        desk.platform.ledger.write(
            lambda tx: setattr(
                tx.session.get_one(store.Filing, first.id),
                "state",
                states.advance(states.FILING, "dead", "revive"),
            )
        ).result()
        desk.platform.ledger.write(make_due, 3).result()
    background.work(desk.platform)
    assert desk.filing().state == "receipted"
    assert (desk.filing().receipt or "").startswith("BA")


def test_the_clock_expires_seals_and_lapses_what_nobody_collected(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected, left = desk.apply(), desk.apply("contract")
    background.work(desk.platform)
    desk.collect(collected)
    later = canonical.now() + 31 * DAY
    monkeypatch.setattr(desk.platform.ledger, "_clock", lambda: later)
    background.work(desk.platform)
    assert desk.seal(left).state == "cancelled"
    assert desk.seal(left).reason == "not_collected"
    assert desk.seal(collected).state == "active"
    much_later = desk.seal(collected).valid_until + 1
    monkeypatch.setattr(desk.platform.ledger, "_clock", lambda: much_later)
    with desk.platform.reading() as session:  # even before the sweep, status does not lie
        said = statements.state_of(session, desk.seal(collected), much_later, timedelta(hours=1))
    assert (said.state, said.reason) == ("expired", "expired")
    background.work(desk.platform)
    seal = desk.seal(collected)
    assert (seal.state, seal.effective_at) == ("expired", seal.valid_until)
    assert seal.recorded_at == much_later
    assert desk.events() == [
        ("make", "made"),
        ("make", "made"),
        ("collect", "active"),
        ("lapse", "cancelled"),
        ("expire", "expired"),
    ]
    with desk.platform.reading() as session:
        certificate = session.get_one(store.Certificate, desk.seal(left).certificate_sn)
        assert certificate.state == "revoked"


def test_personal_data_rests_sealed_and_stays_out_of_both_logs(desk: Desk) -> None:
    desk.apply()
    background.work(desk.platform)
    number = citizen_number().encode()
    for file in desk.platform.settings.directory.rglob("*"):
        if file.is_file():
            assert number not in file.read_bytes(), file
    with desk.platform.reading() as session:
        (person,) = session.scalars(select(store.Person))
        place = f"person.id_no:{person.id}"
        assert desk.platform.vault.open(place, person.id_no_enc or b"") == number
        text = b"\n".join(session.scalars(select(store.LedgerEntry.record)))
    for private in (number, "李晓梅".encode()):
        assert private not in text


def test_an_old_application_lapses(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = desk.apply(uscc=credit_code())
    background.work(desk.platform)
    assert desk.application(identity).state == "returned"
    monkeypatch.setattr(desk.platform.ledger, "_clock", lambda: canonical.now() + 31 * DAY)
    background.work(desk.platform)
    assert desk.application(identity).state == "lapsed"


def test_the_simulated_city_answers_the_same_after_a_restart(
    tmp_path: Path, light_font: Path
) -> None:
    first = SimulatedCity(tmp_path, light_font, 300)
    first.register(CODE, NAME, "李晓梅")
    filed = first.filed_seal(CODE, "official")
    assert filed is not None
    again = SimulatedCity(tmp_path, light_font, 300)
    again.register(CODE, "另一名称", "另一人")
    assert again.filed_seal(CODE, "official") == filed
    assert gm.sm3(again.imprint(filed.code)).hex() == filed.imprint_sm3
    assert filed.code.startswith(CODE[2:8])
    assert len(filed.code) == 13
    assert [again.assign_code("321302"), again.assign_code("321302")] == [
        "32130200000001",
        "32130200000002",
    ]
    with pytest.raises(NeighbourError):
        again.imprint("0000000000000")


def test_an_unknown_application_is_not_found(desk: Desk) -> None:
    with desk.platform.reading() as session, pytest.raises(NotFound):
        applying.find(session, Actor("o", "o", frozenset({"operator"})), "application.read", "x")


def test_two_processes_do_not_make_or_report_the_same_thing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's command beside a server that is at its work, or two servers."""
    identity = desk.apply()
    entered, may_go, made = threading.Event(), threading.Event(), []
    make = fulfilling.make

    def slowly(*about: Any) -> None:
        made.append(about)
        entered.set()
        assert may_go.wait(30)
        make(*about)

    monkeypatch.setattr(fulfilling, "make", slowly)
    other = Platform.open(desk.platform.settings)
    try:
        with ThreadPoolExecutor(1) as server:
            working = server.submit(background.work, desk.platform)
            assert entered.wait(30)
            assert not background.work(other, wait=0)
            may_go.set()
            assert working.result()
        assert background.work(other)
    finally:
        may_go.set()
        other.close()
    assert len(made) == 1
    assert desk.application(identity).state == "fulfilled"
    with desk.platform.reading() as session:
        (filed,) = session.scalars(select(store.Filing)).all()
        assert (filed.event, filed.state, filed.attempts) == ("make", "receipted", 1)
