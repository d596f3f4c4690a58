"""What is asked before a use is asked for, and what an approver sees before deciding."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.errors import DecisionRefused, explain
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.language import language, tr
from ui.room import room
from ui.seal_card import seal_title
from ui.widgets import button, calm, column, facts, label, moment, narrow, row, scrolled

if TYPE_CHECKING:
    from app.remote.approval.asking import UseWish
    from app.remote.approval.deciding import Shown
    from app.store.cabinet import SealRecord
    from app.store.use_requests import UseRequestRecord
    from crypto.rendering.page_pictures import Drawing

MOST_COPIES = 1000


class AskDialog(Dialog):
    """用印申请: which document, which seal, what for."""

    def __init__(
        self, seals: Sequence[SealRecord], folder: Path, parent: QWidget | None = None
    ) -> None:
        """*folder*: where documents are looked for."""
        super().__init__(parent)
        self.folder = folder
        self.setWindowTitle(tr("申请用印"))
        self.setMinimumWidth(560)
        self.path: Path | None = None
        self.seal = narrow(calm(Choice()))
        for seal in seals:
            self.seal.addItem(seal_title(seal), seal.code)
        self.file = label(tr("还没有选文件"), "muted", wrap=True)
        self.choose = button(tr("选择 PDF…"), self._choose, icon="file-text")
        self.purpose, self.party, self.amount = QLineEdit(), QLineEdit(), QLineEdit()
        self.purpose.setPlaceholderText(tr("例如：签采购合同"))
        self.amount.setPlaceholderText(tr("大写，没有金额可以不填"))
        self.copies, self.days = calm(QSpinBox()), calm(QSpinBox())
        self.copies.setRange(1, MOST_COPIES)
        self.days.setRange(1, 30)
        self.days.setValue(3)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(8)
        for title, field in (
            (tr("所用印章"), self.seal),
            (tr("用途"), self.purpose),
            (tr("相对方"), self.party),
            (tr("金额"), self.amount),
            (tr("签章次数"), self.copies),
            (tr("有效天数"), self.days),
        ):
            field.setAccessibleName(title)
            form.addRow(label(title, "muted"), field)
        lead = tr(
            "审批只对这一份文件有效，文件改动后要重新申请。页面加密后只给审批人看，平台看不到。"
        )
        self.agree = button(tr("签署并提交"), self.accept, role="default")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        whole.addWidget(label(tr("申请用印"), "title"))
        whole.addWidget(label(lead, "muted", wrap=True))
        whole.addLayout(row(self.choose, self.file, None))
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        whole.addLayout(form)
        whole.addLayout(row(None, button(tr("取消"), self.reject), self.agree))
        self._update()

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, tr("选择要盖章的 PDF"), str(self.folder), tr("PDF 文件 (*.pdf)")
        )
        if name:
            self.take(Path(name))

    def take(self, path: Path) -> None:
        """This is the document."""
        self.path = path
        self.file.setText(path.name)
        self._update()

    def _update(self) -> None:
        self.agree.setEnabled(self.path is not None and self.seal.count() > 0)

    @property
    def seal_code(self) -> str:
        return str(self.seal.currentData())

    def wish(self) -> UseWish:
        """What is wanted."""
        from app.remote.approval.asking import UseWish

        return UseWish(
            self.purpose.text().strip(),
            self.party.text().strip(),
            self.amount.text().strip(),
            self.copies.value(),
            timedelta(days=self.days.value()),
        )


class DecideDialog(Dialog):
    """What an approver sees: the request beside its document, and two answers."""

    def __init__(
        self, request: UseRequestRecord, shown: Shown | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.decision: Literal["approve", "reject", ""] = ""
        self.setWindowTitle(tr("审批用印"))
        self.setMinimumSize(640, 420)
        self.resize(room(1040), 640)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(10)
        name = shown.document_name if shown else request.request.document_name
        whole.addWidget(label(tr("审批用印：{name}", name=name), "title", wrap=True))
        left = column(spacing=8)
        left.addWidget(facts(request_facts(request, name)))
        self.reason = QLineEdit()
        self.reason.setMaxLength(200)
        self.reason.setPlaceholderText(tr("不同意必须写理由"))
        self.reason.setAccessibleName(tr("理由"))
        self.reason.textChanged.connect(self._update)
        left.addWidget(label(tr("理由"), "muted"))
        left.addWidget(self.reason)
        said = tr("同意和不同意都由您的 Ukey 签署，随文件保存，不能更改。")
        left.addWidget(label(said, "small", wrap=True))
        left.addStretch()
        side = QWidget()
        side.setLayout(left)
        side.setMinimumWidth(room(220))
        side.setMaximumWidth(room(340))
        both = row(side, spacing=16)
        both.addWidget(scrolled(_pages(request, shown), tr("文件的页面")), 1)
        whole.addLayout(both, 1)
        decides = request.my_answer is not None and not request.my_answer.decision
        self.approve = button(tr("同意…"), lambda: self._end("approve"), role="default")
        self.refuse = button(tr("不同意…"), lambda: self._end("reject"), role="danger")
        self._can_see = shown is not None and shown.whole
        self._decides = decides and request.state == "pending"
        whole.addLayout(row(None, button(tr("关闭"), self.reject), self.refuse, self.approve))
        self._update()

    def _update(self) -> None:
        self.approve.setEnabled(self._decides and self._can_see)
        self.refuse.setEnabled(self._decides and bool(self.reason.text().strip()))

    def _end(self, decision: Literal["approve", "reject"]) -> None:
        self.decision = decision
        self.accept()


def request_facts(request: UseRequestRecord, name: str) -> list[tuple[str, str]]:
    """What a person wants to know of a request; without what was left open."""
    said = request.request
    rows = [
        (tr("申请人"), request.requester),
        (tr("所用印章"), f"{said.seal_name} {said.seal}"),
        (tr("文件"), tr("{name}（{count} 页）", name=name, count=said.pages)),
        (tr("用途"), said.purpose),
        (tr("相对方"), said.counterparty),
        (tr("金额"), said.amount),
        (tr("签章次数"), said.copies),
        (tr("有效期至"), moment(said.open_until)),
        (
            tr("需要同意"),
            tr("{of} 人中 {count} 人", of=len(request.answers), count=_needed(request)),
        ),
    ]
    return [(title, value) for title, value in rows if value]


def _needed(request: UseRequestRecord) -> int:
    return request.policy.needed


def _pages(request: UseRequestRecord, shown: Shown | None) -> QWidget:
    content = QWidget()
    pages = column(margins=(8, 8, 8, 8), spacing=12)
    content.setLayout(pages)
    if shown is None:
        said = tr("页面还没有为这台电脑加密。申请人下次联网后就能看到，请稍后再同步。")
        if request.state not in ("pending", "approved"):
            said = tr("这份申请已经结束，平台不再保存它的页面。")
        pages.addWidget(label(said, "unknown", wrap=True))
        pages.addStretch()
        return content
    if not shown.pictures:
        said = tr("这份申请没有附页面，在这里不能同意。请向申请人要文件核对。")
        pages.addWidget(label(said, "unknown", wrap=True))
        pages.addStretch()
        return content
    more = int(request.request.pages) - len(shown.pictures)
    for number, drawing in enumerate(shown.drawings, 1):
        pages.addWidget(_page(drawing, tr("第 {page} 页", page=number)))
    if more:
        said = tr("只显示前 {count} 页，后面还有 {more} 页。", count=len(shown.pictures), more=more)
        pages.addWidget(label(said, "unknown", wrap=True))
    said = tr("这些图像由申请人的电脑生成并签名；图像与文件一致，由申请人负责。")
    pages.addWidget(label(said, "small", wrap=True))
    pages.addStretch()
    return content


def _page(drawing: Drawing | None, name: str) -> QWidget:
    if drawing is None:
        return label(explain(DecisionRefused("pictures"), language()).cause, "bad", wrap=True)
    return _Page(drawing, name)


class _Page(QWidget):
    """A picture as wide as there is room, but no wider than it is. Its pixels are unpacked while
    it is painted: those of all pages do not lie about."""

    def __init__(self, drawing: Drawing, name: str) -> None:
        super().__init__()
        self._drawing = drawing
        self.setAccessibleName(name)
        self.setMaximumWidth(drawing.width)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return width * self._drawing.height // self._drawing.width

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.setFixedHeight(self.heightForWidth(self.width()))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        width, height, rgb = self._drawing.width, self._drawing.height, self._drawing.rgb
        image = QImage(rgb, width, height, 3 * width, QImage.Format.Format_RGB888)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self.rect(), image)
