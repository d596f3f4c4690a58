"""The demo: the main job from nothing, and again from what exists."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pymupdf
import pytest
from PIL import Image

from app.cli.entry import main
from app.demo import DEMO_PIN
from app.desk import Desk
from tests.world.clerk import Answer, Clerk, environment, excerpt


@dataclass(frozen=True)
class FirstRun:
    """A person who has just cloned the repository, and what the first demo came to."""

    viewer: Clerk
    answer: Answer
    output: Path
    seconds: float
    """Of the processor: what else the machine does is not the demo's doing."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    folder = tmp_path_factory.mktemp("viewer")
    viewer, began = Clerk(folder, pin=None), time.process_time()
    answer = viewer("demo", "--output", folder / "out")
    return FirstRun(viewer, answer, folder / "out", time.process_time() - began)


def results(folder: Path, name: str) -> Path:
    """The stamped file, once picture and report are known to be beside it and to agree."""
    stamped = folder / f"{name}_已盖章.pdf"
    report = json.loads(stamped.with_suffix(".json").read_text("utf-8"))
    assert report["verdict"] == "VALID"
    assert report["file"]["name"] == stamped.name
    with Image.open(stamped.with_suffix(".png")) as picture:
        colours = picture.convert("RGB").getcolors(1 << 24)
        assert any(r > 180 and g < 90 for _, (r, g, b) in colours or ()), "the seal is to be seen"
    return stamped


def test_the_demo_runs_from_nothing_and_leaves_a_stamped_document(first: FirstRun) -> None:
    answer, output = first.answer, first.output
    assert answer.code == 0, answer.out + answer.err
    assert first.seconds < 60
    lines = answer.out.splitlines()
    assert lines[0].startswith("印台演示")
    assert [line[0] for line in lines if line[0] in "①②③④⑤"] == list("①②③④⑤")
    assert "⑤ 验章结论：有效" in lines
    assert DEMO_PIN not in answer.out
    stamped = results(output, "宿迁市企业电子印章管理办法")
    assert {each.name for each in output.iterdir()} == {
        f"宿迁市企业电子印章管理办法{end}"
        for end in (".pdf", "_已盖章.pdf", "_已盖章.png", "_已盖章.json")
    }
    with pymupdf.open(stamped) as document:
        report = json.loads(stamped.with_suffix(".json").read_text("utf-8"))
        (signature,) = report["signatures"]
        assert len(signature["marks"]) == len(document) + 1, "a page seal and a slice on each page"


@pytest.mark.slow
def test_a_second_run_starts_from_what_exists_though_its_port_is_taken(
    first: FirstRun, tmp_path: Path
) -> None:
    """And stamps anybody's document: one page that lies on its side, so no riding seam."""
    viewer = first.viewer
    remembered = viewer.home / "data" / "demo" / "platform.port"
    port = int(remembered.read_text("ascii"))
    mine = tmp_path / "我的 合同.pdf"
    mine.write_bytes(excerpt(1, rotation=90))
    before = mine.read_bytes()
    with socket.socket() as held:
        held.bind(("127.0.0.1", port))
        held.listen()
        answer = viewer("demo", mine, "--output", tmp_path / "out", LANGUAGE="en")
    assert answer.code == 0, answer.out + answer.err
    assert "the virtual Ukey of last time" in answer.out
    assert "collected last time" in answer.out
    assert "5. verdict: valid" in answer.out
    assert mine.read_bytes() == before
    assert "no riding seam on a single page" in answer.out
    stamped = results(tmp_path / "out", "我的 合同")
    (signature,) = json.loads(stamped.with_suffix(".json").read_text("utf-8"))["signatures"]
    ((left, top),) = [(mark["left_mm"], mark["top_mm"]) for mark in signature["marks"]]
    assert (left, top) == pytest.approx((297 - 25 - 40, 210 - 25 - 40), abs=0.1)


def test_a_demo_on_something_else_than_a_pdf_says_so(stranger: Clerk, tmp_path: Path) -> None:
    text = tmp_path / "text.pdf"
    text.write_text("Dear customer", encoding="utf-8")
    answer = stranger("demo", text, "--output", tmp_path / "out")
    assert answer.code == 4
    assert "[E-102]" in answer.err
    assert not (tmp_path / "out").exists(), "nothing was begun"


def test_without_a_screen_the_last_lines_say_the_next_step(first: FirstRun) -> None:
    last = "\n".join(first.answer.out.splitlines()[-3:])
    stamped = first.output / "宿迁市企业电子印章管理办法_已盖章.pdf"
    assert "接下来" in last
    assert f'sealdesk verify "{stamped}"' in last


Shown = tuple[bool, list[Path], str]


def windows(first: FirstRun, output: Path, *extra: str) -> list[Shown]:
    """What the demo, run once more with a screen, opens in windows."""
    shown: list[Shown] = []

    def window(desk: Desk, files: Sequence[Path], page: str) -> int:
        its_own = first.viewer.home / "data" / "demo" in desk.settings.folders.data.parents
        shown.append((its_own, list(files), page))
        return 0

    with environment(first.viewer.variables):
        assert main(["demo", "--output", str(output), *extra], window) == 0
    return shown


def test_with_a_screen_it_ends_in_the_window_on_the_page_for_verifying(
    first: FirstRun, tmp_path: Path
) -> None:
    (stamped,) = windows(first, tmp_path / "out")
    assert stamped[0], "the demo's own world"
    assert [each.name for each in stamped[1]] == ["宿迁市企业电子印章管理办法_已盖章.pdf"]
    assert stamped[2] == "verify"


@pytest.mark.slow
def test_a_window_that_is_not_wanted_is_not_opened(first: FirstRun, tmp_path: Path) -> None:
    assert windows(first, tmp_path / "out", "--no-window") == []


@pytest.mark.slow
def test_what_the_demo_has_stamped_is_verified_in_the_demo_and_nowhere_else(
    first: FirstRun, tmp_path: Path
) -> None:
    """Outside nobody trusts the demo's platform; the answer names it, and what helps."""
    stamped = results(first.output, "宿迁市企业电子印章管理办法")
    outside = first.viewer("verify", stamped, "--offline")
    assert outside.code == 2
    assert "由演示平台“" in outside.out
    assert f"sealdesk demo --verify '{stamped.name}'" in outside.out
    assert "sealdesk trust" not in outside.out
    told = first.viewer("verify", stamped, "--offline", "--json").json
    assert {each["action"] for each in told["signatures"][0]["proofs"]} == {"open_in_demo"}
    inside = first.viewer("demo", "--verify", stamped)
    assert inside.code == 0, inside.out + inside.err
    assert "有效" in inside.out.splitlines()[0]
    # another computer's demo does not know it either, and says so
    elsewhere = Clerk(tmp_path / "elsewhere", pin=None)
    assert "还没有运行过演示" in elsewhere("demo", "--verify", stamped).out
    assert elsewhere("demo", "--output", tmp_path / "out").code == 0
    answer = elsewhere("demo", "--verify", stamped)
    assert answer.code == 2
    assert "不是这台电脑上的演示做的" in answer.out


def test_the_demo_must_be_told_what_to_verify(first: FirstRun) -> None:
    assert first.viewer("demo", "--verify").code == 64


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tour_walks_through_a_companys_life_twice(tmp_path: Path) -> None:
    """Every step does what it says; the second one begins with what the first has left."""
    viewer = Clerk(tmp_path, pin=None)
    for time_ in (1, 2):
        done = viewer("demo", "--tour", "--no-window", "--output", tmp_path / f"{time_}")
        assert done.code == 0, done.out + done.err
        steps = [line for line in done.out.splitlines() if line.startswith("【")]
        assert len(steps) == 10
        assert done.out.count("：有效") == 3
        resumed, guest = "已停用。法定代表人恢复以后", "授权签章人：周文博"
        for word in (resumed, guest, "由印章", "已结束", "归档包 "):
            assert word in done.out, word
        assert DEMO_PIN in done.out
        assert "接下来" in done.out
        package = next((tmp_path / f"{time_}").glob("*.zip"))
        assert viewer("archive", "check", package).code == 2  # this person trusts nobody yet
