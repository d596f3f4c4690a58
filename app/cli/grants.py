"""``sealdesk grant``: seals lent to others, and seals lent to oneself."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.grammar import Commands, end, json_option, moment, pin_option, positive, token_options
from app.cli.stamp.choosing import chosen_seal
from app.cli.terminal import enter_pin, says_yes, tell, tell_json
from app.errors import Cancelled, GrantNotFound, UsageError, messages, phrase
from crypto.verdict import beijing

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.lending import Person
    from app.store.lending import GrantRecord
    from crypto.seal.grant import Grant


def add_commands(commands: Commands) -> None:
    """``grant offer``, ``list``, ``show``, ``accept``, ``withdraw`` and ``use``."""
    grants = commands.group("grant", "lend a seal to somebody, or use one that was lent")
    made = grants.add("offer", offer, "lend a seal on terms that you sign")
    made.add_argument("--seal", metavar="SEAL", help="code or name of the seal")
    made.add_argument(
        "--to", required=True, metavar="NAME", help="person or company, as verifiers see it"
    )
    made.add_argument(
        "--until",
        required=True,
        type=end,
        metavar="ISO",
        help="end of the grant; a day alone: the end of that day (Beijing time)",
    )
    made.add_argument(
        "--from",
        dest="begin",
        type=moment,
        metavar="ISO",
        help="begin (default: now; Beijing time)",
    )
    made.add_argument(
        "--uses", type=positive, default=0, help="how many uses (default: any number)"
    )
    made.add_argument(
        "--kind", action="append", default=[], help="kind of document it is for; may be repeated"
    )
    made.add_argument(
        "--counterparty", action="append", default=[], help="other party it is for; may be repeated"
    )
    made.add_argument("--hours", default="", metavar="08:00-18:00", help="time of day, in Beijing")
    made.add_argument(
        "--offline", type=int, default=0, metavar="N", help="uses that may be reserved for offline"
    )
    made.add_argument(
        "--approval", action="store_true", help="each use needs an approval, as the policy says"
    )
    made.add_argument(
        "--certificate", type=Path, help="the grantee's certificate, if this platform issued one"
    )
    made.add_argument("--grantee-id", default="", help="citizen identity number of the grantee")
    _with_key(made)

    made = grants.add("list", list_grants, "all grants, given and received")
    json_option(made)
    made = grants.add("show", show, "one grant")
    made.add_argument("grant", metavar="ID", help="number of the grant, or the seal's name")
    json_option(made)

    made = grants.add("accept", accept, "accept a seal that somebody lends you")
    made.add_argument("code", metavar="CODE", help="code or number of the offer")
    made.add_argument("--platform", metavar="URL", help="of the platform (default: the set one)")
    made.add_argument("--name", default="", help="your name, if you have no certificate yet")
    made.add_argument("--id-no", default="", help="your citizen identity number, then")
    made.add_argument("--yes", action="store_true", help="accept the terms without being asked")
    _with_key(made)

    made = grants.add("withdraw", withdraw, "end a grant at once, or give one back")
    made.add_argument("grant", metavar="ID", help="number of the grant, or the seal's name")
    _with_key(made)

    made = grants.add("use", choose_use, "say what the next uses of a lent seal are for")
    made.add_argument("grant", metavar="ID", help="number of the grant, or the seal's name")
    made.add_argument("--kind", default="", help="kind of document")
    made.add_argument("--counterparty", default="", help="other party")


def _with_key(made: Any) -> None:
    token_options(made)
    pin_option(made)
    json_option(made)


def offer(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.lending import Wish
    from app.remote.lending import offer as offer_seal
    from app.signing import find_key
    from app.store.anchors import read_certificates

    seal = chosen_seal(desk, options.seal)
    given = read_certificates(options.certificate)[0].der if options.certificate else b""
    wish = Wish(
        grantee=options.to,
        begin=options.begin,
        until=options.until,
        max_uses=options.uses,
        kinds=tuple(options.kind),
        counterparties=tuple(options.counterparty),
        hours=options.hours,
        offline_quota=options.offline,
        approval=options.approval,
        certificate=given,
        id_no=options.grantee_id,
    )
    token = desk.token(options.token, options.module, holding=seal.signer)
    with token.login(enter_pin(desk, options, token)) as session:
        key = find_key(session, seal.certificate)
        made = offer_seal(desk.platform(seal.platform), desk.cabinet, seal, wish, key)
    if options.json:
        tell_json(facts(made.grant))
    else:
        tell(phrase("grant.offered", desk.settings.language).format(code=made.code))
        _describe(made.grant, desk)
    return 0


def list_grants(desk: Desk, options: argparse.Namespace) -> int:
    grants = desk.cabinet.grants()
    language = desk.settings.language
    if options.json:
        tell_json([facts(each) for each in grants])
        return 0
    for grant in grants:
        terms = grant.signed.grant
        row = (
            phrase(f"grant.{grant.side}", language),
            grant.id,
            terms.seal_name,
            terms.grantee if grant.side == "given" else terms.holder,
            phrase(f"grant_state.{grant.state_at(datetime.now(UTC))}", language),
            beijing(terms.valid_until)[:16],
            _left(grant, language),
        )
        tell("\t".join(row))
    if not grants:
        tell(phrase("grant.none", language))
    return 0


def show(desk: Desk, options: argparse.Namespace) -> int:
    grant = _chosen(desk, options.grant)
    if options.json:
        tell_json(facts(grant))
    else:
        _describe(grant, desk)
    return 0


def accept(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.lending import accept as accept_offer
    from app.remote.lending import look_at_offer

    platform = desk.platform_to_join(options.platform or "")
    token, code = desk.token(options.token, options.module), options.code
    seen = look_at_offer(platform, code)
    _agree(options, seen.grant, desk.settings.language)
    with token.login(enter_pin(desk, options, token)) as session:
        seal = accept_offer(platform, desk.cabinet, session, code, _person(options), seen)
        desk.settle_token(session, seal)
    if options.platform:
        desk.remember_platform(options.platform)
    grant = next(each for each in desk.cabinet.grants() if each.seal_id == seal.id)
    if options.json:
        tell_json(facts(grant))
    else:
        language = desk.settings.language
        tell(f"{phrase('grant.accepted', language)} {seal.code} {seal.name}")
        _describe(grant, desk)
    return 0


def _agree(options: argparse.Namespace, terms: Grant, language: str) -> None:
    """Show the terms beside the output, and return once somebody says yes to them.

    Raises :class:`app.errors.Cancelled`, :class:`app.errors.UsageError` where nobody can."""
    for line in _lines(_terms(terms, language), language):
        sys.stderr.write(f"{line}\n")
    if options.yes:
        return
    if options.pin_stdin or not sys.stdin.isatty():
        raise UsageError("nobody_agrees", "--yes")
    sys.stderr.write(f"{phrase('grant.agree', language)} ")
    sys.stderr.flush()
    if not says_yes(sys.stdin.readline(), language):
        raise Cancelled


def _person(options: argparse.Namespace) -> Person | None:
    from app.remote.lending import Person

    return Person(options.name, options.id_no) if options.name or options.id_no else None


def withdraw(desk: Desk, options: argparse.Namespace) -> int:
    from app.remote.lending import withdraw as end

    grant = _chosen(desk, options.grant)
    token = desk.token(options.token, options.module)
    with token.login(enter_pin(desk, options, token)) as session:
        key = desk.holder_key(session)
        ended = end(desk.platform(grant.platform), desk.cabinet, grant, key)
    if options.json:
        tell_json(facts(ended))
    else:
        _describe(ended, desk)
    return 0


def choose_use(desk: Desk, options: argparse.Namespace) -> int:
    grant = _chosen(desk, options.grant)
    desk.cabinet.keep_grant(replace(grant, kind=options.kind, counterparty=options.counterparty))
    _describe(_chosen(desk, grant.id), desk)
    return 0


def _chosen(desk: Desk, which: str) -> GrantRecord:
    """The grant of that number, or the only open one of that seal or code.

    Raises :class:`app.errors.GrantNotFound`."""
    every = desk.cabinet.grants()
    found = [grant for grant in every if which in (grant.id, grant.code)]
    if not found:
        named = [grant for grant in every if which == grant.signed.grant.seal_name]
        found = [grant for grant in named if grant.open] or named
    if len(found) > 1:  # one person may be on both sides
        found = [grant for grant in found if grant.side == "given"]
    if len(found) != 1:
        raise GrantNotFound(which)
    return found[0]


def _reason(reason: str, language: str) -> str:
    words: dict[str, str] = messages(language)["phrases"]["grant_reason"]
    return words.get(reason, words["other"]) if reason else ""


def _left(grant: GrantRecord, language: str) -> str:
    left = grant.left
    if left is None:
        return phrase("grant.any_number", language)
    return phrase("grant.left", language).format(left=left, most=grant.signed.grant.max_uses)


def remaining(until: datetime, now: datetime, language: str) -> str:
    """How long until *until*, in words: days and hours, then hours and minutes."""
    left = max(timedelta(), until - now)
    minutes = int(left.total_seconds() // 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    name = "grant.days" if days else "grant.hours"
    return phrase(name, language).format(days=days, hours=hours, minutes=minutes % 60)


def _describe(grant: GrantRecord, desk: Desk) -> None:
    """Facts about a grant, a line each."""
    language, now = desk.settings.language, datetime.now(UTC)
    said = _terms(grant.signed.grant, language)
    until = grant.signed.grant.valid_until
    state = phrase(f"grant_state.{grant.state_at(now)}", language)
    why = _reason(grant.reason, language)
    more = {
        "state": f"{state} {why}".strip(),
        "remaining": remaining(until, now, language) if grant.open else "—",
        "uses": _left(grant, language),
    }
    order = ("seal", "holder", "grantee", "state", "period", "remaining", "uses")
    both = said | more
    rows = {"id": grant.id} | {name: both.pop(name) for name in order} | both
    if grant.kind or grant.counterparty:
        rows["next"] = " ".join(each for each in (grant.kind, grant.counterparty) if each)
    if grant.code and grant.state == "offered":
        rows["code"] = grant.code
    for line in _lines(rows, language):
        tell(line)
    if grant.doubled:
        sys.stdout.write(phrase("grant.doubled", language).format(count=grant.doubled) + "\n")


def _terms(terms: Grant, language: str) -> dict[str, str]:
    """What a grant says, in the words of ``grant_show``."""
    scope, any_of = terms.scope, phrase("grant.everything", language)
    rows = {
        "seal": f"{terms.seal_name} ({terms.seal_code})",
        "holder": terms.holder,
        "grantee": terms.grantee,
        "period": f"{beijing(terms.valid_from)[:16]} – {beijing(terms.valid_until)[:16]}",
        "uses": str(terms.max_uses) if terms.max_uses else phrase("grant.any_number", language),
        "kinds": "、".join(scope.kinds) or any_of,
        "counterparties": "、".join(scope.counterparties) or any_of,
        "hours": scope.hours or any_of,
        "offline": str(terms.offline_quota),
    }
    if terms.approval:
        rows["approval"] = phrase("grant.approval", language)
    return rows


def _lines(rows: Mapping[str, str], language: str) -> list[str]:
    return [f"{phrase(f'grant_show.{key}', language)}: {value}" for key, value in rows.items()]


def facts(grant: GrantRecord) -> dict[str, Any]:
    """A grant as JSON-ready data."""
    terms = grant.signed.grant
    return {
        "id": grant.id,
        "side": grant.side,
        "platform": grant.platform,
        "state": grant.state,
        "reason": grant.reason,
        "seal_code": terms.seal_code,
        "seal_name": terms.seal_name,
        "holder": terms.holder,
        "grantee": terms.grantee,
        "valid_from": terms.valid_from.isoformat(),
        "valid_until": terms.valid_until.isoformat(),
        "max_uses": terms.max_uses,
        "used": grant.used,
        "left": grant.left,
        "kinds": list(terms.scope.kinds),
        "counterparties": list(terms.scope.counterparties),
        "hours": terms.scope.hours,
        "offline_quota": terms.offline_quota,
        "approval": terms.approval,
        "doubled": grant.doubled,
        "code": grant.code,
        "told_at": grant.told_at.isoformat(),
    }
