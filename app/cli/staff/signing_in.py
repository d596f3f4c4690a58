"""Signed in with a staff key for one command."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from app.cli.grammar import Commands, Parser, json_option, pin_option, token_options
from app.cli.grammar import Run as Action
from app.cli.terminal import enter_pin

if TYPE_CHECKING:
    from app.desk import Desk
    from app.remote.staff.staff_client import StaffClient
    from app.signing import TokenKey

Client = TypeVar("Client", bound="StaffClient")


def add(group: Commands, name: str, run: Action, text: str, *, json: bool = False) -> Parser:
    """An action that signs in."""
    made = group.add(name, run, text)
    token_options(made)
    pin_option(made)
    made.add_argument("--platform", metavar="URL", help="of the platform (default: the set one)")
    if json:
        json_option(made)
    return made


@contextmanager
def signed_in(
    desk: Desk, options: argparse.Namespace, kind: type[Client], role: str
) -> Iterator[tuple[Client, TokenKey]]:
    """The platform, signed in with the *role*'s key, and the key."""
    from app.remote.staff.staff_client import staff_key

    token = desk.token(options.token, options.module)
    with (
        token.login(enter_pin(desk, options, token)) as session,
        desk.client(kind, options.platform or "") as client,
    ):
        key = staff_key(session, role)
        client.sign_in(key)
        client.meet(desk.cabinet)
        yield client, key
