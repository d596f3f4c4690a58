"""Somebody who works with the clerk of ``check-windows`` at a Linux desk: this clone's program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from installer.system import ROOT, BuildFailed

PIN, SO_PIN = "colleague-2026", "colleague-so-2026"  # of a virtual Ukey that lives as long
NAME, COMPANY, CODE = "沈立", "宿迁市审批演示有限公司", "91321302MA0000015C"
_APPLICANT = (
    *("--uscc", CODE, "--name", COMPANY, "--legal-rep", NAME, "--handler", NAME),
    *("--handler-id", "321302199003077018", "--phone", "13800000001"),
)
_CERTIFICATE = """
import sys
from pathlib import Path
from app.desk import Desk
with Desk.open() as desk:
    Path(sys.argv[1]).write_bytes(desk.cabinet.seals()[0].certificate)
"""


class Colleague:
    """A desk with a virtual Ukey and a company's seal, all in one folder."""

    def __init__(self, folder: Path, platform: str) -> None:
        self.folder, self._platform = folder, platform

    def enrol(self) -> Path:
        """Get the seal; the certificate that came with it, a file."""
        self("token", "init", "--virtual", "--pin-stdin", text=f"{SO_PIN}\n{PIN}\n")
        self("enroll", "--platform", self._platform, *_APPLICANT, "--wait", "120")
        file = self.folder / "colleague.cer"
        self._run("-c", _CERTIFICATE, str(file))
        return file

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Run ``sealdesk``, which must succeed; what it says."""
        return self._run("-m", "app", *arguments, text=text)

    def _run(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-P", *arguments],
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SEALDESK_HOME": str(self.folder / "home"),
                "SEALDESK_VUKEY_DIR": str(self.folder / "ukeys"),
                "SEALDESK_KEYRING": "0",
                "SEALDESK_PIN": PIN,
            },
            check=False,
            input=text,
            capture_output=True,
            encoding="utf-8",
        )
        if done.returncode:
            raise BuildFailed(f"the colleague's {arguments}: {done.stdout}{done.stderr}")
        return done.stdout
