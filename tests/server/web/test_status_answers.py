"""A status is signed once and given again until there is something else to say."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from crypto.seal.statement import SealStatement, SignedStatement
from server_stub.authority import Authority
from server_stub.records import canonical
from server_stub.settings import Settings
from server_stub.web.serving import start_in_thread
from tests.world.applicant import Applicant


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The seal codes of the statements that the platforms of this process have signed."""
    codes: list[str] = []
    attest = Authority.attest

    def counted(self: Authority, statement: SealStatement) -> bytes:
        codes.append(statement.seal_code)
        return attest(self, statement)

    monkeypatch.setattr(Authority, "attest", counted)
    return codes


def test_it_is_signed_once_and_again_when_the_registry_has_an_entry_more(
    holder: Callable[..., Applicant], signed: list[str]
) -> None:
    person, other = holder(), holder()
    code = person.enrol()["seal_code"]
    where = f"{person.url}/v1/seals/{code}/status"

    def look() -> dict[str, Any]:
        body: dict[str, Any] = httpx.get(where).json()
        return body

    first = look()
    assert first == look() == look()
    assert signed == [code]
    path = f"/v1/seals/{person.seal_id}"
    assert person.call("POST", f"{path}/suspend", {"reason": "holder_request"}).status_code == 200
    assert look()["state"] == "suspended"
    other.enrol()  # somebody else's entry costs one signature, and changes nothing
    assert look()["state"] == "suspended"
    assert person.call("POST", f"{path}/resume", {}).status_code == 200
    assert look()["state"] == "active"
    assert httpx.get(f"{person.url}/v1/seals/00000000000000/status").status_code == 404


def test_half_of_its_time_is_left_to_whoever_asks(
    open_settings: Callable[..., Settings],
    holder: Callable[..., Applicant],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with start_in_thread(open_settings(auto_review=True, status_seconds=3600)) as server:
        code = holder(url=server.url).enrol()["seal_code"]
        where, real = f"{server.url}/v1/seals/{code}/status", canonical.now
        first = httpx.get(where).json()
        for minutes, same in ((29, True), (31, False)):
            later = timedelta(minutes=minutes) // timedelta(microseconds=1)
            monkeypatch.setattr(canonical, "now", lambda later=later: real() + later)
            again = httpx.get(where).json()
            assert (again == first) == same
            said = SignedStatement.parse(base64.b64decode(again["token"])).statement
            left = said.next_update - (datetime.now(UTC) + timedelta(minutes=minutes))
            assert left > timedelta(minutes=29)
