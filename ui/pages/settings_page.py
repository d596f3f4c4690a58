"""设置: platform, keys, output, appearance, help. What policy has fixed is shown and greyed.

One module, though long: every setting is asked for in the same way.
"""

from __future__ import annotations

import json
import sys
import tomllib
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from app.errors import AppError, explain
from app.publishing import replace_output
from ui import theme
from ui.choice import Choice
from ui.dialogs import Dialog
from ui.document.viewer import show_certificate
from ui.files import ask_where
from ui.language import language, pair, tr
from ui.pages.phones_dialog import PhonesDialog
from ui.pages.trust_section import TrustSection
from ui.room import room
from ui.shell.pin_dialog import change_pin
from ui.shell.token_strip import describe_token, token_name
from ui.widgets import (
    Expander,
    button,
    calm,
    clear_layout,
    column,
    copy_text,
    day,
    facts,
    framed,
    in_fours,
    label,
    picture,
    row,
    scrolled,
)

if TYPE_CHECKING:
    from ui.shell.context.values import CertificateView, TokenView
    from ui.shell.interface import Shell


class SettingsPage(QWidget):
    """The page behind 设置."""

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self.setAccessibleName(tr("设置"))
        self.fields: dict[str, QWidget] = {}
        content = QWidget()
        self._column = column(margins=(24, 20, 24, 24), spacing=14)
        content.setLayout(self._column)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scrolled(content, tr("设置")))
        self._column.addWidget(label(tr("设置"), "title"))
        self._column.addWidget(self._ukey())
        self._column.addWidget(self._phones())
        self._column.addWidget(self._platform())
        self._column.addWidget(self._output())
        self._column.addWidget(self._trust())
        self._column.addWidget(self._look())
        self._column.addWidget(self._help())
        self._column.addStretch()
        shell.tokens_changed.connect(self._show_tokens)
        self._show_tokens()

    def panes(self) -> list[QWidget]:
        first = [field for field in self.fields.values() if field.isEnabled()][:1]
        return [*first, self._diagnose]

    def activated(self) -> None:
        self._show_tokens()
        self.trust.reload()

    # --- building blocks -------------------------------------------------------------------------

    def _section(self, title: str) -> tuple[QWidget, QVBoxLayout]:
        inner = column(margins=(18, 14, 18, 16), spacing=10)
        inner.addWidget(label(title, "heading"))
        card = framed("card", inner)
        card.setMaximumWidth(room(860))
        return card, inner

    def _grid(self, rows: list[tuple[str, str, QWidget]]) -> QGridLayout:
        """Label and field per row; a field that policy has fixed is greyed and says so."""
        made = QGridLayout()
        made.setHorizontalSpacing(16)
        made.setVerticalSpacing(8)
        made.setColumnMinimumWidth(0, 150)
        settings = self._shell.context.settings
        for number, (name, title, field) in enumerate(rows):
            field.setAccessibleName(title)
            self.fields[name] = field
            made.addWidget(label(title, "muted"), number, 0)
            made.addWidget(field, number, 1)
            if settings.locked(name):
                field.setEnabled(False)
                # which policy: the computer's, the user's, a file
                field.setToolTip(f"{tr('由管理员设置')}\n{settings.source(name).where}")
                fixed = row(
                    picture("lock", "muted", 14), label(tr("由管理员设置"), "small"), spacing=4
                )
                made.addLayout(fixed, number, 2)
        made.setColumnStretch(1, 1)
        return made

    def _text(self, name: str, placeholder: str = "") -> QLineEdit:
        value = getattr(self._shell.context.settings, name)
        made = QLineEdit("" if value is None else str(value))
        made.setPlaceholderText(placeholder)
        made.editingFinished.connect(lambda: self._save(name, made.text().strip() or None))
        return made

    def _choice(self, name: str, choices: list[tuple[str, object]]) -> QComboBox:
        made = calm(Choice())
        made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        for title, value in choices:
            made.addItem(title, value)
        now = getattr(self._shell.context.settings, name)
        made.setCurrentIndex(max(0, [value for _, value in choices].index(now)))
        made.currentIndexChanged.connect(lambda _: self._save(name, made.currentData()))
        return made

    def _save(self, name: str, value: object) -> None:
        settings = self._shell.context.settings
        if str(getattr(settings, name) or "") == str(value or ""):
            return
        try:
            self._shell.context.save_settings({name: value})
        except (AppError, OSError) as error:
            message = explain(error, language())
            self._shell.notices.show_notice("settings", "error", pair(message.title, message.cause))
            field = self.fields[name]
            if isinstance(field, QLineEdit):
                field.setText(str(getattr(settings, name) or ""))
            return
        self._shell.notices.clear_notice("settings")

    # --- Ukey ------------------------------------------------------------------------------------

    def _ukey(self) -> QWidget:
        card, inner = self._section("Ukey")
        self._tokens = column(spacing=10)
        inner.addLayout(self._tokens)
        self.modules = QListWidget()
        self.modules.setFixedHeight(76)
        theme.set_role(self.modules, "boxed")
        settings = self._shell.context.settings
        for path in settings.pkcs11_modules:
            self.modules.addItem(path)
        inner.addWidget(
            label(
                tr("驱动程序（PKCS#11）。常见厂商的驱动会自动找到；找不到时在这里添加。"),
                "small",
                wrap=True,
            )
        )
        grid = self._grid([("pkcs11_modules", tr("另外的驱动"), self.modules)])
        inner.addLayout(grid)
        add = button(tr("添加驱动…"), self._add_module, icon="plus")
        remove = button(tr("移除选中的"), self._remove_module, icon="trash-2")
        for made in (add, remove):
            made.setEnabled(not settings.locked("pkcs11_modules"))
        inner.addLayout(row(add, remove, None))
        virtual = QCheckBox(tr("允许使用虚拟 Ukey（仅供演示和培训）"))
        virtual.setChecked(settings.allow_virtual_ukey)
        virtual.setEnabled(not settings.locked("allow_virtual_ukey"))
        virtual.toggled.connect(lambda on: self._save("allow_virtual_ukey", on))
        inner.addWidget(virtual)
        return card

    def _phones(self) -> QWidget:
        card, inner = self._section(tr("手机"))
        said = tr("配对的手机可以代替 Ukey 审批用印，Ukey 丢失时也可以用它挂失。")
        inner.addWidget(label(said, "small", wrap=True))
        self.phones = button(tr("配对手机…"), lambda: PhonesDialog(self._shell, self).exec())
        inner.addLayout(row(self.phones, None))
        return card

    def _show_tokens(self) -> None:
        clear_layout(self._tokens)
        tokens: tuple[TokenView, ...] = self._shell.tokens
        if not tokens:
            self._tokens.addWidget(
                label(tr("没有插入 Ukey。插上后会自动出现在这里。"), "muted", wrap=True)
            )
        for token in tokens:
            self._tokens.addWidget(self._token(token))

    def _token(self, token: TokenView) -> QWidget:
        role, said = describe_token(token, ())
        tries = tr("未知") if token.tries_left is None else str(token.tries_left)
        rows = [
            (tr("序列号"), token.serial or "—"),
            (tr("标签"), token.label or "—"),
            (tr("厂商型号"), f"{token.manufacturer} {token.model}".strip()),
            (tr("剩余次数"), tries),
            (tr("驱动"), token.module or "—"),
        ]
        if sys.platform == "win32":
            rows.append((tr("驱动签名者"), token.driver_signer or tr("没有 Windows 认可的签名")))
        made = QWidget()
        inner = column(spacing=6)
        made.setLayout(inner)
        ask = partial(change_pin, self._shell, token, self)
        change = button(tr("修改口令…"), ask, icon="key-round")
        change.setEnabled(not token.locked)
        if not token.initialised:
            change = button(tr("初始化…"), lambda: self._initialise(token), icon="key-round")
        head = row(picture("usb", role, 20))
        head.addWidget(label(token_name(token), "heading", wrap=True), 1)
        head.addWidget(change)
        inner.addLayout(head)
        inner.addWidget(label(said, role if role != "good" else "small", wrap=True))
        inner.addWidget(Expander(tr("Ukey 信息"), facts(rows)))
        for certificate in token.certificates:
            inner.addWidget(self._certificate(certificate))
        return made

    def _certificate(self, certificate: CertificateView) -> Expander:
        rows = [
            (tr("名称"), certificate.name),
            (tr("单位"), certificate.organization or "—"),
            (tr("签发者"), certificate.issuer),
            (tr("序列号"), certificate.serial),
            (
                tr("有效期"),
                tr(
                    "{start} 至 {end}",
                    start=day(certificate.not_before),
                    end=day(certificate.not_after),
                ),
            ),
            (tr("SM3 指纹"), in_fours(certificate.sm3)),
        ]
        body = QWidget()
        inner = column(spacing=4)
        body.setLayout(inner)
        inner.addWidget(facts(rows))
        text = "\n".join(pair(name, value) for name, value in rows)
        actions = row(button(tr("复制"), lambda: copy_text(text), role="link"), None)
        if certificate.der:
            look = partial(show_certificate, self._shell, certificate.der, self)
            actions.insertWidget(1, button(tr("证书链和导出…"), look, role="link"))
        inner.addLayout(actions)
        title = tr(
            "证书 {name}，{date} 到期", name=certificate.name, date=day(certificate.not_after)
        )
        return Expander(title, body)

    def _add_module(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, tr("选择驱动程序"), "", tr("驱动程序 (*.dll *.so *.dylib)")
        )
        if name and not self.modules.findItems(name, Qt.MatchFlag.MatchExactly):
            self.modules.addItem(name)
            self._save_modules()

    def _remove_module(self) -> None:
        for item in self.modules.selectedItems():
            self.modules.takeItem(self.modules.row(item))
        self._save_modules()

    def _save_modules(self) -> None:
        names = [self.modules.item(number).text() for number in range(self.modules.count())]
        self._save("pkcs11_modules", tuple(names) or None)

    def _initialise(self, token: TokenView) -> None:
        from ui.shell.keys.token_setup import initialise

        initialise(self._shell, token, self)

    # --- the other sections ----------------------------------------------------------------------

    def _platform(self) -> QWidget:
        card, inner = self._section(tr("平台"))
        inner.addLayout(
            self._grid(
                [
                    ("platform_url", tr("平台地址"), self._text("platform_url", "https://")),
                    (
                        "timestamp",
                        tr("盖章时加时间戳"),
                        self._choice(
                            "timestamp",
                            [
                                (tr("不加"), "none"),
                                (tr("尽量加：取不到时照常盖章并提示"), "optional"),
                                (tr("必须加：取不到时不盖章"), "required"),
                            ],
                        ),
                    ),
                    (
                        "timestamp_url",
                        tr("时间戳服务"),
                        self._text("timestamp_url", tr("留空：使用平台的时间戳")),
                    ),
                    ("proxy", tr("代理服务器"), self._text("proxy", tr("留空：使用系统设置"))),
                    (
                        "auto_update",
                        tr("平台发布新版本时"),
                        self._choice(
                            "auto_update",
                            [
                                (tr("提示"), "ask"),
                                (tr("提示，并在后台下载"), "on"),
                                (tr("不检查"), "off"),
                            ],
                        ),
                    ),
                ]
            )
        )
        return card

    def _output(self) -> QWidget:
        card, inner = self._section(tr("盖章后的文件"))
        folder = self._text("output_folder", tr("留空：与原文件在同一文件夹"))
        marks = self._choice(
            "marks",
            [
                (tr("全部印迹共用一个签名（推荐）"), "shared"),
                (tr("每处印迹各一个签名"), "separate"),
            ],
        )
        grid = self._grid(
            [
                ("output_folder", tr("保存位置"), folder),
                ("output_suffix", tr("文件名后缀"), self._text("output_suffix")),
                ("marks", tr("多处印迹"), marks),
            ]
        )
        inner.addLayout(grid)
        if folder.isEnabled():  # else policy's word stands there
            pick = button(tr("选择文件夹…"), lambda: self._pick_folder(folder), icon="folder-open")
            grid.addWidget(pick, 0, 2)
            self.setTabOrder(folder, pick)
        return card

    def _pick_folder(self, field: QLineEdit) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("保存位置"), field.text())
        if name:
            field.setText(name)
            self._save("output_folder", name)

    def _trust(self) -> QWidget:
        card, inner = self._section(tr("信任"))
        self.trust = TrustSection(self._shell)
        inner.addWidget(self.trust)
        return card

    def _look(self) -> QWidget:
        card, inner = self._section(tr("外观和语言"))
        look = calm(Choice())
        for title, value in (
            (tr("跟随系统"), "system"),
            (tr("浅色"), "light"),
            (tr("深色"), "dark"),
        ):
            look.addItem(title, value)
        now = self._shell.state.get("appearance", "") or "system"
        look.setCurrentIndex(max(0, look.findData(now)))
        look.currentIndexChanged.connect(lambda _: self._restyle(look.currentData()))
        tongue = self._choice("language", [("简体中文", "zh_CN"), ("English", "en")])
        tongue.currentIndexChanged.connect(lambda _: self._shell.change_language())
        inner.addLayout(
            self._grid([("appearance", tr("外观"), look), ("language", tr("语言"), tongue)])
        )
        away = QCheckBox(tr("窗口在后面时用系统通知提醒"))
        away.setChecked(bool(self._shell.state.get("away", True)))
        away.toggled.connect(lambda on: self._shell.state.put("away", None if on else False))
        inner.addWidget(away)
        about = tr("插入了 Ukey、盖章或验证已结束；通知里没有任何名字。")
        inner.addWidget(label(about, "small", wrap=True))
        return card

    def _restyle(self, appearance: str) -> None:
        self._shell.state.put("appearance", appearance if appearance != "system" else None)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            theme.apply(application, appearance)

    def _help(self) -> QWidget:
        card, inner = self._section(tr("帮助"))
        self._diagnose = button(tr("导出诊断信息…"), self.export_diagnosis, icon="download")
        inner.addWidget(
            label(
                tr("诊断信息只含版本、设置和状态，不含口令、密钥、文件名和文件内容。"),
                "small",
                wrap=True,
            )
        )
        inner.addLayout(
            row(self._diagnose, button(tr("关于和许可…"), self.about, icon="info"), None)
        )
        return card

    def export_diagnosis(self) -> None:
        """One click: a file for support, without secrets."""
        suggested = self._shell.folder() / "sealdesk-diagnosis.json"
        path = ask_where(self, tr("导出诊断信息"), suggested, "JSON (*.json)", replaces=True)
        if path is None:
            return

        def write() -> None:
            data = self._shell.context.diagnosis()
            data["keys"] = [_described(token) for token in self._shell.tokens]
            replace_output(path, json.dumps(data, ensure_ascii=False, indent=2).encode())

        self._shell.tasks.work(
            write,
            done=lambda _: self._shell.notices.show_notice(
                "export", "good", tr("诊断信息已保存到 {path}", path=path)
            ),
            failed=self._shell.complain,
        )

    def about(self) -> None:
        """Version and licences."""
        dialog = AboutDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


class AboutDialog(Dialog):
    """The About box: version, licence and components."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from crypto.pdf.verify import PROGRAM

        self.setWindowTitle(tr("关于印台"))
        self.setMinimumSize(560, 460)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.setSpacing(12)
        head = row(picture("stamp", "accent", 40), spacing=14)
        names = column(spacing=2)
        names.addWidget(label(tr("印台"), "title"))
        names.addWidget(label(PROGRAM, "small"))
        head.addLayout(names, 1)
        whole.addLayout(head)
        whole.addWidget(
            label(tr("以 AGPL-3.0-or-later 许可发布。未经商用密码产品认证。"), "muted", wrap=True)
        )
        text = QPlainTextEdit()
        text.setReadOnly(True)
        text.setAccessibleName(tr("所用软件和许可"))
        text.setPlainText(licences())
        whole.addWidget(text, 1)
        whole.addLayout(row(None, button(tr("关闭"), self.accept)))


def licences() -> str:
    """The components and their licences; the full texts of what is copied into the program.

    The packages are listed by installer/licences.py."""
    packages = tomllib.loads(
        (resources.files("resources") / "licences.toml").read_text(encoding="utf-8")
    )
    lines = [
        "OpenSSL (libcrypto) — Apache-2.0",
        "Lucide (icons) — ISC",
        "Noto Serif CJK SC (dates, demo document) — OFL-1.1",
        *(f"{name} {said['version']} — {said['licence']}" for name, said in packages.items()),
    ]
    icons = resources.files("resources") / "icons" / "LICENSE.txt"
    return "\n".join(lines) + "\n\n" + icons.read_text(encoding="utf-8")


def _described(token: TokenView) -> dict[str, Any]:
    """A key for the diagnosis: what it is, not whose."""
    return {
        "manufacturer": token.manufacturer,
        "model": token.model,
        "driver": Path(token.module).name,
        "virtual": token.is_virtual,
        "initialised": token.initialised,
        "locked": token.locked,
        "tries_left": token.tries_left,
        "certificates": len(token.certificates),
    }
