"""What the installed program does in an office: steps of ``check-windows``.

A colleague at a Linux desk approves and lends, the platform's operator agrees to a new PIN, and
libraries lie where they must not be taken from.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from installer.system import ROOT, run
from installer.windows import colleague, plants
from installer.windows.colleague import Colleague
from installer.windows.desk import APPLICANT, PIN, Desk, expect
from installer.windows.wine import Wine

NEW_PIN = "check-2027"
_WITH_PIN = ("--pin-stdin",)
_HANDLER = APPLICANT[4:]


class Office:
    """The clerk's desk, a colleague's, and the platform in a folder of this machine."""

    def __init__(self, clerk: Desk, work: Path, address: str) -> None:
        self.clerk, self._work, self._address = clerk, work, address
        self._colleague = Colleague(work / "colleague", address)

    def clerk_asks_for_an_approval(self) -> None:
        """The pages go to the approver as pictures; who approved stands in the stamped file."""
        certificate = self._colleague.enrol()
        shutil.copyfile(certificate, self.clerk.path(r"C:\审批人.cer"))
        approver = rf"C:\审批人.cer={colleague.NAME}/负责人"
        self._with_key("approval", "policy", "--approver", approver)
        self._colleague("sync")  # tells for which key the pages are to be encrypted
        self._contract("采购合同")
        words = ("--purpose", "签采购合同", "--counterparty", colleague.COMPANY)
        request = self._with_key("approval", "request", r"C:\采购合同.pdf", *words)["id"]
        self._colleague("sync")
        pages = self._work / "pages"
        self._colleague("approval", "show", request, "--pages", str(pages))
        expect(any(pages.iterdir()), "the approver sees no page")
        self._colleague("approval", "approve", request)
        said = self._stamped("采购合同")
        expect("本次用印经过审批" in said, f"nobody is said to have approved: {said!r}")

    def clerk_stamps_with_a_lease(self) -> None:
        """A seal that the colleague lends is used offline, for as often as was reserved."""
        until = (datetime.now(UTC) + timedelta(days=2)).isoformat()
        terms = ("--until", until, "--uses", "3", "--offline", "1", "--json")
        lent = json.loads(self._colleague("grant", "offer", "--to", APPLICANT[3], *terms))
        own = self._seals()
        self._with_key("grant", "accept", lent["code"], "--yes")
        (seal,) = self._seals() - own
        said = self._stamped("报价单", "--seal", seal, "--offline")
        expect("预留的次数" in said, f"the use is not told as reserved: {said!r}")
        self._contract("第二份报价单")
        refused = (
            "stamp",
            r"C:\第二份报价单.pdf",
            "--seal",
            seal,
            "--at",
            "1:100,100",
            "--offline",
        )
        self.clerk.sealdesk(*refused, *_WITH_PIN, text=f"{PIN}\n", code=10)

    def clerk_archives_the_month(self) -> None:
        """Windows makes the package, Windows and Linux check it."""
        folder = self.clerk.path(r"C:\档案")
        folder.mkdir()
        for name in ("采购合同", "报价单"):
            shutil.copyfile(
                self.clerk.path(rf"C:\{name}_已盖章.pdf"), folder / f"{name}_已盖章.pdf"
            )
        made = ("archive", "make", r"C:\档案", "-o", r"C:\归档.zip", "--unit", APPLICANT[3])
        self.clerk.sealdesk(*made)
        self.clerk.sealdesk("archive", "check", r"C:\归档.zip")
        self._colleague("archive", "check", str(self.clerk.path(r"C:\归档.zip")))

    def clerk_gets_a_new_pin(self) -> None:
        """Two reviewers agree, then the DLL of the virtual Ukey checks their signed statement."""
        self.clerk.sealdesk("token", "unlock", "--wait", "0", *_HANDLER)
        waiting = ("list", "--json")
        (asked,) = [
            each
            for each in json.loads(self.clerk.sealdesk("application", *waiting))
            if each["kind"] == "pin_reset"
        ]
        command = [sys.executable, "-P", "-m", "server_stub", "review", "approve"]
        run(
            [
                *command,
                asked["platform_id"],
                "--dir",
                self._work / "platform",
                "--log-level",
                "error",
            ]
        )
        said = self.clerk.sealdesk("token", "unlock", *_WITH_PIN, text=f"{NEW_PIN}\n")
        expect("口令已重新设置" in said, f"unlocking says {said!r}")
        self.clerk.sealdesk("sync", *_WITH_PIN, text=f"{NEW_PIN}\n")
        self.clerk.sealdesk("sync", *_WITH_PIN, text=f"{PIN}\n", code=11)

    def loads_no_planted_library(self) -> None:
        """Neither a driver nor its companion is taken from the working folder or PATH."""
        driver, companion = plants.build(self._work / "plants")
        drive = self.clerk.wine.drive
        here, there = drive / "here", drive / "drivers"
        for folder in (here, there):
            folder.mkdir()
        shutil.copyfile(driver, there / plants.DRIVER)
        for library in (driver, companion):
            shutil.copyfile(library, here / library.name)
        path = {"WINEPATH": r"C:\here"}
        looked = Desk(Wine(self.clerk.wine.prefix, path), self.clerk.folder)
        for module, code in ((plants.DRIVER, "E-221"), (rf"C:\drivers\{plants.DRIVER}", "E-223")):
            said = looked.refused("token", "list", "--module", module, cwd=here)
            expect(code in said, f"{module} in the working folder: {said!r}")
        expect(not (drive / plants.LOADED).exists(), "something was loaded")
        shutil.copyfile(companion, there / plants.COMPANION)
        looked.refused("token", "list", "--module", rf"C:\drivers\{plants.DRIVER}", cwd=here)
        loaded = (drive / plants.LOADED).read_text("ascii").lower().split()
        wanted = {rf"c:\drivers\{name}" for name in (plants.COMPANION, plants.DRIVER)}
        expect(set(loaded) == wanted, f"loaded: {loaded}")

    # --- what the steps are made of --------------------------------------------------------------

    def _with_key(self, *arguments: str) -> Any:
        """A command that asks for the PIN; its answer."""
        return json.loads(self.clerk.sealdesk(*arguments, "--json", *_WITH_PIN, text=f"{PIN}\n"))

    def _seals(self) -> set[str]:
        listed = json.loads(self.clerk.sealdesk("seal", "list", "--json"))
        return {each["code"] for each in listed}

    def _contract(self, name: str) -> None:
        source = (ROOT / "resources" / "demo" / "regulation.pdf").read_bytes()
        self.clerk.path(rf"C:\{name}.pdf").write_bytes(source + b"\n" * len(name))

    def _stamped(self, name: str, *options: str) -> str:
        """Stamp a contract of that name; what ``verify`` says of it: valid."""
        if not self.clerk.path(rf"C:\{name}.pdf").exists():
            self._contract(name)
        target = rf"C:\{name}_已盖章.pdf"
        place = ("--at", "1:100,100", *options, *_WITH_PIN)
        self.clerk.sealdesk("stamp", rf"C:\{name}.pdf", "-o", target, *place, text=f"{PIN}\n")
        return self.clerk.sealdesk("verify", target)
