"""挂失 through the real client: one signature, and the seal is out of use for everybody."""

from __future__ import annotations

from pathlib import Path

import httpx

from server_stub.__main__ import main
from server_stub.web.serving import RunningServer
from tests.world.applicant import credit_code
from tests.world.clerk import enrolled


def test_a_keeper_stops_and_reports_lost_with_one_signature(
    city: RunningServer, tmp_path: Path
) -> None:
    clerk = enrolled(tmp_path / "clerk", city.url, credit_code(), "宿迁市挂失商贸有限公司").clerk
    status = f"{city.url}/v1/seals/{clerk.seal}/status"

    def state() -> tuple[str, str]:
        told = httpx.get(status).json()
        return told["state"], told["reason"]

    stopped = clerk("seal", "suspend", clerk.seal, "--reason", "holder_request")
    assert stopped.code == 0, stopped.err
    assert state() == ("suspended", "holder_request")
    # whoever only keeps it stops it and does not lift it: the legal representative does
    assert clerk("seal", "resume", clerk.seal).code == 13
    where = ("--dir", str(city.platform.settings.directory), "--log-level", "error")
    assert main(["seal", "resume", clerk.seal, *where]) == 0
    assert state()[0] == "active"
    lost = clerk("seal", "suspend", clerk.seal, "--reason", "lost")
    assert lost.code == 0, lost.err
    assert state() == ("suspended", "lost")
    # the token may be in wrong hands: it lifts nothing and stamps nothing
    assert clerk("seal", "resume", clerk.seal).code == 13
    (shown,) = clerk("seal", "list", "--json").json
    assert shown["state"] == "suspended"
