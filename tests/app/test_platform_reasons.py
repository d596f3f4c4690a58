"""The reasons that the platform's rules write are said in the reader's language."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from app.errors import ApplicationRejected, explain, messages, platform_reason

RULES = (
    "appointing.py",
    "applying.py",
    "authorities/representatives.py",
    "changing/assessing.py",
    "changing/cancelling.py",
    "changing/fulfilling.py",
)
CHINESE = re.compile("[\u4e00-\u9fff]")


def sentences() -> set[str]:
    """All Chinese that those modules can put on record."""
    found = set()
    for name in RULES:
        tree = ast.parse(Path("server_stub", name).read_text(encoding="utf-8"))
        texts = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in texts:
                found |= {str(node.value).strip("；：")}
    return {each for each in found if CHINESE.search(each)}


def test_every_sentence_of_the_rules_is_known() -> None:
    known = set(messages("zh_CN")["phrases"]["platform_says"].values())
    assert sentences() - known == set()


def test_sentences_are_said_in_english_and_a_persons_own_words_stay() -> None:
    text = "所涉电子印章已注销；名字写错了"
    assert platform_reason(text, "en") == "the seal that it is about is cancelled; 名字写错了"
    assert platform_reason(text, "zh_CN") == text
    assert platform_reason("", "en") == ""
    refused = platform_reason("法定代表人未在电子营业执照上同意：我没有申请", "en")
    assert refused == "the legal representative did not agree on the electronic licence: 我没有申请"


def test_a_rejection_gives_its_reason_in_the_readers_language() -> None:
    error = ApplicationRejected("0a1b", "rejected", "未提交授权书")
    assert explain(error, "en").cause.endswith("was rejected. no letter of authority was submitted")
    assert explain(error, "zh_CN").cause.endswith("未提交授权书")
