"""docs/error-codes.zh-CN.md and docs/error-codes.md, from the messages of the program.

    python3 dev.py error-codes

A test holds the files to the messages.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from app.errors import messages

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = {"zh_CN": DOCS / "error-codes.zh-CN.md", "en": DOCS / "error-codes.md"}

_HEADS = {
    "zh_CN": (
        "# 错误代码",
        "程序报错时给出标题、原因、怎么办和代码。本页按代码列出全部错误，由程序自己的提示文字生成"
        "（`python3 dev.py error-codes`）。"
        "“…”处是当时的文件、页码等。使用方法见 [操作手册](manual.zh-CN.md)。",
        ("标题", "原因", "怎么办"),
        "命令行：",
    ),
    "en": (
        "# Error codes",
        "An error has a title, a cause, a remedy and a code. All of them by code, made from the"
        " program's own messages (`python3 dev.py error-codes`); … stands for the file, the page"
        " and the like.",
        ("Title", "Cause", "Remedy"),
        "Command line: ",
    ),
}
_GROUPS = {
    "zh_CN": {
        "0": "命令与操作",
        "1": "文件",
        "2": "Ukey 和口令",
        "3": "印章",
        "4": "位置",
        "5": "平台、时间戳和网络",
        "6": "本机数据和设置",
        "7": "证书、印章和时间戳的数据",
        "9": "程序自身",
    },
    "en": {
        "0": "Commands",
        "1": "Files",
        "2": "Ukey and PIN",
        "3": "Seals",
        "4": "Places",
        "5": "Platform, time stamps and network",
        "6": "Local data and settings",
        "7": "Data of certificates, seals and time stamps",
        "9": "The program itself",
    },
}


def page(language: str) -> str:
    """The page in *language*, Markdown."""
    title, lead, columns, command_line = _HEADS[language]
    lines = [title, "", lead]
    group = ""
    entries = [entry for name, entry in messages(language).items() if name != "phrases"]
    for entry in sorted(entries, key=lambda entry: str(entry["code"])):
        if entry["code"][2] != group:
            group = entry["code"][2]
            word = "代码" if language == "zh_CN" else "Code"
            lines += ["", f"## {_GROUPS[language].get(group, f'E-{group}xx')}", ""]
            lines += [f"| {word} | {' | '.join(columns)} |", "|---|---|---|---|"]
        cells = [_cell(entry, part, language) for part in ("title", "cause", "remedy")]
        if "command_line" in entry:
            cells[-1] += f"<br>{command_line}{_cell(entry, 'command_line', language)}"
        lines.append(f"| {entry['code']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(entry: dict[str, Any], part: str, language: str) -> str:
    """A text without its placeholders; the words that may stand for one follow, a line each."""
    text = str(entry[part])
    reasons: list[str] = []
    for name in re.findall(r"\{(\w+)\}", text):
        words = [word.replace("{}", "…") for word in entry.get("words", {}).get(name, {}).values()]
        reasons += [word for word in dict.fromkeys(words) if word.strip(" …：:（）()")]
    text = re.sub(r"\{\w+\}", "…", text)
    text = re.sub("(?:…)+", "…", text)
    listed = "".join(f"<br>· {reason}" for reason in reasons)
    return " ".join(text.replace("<", "&lt;").split()).replace("|", "\\|") + listed


def main() -> None:
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")


if __name__ == "__main__":
    main()
