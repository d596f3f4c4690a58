"""Whatever is put into a path, a query, a header or a body, the answer is no error of ours."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto.algorithms import gm
from server_stub.web.serving import RunningServer
from tests.world.applicant import Applicant, citizen_number
from tests.world.objections import SECRET, statement
from tests.world.staff import employ
from tests.world.thoroughness import Turns

IN_ADDRESSES = [
    *("a%00b", "%ff", "%ed%a0%80", "%25", "%2e%2e%2f", "a" * 3000, "%F0%9F%98%80", "-1", "0"),
    *(str(2**63 - 1), str(2**63), str(-(2**63) - 1), "9" * 3000, "1e400", "%D9%A3", "'"),
    "%0d%0aX-Evil:%201",
]
"""Percent-encoded, for paths and queries."""
TEXTS = ["a\0b", "x\ud800", "\u202e", "", "x" * 9000, "\r\n"]
VALUES: list[Any] = [
    *TEXTS,
    *(None, True, 2**63, -(2**63) - 1, 10**4000, 1.5, [], {"\0": 1}),
]
BODIES = [
    *(b"", b"\0", b"\xff\xfe", b"[", b"{}", b"[]", b"null", b"7", b'"x"', b"NaN", b"[NaN]"),
    *(b'{"a":' * 50_000, b"[" * 100_000 + b"]" * 100_000, b"9" * 10_000, b"1e999999"),
    *(b'{"\\ud800": 1}', b'{"\\u0000": 1}', b'{"id": "\\ud800"}', b"\xef\xbb\xbf{}"),
    '{"id": "\ud800"}'.encode("utf-8", "surrogatepass"),
]


@pytest.fixture(scope="module")
def people(server: RunningServer, enrolled: Applicant) -> Iterator[dict[str, Applicant]]:
    """Somebody for each role."""
    applicant = Applicant(server.url)
    assert applicant.draft().status_code == 201
    applicant.sign_in(application_id=applicant.application_id)
    staff = {role: employ(server, role) for role in ("reviewer", "auditor")}
    yield {"holder": enrolled, "applicant": applicant, **staff}
    for each in (applicant, *staff.values()):
        each.http.close()


def who_may(path: str, method: str, people: dict[str, Applicant]) -> list[Applicant]:
    """Whose requests get furthest."""
    if path.startswith("/audit"):
        return [people["auditor"]]
    if path.startswith("/v1/losses"):
        return [people["reviewer"]]
    if path.endswith(("/claim", "/return", "/reject", "/approve")) or path.startswith(
        "/v1/reviews"
    ):
        return [people["reviewer"]]
    if path.startswith("/v1/applications"):
        return [people["applicant"], people["reviewer"]]
    return [people["holder"]]


def sound(answer: httpx.Response) -> None:
    """No error of ours, and a refusal says what it is."""
    assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text}"
    if answer.status_code >= 400 and answer.headers["content-type"].startswith("application/"):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"]


def send(person: Applicant, method: str, path: str, content: bytes | None = None) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
    if person.token and path != "/v1/sessions/current":
        headers["Authorization"] = f"Bearer {person.token}"
    sound(person.http.request(method, path, content=content, headers=headers))


OF_PHONES = (
    *(("get", "/m/p/{identity}"), ("post", "/m/p/{identity}/answer")),
    *(("get", "/m/p/{identity}/state"), ("get", "/m/l/{identity}"), ("get", "/m/{identity}.js")),
    *(("post", "/m/l/{identity}/begin"), ("post", "/m/l/{identity}/report")),
)
"""What a phone's browser asks for: in no description of the interface."""
PASSKEY = ("client_data", "authenticator_data")
WRAPPED = {"certificate_sn": "ab", "kind": "sm2", "key_id": "ab" * 32, "wrapped": "AAAA"}


Operation = tuple[str, str, dict[str, Any]]


def operations(server: RunningServer) -> list[Operation]:
    paths = httpx.get(f"{server.url}/v1/openapi.json").json()["paths"]
    known = [(method, path, op) for path, ops in paths.items() for method, op in ops.items()]
    for method, path in OF_PHONES:
        named = {"parameters": [{"name": "identity", "in": "path"}]}
        known.append((method, path, named | ({"requestBody": {}} if method == "post" else {})))
    return known


@pytest.mark.slow
def test_in_paths_and_queries(server: RunningServer, people: dict[str, Applicant]) -> None:
    tried = 0
    for method, path, operation in operations(server):
        known = operation.get("parameters", [])
        in_path = [each["name"] for each in known if each["in"] == "path"]
        in_query = [each["name"] for each in known if each["in"] == "query"]
        for person in who_may(path, method, people):
            for value in IN_ADDRESSES:
                if in_path:
                    filled = path
                    for name in in_path:
                        filled = filled.replace(f"{{{name}}}", value)
                    send(person, method, filled)
                    tried += 1
                for name in in_query:
                    rest = "".join(f"&{other}=1" for other in in_query if other != name)
                    plain = path
                    for inner in in_path:
                        plain = plain.replace(f"{{{inner}}}", "x")
                    send(person, method, f"{plain}?{name}={value}{rest}")
                    tried += 1
    assert tried > 500


APPOINTING = {"certificate": "MAA=", "at": "2026-11-30T00:00:00Z", "signature": "AAAA"}


def valid(people: dict[str, Applicant]) -> dict[str, Any]:
    """A body that would be accepted, or nearly, for each route that takes JSON."""
    holder = people["holder"]
    usage = {
        "type": "usage-v1",
        "seal_id": holder.seal_id,
        "document_sm3": "ab" * 32,
        "at": datetime.now(UTC).isoformat(),
    }
    code = holder.call("GET", f"/v1/seals/{holder.seal_id}").json()["seal_code"]
    text = json.dumps(usage)
    findings = dict.fromkeys(("lawful", "complete", "authentic", "reasonable"), True)
    application = people["applicant"].body()
    signed = {"at": "2026-11-30T08:00:00Z", "signature": "AAAA"}
    return {
        "/v1/applications": application,
        "/v1/applications/{identity}": application,
        "/v1/notices": {
            "sender": "police",
            "number": "N",
            "action": "resume",
            "object": code,
            "reason": "lost",
            "effective_at": "2026-11-30T08:00:00Z",
            "signature": "AAAA",
        },
        "/audit/proofs": {"size": 5, "indices": [1, 2]},
        "/audit/cosignatures": {"size": 5, "root": "ab" * 32, "at": "x", "signature": "AAAA"},
        "/v1/applications/{identity}/submit": {"signature": "AAAA"},
        "/v1/applications/{identity}/withdraw": {},
        "/v1/applications/{identity}/unlock": {},
        "/v1/applications/{identity}/claim": {},
        "/v1/applications/{identity}/return": {"reason": "x"},
        "/v1/applications/{identity}/reject": {"reason": "x"},
        "/v1/applications/{identity}/approve": findings,
        "/v1/challenges": {"application_id": people["applicant"].application_id},
        "/v1/sessions": {"challenge_id": "x", "signature": "AAAA"},
        "/v1/seals/{identity}/collection": {"signature": "AAAA"},
        "/v1/seals/{identity}/suspend": {"reason": "no such reason"},
        "/v1/seals/{identity}/resume": {},
        "/v1/tickets": {"seal_id": holder.seal_id, "document_sm3": "ab" * 32},
        "/v1/usage-records": {"records": [{"id": gm.sm3(text.encode()).hex(), "record": text}]},
        "/v1/appointments": {
            **APPOINTING,
            "uscc": holder.uscc,
            "role": "keeper",
            "about": code,
            "person": {"name": "赵敏", "id_no": citizen_number()},
        },
        "/v1/appointments/query": {**APPOINTING, "uscc": holder.uscc},
        "/v1/appointments/{identity}/end": {**APPOINTING, "uscc": holder.uscc},
        "/v1/representatives/seals/{code}/suspend": {
            **APPOINTING,
            "uscc": holder.uscc,
            "reason": "lost",
        },
        "/v1/representatives/seals/{code}/resume": {**APPOINTING, "uscc": holder.uscc},
        "/v1/grants": {"seal_id": holder.seal_id, "terms": "AAAA", **signed},
        "/v1/grant-offers": {"key": "ABCD-EFGH"},
        "/v1/grant-acceptances": {
            "key": "ABCD-EFGH",
            "newcomer": {"name": "赵敏", "id_no": citizen_number(), "certificate_request": "AAAA"},
            **signed,
        },
        "/v1/grants/{identity}/withdrawal": {"reason": "x", **signed},
        "/v1/leases": {
            "seal_id": holder.seal_id,
            "kind": "合同",
            "counterparty": "甲公司",
            "spent": {"lease": "lease_x", "uses": [1]},
        },
        "/v1/refreshed-sessions": {"token": "x" * 43},
        "/v1/losses": {"seal_code": code, "caller": "x", "shown": "y", **signed},
        "/v1/losses/{identity}/confirm": {"reason": "x", **signed},
        "/v1/losses/{identity}/refuse": {"reason": "x", **signed},
        "/v1/seals/{identity}/use-policy": {"terms": "AAAA", **signed},
        "/v1/approver-keys": {"token": "AAAA"},
        "/v1/use-requests": {
            "seal_id": holder.seal_id,
            "token": "AAAA",
            "pages": 1,
            "keys": [WRAPPED],
        },
        "/v1/use-requests/{identity}/keys": {"keys": [WRAPPED]},
        "/v1/use-requests/{identity}/decision": {"token": "AAAA"},
        "/v1/use-requests/{identity}/withdrawal": {"reason": "x", **signed},
        "/v1/phone-pairings": {},
        "/v1/phones": {"pairing": "pairing_x", "text": "AAAA", "signature": "AAAA"},
        "/v1/phones/{identity}/revocation": {"reason": "x", **signed},
        "/m/p/{identity}/answer": dict.fromkeys(("proof", "mac", *PASSKEY), "AAAA"),
        "/m/l/{identity}/begin": {},
        "/m/l/{identity}/report": dict.fromkeys(("text", "signature", *PASSKEY), "AAAA"),
        "/v1/disputes": {
            "statement": statement(code),
            "secret_sm3": gm.sm3(SECRET.encode()).hex(),
        },
    }


def leaves(body: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = body.items() if isinstance(body, dict) else enumerate(body)
    for key, value in items:
        yield (*place, key)
        if isinstance(value, (dict, list)):
            yield from leaves(value, (*place, key))


def put(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


PARTS = 4
"""Of the routes that take a body: a busy machine has its time for each."""


@pytest.mark.parametrize("part", range(PARTS))
def test_in_bodies(server: RunningServer, people: dict[str, Applicant], part: int) -> None:
    known = valid(people)
    taking = [each for each in operations(server) if "requestBody" in each[2]]
    assert {path for _, path, _ in taking} == set(known), "a route is missing here"
    bodies, values = Turns(BODIES, 3), Turns(VALUES, 3)
    for method, path, _ in taking[part::PARTS]:
        for person in who_may(path, method, people):
            identity = person.application_id if "applications" in path else person.seal_id
            where = path.replace("{identity}", identity or "x")
            for content in bodies.take():
                send(person, method, where, content)
            for place in leaves(known[path]):
                for value in values.take():
                    body = json.dumps(put(known[path], place, value)).encode()
                    send(person, method, where, body)
    assert bodies.gone_through
    assert values.gone_through


def test_in_the_text_of_a_usage_record_and_of_a_dispute(
    server: RunningServer, people: dict[str, Applicant]
) -> None:
    holder = people["holder"]
    usage = {
        "type": "usage-v1",
        "seal_id": holder.seal_id,
        "document_sm3": "ab" * 32,
        "at": datetime.now(UTC).isoformat(),
    }
    said = json.loads(statement("32130000000001"))
    values = Turns(VALUES, 4)
    for path, inner in (("/v1/usage-records", usage), ("/v1/disputes", said)):
        texts = [json.dumps(put(inner, place, v)) for place in leaves(inner) for v in values.take()]
        texts += [body.decode("utf-8", "replace")[:8000] for body in BODIES]
        for text in texts:
            try:
                digest = gm.sm3(text.encode()).hex()
            except UnicodeEncodeError:
                digest = "00" * 32
            if path == "/v1/disputes":
                body: dict[str, Any] = {"statement": text, "secret_sm3": "ab" * 32}
            else:
                body = {"records": [{"id": digest, "record": text}]}
            send(holder, "POST", path, json.dumps(body).encode())


HEADERS = [b"\xff", b"x" * 5000, b"a\tb", b"a" * 16, "中".encode(), b"Bearer \xff\xfe", b"Bearer"]


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Idempotency-Key", "Dispute-Secret", "Accept-Language"),
        *("X-Request-Id", "X-Forwarded-For", "Content-Type", "Accept-Encoding"),
    ],
)
def test_in_headers(server: RunningServer, people: dict[str, Applicant], name: str) -> None:
    body = json.dumps(people["applicant"].body()).encode()
    for value in HEADERS:
        for method, path in (
            *(("GET", "/v1/seals"), ("POST", "/v1/applications"), ("GET", "/")),
            *(("GET", "/v1/disputes/dsp_x"), ("POST", "/v1/verifications"), ("POST", "/verify")),
            *(("GET", "/registry/tile/entries/000.p/1"), ("POST", "/tsa"), ("GET", "/verify")),
        ):
            content = body if method == "POST" else None
            headers = {name.encode(): value}
            sound(people["applicant"].http.request(method, path, content=content, headers=headers))


ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def taking(
    server: RunningServer, people: dict[str, Applicant]
) -> list[tuple[Operation, dict[str, Any]]]:
    """What takes a body, and one that would do, or nearly."""
    known = valid(people)
    return [(each, known[each[1]]) for each in operations(server) if "requestBody" in each[2]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_else_comes_as_json(
    people: dict[str, Applicant],
    taking: list[tuple[Operation, dict[str, Any]]],
    data: st.DataObject,
) -> None:
    (method, path, _), known = data.draw(st.sampled_from(taking))
    places = list(leaves(known))
    value = data.draw(ANY_JSON)
    body = put(known, data.draw(st.sampled_from(places)), value) if places else value
    person = data.draw(st.sampled_from(who_may(path, method, people)))
    identity = person.application_id if "applications" in path else person.seal_id
    where = path.replace("{identity}", quote(identity or "x"))
    send(person, method, where, json.dumps(body).encode())


def test_the_platform_still_works(holder: Callable[..., Applicant]) -> None:
    assert holder().enrol()["state"] == "active"
