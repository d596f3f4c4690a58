"""``sealdesk notices``: events that the user must know of, and what to do about each."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from app.cli.grammar import Commands, json_option
from app.cli.terminal import tell, tell_json
from app.errors import phrase
from crypto.beijing import in_beijing

if TYPE_CHECKING:
    from app.desk import Desk
    from app.store.notices import NoticeRecord


def add_commands(commands: Commands) -> None:
    """``notices``."""
    made = commands.add("notices", notices, "what has happened, and what to do")
    made.add_argument("--all", action="store_true", help="those that were read, too")
    made.add_argument("--read", action="store_true", help="mark as read what is shown")
    json_option(made)


def notices(desk: Desk, options: argparse.Namespace) -> int:
    kept = desk.cabinet.notices
    shown = kept.all() if options.all else kept.unread()
    language = desk.settings.language
    if options.json:
        tell_json([_plain(notice, language) for notice in shown])
    else:
        _tell(desk, shown, every=options.all)
    if options.read:
        unread = [notice.id for notice in shown if not notice.read]
        kept.mark_read(unread)
        if not options.json:
            tell(phrase("notices.marked", language).format(count=len(unread)))
    return 0


def _tell(desk: Desk, shown: list[NoticeRecord], *, every: bool) -> None:
    """By platform where there are several, newest first."""
    from app.store.notices import said

    language = desk.settings.language
    if not shown:
        tell(phrase("notices.none_at_all" if every else "notices.none", language))
    origins = list(dict.fromkeys(notice.platform for notice in shown))
    for origin in origins:
        if len(origins) > 1:
            tell(origin)
        for each in (notice for notice in shown if notice.platform == origin):
            words = said(each, language)
            state = phrase(f"notices.{'read' if each.read else 'unread'}", language)
            tell(f"{in_beijing(each.at):%Y-%m-%d %H:%M}\t{state}\t{words.title}")
            if words.todo:
                tell(f"\t{phrase('notices.todo', language).format(todo=words.todo)}")


def _plain(notice: NoticeRecord, language: str) -> dict[str, object]:
    from app.store.notices import said

    words = said(notice, language)
    return {
        **asdict(notice),
        "facts": dict(notice.facts),
        "at": notice.at.isoformat(),
        "read_at": notice.read_at and notice.read_at.isoformat(),
        "title": words.title,
        "todo": words.todo,
        "action": words.action,
    }
