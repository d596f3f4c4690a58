"""Whoever receives a sealed file: a computer that knows nothing, and what it takes to say 有效."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.world.clerk import Clerk


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
