"""A seal or a seal signature by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.errors import FileNotReadable
from app.inspecting import inspect
from crypto.algorithms.gm import sm3
from crypto.seal.making import make_signature
from crypto.seal.structure import SealError
from crypto.validation.trust import Trust
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.office import COMPANY
from tests.world.weak import weak_seals


def inspected(folder: Path, data: bytes, trust: Trust, **more: Any) -> dict[str, Any]:
    path = folder / "x.esl"
    path.write_bytes(data)
    return inspect(path, trust, more.get("at", NOW), more.get("language", "zh_CN"))


def test_a_seal_shows_what_it_is(tmp_path: Path, authorities: Authorities) -> None:
    data = authorities.seal(authorities.holder())
    facts = inspected(tmp_path, data, authorities.trust)
    assert (facts["schema"], facts["kind"], facts["format"]) == (
        "sealdesk-report/2", "seal", "ses-v4",
    )  # fmt: skip
    assert (facts["seal"]["code"], facts["seal"]["name"]) == (CODE, COMPANY)
    assert facts["seal"]["size_mm"] == [40, 40]
    assert (facts["verdict"], facts["verdict_text"]) == ("VALID", "有效")
    assert facts["seal_chain"][-1]["common_name"] == "测试根"


def test_a_signature_shows_signer_and_seal_and_concludes_nothing_of_the_original(
    tmp_path: Path, authorities: Authorities
) -> None:
    holder = authorities.holder()
    value = make_signature(
        seal=authorities.seal(holder),
        digest=sm3(b"original"),
        property_info="PDF;x",
        signed_at=NOW,
        key=holder,
    )
    facts = inspected(tmp_path, value, authorities.trust, language="en")
    assert (facts["kind"], facts["property_info"]) == ("signature", "PDF;x")
    assert facts["digest"] == sm3(b"original").hex()
    assert facts["digest_matches"] is None
    assert facts["signature_valid"] is True
    assert facts["signer_in_seal_list"] is True
    assert facts["signer"]["common_name"] == CODE
    found = {each["code"] for each in facts["findings"]}
    assert not found & {"digest_matches", "digest_mismatch"}
    assert facts["verdict"] == "UNKNOWN", "nobody has told of the seal's status"


def test_a_seal_is_judged_as_of_the_moment(tmp_path: Path, authorities: Authorities) -> None:
    data = authorities.seal(authorities.holder())
    moments = {
        NOW - timedelta(days=61): "seal_not_yet_valid",
        NOW: "seal_valid_now",
        NOW + timedelta(days=301): "seal_expired",
    }
    for moment, code in moments.items():
        facts = inspected(tmp_path, data, authorities.trust, at=moment)
        assert code in {each["code"] for each in facts["findings"]}


def test_a_weak_seal_is_told_by_itself_and_in_a_signature(
    tmp_path: Path, authorities: Authorities
) -> None:
    holder = authorities.holder()
    for seal in weak_seals(authorities.seal(holder)):
        value = make_signature(
            seal=seal, digest=sm3(b"original"), property_info="PDF;x", signed_at=NOW, key=holder
        )
        for data in (seal, value):
            facts = inspected(tmp_path, data, authorities.trust, language="en")
            assert (facts["verdict"], facts["seal_signature_valid"]) == ("UNKNOWN", True)
            [told] = [each for each in facts["findings"] if each["code"] == "weak_algorithm"]
            assert told["details"]["whose"] == "seal"
            assert told["text"].startswith("The seal itself was signed by its maker with")


def test_a_changed_byte_is_found(tmp_path: Path, authorities: Authorities) -> None:
    data = bytearray(authorities.seal(authorities.holder()))
    data[data.index(b"IDAT") + 8] ^= 1
    facts = inspected(tmp_path, bytes(data), authorities.trust)
    assert facts["seal_signature_valid"] is False
    assert facts["verdict"] == "INVALID"


def test_what_is_no_seal_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"x", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", bytes(9 << 20)):
        with pytest.raises(SealError):
            inspected(tmp_path, data, Trust())
    with pytest.raises(FileNotReadable):
        inspect(tmp_path, Trust(), None, "en")
