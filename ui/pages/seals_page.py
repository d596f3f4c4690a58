"""印章: my seals, their state and validity; apply, collect, synchronise."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QFrame,
    QGridLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from ui import theme
from ui.dialogs import Dialog
from ui.language import tr
from ui.seal_card import Imprint, imprint, kind_name, state_of
from ui.shell.pin_dialog import PinDialog
from ui.shell.token_strip import token_name
from ui.widgets import (
    Expander,
    button,
    clear_layout,
    column,
    copy_text,
    day,
    facts,
    framed,
    label,
    moment,
    picture,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from app.remote.syncing import Synced
    from app.store.cabinet import SealRecord
    from ui.shell.context import TokenView
    from ui.shell.interface import Shell


class SealsPage(QWidget):
    """The page behind 印章."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("印章"))
        self._sync = button(tr("同步"), self.synchronise, icon="refresh-cw")
        self._apply = button(tr("申请印章…"), self.apply, icon="plus")
        self._state = label("", "muted")
        head = column(margins=(24, 20, 24, 8), spacing=4)
        head.addLayout(row(label(tr("我的印章"), "title"), None, self._sync, self._apply))
        head.addWidget(self._state)
        content = QWidget()
        self._grid = QGridLayout()
        self._grid.setContentsMargins(24, 8, 24, 24)
        self._grid.setSpacing(14)
        content.setLayout(self._grid)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(head)
        whole.addWidget(scrolled(content, tr("我的印章")), 1)
        shell.seals_changed.connect(self.activated)
        shell.tokens_changed.connect(self._update_buttons)

    def panes(self) -> list[QWidget]:
        return [self._sync, self._apply]

    def activated(self) -> None:
        """Read the cabinet."""

        def read() -> list[tuple[SealRecord, datetime | None]]:
            context = self._shell.context
            return [(seal, context.statement_of(seal.code)) for seal in context.seals()]

        self._shell.tasks.work(read, done=self._show, failed=self._shell.complain)
        self._update_buttons()

    def _token(self) -> TokenView | None:
        return self._shell.token

    def _update_buttons(self) -> None:
        token = self._token()
        usable = token is not None and token.initialised and not token.locked
        platform = self._shell.context.settings.platform_url
        self._apply.setEnabled(usable)
        self._sync.setEnabled(usable and bool(platform))
        if not platform:
            said = tr("还没有连接平台。申请第一枚印章时填写平台地址，或在“设置”里填写。")
        elif not usable:
            said = tr("同步和申请需要插入 Ukey。平台：{url}", url=platform)
        else:
            said = tr("平台：{url}", url=platform)
        self._state.setText(said)

    def _show(self, seals: list[tuple[SealRecord, datetime | None]]) -> None:
        clear_layout(self._grid)
        for number, (seal, confirmed) in enumerate(seals):
            self._grid.addWidget(_card(seal, confirmed), number // 2, number % 2)
        if not seals:
            self._grid.addWidget(self._nothing(), 0, 0, 1, 2)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.setRowStretch(max(1, (len(seals) + 1) // 2), 1)

    def _nothing(self) -> QFrame:
        inner = column(margins=(24, 28, 24, 28), spacing=8)
        inner.addLayout(row(None, picture("layers", "muted", 40), None))
        for text, role in (
            (tr("这台电脑上还没有印章"), "title"),
            (tr("插入 Ukey，填写企业信息，平台核验后即可领取。"), "muted"),
            (tr("在别的电脑上领取过的：插入那把 Ukey，点“同步”取回。"), "muted"),
        ):
            said = label(text, role)
            inner.addLayout(row(None, said, None))
        return framed("card", inner)

    # --- synchronising ---------------------------------------------------------------------------

    def _pin(self, purpose: str) -> tuple[str, str]:
        """Serial number and PIN; empty if cancelled."""
        token = self._token()
        if token is None:
            return "", ""
        dialog = PinDialog(token, token_name(token), purpose, parent=self)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        pin = dialog.take() if accepted else ""
        dialog.deleteLater()
        return token.serial, pin

    def synchronise(self) -> None:
        """Fetch the seals' states and send what was stamped offline."""
        if not self._sync.isEnabled():
            return  # the line above the seals says what is missing
        serial, pin = self._pin(tr("登录平台，同步印章状态和用印记录"))
        if not pin:
            return
        self._busy(True)

        def done(synced: Synced) -> None:
            self._busy(False)
            said = tr(
                "已同步：{seals} 枚印章，上报 {records} 条记录。",
                seals=synced.seals,
                records=synced.records,
            )
            if synced.restored:
                names = tr("、").join(f"{seal.name} {seal.code}" for seal in synced.restored)
                said = tr("已取回 {names}。", names=names) + said
            self._shell.notices.show_notice("sync", "good", said)
            self._shell.reload_seals()

        self._shell.tasks.device(
            self._shell.context.synchronise, serial, pin, done=done, failed=self._failed
        )

    def _failed(self, error: BaseException) -> None:
        self._busy(False)
        self._shell.complain(error)

    def _busy(self, on: bool) -> None:
        self._shell.hold_polling(on)
        self._sync.setEnabled(not on)
        self._apply.setEnabled(not on)
        if on:
            self._state.setText(tr("正在与平台通信…"))
        else:
            self._update_buttons()

    # --- applying --------------------------------------------------------------------------------

    def apply(self) -> None:
        """Fill in the form, give the PIN, wait for the platform, collect the seal."""
        form = ApplyDialog(self._shell.context.settings.platform_url, self)
        if form.exec() != QDialog.DialogCode.Accepted:
            form.deleteLater()
            return
        url, applicant = form.answer()
        form.deleteLater()
        serial, pin = self._pin(tr("生成密钥，向平台申请印章"))
        if not pin:
            return
        self._busy(True)

        def done(record: SealRecord) -> None:
            self._busy(False)
            said = tr("已领取 {name}（{code}）", name=record.name, code=record.code)
            self._shell.notices.show_notice("sync", "good", said)
            self._shell.reload_seals()

        self._shell.tasks.device(
            self._shell.context.enrol, url, applicant, serial, pin, done=done, failed=self._failed
        )


class ApplyDialog(Dialog):
    """What the platform wants to know of an enterprise and the person who acts for it."""

    def __init__(self, platform_url: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("申请印章"))
        self.setMinimumWidth(480)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        self.fields: dict[str, QLineEdit] = {}
        for name, title in (
            ("url", tr("平台地址")),
            ("uscc", tr("统一社会信用代码")),
            ("enterprise", tr("企业名称")),
            ("legal_rep", tr("法定代表人")),
            ("handler", tr("经办人")),
            ("handler_id", tr("经办人身份证号")),
            ("phone", tr("经办人手机")),
        ):
            field = QLineEdit()
            field.setAccessibleName(title)
            field.textChanged.connect(self._update_buttons)
            form.addRow(label(title, "muted"), field)
            self.fields[name] = field
        self.fields["url"].setText(platform_url)
        self.fields["url"].setPlaceholderText("https://")
        self.kind = QComboBox()
        self.kind.setAccessibleName(tr("印章种类"))
        for value, title in (
            ("official", tr("法定名称章")),
            ("contract", tr("合同专用章")),
            ("finance", tr("财务专用章")),
            ("invoice", tr("发票专用章")),
            ("legal_representative", tr("法定代表人名章")),
        ):
            self.kind.addItem(title, value)
        form.addRow(label(tr("印章种类"), "muted"), self.kind)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(14)
        whole.addWidget(label(tr("申请印章"), "title"))
        whole.addWidget(
            label(
                tr("密钥在 Ukey 里生成，不会离开 Ukey。信息只发给这里填写的平台。"),
                "muted",
                wrap=True,
            )
        )
        whole.addLayout(form)
        self.accept_button = button(tr("提交申请"), self.accept, role="default")
        self.accept_button.setDefault(True)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.accept_button))
        self._update_buttons()

    def _update_buttons(self) -> None:
        if hasattr(self, "accept_button"):
            filled = all(field.text().strip() for field in self.fields.values())
            self.accept_button.setEnabled(filled)

    def answer(self) -> tuple[str, Any]:
        """The platform's address and the :class:`app.remote.enrolling.Applicant`."""
        from app.remote.enrolling import Applicant

        said = {name: field.text().strip() for name, field in self.fields.items()}
        url = said.pop("url")
        return url, Applicant(**said, kind=self.kind.currentData())


def _card(seal: SealRecord, confirmed: datetime | None) -> QFrame:
    now = datetime.now(UTC)
    role, state = state_of(seal, now)
    text = column(spacing=3)
    text.addWidget(label(kind_name(seal), "title"))
    text.addWidget(label(seal.name, wrap=True))
    text.addWidget(label(state, role))
    left = (seal.valid_until - now).days
    if left >= 0:
        text.addWidget(label(tr("还有 {days} 天", days=left), "small"))
    text.addStretch()
    head = row(Imprint(imprint(seal), 104, seal.name), spacing=16)
    head.addLayout(text, 1)
    signer, parsed = seal.signer, seal.parsed
    body = facts(
        [
            (tr("编码"), seal.code),
            (tr("所属企业"), seal.enterprise),
            (tr("信用代码"), seal.uscc),
            (
                tr("尺寸"),
                tr("{width} × {height} 毫米", width=parsed.width_mm, height=parsed.height_mm),
            ),
            (tr("印章有效期"), tr("至 {date}", date=day(parsed.valid_until))),
            (tr("证书有效期"), tr("至 {date}", date=day(signer.not_after))),
            (tr("证书序列号"), f"{signer.serial:x}"),
            (tr("平台确认"), moment(confirmed)),
            (tr("领取时间"), moment(seal.collected_at)),
        ]
    )
    inner = column(margins=(16, 16, 16, 10), spacing=8)
    inner.addLayout(head)
    inner.addWidget(Expander(tr("详细信息"), body))
    inner.addLayout(row(button(tr("复制编码"), lambda: copy_text(seal.code), role="link"), None))
    inner.addStretch()
    made = framed("card", inner)
    made.setAccessibleName(tr("，").join((kind_name(seal), seal.name, state)))
    theme.set_role(made, "card")
    return made
