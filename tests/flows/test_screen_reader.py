"""The window as a screen reader has it: every page, dialog and verdict is read and operated by
AT-SPI alone, in the running program with real data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ui.listening import Reader, listening, missing, mute
from tests.ui.live_window import END
from tests.ui.screens import COUNT
from tests.world.desk import PIN
from tests.world.real_data import COMPANY, FILE_PASSWORD, LONG_NAME
from tests.world.waiting import until

MISSING = missing()
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"needs {MISSING}"),
    pytest.mark.timeout(300),
]

PAGES = ("盖章", "验章", "印章", "授权", "审批", "台账", "设置")


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    home = tmp_path_factory.mktemp("home")
    (home / "config").mkdir()
    with listening(home) as made:
        made.hear("口令剩余 10 次")
        yield made


@pytest.fixture
def reader(window: Reader) -> Reader:
    """With nothing open in front of the window, whatever became of the test before."""
    window.close_all()
    return window


def sent(reader: Reader, beginning: str) -> Path:
    """A file that somebody has sent."""
    folder = reader.home / "合同"
    return next(path for path in sorted(folder.iterdir()) if path.name.startswith(beginning))


def test_every_page_is_reached_named_and_operable(reader: Reader) -> None:
    found = {}
    for name in (*PAGES[1:], PAGES[0]):
        reader.press(name, "check box")
        reader.wait(f"{name} — 印台", "frame")
        tree = reader.tree()
        chosen = tree.find(name, "check box")
        assert chosen is not None
        assert "checked" in chosen.states
        found[name] = mute(tree)
    assert found == {name: [] for name in found}


def test_a_child_that_has_gone_ends_nothing(reader: Reader) -> None:
    for name in PAGES:
        reader.press(name, "check box")
        reader.wait(f"{name} — 印台", "frame")
        assert reader.ask_beyond() > 20
    reader.press(PAGES[0], "check box")
    reader.wait(f"{PAGES[0]} — 印台", "frame")


def test_verdicts_are_told_with_their_reasons(reader: Reader) -> None:
    reader.press("验章", "check box")
    reader.wait("验章 — 印台", "frame")
    for beginning, verdict, reason in (
        (LONG_NAME.removesuffix(".pdf") + "_已盖章", "有效", "可以采信"),
        ("被改动的", "无效", "不要采信这个文件"),
        (LONG_NAME, "未签章", "没有电子印章"),
        ("传坏了的", "PDF 文件已损坏", "重新索取"),
        ("加密的", "文件有打开密码", "密码"),
    ):
        reader.give(sent(reader, beginning))
        reader.hear(reason)
        tree = reader.tree()
        assert any(verdict in name for name in tree.names)
        assert mute(tree) == []
    reader.press("输入文件密码", "push button")
    reader.wait("文件密码", "dialog", "frame")
    assert mute(reader.tree()) == []
    reader.write("文件密码", FILE_PASSWORD)
    reader.press("确定", "push button")
    reader.hear("没有电子印章")


def test_a_menu_is_opened_read_and_used(reader: Reader) -> None:
    reader.press("验章", "check box")
    reader.give(sent(reader, LONG_NAME.removesuffix(".pdf") + "_已盖章"))
    reader.hear("可以采信")
    menu = reader.open_menu("更多")
    assert menu.role == "popup menu"
    assert menu.name == "更多"
    entries = [each.name for each in menu.children if each.role == "menu item"]
    assert entries == [
        *("查看印章、导出证书…", "平台盖章的报告…", "提出异议…", "查询已提出的异议…")
    ]
    assert "focused" in menu.children[0].states
    reader.key("Return")
    reader.wait("印章和证书", "dialog")
    reader.press("关闭", "push button")
    reader.wait_until_gone("印章和证书", "dialog")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_screen_of_the_program_is_read_and_nothing_on_it_is_mute(tmp_path: Path) -> None:
    """Pages, dialogs, verdicts and menus: all that tests/ui/screens.py walks through."""
    (tmp_path / "config").mkdir()
    shown, seen = tmp_path / "screen.txt", tmp_path / "seen.txt"
    found: dict[str, list[str]] = {}
    with listening(tmp_path, "--tour") as reader:

        def named() -> str:  # "": just being written
            return shown.read_text("utf-8") if shown.exists() else ""

        while True:
            until(lambda: named() not in ("", *list(found)[-1:]), f"after {list(found)[-1:]}", 120)
            name = named()
            if name == END:
                break
            menu = name.startswith("menu-")
            tree = reader.wait_for_menu() if menu else reader.tree()
            assert len(tree.names) > 1, name
            found[name] = mute(tree)
            seen.write_text(name, "utf-8")
    assert {name: faults for name, faults in found.items() if faults} == {}
    assert len(found) == COUNT


def test_dialogs_are_read_and_closed(reader: Reader) -> None:
    found = {}

    def look(title: str, close: str) -> None:
        dialog = reader.tree(reader.wait(title, "dialog"))
        assert dialog.name.startswith(title)
        assert len(dialog.names) > 2
        found[title] = mute(dialog)
        reader.press(close, "push button")
        reader.wait_until_gone(title, "dialog")

    reader.press("帮助", "push button")
    look("帮助", "关闭")
    reader.press("设置", "check box")
    reader.press("修改口令", "push button")
    look("修改 Ukey 口令", "取消")
    reader.press("关于和许可", "push button")
    look("关于印台", "关闭")
    reader.press("印章", "check box")
    reader.press("申请印章", "push button")
    look("申请印章", "取消")
    assert found == {title: [] for title in found}


def test_a_contract_is_stamped_by_screen_reader_alone(reader: Reader) -> None:
    reader.press("盖章", "check box")
    reader.wait("盖章 — 印台", "frame")
    reader.give(sent(reader, LONG_NAME))
    reader.press("盖章方式：坐标", "check box")
    reader.press("放置", "push button")
    reader.hear("1 处印迹，1 页")
    tree = reader.tree()
    mark = next(name for name in tree.names if name.startswith("合同专用章") and "毫米" in name)
    assert "第 1 页" in mark or "第1页" in mark
    assert mute(tree) == []
    cards = [name for name in tree.names if name.startswith("合同专用章，") and COMPANY in name]
    assert len(set(cards)) == 3, "three seals of one name are told apart"
    reader.press("盖章", "push button")
    reader.wait("输入 Ukey 口令", "dialog")
    tree = reader.tree()
    assert any("合同专用章有效" in name for name in tree.names), "the checks are read beside it"
    dialog = tree.find("输入 Ukey 口令", "dialog")
    assert dialog is not None
    assert {"用途", "剩余次数", "10 次"} <= set(dialog.names)
    assert mute(dialog) == []
    reader.write("Ukey 口令", PIN)
    assert PIN not in str(reader.tree()), "nobody hears the PIN"
    reader.press("确定", "push button")
    reader.hear("已盖章：")
    assert mute(reader.tree()) == []
    reader.press("验章", "push button")
    reader.hear("可以采信")
