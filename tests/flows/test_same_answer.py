"""The platform's verification and ours are two doors to one checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from server_stub.web.serving import RunningServer
from tests.world.clerk import Clerk, excerpt


def without_times(report: dict[str, Any]) -> dict[str, Any]:
    """The report without the moments at which each side looked."""
    kept = {k: v for k, v in report.items() if k not in ("verified_at", "judged_at")}
    for signature in kept["signatures"]:
        for finding in signature["findings"]:
            finding.pop("text")  # says "as of" the minute, and so do its details
            finding.pop("details")
        for proof in signature["proofs"]:
            proof.pop("text")
        if signature["platform"]:
            signature["platform"].pop("as_of")
            signature["platform"].pop("source")
    return kept


@pytest.mark.parametrize("kind", ["stamped", "twice", "changed", "unsigned"])
def test_client_and_platform_say_the_same_of_the_same_file(
    clerk: Clerk, other_clerk: Clerk, city: RunningServer, stamped: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "文件.pdf"
    if kind == "stamped":
        stamped.rename(path)
    elif kind == "twice":
        where = ("--seal", other_clerk.seal, "--at", "3:60,60")
        assert other_clerk("stamp", stamped, "-o", path, *where).code == 0
    elif kind == "changed":
        data = bytearray(stamped.read_bytes())
        data[data.index(b"/MediaBox") + 12] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes(excerpt(1))
    answer = httpx.post(
        f"{city.url}/v1/verifications",
        params={"name": path.name},
        content=path.read_bytes(),
        headers={"content-type": "application/pdf"},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert clerk("sync").code == 0
    ours = clerk("verify", path, "--json").json
    assert without_times(answer.json()) == without_times(ours)
    expected = {
        "stamped": "VALID",
        "twice": "VALID",
        "changed": "INVALID",
        "unsigned": "UNSIGNED",
    }
    assert ours["verdict"] == expected[kind]
