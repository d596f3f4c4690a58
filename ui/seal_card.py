"""A seal as a card: imprint, name, kind, code, state. Chosen on one page, looked at on another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QMimeData, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QDrag, QImage, QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from ui import theme
from ui.canvas.page_view import SEAL_MIME
from ui.language import tr
from ui.widgets import OneLine, column, day, label, row

if TYPE_CHECKING:
    from app.store.cabinet import SealRecord


HEIGHT = 92
"""Of a card, in pixels: an imprint beside four lines."""


def kind_name(seal: SealRecord) -> str:
    """ "合同专用章", …"""
    kind = subtype_name(seal.subtype)
    return kind if seal.grant is None else tr("{kind}（受托使用）", kind=kind)


def seal_title(seal: SealRecord) -> str:
    """On one line, what tells it from others first, for the end may be cut."""
    return f"{kind_name(seal)} {seal.code} {seal.name}"


def subtype_name(subtype: str) -> str:
    """What a kind of seal is called."""
    return {
        "official": tr("法定名称章"),
        "contract": tr("合同专用章"),
        "finance": tr("财务专用章"),
        "invoice": tr("发票专用章"),
        "legal_representative": tr("法定代表人名章"),
        "department": tr("内设机构章"),
        "branch": tr("分支机构章"),
        "inspection": tr("审验专用章"),
        "customs": tr("报关专用章"),
        "operator": tr("经营者名章"),
        "person_in_charge": tr("主要负责人名章"),
        "finance_head": tr("财务负责人名章"),
        "authorised_representative": tr("授权代表人名章"),
        "personal": tr("个人名章"),
    }.get(subtype, subtype)


def state_of(seal: SealRecord, now: datetime) -> tuple[str, str]:
    """Colour role and words: what it is worth at the moment, and for how long."""
    reason = seal.usable(now)
    words = {
        "not_collected": tr("未领取"),
        "suspended": tr("已停用"),
        "cancelled": tr("已注销"),
        "expired": tr("已过期"),
        "not_yet_valid": tr("未到启用日期"),
        "certificate_expired": tr("证书已过期"),
        "certificate_not_yet_valid": tr("证书未生效"),
        "certificate_revoked": tr("证书已吊销或冻结"),
        "weak_algorithm": tr("算法已不安全"),
    }
    if seal.state == "cancelled" and seal.reason == "replaced":
        return "muted", tr("已换领，由新的印章取代")
    if reason is not None:
        return "bad", words.get(reason, reason)
    left = seal.valid_until - now
    if left < timedelta(days=30):
        return "unknown", tr("正常，{days} 天后到期", days=left.days)
    return "good", tr("正常，{date} 到期", date=day(seal.valid_until))


def who_lifts(reason: str) -> str:
    """Who resumes a seal that was suspended for that *reason*, and what to do."""
    return {
        "holder_request": tr("由本单位暂停，法定代表人可以恢复。"),
        "lost": tr("已挂失。插入新的 Ukey，在这枚印章上办理换领，原因选 Ukey 丢失。"),
        "key_compromised": tr(
            "密钥可能泄露。插入新的 Ukey，在这枚印章上办理换领，原因选 Ukey 丢失。"
        ),
        "licence_revoked": tr("营业执照已失效，请先到市场监管部门办理，由它通知平台恢复。"),
        "legal_rep_changed": tr("法定代表人已变更，请由新的法定代表人办理换领。"),
        "enterprise_deregistered": tr("企业已注销登记，请向市场监管部门核实。"),
        "physical_seal_cancelled": tr("实物印章已缴销，请向公安机关核实，再办理换领。"),
        "false_material": tr("平台认为申请材料有问题，请联系平台。"),
    }.get(reason, tr("请联系平台了解原因。"))


def imprint(seal: SealRecord) -> QImage:
    """The seal's picture, as filed; null if it cannot be read."""
    image = QImage.fromData(QByteArray(seal.parsed.picture))
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


class Imprint(QWidget):
    """The imprint on white, as large as it is given room."""

    def __init__(self, picture: QImage, size: int, name: str) -> None:
        super().__init__()
        self._picture = picture
        self.setFixedSize(size, size)
        self.setAccessibleName(tr("印模 {name}", name=name))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHints(
            QPainter.RenderHint.SmoothPixmapTransform | QPainter.RenderHint.Antialiasing
        )
        painter.setPen(theme.colour("line"))
        painter.setBrush(Qt.GlobalColor.white)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        if self._picture.isNull():
            return
        ratio = self.devicePixelRatioF()
        room = QSize(self.width() - 8, self.height() - 8) * ratio
        small = self._picture.scaled(
            room, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        small.setDevicePixelRatio(ratio)
        across, down = small.width() / ratio, small.height() / ratio
        corner = QPoint(round((self.width() - across) / 2), round((self.height() - down) / 2))
        painter.drawImage(corner, small)


class SealCard(QPushButton):
    """Choose it, or drag it onto the page."""

    def __init__(self, seal: SealRecord) -> None:
        super().__init__()
        self.seal = seal
        self.picture = imprint(seal)
        self._press: QPoint | None = None
        theme.set_role(self, "seal")
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFixedHeight(HEIGHT)
        role, state = state_of(seal, datetime.now(UTC))
        text = column(spacing=1)
        text.addStretch()
        for widget in (
            label(kind_name(seal), "heading"),
            label(tr("编码 {code}", code=seal.code), "small"),
            OneLine(seal.name, "small"),
            label(state, role),
        ):
            widget.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            text.addWidget(widget)
        text.addStretch()
        self.setToolTip(f"{seal.name}\n{tr('编码 {code}', code=seal.code)}")
        shown = Imprint(self.picture, 56, seal.name)
        shown.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inner = row(shown, spacing=10)
        inner.setContentsMargins(7, 5, 8, 5)
        inner.addLayout(text, 1)
        self.setLayout(inner)
        self.setAccessibleName(tr("，").join((kind_name(seal), seal.name, seal.code, state)))

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._press = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        moved = (event.position().toPoint() - self._press).manhattanLength()
        if moved < QApplication.startDragDistance():
            return
        self._press = None
        self.setChecked(True)
        self.setDown(False)
        drag = QDrag(self)
        data = QMimeData()
        data.setData(SEAL_MIME, QByteArray(self.seal.code.encode()))
        drag.setMimeData(data)
        shown = QPixmap.fromImage(
            self.picture.scaledToWidth(110, Qt.TransformationMode.SmoothTransformation)
        )
        drag.setPixmap(shown)
        drag.setHotSpot(QPoint(shown.width() // 2, shown.height() // 2))
        drag.exec(Qt.DropAction.CopyAction)
