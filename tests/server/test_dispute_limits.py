"""What may be handed in as a dispute, how often, and that an older database takes disputes in."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select

from crypto.algorithms import gm
from crypto.algorithms.keys import SoftKey
from server_stub.records import store
from server_stub.settings import Settings
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant, b64
from tests.world.objections import SECRET, hand_in, statement


@pytest.fixture
def seal_code(enrolled: Applicant) -> str:
    code: str = enrolled.call("GET", f"/v1/seals/{enrolled.seal_id}").json()["seal_code"]
    return code


@pytest.fixture
def patient(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    """The shared platform, which lets these tests object as often as they must."""
    from server_stub.web import app

    monkeypatch.setattr(app.Limiter, "admits", lambda *_: True)
    return server


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "usage-v1"},
        {"document_sm3": "AB" * 32},
        {"document_sm3": "ab"},
        {"reason": ""},
        {"reason": "x" * 2001},
        {"reason": 7},
        {"reason": ["x"]},
        {"contact": " "},
        {"contact": None},
        {"name": "n" * 61},
        {"at": "yesterday"},
        {"at": 5},
        {"seal_code": 5},
        {"more": "x"},
    ],
)
def test_a_statement_with_other_fields_is_refused_and_not_kept(
    patient: RunningServer, seal_code: str, changes: dict[str, Any]
) -> None:
    before = sorted((patient.platform.settings.directory / "blobs").rglob("*"))
    answer = hand_in(patient.url, statement(seal_code, **changes))
    assert (answer.status_code, answer.json()["code"]) == (422, "dispute_invalid")
    assert sorted((patient.platform.settings.directory / "blobs").rglob("*")) == before


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "[" * 3000, '"x"'])
def test_what_is_no_statement_is_refused(patient: RunningServer, text: str) -> None:
    assert hand_in(patient.url, text).json()["code"] == "dispute_invalid"


def test_the_same_dispute_sent_again_is_one_dispute(patient: RunningServer, seal_code: str) -> None:
    text, key = statement(seal_code), secrets.token_hex(8)
    first, again = hand_in(patient.url, text, key), hand_in(patient.url, text, key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert hand_in(patient.url, statement(seal_code, name="x"), key).status_code == 422
    with patient.platform.reading() as session:
        rows = session.scalars(select(store.Dispute).where(store.Dispute.id == first.json()["id"]))
        assert len(rows.all()) == 1


def test_a_signature_must_fit_the_statement_and_a_certificate_of_this_platform(
    patient: RunningServer, enrolled: Applicant, seal_code: str
) -> None:
    text = statement(seal_code)

    def signed(over: str, holder_key: SoftKey, seal: str = seal_code) -> httpx.Response:
        wanted = f"SUQIAN-SEAL-INTENT-V1\n{patient.url}\ndispute\n{seal}\n"
        signature = holder_key.sign((wanted + gm.sm3(over.encode()).hex() + "\n").encode())
        return hand_in(
            patient.url,
            text,
            certificate=b64(enrolled.key.certificate),
            signature=b64(signature),
        )

    assert signed(text, enrolled.key).json()["signed"] is True
    assert signed(text + " ", enrolled.key).json()["code"] == "signature_invalid"
    assert signed(text, enrolled.key, "0").json()["code"] == "signature_invalid"
    assert signed(text, SoftKey.generate()).json()["code"] == "signature_invalid"
    alone = hand_in(patient.url, text, certificate=b64(enrolled.key.certificate))
    assert alone.json()["code"] == "invalid_body"
    stranger = hand_in(patient.url, text, certificate=b64(b"0"), signature=b64(b"0"))
    assert stranger.json()["code"] == "certificate_not_valid"


def test_whoever_objects_too_often_has_to_wait(open_settings: Callable[..., Settings]) -> None:
    with start_in_thread(open_settings(disputes_per_hour=1)) as server:
        answers = [hand_in(server.url, statement("32130000000001")) for _ in range(12)]
    assert [each.status_code for each in answers[:10]] == [404] * 10  # no such seal
    assert answers[-1].json()["code"] == "rate_limited"


def test_an_enclosure_is_a_zip_of_bounded_size(
    open_settings: Callable[..., Settings], holder: Callable[..., Applicant]
) -> None:
    with start_in_thread(open_settings(auto_review=True, file_bytes=1 << 20)) as server:
        code = holder(url=server.url).enrol()["seal_code"]
        made = hand_in(server.url, statement(code)).json()

        def enclose(data: bytes) -> httpx.Response:
            path = f"{server.url}/v1/disputes/{made['id']}/enclosure"
            return httpx.put(path, content=data, headers={"Dispute-Secret": SECRET})

        assert enclose(b"%PDF-1.7").status_code == 415
        assert enclose(b"PK\x03\x04" + bytes(1 << 20)).status_code == 413
        assert enclose(b"PK\x03\x04" + bytes(1 << 19)).status_code == 204


def test_a_database_from_before_disputes_is_brought_up_to_date(tmp_path: Path) -> None:
    engine = store.open_engine(f"sqlite:///{tmp_path}/t.db")
    with engine.connect().execution_options(**store.WRITER) as connection, connection.begin():
        config = Config()
        folder = Path(store.__file__).parent / "migrations"
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    assert "dispute" not in inspect(engine).get_table_names()
    store.upgrade(engine)
    assert "dispute" in inspect(engine).get_table_names()
    engine.dispose()
