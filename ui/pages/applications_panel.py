"""我的申请: each application as a card with how far it is, what is next and what can be done.

One module, though long: a card, its buttons and what they do are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QDialog, QFrame, QPushButton, QVBoxLayout, QWidget

from app.errors import (
    AppError,
    ApplicationFieldWrong,
    PlatformError,
    explain,
    platform_reason,
)
from crypto.seal.application_form import PIN_RESET
from ui.dialogs import Question
from ui.flow import flow
from ui.language import language, tr
from ui.pages.apply_dialog import ApplyDialog, field_title, seal_title
from ui.pages.seal_change import SealChangeDialog, change_title
from ui.shell.token_notices import read_about
from ui.widgets import button, clear_layout, column, day, framed, label, picture, row

if TYPE_CHECKING:
    from app.store.applications import ApplicationRecord
    from app.store.cabinet import SealRecord
    from ui.shell.interface import Shell

SAVED_AFTER_MS = 400
"""After the last key stroke."""

Pin = Callable[[str], tuple[str, str]]
"""Asks for the PIN of the key in use, for a purpose: serial number and PIN, empty if cancelled."""


class ApplicationsPanel(QWidget):
    """The cards, and what their buttons do."""

    changed = Signal()
    """Something in the cabinet is different now."""

    def __init__(self, shell: Shell, pin: Pin, busy: Callable[[bool], None]) -> None:
        super().__init__()
        self._shell, self._pin, self._busy = shell, pin, busy
        self._usable = False
        self._need_key: list[QPushButton] = []
        self.records: tuple[ApplicationRecord, ...] = ()
        self.setAccessibleName(tr("我的申请"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 6)
        self._column.setSpacing(8)

    def show_records(self, records: Sequence[ApplicationRecord]) -> None:
        self.records = tuple(records)
        self._need_key = []
        clear_layout(self._column)
        self.setVisible(bool(records))
        if records:
            self._column.addWidget(label(tr("我的申请"), "heading"))
        for record in records:
            self._column.addWidget(self._card(record))
        self.set_usable(self._usable)

    def set_usable(self, usable: bool) -> None:
        """Can the key in use ask the platform for anything?"""
        self._usable = usable
        for control in self._need_key:
            control.setEnabled(usable)

    # --- a card ----------------------------------------------------------------------------------

    def _card(self, record: ApplicationRecord) -> QFrame:
        role, icon, state = state_words(record)
        personal = record.fields.get("seal") == "personal"
        name = record.fields.get("handler" if personal else "enterprise", "").strip()
        name = name or tr("（还没有填名称）")
        head = row(picture(icon, role, 20), spacing=10)
        title = tr("{seal} · {company}", seal=_seal_words(record), company=name)
        head.addWidget(label(title, "heading", wrap=True), 1)
        inner = column(margins=(16, 12, 16, 10), spacing=4)
        inner.addLayout(head)
        inner.addWidget(label(tr("，").join((state, age(record))), role, wrap=True))
        if record.reason:
            said = platform_reason(record.reason, language())
            inner.addWidget(label(tr("平台的说明：{text}", text=said), wrap=True))
        for field, text in record.reasons.items():
            said = tr("{name}：{value}", name=field_title(field), value=text)
            inner.addWidget(label(said, wrap=True, select=True))
        following = next_words(record)
        if following:
            inner.addWidget(label(following, "muted", wrap=True))
        actions = self._actions(record)
        if actions:
            for action in actions:
                spoken = tr("，").join((action.text().strip(), title))
                action.setAccessibleName(spoken)
            inner.addLayout(flow(*actions))
        made = framed("card", inner)
        made.setAccessibleName(tr("，").join((title, state)))
        return made

    def _actions(self, record: ApplicationRecord) -> list[QPushButton]:
        made: list[QPushButton] = []

        def add(
            text: str,
            act: Callable[[ApplicationRecord], object],
            *,
            key: bool = False,
            role: str = "link",
        ) -> None:
            made.append(button(text, partial(act, record), role=role))
            if key:
                self._need_key.append(made[-1])

        if record.kind == PIN_RESET:
            return self._reset_actions(record)
        if record.state == "fulfilled":
            add(tr("领取"), self.collect, key=True, role="default")
        if record.editable:
            first = "" if record.state == "returned" else "link"
            add(tr("继续填写…"), self.resume, role=first)
            signer = {"legal_rep": tr("法定代表人签名…"), "personal": tr("用个人证书签名…")}
            if record.key and record.fields.get("proof") in signer:
                add(signer[record.fields["proof"]], self.sign, key=True)
        if record.open and record.sent:
            add(tr("查询进度"), self.follow, key=True)
            if record.state in ("drafted", "submitted", "returned"):
                add(tr("撤回…"), self.withdraw, key=True)
        if record.state in ("rejected", "withdrawn", "lapsed") and record.kind == "issue":
            add(tr("再次申请…"), self.again)
        if not (record.open and record.sent):
            add(tr("从列表删除…"), self.forget)
        return made

    def _reset_actions(self, record: ApplicationRecord) -> list[QPushButton]:
        """Of the permission to unlock a Ukey, which needs none to sign."""
        if not record.open:
            return [button(tr("从列表删除…"), partial(self.forget, record), role="link")]
        made = [button(tr("解锁…"), self._shell.unlock_token, role="default")]
        if record.state in ("drafted", "submitted", "returned"):
            made.append(button(tr("撤回…"), partial(self.withdraw, record), role="link"))
        return made

    def _unlock(self, record: ApplicationRecord) -> None:
        self._shell.unlock_token()

    # --- filling in ------------------------------------------------------------------------------

    def begin(self, known: Mapping[str, str]) -> None:
        """Go on with a draft that was never sent or, if there is none, begin one with what is
        *known*."""
        drafts = (record for record in self.records if record.kind == "issue" and not record.sent)
        draft = next((record for record in drafts if record.editable), None)
        if draft is not None:
            self.resume(draft)
        else:
            self._fill_in(None, known)

    def again(self, record: ApplicationRecord) -> None:
        """A new application that says what *record* said."""
        self._fill_in(None, _typed(record))

    def change_seal(self, seal: SealRecord, known: ApplicationRecord | None = None) -> None:
        """What is to become of *seal*; *known*: as an application says that is to be corrected."""
        dialog = SealChangeDialog(self._shell, seal, self._pin, self, known)
        if dialog.exec() == QDialog.DialogCode.Accepted and dialog.taken is not None:
            self._shell.reload_seals()
            self._done(dialog.taken)
        dialog.deleteLater()
        self.changed.emit()

    def resume(self, record: ApplicationRecord, problem: str = "") -> None:
        """Open the form of a draft or a returned application."""
        if record.kind != "issue":
            code = record.fields.get("code")
            for seal in self._shell.seals:
                if seal.code == code:
                    self.change_seal(seal, record)
            return
        self._fill_in(record, _typed(record), problem)

    def _fill_in(
        self,
        record: ApplicationRecord | None,
        known: Mapping[str, str],
        problem: str = "",
    ) -> None:
        reasons = record.reasons if record else {}
        sent = bool(record and record.sent)
        settings = self._shell.context.settings
        by_policy = settings.locked("platform_url") and not sent
        if by_policy:
            known = {**known, "url": settings.platform_url}
        form = ApplyDialog(
            known,
            problem or (platform_reason(record.reason, language()) if record else ""),
            self,
            remarks=reasons,
            letter=record.letter_name if record else "",
            fixed_platform=sent,
            by_policy=by_policy,
        )
        keeper = _Keeper(self._shell, form, record)
        accepted = form.exec() == QDialog.DialogCode.Accepted
        if accepted:
            keeper.finish(form.answer(), self._submit, self._failed)
        else:
            typed = form.draft() if form.touched else None
            keeper.finish(typed, lambda _: self.changed.emit(), self._failed)
        form.deleteLater()

    def _submit(self, record: ApplicationRecord | None) -> None:
        if record is None:
            return
        serial, pin = self._pin(tr("生成密钥，向平台申请印章"))
        if not pin:
            self.changed.emit()
            return
        self._busy(True)

        def failed(error: BaseException) -> None:
            """Back to the form, filled in as it was, where that is what the person can correct."""
            self._busy(False)
            if isinstance(error, PlatformError | ApplicationFieldWrong):
                message = explain(error, language())
                said = tr("{cause}（{code}）", cause=message.cause, code=message.code)
                self.resume(record, said)
            else:
                self._failed(error)

        submit = self._shell.context.applications.submit
        self._shell.tasks.device(
            submit, record.id, serial, pin, done=self._submitted, failed=failed
        )

    def _submitted(self, record: ApplicationRecord) -> None:
        self._done(record)
        if record.state == "returned":
            self.resume(record)

    # --- acting ----------------------------------------------------------------------------------

    def sign(self, record: ApplicationRecord) -> None:
        """The legal representative, with the key in use, which is his own."""
        handler = record.fields.get("handler", "")
        if record.fields.get("proof") == "personal":
            own = tr("用本人的个人证书为申请签名")
            self._with_key(record, own, self._shell.context.applications.sign, self._signed)
            return
        purpose = tr(
            "法定代表人授权 {handler} 申请和保管 {seal}；插入的应是法定代表人自己的 Ukey",
            handler=handler,
            seal=seal_title(record.fields),
        )
        self._with_key(record, purpose, self._shell.context.applications.sign, self._signed)

    def _signed(self, record: ApplicationRecord) -> None:
        self._busy(False)
        said = tr("已签名。拔下过申请用的 Ukey 的，先插回来；再点“继续填写…”提交。")
        self._shell.notices.show_notice("application", "good", said)
        self.changed.emit()

    def follow(self, record: ApplicationRecord) -> None:
        """Ask the platform how far it is."""
        purpose = tr("登录平台，查询申请进度")
        self._with_key(record, purpose, self._shell.context.applications.follow, self._done)

    def withdraw(self, record: ApplicationRecord) -> None:
        """Take it back, after asking."""
        text = tr("撤回这个申请？")
        details = tr("撤回以后不能恢复；填写的内容留在这台电脑上，可以再次申请。")
        asked = Question(self, tr("撤回申请"), text, tr("撤回"), tr("不撤回"), details=details)
        asked.exec()
        if asked.answer == tr("撤回"):
            purpose = tr("登录平台，撤回申请")
            if record.private:  # signs itself
                take_back = self._shell.context.applications.withdraw
                self._busy(True)
                self._shell.tasks.device(
                    take_back, record.id, "", "", done=self._done, failed=self._failed
                )
                return
            self._with_key(record, purpose, self._shell.context.applications.withdraw, self._done)

    def collect(self, record: ApplicationRecord) -> None:
        """领取."""

        def collected(seal: SealRecord) -> None:
            self._busy(False)
            said = tr("已领取 {name}（{code}）", name=seal.name, code=seal.code)
            self._shell.notices.clear_notice("application")
            self._shell.notices.show_notice("sync", "good", said)
            read_about(self._shell, "application", record.id)
            self._shell.reload_seals()
            self.changed.emit()

        purpose = tr("领取印章：把证书写入 Ukey")
        self._with_key(record, purpose, self._shell.context.applications.collect, collected)

    def forget(self, record: ApplicationRecord) -> None:
        """Remove it from this computer, after asking."""
        text = tr("从这台电脑上删除这个申请？")
        details = tr("填写的内容会一起删除。已经领取的印章不受影响。")
        asked = Question(self, tr("删除申请"), text, tr("删除"), tr("不删除"), details=details)
        asked.exec()
        if asked.answer == tr("删除"):
            forget = self._shell.context.applications.forget
            self._shell.tasks.work(
                forget, record.id, done=lambda _: self.changed.emit(), failed=self._failed
            )

    def _with_key(
        self,
        record: ApplicationRecord,
        purpose: str,
        act: Callable[[str, str, str], object],
        done: Callable[..., None],
    ) -> None:
        serial, pin = self._pin(purpose)
        if not pin:
            return
        self._busy(True)
        self._shell.tasks.device(act, record.id, serial, pin, done=done, failed=self._failed)

    def _done(self, record: ApplicationRecord) -> None:
        self._busy(False)
        if record.state not in ("returned", "fulfilled"):
            read_about(self._shell, "application", record.id)
        self.tell([record])
        if record.state == "collected":
            self._shell.reload_seals()
        self.changed.emit()

    def _failed(self, error: BaseException) -> None:
        self._busy(False)
        self._shell.complain(error)
        self.changed.emit()

    # --- telling ---------------------------------------------------------------------------------

    def tell(self, records: Sequence[ApplicationRecord], *, away: bool = False) -> None:
        """Say how far they are, one after the other; *away*: also to who works in another window.

        What waits for the person stays until it is done."""
        notices = self._shell.notices
        for record in records:
            _, _, state = state_words(record)
            parts = [tr("{seal}：{state}。", seal=_seal_words(record), state=state)]
            if record.reason:
                said = platform_reason(record.reason, language())
                parts.append(tr("平台的说明：{text}", text=said))
            parts.append(next_words(record))
            kind = {"returned": "warning", "rejected": "error", "lapsed": "warning"}.get(
                record.state, "good" if record.state in ("fulfilled", "collected") else "info"
            )
            actions = {"fulfilled": (tr("领取"), self.collect)}
            if record.kind == PIN_RESET:
                actions = {"fulfilled": (tr("解锁…"), self._unlock)}
            actions |= {"returned": (tr("继续填写…"), self.resume)}
            name, act = actions.get(record.state, ("", None))
            action = (name, partial(act, record)) if act else None
            text = " ".join(part for part in parts if part)
            lasting = bool(action)
            notices.show_notice("application", kind, text, action, lasting=lasting)
        if records and away:
            self._shell.away.tell(tr("印章申请有新的进展。"))
        known = [record.id for record in records]
        self._shell.tasks.work(self._shell.context.applications.told, known)


def _typed(record: ApplicationRecord) -> dict[str, str]:
    """What a record's fields are in the form."""
    typed = {name: value for name, value in record.fields.items() if name != "seal"}
    return {**typed, "kind": record.fields.get("seal", "official"), "url": record.platform}


def _seal_words(record: ApplicationRecord) -> str:
    """The kind of seal, and what is to become of it unless a new one is applied for."""
    return " ".join(filter(None, (change_title(record.kind), seal_title(record.fields))))


def age(record: ApplicationRecord) -> str:
    """ "3 天前开始"."""
    days = (datetime.now(UTC) - record.created_at).days
    return tr("{days} 天前开始", days=days) if days else tr("今天开始")


def _reset_words(state: str) -> tuple[str, str, str] | None:
    """Of the permission to unlock a Ukey, where its words are others."""
    return {
        "approved": ("changed", "clock", tr("已核准")),
        "fulfilled": ("good", "circle-check", tr("平台已同意，请在 24 小时之内解锁")),
        "lapsed": ("muted", "circle-x", tr("没有在 24 小时之内解锁，已失效")),
    }.get(state)


def state_words(record: ApplicationRecord) -> tuple[str, str, str]:
    """Role, icon and words of how far it is."""
    if record.kind == PIN_RESET and (own := _reset_words(record.state)):
        return own
    return {
        "draft": ("muted", "file-text", tr("草稿，还没有提交")),
        "drafted": ("muted", "file-text", tr("草稿，还没有提交")),
        "submitted": ("changed", "clock", tr("已提交，等待审核")),
        "in_review": ("changed", "clock", tr("正在审核")),
        "returned": ("unknown", "triangle-alert", tr("退回补正")),
        "approved": ("changed", "clock", tr("已核准，正在制作")),
        "fulfilled": ("good", "circle-check", tr("已制作完成，等待领取")),
        "collected": ("good", "circle-check", tr("已领取")),
        "done": ("good", "circle-check", tr("已办结")),
        "rejected": ("bad", "circle-x", tr("没有通过审核")),
        "withdrawn": ("muted", "circle-x", tr("已撤回")),
        "lapsed": ("muted", "circle-x", tr("已过期")),
    }.get(record.state, ("muted", "clock", record.state))


def next_words(record: ApplicationRecord) -> str:
    """What happens next, and when it is worth to look."""
    proof = record.fields.get("proof")
    if record.state == "draft" and record.key and proof in ("legal_rep", "personal"):
        if not record.proof_signature and proof == "personal":
            return tr("下一步：插入个人证书的 Ukey，点“用个人证书签名”。")
        if not record.proof_signature:
            return tr("下一步：法定代表人插入自己的 Ukey，点“法定代表人签名”。")
        return tr("下一步：插着申请用的 Ukey，点“继续填写…”提交。")
    said = {
        "consent": tr("下一步：法定代表人在电子营业执照上同意，然后由平台审核。"),
        "review": tr("下一步：平台审核。"),
        "correct": tr("下一步：按说明补正，再提交一次。"),
        "make": tr("下一步：平台制作印章。"),
        "collect": tr("下一步：领取。"),
    }.get(record.next, "")
    if record.look_at and record.next in ("consent", "review"):
        until = day(record.look_at)
        when = tr("平台通常在 {date} 前答复；那时点“同步”，结果会显示在这里。", date=until)
        return f"{said} {when}"
    return said


class _Keeper(QObject):
    """Writes what is typed into a form to the cabinet, one write after the other."""

    def __init__(self, shell: Shell, form: ApplyDialog, record: ApplicationRecord | None) -> None:
        super().__init__(form.parentWidget())
        self._shell, self._form, self._record = shell, form, record
        self._waiting: Mapping[str, str] | None = None
        self._letter: list[Path | None] = []
        self._writing = False
        self._then: Callable[[ApplicationRecord | None], None] | None = None
        self._failed: Callable[[BaseException], None] = shell.complain
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVED_AFTER_MS)
        self._timer.timeout.connect(self._write)
        form.typed.connect(self._typed)
        form.letter_chosen.connect(self._chosen)

    def _typed(self) -> None:
        self._waiting = self._form.draft()
        self._timer.start()

    def _chosen(self, path: Path | None) -> None:
        self._waiting, self._letter = self._form.draft(), [path]
        self._write()

    def finish(
        self,
        typed: Mapping[str, str] | None,
        then: Callable[[ApplicationRecord | None], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """The form is closed: write what it held at last (None: nobody has touched it), and go on
        with the record; None if there is none."""
        self._timer.stop()
        self._form.typed.disconnect(self._typed)
        self._then, self._failed = then, failed
        self._waiting = typed
        self._write()

    def _write(self) -> None:
        if self._writing:
            return
        if self._waiting is None and not self._letter:
            if self._then is not None:
                then, self._then = self._then, None
                then(self._record)
                self.deleteLater()
            return
        typed, letter = self._waiting or self._form.draft(), self._letter
        self._waiting, self._letter, self._writing = None, [], True
        fields = {name: value for name, value in typed.items() if name not in ("kind", "url")}
        fields["seal"] = typed["kind"]
        known, desk = self._record, self._shell.context.applications

        def write() -> tuple[ApplicationRecord, BaseException | None]:
            kept = desk.keep(known.id if known else "", fields, typed["url"])
            try:
                return (desk.keep_letter(kept.id, letter[0]) if letter else kept), None
            except AppError as error:
                return kept, error

        self._shell.tasks.work(write, done=self._written, failed=self._broken)

    def _written(self, outcome: tuple[ApplicationRecord, BaseException | None]) -> None:
        self._writing = False
        self._record, problem = outcome
        if self._then is None:
            said = explain(problem, language()).cause if problem else ""
            self._form.show_letter(self._record.letter_name, said)
        self._write()

    def _broken(self, error: BaseException) -> None:
        self._writing, self._then = False, None
        self._failed(error)
