"""The role × verb table, the request limiter, and what the log leaves out."""

import json
from collections.abc import Callable
from itertools import combinations

import httpx
import pytest

from server_stub.policy import INCOMPATIBLE, VERBS, Actor, Forbidden, NotFound, Owner, allow
from server_stub.records.canonical import canonical, parse_timestamp, timestamp
from server_stub.records.logbook import configure, logbook, redact
from server_stub.settings import Settings
from server_stub.web import handling
from server_stub.web.app import Limiter
from server_stub.web.serving import start_in_thread

ROLES = sorted({role for roles in VERBS.values() for role in roles})


def actor(*roles: str, enterprise: str | None = "e1", application: str | None = None) -> Actor:
    return Actor("holder", "x", frozenset(roles), enterprise, None, application)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_says_in_its_own_enterprise_and_nothing_else(
    role: str, verb: str
) -> None:
    owner = Owner("e1")
    if role in ("reviewer", "auditor", "operator"):
        who = actor(role, enterprise=None)
    elif role == "owner":
        who, owner = Actor("holder", "x", frozenset({role}), None, "p1"), Owner(None, "p1")
    elif role == "applicant":
        who = actor(role, enterprise=None, application="a1")
    else:
        who = actor(role)
    if role in VERBS[verb]:
        allow(who, verb, owner, application_id="a1")
    else:
        with pytest.raises(Forbidden):
            allow(who, verb, owner, application_id="a1")
    if role not in ("reviewer", "auditor", "operator"):
        for other in (Owner("e2"), Owner(None, "p2"), Owner()):
            with pytest.raises(NotFound):
                allow(who, verb, other, application_id="a2")


def test_nobody_holds_roles_that_must_be_apart() -> None:
    for first, second in combinations(ROLES, 2):
        apart = {first, second} in map(set, INCOMPATIBLE)
        if apart:
            for verb in VERBS:
                with pytest.raises(Forbidden):
                    allow(actor(first, second), verb, Owner("e1"))
    assert frozenset({"reviewer", "auditor"}) in INCOMPATIBLE
    assert frozenset({"reviewer", "handler"}) in INCOMPATIBLE


def test_without_roles_everything_is_closed() -> None:
    for verb in VERBS:
        with pytest.raises((Forbidden, NotFound)):
            allow(actor(), verb, Owner("e1"))


def test_an_unknown_verb_is_a_mistake_of_ours_and_never_a_permission() -> None:
    with pytest.raises(KeyError):
        allow(actor("legal_rep"), "seal.fly", Owner("e1"))


def test_what_belongs_to_nobody_is_nobodys() -> None:
    nobody = Actor("holder", "x", frozenset({"owner"}))
    for verb in VERBS:
        with pytest.raises(NotFound):
            allow(nobody, verb, Owner())
        with pytest.raises(NotFound):
            allow(nobody, verb, nobody.owner)


def test_a_persons_own_is_not_the_enterprises_of_the_same_person_and_the_other_way() -> None:
    employee = Actor("holder", "x", frozenset({"legal_rep", "keeper"}), "e1", "p1")
    oneself = Actor("holder", "x", frozenset({"owner"}), None, "p1")
    for who, other in ((employee, Owner(None, "p1")), (oneself, Owner("e1"))):
        for verb in VERBS:
            with pytest.raises(NotFound):
                allow(who, verb, other)


def test_the_limiter_lets_a_burst_pass_and_then_the_average() -> None:
    now = 100.0
    limiter = Limiter(60, clock=lambda: now)  # one a second, fifteen at once
    passed = sum(limiter.admits("a") for _ in range(50))
    assert passed == 16
    assert limiter.admits("b")
    now += 5
    assert sum(limiter.admits("a") for _ in range(50)) == 5
    now += 3600
    assert limiter.admits("a")


def test_the_log_never_says_secrets() -> None:
    said = redact(None, "info", {"event": "x", "PIN": "123456", "more": {"token": "t", "n": 1}})
    assert said == {"event": "x", "PIN": "[redacted]", "more": {"token": "[redacted]", "n": 1}}


def test_log_lines_are_json_on_stderr_from_the_chosen_level_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure("warning")
    logbook().info("unheard", token="t")
    logbook().warning("heard", token="t", path="/v1/印章")
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = map(json.loads, said.err.splitlines())
    assert (line["event"], line["path"], line["token"]) == ("heard", "/v1/印章", "[redacted]")


def test_canonical_bytes_are_one_form_only() -> None:
    assert canonical({"b": 1, "a": "印"}) == '{"a":"印","b":1}'.encode()
    for refused in ({"x": 1.5}, {"x": [{"y": 0.1}]}, {"x": {1: 2}}):
        with pytest.raises(ValueError, match=r"float|keys"):
            canonical(refused)


def test_times_go_there_and_back() -> None:
    for value in (0, 1, 1_795_474_563_123_456):
        assert parse_timestamp(timestamp(value)) == value
    assert parse_timestamp("2026-11-23T22:00:00+08:00") == parse_timestamp("2026-11-23T14:00:00Z")
    with pytest.raises(ValueError, match="zone"):
        parse_timestamp("2026-11-23T14:00:00")


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),  # a stranger's word
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # what the stranger put first
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),  # two proxies of ours
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),  # somebody inside
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("fd00::1", "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("unix", "198.51.100.7", "unix"),
    ],
)
def test_who_is_counted_behind_a_proxy_that_is_trusted(
    peer: str, forwarded: str, caller: str
) -> None:
    settings = Settings(trusted_proxies=("10.0.0.0/8", "fd00::/8"))
    assert handling.counted_as(peer, forwarded, settings.trusted_proxies) == caller


def test_without_trusted_proxies_nobodys_word_about_addresses_counts() -> None:
    assert handling.counted_as("10.0.0.1", "198.51.100.7", Settings().trusted_proxies) == "10.0.0.1"


def test_behind_a_proxy_each_caller_has_a_limit_of_its_own(
    open_settings: Callable[..., Settings],
) -> None:
    def status(url: str, caller: str) -> int:
        path = f"{url}/v1/seals/00000000000000/status"
        return httpx.get(path, headers={"X-Forwarded-For": caller}).status_code

    few = {"requests_per_minute": 1}
    with start_in_thread(open_settings(**few, trusted_proxies=("127.0.0.1",))) as server:
        assert [status(server.url, "198.51.100.7") for _ in range(12)][-1] == 429
        assert status(server.url, "198.51.100.8") == 404
        assert [status(server.url, f"2001:db8::{n}") for n in range(1, 13)][-1] == 429
    with start_in_thread(open_settings(**few)) as server:
        assert [status(server.url, f"198.51.100.{n}") for n in range(12)][-1] == 429
