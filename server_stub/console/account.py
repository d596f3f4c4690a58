"""Who sits at the server's console."""

from __future__ import annotations

import getpass

from server_stub.policy import Actor


def operator() -> Actor:
    """The person at this machine's console; the ledger names the account."""
    return Actor("operator", f"operator {getpass.getuser()}", frozenset({"operator"}))
