"""What one run of SealDesk works with: settings, cabinet, journal, tokens, platform.

Everything is opened on first use, so that verifying a file does not touch the keyring and a
diagnosis does not need a Ukey. Command line, window and demo all sit at the same desk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass
