"""What is asked before a seal is lent, and before one that is lent is accepted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QDateTime, Qt, QTimeZone
from PySide6.QtWidgets import (
    QCheckBox,
    QDateTimeEdit,
    QFormLayout,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.errors import SettingsInvalid
from app.settings import read
from crypto.beijing import BEIJING
from crypto.pki.unit_codes import CodeError, check_citizen_number
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.language import tr
from ui.pages.apply_dialog import normal
from ui.seal_card import seal_title
from ui.widgets import button, calm, facts, label, moment, narrow, row

if TYPE_CHECKING:
    from app.remote.lending import Person, Wish
    from app.store.cabinet import SealRecord
    from crypto.seal.grant import Grant

MOST_USES = 9999
_EAST = int(BEIJING.utcoffset(None).total_seconds())
"""Seconds from UTC to Beijing."""
_SEPARATORS = (",", ";", *map(chr, (0x3001, 0xFF0C, 0xFF1B)))
"""Half and full width, and the enumeration comma."""


def entries(text: str) -> tuple[str, ...]:
    """What stands between separators, Chinese or not."""
    for separator in _SEPARATORS:
        text = text.replace(separator, "\n")
    return tuple(part for part in (line.strip() for line in text.splitlines()) if part)


class OfferDialog(Dialog):
    """授权他人: which seal, to whom, until when, for what."""

    def __init__(
        self,
        seals: Sequence[SealRecord],
        parent: QWidget | None = None,
        approved: Collection[str] = (),
    ) -> None:
        """*approved*: codes of the seals whose policies name approvers."""
        super().__init__(parent)
        self._approved = approved
        self.setWindowTitle(tr("授权他人使用印章"))
        self.setMinimumWidth(560)
        self.seal = narrow(calm(Choice()))
        for seal in seals:
            self.seal.addItem(seal_title(seal), seal.code)
        self.grantee = QLineEdit()
        self.grantee.setPlaceholderText(tr("姓名或企业全称，验章的人会看到"))
        self.until = calm(QDateTimeEdit())
        self.until.setTimeZone(QTimeZone(_EAST))
        end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=30)
        self.until.setDateTime(QDateTime.fromSecsSinceEpoch(int(end.timestamp())))
        self.until.setDisplayFormat("yyyy-MM-dd HH:mm")
        self.until.setCalendarPopup(True)
        self.uses = calm(QSpinBox())
        self.uses.setRange(0, MOST_USES)
        self.uses.setSpecialValueText(tr("不限"))
        self.kinds, self.parties, self.hours = QLineEdit(), QLineEdit(), QLineEdit()
        self.kinds.setPlaceholderText(tr("例如：合同、报价单；不填则不限"))
        self.parties.setPlaceholderText(tr("企业名称，几个用顿号分开；不填则不限"))
        self.hours.setPlaceholderText("08:00-18:00")
        self.offline = calm(QSpinBox())
        self.offline.setRange(0, 100)
        self.approval = QCheckBox(tr("每次使用都要审批"))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        for title, field in (
            (tr("所用印章"), self.seal),
            (tr("被授权人"), self.grantee),
            (tr("到什么时候"), self.until),
            (tr("次数"), self.uses),
            (tr("文件种类"), self.kinds),
            (tr("相对方"), self.parties),
            (tr("每天的时段"), self.hours),
            (tr("可离线次数"), self.offline),
            (tr("审批"), self.approval),
        ):
            field.setAccessibleName(title)
            form.addRow(label(title, "muted"), field)
        lead = tr("条款由您的 Ukey 签署。对方用授权码接受后，才得到一枚只有他能用的印章。")
        self._agree = button(tr("签署并发出"), self.accept, role="default")
        _put_together(self, tr("授权他人使用印章"), lead, form, self._agree)
        self.grantee.textChanged.connect(self._update)
        self.seal.currentIndexChanged.connect(self._update)
        self.approval.toggled.connect(self._update)
        self._update()

    def _update(self) -> None:
        self._agree.setEnabled(bool(self.grantee.text().strip()) and self.seal.count() > 0)
        possible = self.seal_code in self._approved
        self.approval.setEnabled(possible)
        known = tr("由用印规则里的审批人审批，不能离线使用")
        self.approval.setToolTip(known if possible else tr("这枚印章的用印规则没有审批人"))
        asked = possible and self.approval.isChecked()
        self.offline.setEnabled(not asked)
        if asked:
            self.offline.setValue(0)

    @property
    def seal_code(self) -> str:
        return str(self.seal.currentData())

    def wish(self) -> Wish:
        """What is wanted."""
        from app.remote.lending import Wish

        until = self.until.dateTime().toSecsSinceEpoch()
        return Wish(
            grantee=self.grantee.text().strip(),
            until=datetime.fromtimestamp(until, UTC),
            max_uses=self.uses.value(),
            kinds=entries(self.kinds.text()),
            counterparties=entries(self.parties.text()),
            hours=self.hours.text().strip(),
            offline_quota=self.offline.value(),
            approval=self.approval.isEnabled() and self.approval.isChecked(),
        )


class AcceptDialog(Dialog):
    """接受授权: the code, and who one is, where there is no certificate yet."""

    def __init__(self, parent: QWidget | None = None, platform: str = "") -> None:
        """*platform*: its address, where one is set; "": it is asked for."""
        super().__init__(parent)
        self.setWindowTitle(tr("接受授权"))
        self.setMinimumWidth(520)
        self.code, self.name, self.id_no = QLineEdit(), QLineEdit(), QLineEdit()
        self.url = QLineEdit(platform)
        self.url.setPlaceholderText(tr("授权人告诉您的平台地址，https:// 开头"))
        self.code.setPlaceholderText(tr("授权人告诉您的授权码"))
        self.name.setPlaceholderText(tr("Ukey 里还没有证书时填写"))
        self.id_no.setPlaceholderText(tr("18 位，只发给平台，不保存在本机"))
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        for title, field in (
            *([] if platform else [(tr("平台地址"), self.url)]),
            (tr("授权码"), self.code),
            (tr("姓名"), self.name),
            (tr("身份证号"), self.id_no),
        ):
            field.setAccessibleName(title)
            field.textChanged.connect(self._update)
            form.addRow(label(title, "muted"), field)
        self._said = label("", "small", wrap=True)
        lead = tr(
            "用您自己的 Ukey 接受。Ukey 里已有这个平台的证书时，只填授权码。"
            "先看条款，再决定接受不接受。"
        )
        self._agree = button(tr("看条款…"), self.accept, role="default")
        _put_together(self, tr("接受授权"), lead, form, self._agree, self._said)
        self._update()

    def _update(self) -> None:
        name, number = self.name.text().strip(), normal(self.id_no.text())
        wrong = bool(name) != bool(number)
        said = tr("姓名和身份证号要么都填，要么都不填。") if wrong else ""
        if number and not wrong:
            try:
                check_citizen_number(number)
            except CodeError:
                wrong, said = True, tr("身份证号不对。")
        if not wrong and self.url.text().strip():
            try:
                read("platform_url", self.url.text().strip(), tr("平台地址"))
            except SettingsInvalid:
                wrong, said = True, tr("应为 https:// 开头的网址，只写到主机名")
        self._said.setText(said)
        whole = len(self.code.text().strip()) >= 8 and bool(self.url.text().strip())
        self._agree.setEnabled(whole and not wrong)

    def answer(self) -> tuple[str, Person | None]:
        """The code, and who accepts without a certificate."""
        from app.remote.lending import Person

        name = self.name.text().strip()
        person = Person(name, normal(self.id_no.text())) if name else None
        return self.code.text().strip(), person


class TermsDialog(Dialog):
    """What somebody is about to accept: nothing is signed before it was shown."""

    def __init__(
        self, terms: Grant, person: Person | None = None, parent: QWidget | None = None
    ) -> None:
        """*person*: who accepts without a certificate, if that was said."""
        super().__init__(parent)
        self.setWindowTitle(tr("授权条款"))
        self.setMinimumWidth(560)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("授权条款"), "title"))
        lead = tr("条款由授权单位的 Ukey 签署。与约定不一致的不要接受，先问授权人。")
        whole.addWidget(label(lead, "muted", wrap=True))
        whole.addWidget(facts(terms_rows(terms)))
        if person is not None and person.name != terms.grantee:
            said = tr(
                "授权给“{grantee}”，您填的姓名是“{name}”。平台会核对，不一致的接受不了。",
                grantee=terms.grantee,
                name=person.name,
            )
            whole.addWidget(label(said, "bad", wrap=True))
        whole.addStretch()
        self._agree = button(tr("接受"), self.accept, role="default")
        whole.addLayout(row(None, button(tr("不接受"), self.reject), self._agree))


def terms_rows(terms: Grant) -> list[tuple[str, str]]:
    """The terms of a grant, for people."""
    scope, whatever = terms.scope, tr("不限")
    uses = tr("{count} 次", count=terms.max_uses) if terms.max_uses else whatever
    return [
        (tr("所用印章"), f"{terms.seal_name} {terms.seal_code}"),
        (tr("授权单位"), terms.holder),
        (tr("被授权人"), terms.grantee),
        (tr("期限"), f"{moment(terms.valid_from)} – {moment(terms.valid_until)}"),
        (tr("次数"), uses),
        (tr("文件种类"), tr("、").join(scope.kinds) or whatever),
        (tr("相对方"), tr("、").join(scope.counterparties) or whatever),
        (tr("每天的时段"), scope.hours or whatever),
        (tr("可离线次数"), str(terms.offline_quota)),
        (tr("审批"), tr("每次使用都要审批") if terms.approval else tr("按用印规则")),
    ]


def _put_together(
    dialog: Dialog, title: str, lead: str, form: QFormLayout, agree: QWidget, *more: QWidget
) -> None:
    whole = QVBoxLayout(dialog)
    whole.setContentsMargins(24, 20, 24, 20)
    whole.setSpacing(10)
    whole.addWidget(label(title, "title"))
    whole.addWidget(label(lead, "muted", wrap=True))
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    whole.addLayout(form)
    for widget in more:
        whole.addWidget(widget)
    whole.addLayout(row(None, button(tr("取消"), dialog.reject), agree))


def remaining(until: datetime, now: datetime) -> str:
    """How long until *until*, for people; to the second in the last hour."""
    left = until - now
    if left <= timedelta():
        return tr("已到期")
    seconds = int(left.total_seconds())
    days, hours, minutes = seconds // 86_400, seconds % 86_400 // 3600, seconds % 3600 // 60
    if days:
        return tr("还有 {days} 天 {hours} 小时", days=days, hours=hours)
    if hours:
        return tr("还有 {hours} 小时 {minutes} 分", hours=hours, minutes=minutes)
    return tr("还有 {minutes} 分 {seconds} 秒", minutes=minutes, seconds=seconds % 60)
