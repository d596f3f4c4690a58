"""Every dialog of the window with real data, for :mod:`tests.ui.screens`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.ui.screens import Tour


@dataclass(frozen=True)
class Claim:
    """What a stranger's platform says of itself."""

    origin: str
    name: str
    qualifications: tuple[str, ...]
    holders: tuple[str, ...]

    def fits(self, places: Sequence[int], entered: str) -> bool:
        return False


def dialogs(tour: Tour) -> Iterator[tuple[str, Any]]:
    """The name of each dialog and the dialog, shown."""
    from app.errors import OutputNotWritable, SettingsInvalid
    from app.remote.lending import Person
    from crypto.pki.certificate import Certificate
    from tests.world.real_data import COMPANY, LONG_NAME, long_report
    from ui.dialogs import Question
    from ui.document.printing import PrintDialog
    from ui.document.viewer import Viewer, seal_entries
    from ui.pages.apply_dialog import ApplyDialog
    from ui.pages.approval_dialogs import AskDialog, DecideDialog
    from ui.pages.archive_dialog import ArchiveDialog
    from ui.pages.grants_dialogs import AcceptDialog, OfferDialog, TermsDialog
    from ui.pages.keepers import KeepersDialog
    from ui.pages.notices_dialog import NoticesDialog
    from ui.pages.phone_link_dialog import PhoneLinkDialog
    from ui.pages.phones_dialog import PhonesDialog
    from ui.pages.policy_dialog import PolicyDialog
    from ui.pages.seal_change import SealChangeDialog
    from ui.pages.seal_state import SealStateDialog
    from ui.pages.settings_page import AboutDialog
    from ui.shell.file_password import FilePasswordDialog
    from ui.shell.guide import Guide
    from ui.shell.help_dialog import HelpDialog
    from ui.shell.keys.token_setup import InitialiseDialog
    from ui.shell.keys.unlock_dialog import UnlockDialog
    from ui.shell.notice import ErrorBox
    from ui.shell.pin_dialog import ChangePinDialog, PinDialog
    from ui.shell.start_problems import StartProblems
    from ui.shell.token_strip import token_name
    from ui.verify.add_anchor import AddAnchorDialog
    from ui.verify.dispute import DisputeDialog
    from ui.verify.trusting import TrustPlatformDialog

    window, token, context = tour.window, tour.window.token, tour.context
    blank = context.company.token(initialised=False, serial="", certificates=())
    last = replace(token, tries_left=1, final_try=True)
    root = Certificate.parse(context.company.authorities.root)
    name = token_name(token)
    wrong = SettingsInvalid(f"/home/{COMPANY}/settings.toml", "marks", "choice", 12)
    seal = context.company.seals[0]
    signer = context.chain_of(seal.certificate, "signers")
    maker = context.chain_of(seal.parsed.maker_certificate, "seal_makers")

    def stopping(seal: Any) -> SealStateDialog:
        dialog = SealStateDialog(window, seal, lambda _: ("", ""), window, stops=True)
        dialog.choices["lost"].setChecked(True)
        return dialog

    def phones(*, begun: bool = False, answered: bool = False) -> PhonesDialog:
        """Known, as a code to be scanned, or with the digits of the phone that has come."""
        desk = context.phones
        dialog = PhonesDialog(window, window, lambda _: ("serial", "right-2026"))
        if begun or answered:
            dialog._begun(desk.begin("", "right-2026"))
            dialog._timer.stop()
        if answered:
            dialog._looked(desk.come(f"Android 14; {COMPANY}", backup="synced"))
        elif not begun:
            desk.begin("", "right-2026")
            dialog._show(desk.bind(desk.come(COMPANY), "", "right-2026"))
        return dialog

    def unlocking(state: str, *, by_statement: bool = False) -> UnlockDialog:
        """At each step of the application for the permission."""
        desk = context.unlocking
        fields = {"legal_rep": "王建国", "handler": "李晓梅", "proof": "licence"}
        record = desk.record(state, fields, reason=COMPANY)
        desk.view = replace(desk.view, record=record, by_statement=by_statement)
        return UnlockDialog(window, token, window)

    def ruling() -> PolicyDialog:
        """With somebody of another company, whose name is that of the certificate."""
        rule = asked.rules[0].policy
        dialog = PolicyDialog(asked.seal, candidates, rule, Path(), window)
        dialog._add(b"", f"{COMPANY}（筹）", "", True, named=False)
        dialog._ticked()
        return dialog

    claim = Claim(
        "https://seal.yunfan-international.example.gov.cn:8443",
        COMPANY,
        ("电子认证服务许可证 ECP0123456789", "商用密码产品认证证书 GM0123456789"),
        (COMPANY, f"{COMPANY}（筹）"),
    )
    asked = context.approvals
    candidates = asked.candidates("", "", "right-2026")
    makers: dict[str, Callable[[], Any]] = {
        "pin": lambda: PinDialog(token, name, LONG_NAME, parent=window),
        "pin-last": lambda: PinDialog(last, name, LONG_NAME, problem=COMPANY, parent=window),
        "pin-change": lambda: ChangePinDialog(token, name, window),
        "pin-locked": lambda: PinDialog(
            replace(token, tries_left=0, locked=True),
            name,
            LONG_NAME,
            parent=window,
            unlock=window.unlock_token,
        ),
        "unlock": lambda: UnlockDialog(window, token, window),
        "guide": lambda: Guide(window, window),
        "archive": lambda: ArchiveDialog(window, window),
        "phones": lambda: PhonesDialog(window, window),
        "phones-known": phones,
        "phones-code": lambda: phones(begun=True),
        "phones-digits": lambda: phones(answered=True),
        "trust-platform": lambda: TrustPlatformDialog(claim, lambda: range(16), window),
        "unlock-waiting": lambda: unlocking("in_review"),
        "unlock-vendor": lambda: unlocking("fulfilled"),
        "unlock-set": lambda: unlocking("fulfilled", by_statement=True),
        "phone-link": lambda: PhoneLinkDialog(LONG_NAME, "https://a.example/m/a/b", window),
        "offer": lambda: OfferDialog(context.company.seals, window),
        "ask for a use": lambda: AskDialog(context.company.seals, Path(), window),
        "decide on a use": lambda: DecideDialog(asked.kept[0], asked.shown, window),
        "policy of use": ruling,
        "accept": lambda: AcceptDialog(window),
        "terms": lambda: TermsDialog(
            context.grants()[0].signed.grant, Person(LONG_NAME, ""), window
        ),
        "apply": lambda: ApplyDialog({"uscc": "9137010072425018"}, COMPANY * 2, window),
        "apply-again": lambda: ApplyDialog(
            {"uscc": "9137010072425018", "proof": "letter"},
            COMPANY,
            window,
            remarks={"legal_rep": COMPANY, "letter": LONG_NAME, "seal": COMPANY},
            letter=LONG_NAME,
        ),
        "keepers": lambda: KeepersDialog(window, seal, lambda _: ("", ""), window),
        "notices": lambda: NoticesDialog(window, window),
        "seal-change": lambda: SealChangeDialog(window, seal, lambda _: ("", ""), window),
        "seal-stop": lambda: stopping(seal),
        "seal-resume": lambda: SealStateDialog(
            window, replace(seal, state="suspended"), lambda _: ("", ""), window, stops=False
        ),
        "dispute": lambda: DisputeDialog(long_report(), "https://a.example", None, window),
        "initialise": lambda: InitialiseDialog(blank, window),
        "trust": lambda: AddAnchorDialog([root], window),
        "help": lambda: HelpDialog(window, window),
        "about": lambda: AboutDialog(window),
        "password": lambda: FilePasswordDialog(Path(LONG_NAME), again=True, parent=window),
        "error": lambda: ErrorBox(OutputNotWritable(COMPANY), window),
        "start": lambda: StartProblems([wrong] * 3, True, window),
        "print": lambda: PrintDialog(LONG_NAME, True, window),
        "seal": lambda: Viewer(window, seal_entries(seal, signer, maker), COMPANY, window),
        "question": lambda: Question(window, "?", LONG_NAME, COMPANY[:9], "—", details=COMPANY),
    }
    for title, make in makers.items():
        dialog = make()
        dialog.show()
        tour.settle()
        yield f"dialog-{title}", dialog
        dialog.close()
        dialog.deleteLater()
    context.unlocking.view = replace(context.unlocking.view, record=None, by_statement=False)
