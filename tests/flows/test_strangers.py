"""Whoever receives a sealed file: a computer that knows nothing, and what it takes to say 有效."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from crypto.algorithms.keys import SoftKey
from crypto.pki.certificate import Certificate
from crypto.pki.certificate_making import make_certificate
from crypto.validation.trust_list import TrustList, sign_list
from server_stub.__main__ import main as server_main
from server_stub.web.serving import RunningServer, start_in_thread
from tests.flows.conftest import COMPANY
from tests.world.anchors import policy, trust_list
from tests.world.applicant import credit_code
from tests.world.authority import make_root
from tests.world.clerk import Clerk, enrolled
from tests.world.platforms import platform_settings
from tests.world.waiting import next_second


@pytest.mark.parametrize("profile", ["ses", "ses-adobe", "cms"])
def test_a_stranger_who_trusts_the_root_only_gets_valid_offline(
    clerk: Clerk, stranger: Clerk, contract: Path, tmp_path: Path, root_pem: Path, profile: str
) -> None:
    output = tmp_path / "sealed.pdf"
    where = ("--seal", clerk.seal, "--at", "1:150,240", "--profile", profile)
    answer = clerk("stamp", contract, "-o", output, *where)
    assert answer.code == 0, answer.err
    looked = stranger("verify", output, "--offline", "--json", "--trust", root_pem)
    assert (looked.code, looked.json["verdict"]) == (0, "VALID"), looked.out
    alone = stranger("verify", output, "--offline", "--json")
    assert alone.json["verdict"] == "UNKNOWN", "nothing is trusted because a file says so"


# --- the ways to anchors -----------------------------------------------------------------------


def root_sm3(city: RunningServer) -> str:
    return Certificate.parse(city.platform.authority.certificate("root")).fingerprint.hex()


def verdict(someone: Clerk, path: Path, *options: str | Path, **settings: str) -> str:
    answer = someone("verify", path, "--json", *options, **settings)
    assert answer.out, answer.err
    return str(answer.json["verdict"])


def test_with_nothing_it_is_unknown_and_says_what_to_do(stranger: Clerk, stamped: Path) -> None:
    for options in ((), ("--offline",)):
        assert verdict(stranger, stamped, *options) == "UNKNOWN"
    said = stranger("verify", stamped, "--offline").out
    for line in ("谁颁发: 还缺依据", "印章状态: 还缺依据", "证书是否吊销: 还缺依据", "时间: "):
        assert line in said
    assert said.count("sealdesk trust platform") == 1, "the one thing to do is told once"
    assert "签发机构还没有确认，这一项没有核对。" in said
    assert "请核对并信任签发它的平台" in said
    [signature, *_] = stranger("verify", stamped, "--json", "--offline").json["signatures"]
    assert [each["action"] for each in signature["proofs"]] == ["trust_platform"] * 4


def test_a_root_added_for_makers_is_enough_and_for_signers_alone_it_is_not(
    stranger: Clerk, stamped: Path, root_pem: Path
) -> None:
    added = stranger("trust", "add", root_pem, "--yes")
    assert added.code == 0
    assert "--for makers" in added.out, "why its seals are still not confirmed"
    listed = stranger("trust", "list").out
    assert "签章者" in listed
    assert "制章者" not in listed, "makers only when chosen"
    assert verdict(stranger, stamped, "--offline") == "UNKNOWN"
    assert stranger("trust", "add", root_pem, "--yes", "--for", "makers").code == 0
    assert verdict(stranger, stamped, "--offline") == "VALID"


def test_a_platform_is_trusted_by_its_fingerprint_for_one_company(
    city: RunningServer,
    stranger: Clerk,
    stamped: Path,
    other_clerk: Clerk,
    contract: Path,
    tmp_path: Path,
) -> None:
    wrong = "0" * 64
    refused = stranger("trust", "platform", stamped, "--root-sm3", wrong)
    assert refused.code != 0
    assert root_sm3(city) not in refused.out + refused.err, "the fingerprint is never shown"
    assert "它的根证书与您给出的 SM3 不符" in refused.err
    nobody = stranger("trust", "platform", "http://127.0.0.1:9", "--root-sm3", wrong)
    assert "连接不到平台" in nobody.err
    assert stranger("trust", "platform", stamped, "--root-sm3", wrong[:16]).code == 64
    assert verdict(stranger, stamped, "--offline") == "UNKNOWN"

    done = stranger("trust", "platform", stamped, "--root-sm3", root_sm3(city).upper())
    assert done.code == 0, done.err
    assert f"仅限 {COMPANY}" in done.out, "without the credit code"
    assert verdict(stranger, stamped, "--offline") == "VALID"
    others = tmp_path / "others.pdf"
    where = ("--seal", other_clerk.seal, "--at", "1:150,240")
    assert other_clerk("stamp", contract, "-o", others, *where).code == 0
    assert verdict(stranger, others, "--offline") == "UNKNOWN", "only this company's seals"
    [entry] = stranger.journal()
    assert entry["event"] == "platform-trusted"
    assert entry["root_sm3"] == root_sm3(city)

    whole = ("--root-sm3", root_sm3(city))
    assert stranger("trust", "platform", city.url, *whole).code == 0
    assert verdict(stranger, others, "--offline") == "VALID"
    assert stranger("trust", "remove", root_sm3(city)[:16]).code == 0
    assert verdict(stranger, stamped, "--offline") == "UNKNOWN"


@pytest.mark.wants("posix")  # Windows has its registry
def test_the_administrators_platform_counts_after_the_first_connection(
    city: RunningServer, stranger: Clerk, stamped: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    policy(tmp_path, monkeypatch, platform_url=city.url, allow_own_trust=False)
    first = stranger("verify", stamped, "--json", "--offline")
    assert first.json["verdict"] == "UNKNOWN"
    assert "E-608" in first.err, "connecting once is enough"
    assert city.url in first.err
    answer = stranger("verify", stamped, "--json")
    assert (answer.json["verdict"], answer.err) == ("VALID", "")
    assert "E-608" not in stranger("verify", stamped, "--offline").err
    assert verdict(stranger, stamped, "--offline") == "VALID"
    assert [each["by"] for each in stranger.journal()] == ["policy"]
    refused = stranger("trust", "platform", stamped, "--root-sm3", root_sm3(city))
    assert refused.code != 0
    assert city.url in refused.out, "a text for the administrator"


@pytest.mark.wants("posix")  # Windows has its registry
def test_the_administrators_root_must_be_the_platforms(
    city: RunningServer, stranger: Clerk, stamped: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    policy(tmp_path, monkeypatch, platform_url=city.url, platform_root="1" * 64)
    answer = stranger("verify", stamped, "--json")
    assert answer.json["verdict"] == "UNKNOWN"
    assert "E-504" in answer.err


def test_an_address_that_a_user_typed_in_is_not_enough(
    city: RunningServer, stranger: Clerk, stamped: Path
) -> None:
    assert verdict(stranger, stamped, PLATFORM_URL=city.url) == "UNKNOWN"
    assert stranger.journal() == []


def test_a_trust_list_is_followed_and_never_rolled_back(
    city: RunningServer, stranger: Clerk, stamped: Path, tmp_path: Path
) -> None:
    first = trust_list(city, tmp_path / "operator").read_bytes()
    here = tmp_path / "list.stl"
    here.write_bytes(first)
    signer = TrustList.parse(first).certificate.fingerprint.hex()
    settings = {"TRUST_LIST": str(here), "TRUST_LIST_SIGNER": signer}
    assert verdict(stranger, stamped, "--offline", **settings) == "VALID"
    assert "江苏省" in stranger("trust", "list", **settings).out
    other = {**settings, "TRUST_LIST_SIGNER": "2" * 64}
    assert "E-607" in stranger("verify", stamped, "--offline", **other).err

    second = trust_list(city, tmp_path / "operator", "--withdraw", "平台").read_bytes()
    here.write_bytes(second)
    assert verdict(stranger, stamped, "--offline", **settings) == "UNKNOWN"
    here.write_bytes(first)  # somebody would like the old list back
    answer = stranger("verify", stamped, "--offline", "--json", **settings)
    assert answer.json["verdict"] == "UNKNOWN"
    assert "E-607" in answer.err


def test_a_trust_list_is_fetched_once_a_day_and_kept(
    city: RunningServer, stranger: Clerk, stamped: Path, tmp_path: Path
) -> None:
    token = trust_list(city, tmp_path / "operator").read_bytes()
    asked: list[str] = []

    class Lists(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(token)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Lists)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    signer = TrustList.parse(token).certificate.fingerprint.hex()
    url = f"http://127.0.0.1:{server.server_port}/list.stl"
    settings = {"TRUST_LIST": url, "TRUST_LIST_SIGNER": signer}
    try:
        assert verdict(stranger, stamped, "--offline", **settings) == "UNKNOWN"
        assert verdict(stranger, stamped, **settings) == "VALID"
        assert verdict(stranger, stamped, **settings) == "VALID"
        assert asked == ["/list.stl"], "once a day"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert verdict(stranger, stamped, "--offline", **settings) == "VALID", "it is kept"


def test_an_expired_trust_list_counts_for_nothing(
    city: RunningServer, stranger: Clerk, stamped: Path, tmp_path: Path
) -> None:
    operator = make_root("信任列表").key_for("签发")
    root = base64.b64encode(city.platform.authority.certificate("root")).decode()
    now = datetime.now(UTC)
    platform = {
        **{"name": "平台", "region": "", "state": "granted", "until": None, "origins": []},
        **{"since": (now - timedelta(days=9)).isoformat(), "roots": [root], "makers": [root]},
    }

    def listed(sequence: int, days: int) -> bytes:
        fields = {
            **{"type": "trust-list-v1", "operator": "甲", "sequence": sequence},
            **{"issued_at": now.isoformat(), "platforms": [platform]},
            "next_update": (now + timedelta(days=days)).isoformat(),
        }
        return sign_list(json.dumps(fields).encode(), operator)

    here = tmp_path / "list.stl"
    signer = Certificate.parse(operator.certificate).fingerprint.hex()
    settings = {"TRUST_LIST": str(here), "TRUST_LIST_SIGNER": signer}
    here.write_bytes(listed(1, 1))
    assert verdict(stranger, stamped, "--offline", **settings) == "VALID"
    here.write_bytes(listed(2, -1))
    assert verdict(stranger, stamped, "--offline", **settings) == "UNKNOWN"


def test_a_file_that_was_sealed_offline_says_so_and_the_network_adds_the_rest(
    clerk: Clerk, stranger: Clerk, contract: Path, tmp_path: Path, root_pem: Path
) -> None:
    output = tmp_path / "offline.pdf"
    where = ("--seal", clerk.seal, "--at", "1:150,240", "--offline")
    assert clerk("stamp", contract, "-o", output, *where).code == 0
    trusting = ("--trust", root_pem)
    answer = stranger("verify", output, "--offline", "--json", *trusting)
    assert answer.json["verdict"] == "UNKNOWN"
    [signature] = answer.json["signatures"]
    assert "sealed_offline" in {each["code"] for each in signature["findings"]}
    states = {each["what"]: each["state"] for each in signature["proofs"]}
    assert states == {
        **{"issuer": "proved", "status": "missing"},
        **{"revocation": "missing", "time": "missing"},
    }


def test_the_state_of_a_listed_platforms_seal_is_asked_there(
    city: RunningServer, clerk: Clerk, stranger: Clerk, contract: Path, tmp_path: Path
) -> None:
    """A desk without any platform: the trust list says where the state of such seals is told."""
    output = tmp_path / "offline.pdf"
    where = ("--seal", clerk.seal, "--at", "1:150,240", "--offline")
    assert clerk("stamp", contract, "-o", output, *where).code == 0
    here = trust_list(city, tmp_path / "operator")
    signer = TrustList.parse(here.read_bytes()).certificate.fingerprint.hex()
    settings = {"TRUST_LIST": str(here), "TRUST_LIST_SIGNER": signer}
    assert verdict(stranger, output, "--offline", **settings) == "UNKNOWN"
    for options in ((), ("--jobs", "1")):
        answer = stranger("verify", output, "--json", *options, **settings)
        told = answer.json if not options else answer.json[0]
        [signature] = told["signatures"]
        assert {"status_active", "signer_not_revoked"} <= {f["code"] for f in signature["findings"]}
        assert told["verdict"] == "VALID"


def test_a_wrong_root_under_the_same_name_is_not_the_platform(
    city: RunningServer, stranger: Clerk, stamped: Path, tmp_path: Path
) -> None:
    true = Certificate.parse(city.platform.authority.certificate("root"))
    key = SoftKey.generate()
    forged = make_certificate(
        subject=true.subject,
        public_key=key.spki,
        issuer=true.subject,
        issuer_key=key,
        authority_spki=key.spki,
        serial=true.serial,
        not_before=true.not_before,
        not_after=true.not_after,
        key_usage=("keyCertSign", "cRLSign"),
        ca=True,
    )
    path = tmp_path / "forged.crt"
    path.write_bytes(forged)
    assert verdict(stranger, stamped, "--offline", "--trust", path) == "UNKNOWN"


def test_a_seal_suspended_since_keeps_what_was_sealed_before(
    city: RunningServer, tmp_path: Path, contract: Path, stranger: Clerk, root_pem: Path
) -> None:
    """Offline the ticket proves what it proved; online the platform tells of the suspension."""
    made = enrolled(tmp_path / "company", city.url, credit_code(), "宿迁市停用印章有限公司").clerk
    before, after = tmp_path / "before.pdf", tmp_path / "after.pdf"
    where = ("--seal", made.seal, "--at", "1:150,240")
    assert made("stamp", contract, "-o", before, *where).code == 0
    next_second()
    folder = str(city.platform.settings.directory)
    stopped = ("seal", "suspend", made.seal, "--reason", "lost", "--dir", folder)
    assert server_main(list(stopped)) == 0
    assert made("stamp", contract, "-o", after, *where, "--offline").code == 0
    trusting = ("--trust", root_pem)
    assert verdict(stranger, before, "--offline", *trusting) == "VALID"
    assert verdict(stranger, after, "--offline", *trusting) == "UNKNOWN"
    url = {"PLATFORM_URL": city.url}
    assert verdict(stranger, before, *trusting, **url) == "VALID"
    assert verdict(stranger, after, *trusting, **url) in ("INVALID", "UNKNOWN")
    asked = stranger("verify", before, "--fetch", *trusting)
    assert asked.code == 0
    assert "印章在签章之后才停用" in asked.out, "who asks is told what happened since"


# --- fetching ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def public_city(
    tmp_path_factory: pytest.TempPathFactory, light_font: Path
) -> Iterator[RunningServer]:
    """A platform whose certificates say where it is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = platform_settings(
        tmp_path_factory.mktemp("public-city"),
        port=port,
        public_url=f"http://127.0.0.1:{port}",
        imprint_font=light_font,
    )
    with start_in_thread(settings) as running:
        yield running


def test_what_an_earlier_version_left_out_is_fetched_when_asked_for(
    public_city: RunningServer,
    stranger: Clerk,
    contract: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No chain and no ticket in the file: the root, and the addresses in the certificates."""
    made = enrolled(
        tmp_path / "company", public_city.url, credit_code(), "宿迁市旧版有限公司"
    ).clerk
    old, offline = tmp_path / "old.pdf", tmp_path / "offline.pdf"
    where = ("--seal", made.seal, "--at", "1:150,240")
    monkeypatch.setattr("app.stamping.chain_certificates", lambda *_: ())
    assert made("stamp", contract, "-o", old, *where).code == 0
    assert made("stamp", contract, "-o", offline, *where, "--offline").code == 0
    root = tmp_path / "root.crt"
    root.write_bytes(public_city.platform.authority.certificate("root"))
    for path in (old, offline):
        assert verdict(stranger, path, "--trust", root) == "UNKNOWN"
        assert verdict(stranger, path, "--fetch", "--trust", root) == "VALID"
        assert verdict(stranger, path, "--fetch") == "UNKNOWN", "what is fetched is no anchor"
    many = stranger("verify", old, offline, "--fetch", "--json", "--trust", root)
    assert [each["verdict"] for each in many.json] == ["VALID", "VALID"]
    assert stranger("verify", old, "--fetch", "--offline").code == 64
