"""The viewer of seals and certificates: each with its chain, exported as it is."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from crypto.pki.certificate import Certificate
from crypto.seal.structure import Seal
from tests.ui.measuring import faults
from tests.world.desk import StandIn, stamped
from tests.world.openssl import OpenSsl
from tests.world.real_data import long_company
from ui.document import viewer
from ui.document.viewer import Viewer
from ui.shell.window import MainWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def opened(qtbot: QtBot, window: MainWindow) -> Viewer:
    qtbot.waitUntil(lambda: window.findChild(Viewer) is not None, timeout=20_000)
    box = window.findChild(Viewer)
    assert box is not None
    return box


def titles(box: Viewer) -> list[str]:
    return [box.list.item(row).toolTip() for row in range(box.list.count())]


def texts(box: Viewer) -> str:
    return "\n".join(label.text() for label in box.findChildren(QLabel))


@pytest.fixture
def of_seal(qtbot: QtBot, window: MainWindow, context: StandIn) -> Viewer:
    window.go("seals")
    page = window.page("seals")
    qtbot.waitUntil(
        lambda: any("证书链" in b.text() for b in page.findChildren(QPushButton)), timeout=20_000
    )
    next(b for b in page.findChildren(QPushButton) if "证书链" in b.text()).click()
    return opened(qtbot, window)


def test_a_seal_is_shown_with_both_chains_down_from_the_root(
    of_seal: Viewer, context: StandIn
) -> None:
    names = titles(of_seal)
    root = Certificate.parse(context.company.authorities.root).subject.common_name
    assert names[0].startswith("法定名称章") or names[0].startswith("合同专用章")
    assert names.count(root) == 2
    assert [name.partition("：")[0] for name in names if "：" in name] == [
        "签章人证书",
        "制章者证书",
    ]
    assert "制章者签名" in texts(of_seal)
    of_seal.list.setCurrentRow(names.index(next(n for n in names if n.startswith("签章人"))))
    said = texts(of_seal)
    held = Certificate.parse(context.company.holder.certificate)
    assert f"{held.serial:x}" in said
    assert "这台电脑信任它的根证书" in said
    assert "SM2" in said


def test_a_certificate_is_exported_as_der_and_as_pem_and_openssl_reads_it(
    qtbot: QtBot, of_seal: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_seal.list.setCurrentRow(of_seal.list.count() - 1)
    entry = of_seal.entry
    for name in ("制章者.cer", "制章者.pem"):
        path = tmp_path / name
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *_, path=path, **__: (str(path), "")
        )
        of_seal.export()
        qtbot.waitUntil(path.exists)
    assert (tmp_path / "制章者.cer").read_bytes() == entry.data
    text = (tmp_path / "制章者.pem").read_text("ascii")
    assert text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert max(map(len, text.splitlines())) == 64
    of_seal.export()
    qtbot.waitUntil(lambda: len(list(tmp_path.glob("制章者*.pem"))) == 2)


def test_openssl_reads_what_was_exported(of_seal: Viewer, tmp_path: Path, openssl: OpenSsl) -> None:
    of_seal.list.setCurrentRow(of_seal.list.count() - 1)
    path = tmp_path / "a.pem"
    path.write_bytes(viewer.pem(of_seal.entry.data))
    assert b"subject" in openssl.run("x509", "-in", path, "-noout", "-subject")


def test_a_seals_data_is_exported_as_it_is_filed(
    qtbot: QtBot, of_seal: Viewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "seal.esl"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    of_seal.list.setCurrentRow(0)
    of_seal.export()
    qtbot.waitUntil(path.exists)
    seal = of_seal.entry.seal
    assert seal is not None
    assert path.read_bytes() == seal.data
    assert Seal.parse(path.read_bytes()).es_id == seal.code


def test_a_certificate_on_the_key_is_shown_from_the_settings(
    qtbot: QtBot, window: MainWindow
) -> None:
    window.go("settings")
    page = window.page("settings")
    qtbot.waitUntil(
        lambda: any("证书链" in b.text() for b in page.findChildren(QPushButton)), timeout=20_000
    )
    next(b for b in page.findChildren(QPushButton) if "证书链" in b.text()).click()
    box = opened(qtbot, window)
    assert titles(box)[-1].startswith("签章人证书")
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.findChild(Viewer) is None)


def test_each_certificate_of_a_document_is_exported_as_it_is_in_it(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window.go("verify", [stamped(context, demo_pdf)])
    page = window.page("verify")
    qtbot.waitUntil(lambda: page.report is not None, timeout=30_000)
    page._look_at_certificates()
    box = opened(qtbot, window)
    assert len(titles(box)) > 3
    exported = []
    for row in range(box.list.count()):
        box.list.setCurrentRow(row)
        assert box.export_button.isEnabled() is (row > 0)  # the first is the seal itself
        if row:
            path = tmp_path / f"{row}.cer"
            monkeypatch.setattr(
                QFileDialog, "getSaveFileName", lambda *_, path=path, **__: (str(path), "")
            )
            box.export()
            qtbot.waitUntil(path.exists)
            exported.append(Certificate.parse(path.read_bytes()).fingerprint.hex())
    (signature,) = page.report.signatures
    chains = [*reversed(signature.chain), *reversed(signature.seal_chain)]
    assert exported == [each.sm3 for each in chains]
    box.list.setCurrentRow(0)
    box.copy()
    assert context.company.seals[1].code in QGuiApplication.clipboard().text()


def test_long_names_are_not_cut(qtbot: QtBot, stretch: int, tmp_path: Path) -> None:
    company = long_company()
    context = StandIn(tmp_path, holder=company)
    seal = company.seals[0]
    signer = context.chain_of(seal.certificate, "signers")
    maker = context.chain_of(seal.parsed.maker_certificate, "seal_makers")
    box = Viewer(None, viewer.seal_entries(seal, signer, maker), "", None)  # type: ignore[arg-type]
    qtbot.addWidget(box)
    box.show()
    for number in range(box.list.count()):
        box.list.setCurrentRow(number)
        assert faults(box) == []
