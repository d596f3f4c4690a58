"""National and international readers of one document: keys on two smart keys, one command."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device.token import Token
from server_stub.web.serving import RunningServer
from tests.device.conftest import certify, soft_token, softhsm
from tests.device.ukey_bench import SOFTHSM, USER_PIN
from tests.world.clerk import Clerk

__all__ = ["certify", "soft_token", "softhsm"]  # fixtures: SoftHSM holds the RSA and P-256 keys


@pytest.fixture(params=["rsa", "ec-p256"])
def signer(
    request: pytest.FixtureRequest, soft_token: Token, certify: Callable[[bytes, str], bytes]
) -> str:
    """A key for abroad with a certificate on its own token; the certificate's name."""
    name = f"signer {request.param} {id(request)}"
    with soft_token.login(USER_PIN) as session:
        key = session.generate_key(request.param, "abroad")
        session.store_certificate(certify(key.public_key, name), name, key.key_id)
    return name


@pytest.fixture
def abroad(clerk: Clerk, signer: str, tmp_path: Path) -> Callable[..., Any]:
    """The clerk with that key plugged in, trusting its authority."""

    def run(*arguments: str | Path) -> Any:
        return clerk(
            *(*arguments, "--pades-key", signer, "--pades-module", SOFTHSM),
            PADES_PIN=USER_PIN,
            TRUST=str(tmp_path / "ca.pem"),
        )

    return run


def pdfsig(path: Path) -> str:
    done = subprocess.run(
        ["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False
    )
    return done.stdout


def test_a_seal_and_a_signature_for_abroad_in_one_document(
    abroad: Callable[..., Any], clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output = tmp_path / "dual.pdf"
    answer = abroad(
        *("stamp", contract, "-o", output, "--seal", clerk.seal, "--at", "1:150,240"),
        *("--profile", "dual", "--timestamp", "platform", "--json"),
    )
    assert answer.code == 0, answer.err
    seal, pades = answer.json["report"]["signatures"]
    assert seal["format"] == "ses-v4"
    assert seal["verdict"] == "VALID"
    assert [change["kind"] for change in seal["changed_later"]] == ["seal_added"]
    assert pades["subfilter"] == "/ETSI.CAdES.detached"
    assert pades["coverage"] == "file"
    assert pades["marks"] == [], "the imprint belongs to the seal"
    # the token abroad proves its value and its time; only its revocation nobody tells
    assert pades["verdict"] == "UNKNOWN"
    levels = {f["code"] for f in pades["findings"] if f["level"] in ("unknown", "invalid")}
    assert levels == {"revocation_unknown"}
    for each in (seal, pades):
        assert each["times"]["trusted_source"] == "timestamp"
    said = pdfsig(output)
    assert said.count("Signature is Valid") == 1
    assert re.findall("(Not total|Total) document signed", said) == ["Not total", "Total"]


def test_a_signature_for_abroad_needs_no_seal_and_shows_nothing(
    abroad: Callable[..., Any], clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output = tmp_path / "pades.pdf"
    answer = abroad("stamp", contract, "-o", output, "--profile", "pades", "--json")
    assert answer.code == 0, answer.err
    [only] = answer.json["report"]["signatures"]
    assert (only["seal"], only["marks"]) == (None, [])
    assert "Signature is Valid" in pdfsig(output)
    assert [each["event"] for each in clerk.journal()][-2:] == [
        "countersign-begun",
        "countersigned",
    ]
    refused = abroad("stamp", contract, "--profile", "pades", "--seal", clerk.seal)
    assert refused.code == 64


def test_without_a_certificate_of_that_name_nothing_is_signed(
    clerk: Clerk, softhsm: Any, contract: Path, tmp_path: Path
) -> None:
    output = tmp_path / "pades.pdf"
    answer = clerk(
        *("stamp", contract, "-o", output, "--profile", "pades"),
        *("--pades-key", "nobody", "--pades-module", SOFTHSM),
    )
    assert answer.code == 12
    assert not output.exists()


# --- time stamps -------------------------------------------------------------------------------


def test_the_platform_stamps_the_time_of_seals_in_every_profile(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    for profile in ("ses", "cms"):
        output = tmp_path / f"{profile}.pdf"
        answer = clerk(
            *("stamp", contract, "-o", output, "--seal", clerk.seal, "--at", "1:150,240"),
            *("--profile", profile, "--timestamp", "platform", "--json"),
        )
        assert answer.code == 0, answer.err
        [seal] = answer.json["report"]["signatures"]
        assert (seal["verdict"], seal["times"]["trusted_source"]) == ("VALID", "timestamp")
        assert seal["seal"]["code"] == clerk.seal


def test_a_document_time_stamp_comes_as_a_revision_of_its_own(
    clerk: Clerk, stamped: Path, tmp_path: Path
) -> None:
    output = tmp_path / "timed.pdf"
    answer = clerk("timestamp", stamped, "-o", output, "--long-term", "--json")
    assert answer.code == 0, answer.err
    assert output.read_bytes().startswith(stamped.read_bytes())
    seal, stamp = answer.json["report"]["signatures"]
    assert {change["kind"] for change in seal["changed_later"]} == {
        "timestamp_added",
        "validation_data",
    }
    assert (stamp["format"], stamp["verdict"]) == ("timestamp", "VALID")
    assert seal["verdict"] == "VALID"


def test_material_for_the_platforms_rsa_stamps_is_to_be_had_as_well(
    city: RunningServer, clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.pdf", tmp_path / "second.pdf"
    answer = clerk("timestamp", contract, "-o", first, "--timestamp", f"{city.url}/tsa")
    assert answer.code == 0, answer.err
    answer = clerk("timestamp", first, "-o", second, "--long-term", "--json")
    assert answer.code == 0, answer.err
    rsa, sm2 = answer.json["report"]["signatures"]
    assert rsa["verdict"] == "VALID"
    assert sm2["verdict"] == "VALID"
    assert "Time Stamping" in rsa["chain"][0]["subject"], "the authority for abroad"


def test_a_time_stamp_that_was_chosen_and_cannot_be_had_stops_everything(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    output = tmp_path / "none.pdf"
    where = ("stamp", contract, "-o", output, "--seal", clerk.seal, "--at", "1:150,240")
    closed = "http://127.0.0.1:9/tsa"
    answer = clerk(*where, "--timestamp", closed)
    assert answer.code == 13
    assert "E-507" in answer.err
    assert list(tmp_path.glob("*.pdf")) == []
    answer = clerk(*where, TIMESTAMP="required", TIMESTAMP_URL=closed)
    assert answer.code == 13
    assert not output.exists()
    answer = clerk(*where, TIMESTAMP="optional", TIMESTAMP_URL=closed)
    assert answer.code == 0
    assert "没有时间戳" in answer.err
    assert output.exists()


def test_a_stranger_without_trust_gets_no_platform_stamp(
    city: RunningServer, stranger: Clerk, contract: Path, tmp_path: Path
) -> None:
    """The authority is asked, and what it says is not believed."""
    output = tmp_path / "stamped.pdf"
    answer = stranger("timestamp", contract, "-o", output, "--timestamp", f"{city.url}/tsa")
    assert answer.code == 13
    assert "E-508" in answer.err
    assert not output.exists()
