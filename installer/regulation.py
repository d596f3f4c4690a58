"""docs/regulation.zh-CN.md and docs/regulation.md, from docs/regulation.toml.

    python3 dev.py regulation

A test holds the pages to the table; a whole run of the tests must have run every one that the table
names (tests/world/regulation.py).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
TABLE = DOCS / "regulation.toml"
PAGES = {"zh_CN": DOCS / "regulation.zh-CN.md", "en": DOCS / "regulation.md"}
FIRST, LAST = 5, 28
"""The articles that ask something of a seal, its holder or its platform."""

_HEADS = {
    "zh_CN": (
        "# 《宿迁市企业电子印章管理办法》逐条对照",
        "办法第五条至第二十八条要求什么，本程序怎样做到，由哪个自动测试证明。本页由"
        " [regulation.toml](regulation.toml) 生成（`python3 dev.py regulation`）；"
        "所列测试在每次完整测试中都必须存在并运行。标为“未实现”的，程序没有做到，没有测试。",
        ("条", "要求", "本程序", "测试"),
        "未实现",
    ),
    "en": (
        "# The regulation, article by article",
        "What articles 5 to 28 of the Suqian regulation on enterprise electronic seals (2024) ask"
        " for, what the program does about it, and which test shows it. Made from"
        " [regulation.toml](regulation.toml) (`python3 dev.py regulation`). Every test named here"
        " must exist and run in each whole run of the tests. “Not built” means just that, and has"
        " no test.",
        ("Article", "Asks for", "The program", "Tests"),
        "Not built",
    ),
}


@dataclass(frozen=True)
class Duty:
    """One thing that an article asks for."""

    article: int
    asked: dict[str, str]
    """By language, as in :data:`PAGES`."""
    done: dict[str, str]
    tests: tuple[str, ...]
    """``FILE::TEST``, or ``FILE::*`` for all of a file. None: the duty is not met."""


def duties() -> list[Duty]:
    """The table, in the order of the articles."""
    rows = tomllib.loads(TABLE.read_text(encoding="utf-8"))["duty"]
    return [
        Duty(
            row["article"],
            {"zh_CN": row["zh"], "en": row["en"]},
            {"zh_CN": row["done_zh"], "en": row["done_en"]},
            tuple(row["tests"]),
        )
        for row in rows
    ]


def page(language: str) -> str:
    """The page in *language*, Markdown."""
    title, lead, columns, not_built = _HEADS[language]
    lines = [title, "", lead, "", f"| {' | '.join(columns)} |", "|---|---|---|---|"]
    for duty in duties():
        shown = "<br>".join(f"`{name}`" for name in duty.tests)
        done = duty.done[language] if shown else f"**{not_built}** — {duty.done[language]}"
        if language == "zh_CN" and not shown:
            done = done.replace(" — ", "：")
        lines.append(f"| {duty.article} | {duty.asked[language]} | {done} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    main()
