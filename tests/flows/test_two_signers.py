"""Two companies on one contract, one after the other, each with its own key and computer."""

from __future__ import annotations

from pathlib import Path

from tests.flows.conftest import COMPANY, OTHER_COMPANY
from tests.world.clerk import Clerk


def test_the_second_seal_leaves_the_first_intact(
    other_clerk: Clerk, stamped: Path, tmp_path: Path
) -> None:
    """Party A has stamped; party B receives the file, looks, and stamps below."""
    first = stamped.read_bytes()
    both = tmp_path / "both.pdf"
    looked = other_clerk("verify", stamped)
    assert looked.code == 0, "both companies are with the same platform"
    answer = other_clerk(
        *("stamp", stamped, "-o", both, "--seal", other_clerk.seal, "--keyword", "第一条:1"),
        "--json",
    )
    assert answer.code == 0, answer.err
    assert both.read_bytes().startswith(first)
    assert stamped.read_bytes() == first

    report = other_clerk("verify", both, "--json").json
    assert report["verdict"] == "VALID"
    a, b = report["signatures"]
    assert (a["seal"]["name"], a["verdict"]) == (COMPANY, "VALID")
    assert (b["seal"]["name"], b["verdict"]) == (OTHER_COMPANY, "VALID")
    assert (a["coverage"], b["coverage"]) == ("revision", "file")
    assert a["intact"]
    assert {change["kind"] for change in a["changed_later"]} == {"seal_added"}
    assert b["changed_later"] == []


def test_a_change_of_one_byte_under_both_spoils_both(
    other_clerk: Clerk, stamped: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.pdf"
    where = ("--at", "2:60,60")
    assert other_clerk("stamp", stamped, "-o", both, "--seal", other_clerk.seal, *where).code == 0
    data = bytearray(both.read_bytes())
    data[data.index(b"/MediaBox") + 12] ^= 1
    both.write_bytes(data)
    answer = other_clerk("verify", both, "--json")
    assert answer.code == 1
    found = [{f["code"] for f in each["findings"]} for each in answer.json["signatures"]]
    assert all("digest_mismatch" in codes for codes in found)
    assert all("signature_valid" in codes for codes in found), "who signed is still certain"
    assert not any(each["intact"] for each in answer.json["signatures"])


def test_a_change_after_the_first_seal_spoils_the_second_only(
    other_clerk: Clerk, stamped: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.pdf"
    first = len(stamped.read_bytes())
    where = ("--at", "2:60,60")
    assert other_clerk("stamp", stamped, "-o", both, "--seal", other_clerk.seal, *where).code == 0
    data = bytearray(both.read_bytes())
    place = data.index(rb"/M (D\072", first) + 12
    data[place] ^= 1
    both.write_bytes(data)
    a, b = other_clerk("verify", both, "--json").json["signatures"]
    assert a["intact"]
    assert not b["intact"]
    assert b["verdict"] == "INVALID"
    assert a["verdict"] != "VALID", "what was added after it cannot be called good"
