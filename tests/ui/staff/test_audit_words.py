"""What the auditor is told."""

from dataclasses import replace

from pytestqt.qtbot import QtBot

from tests.world.desk import StandIn
from ui.shell.token_strip import token_name
from ui.shell.window import MainWindow
from ui.staff import words


def test_an_entry_says_what_it_is_about() -> None:
    entry = {"type": "application-v1", "event": "approve", "about": ["application", "app_7"]}
    assert words.happened(entry) == "核准；app_7"
    assert words.happened({"type": "read-v1", "about": ["application", "app_7"]}) == "app_7"


def test_who_applies_is_called_so() -> None:
    assert words.who("app_01584f0e6fea0fe1") == "申请人"
    assert words.who("赵六") == "赵六"


def test_the_key_of_a_member_of_staff_is_called_by_name(context: StandIn) -> None:
    (token,) = context.plugged
    (held,) = token.certificates
    staff = replace(held, organization="平台工作人员", name="审核员赵六", role="reviewer")
    assert token_name(replace(token, certificates=(staff,))) == "平台工作人员 审核员赵六"
    assert token_name(token) == "宿迁云帆贸易有限公司"


def test_the_first_check_compares_with_nothing_and_says_so(
    qtbot: QtBot, window: MainWindow, context: StandIn
) -> None:
    page = window.page("audit")
    page._show_seen(None)
    seen = context.staff.check()
    for said in ("第一次检查", "前后一致"):
        page._checked(seen)
        assert any(said in told for told in window.notices.texts)
