"""What an auditor has seen of platforms' private ledgers, and cosigned: one small file each.

They prove that a platform was rewound or tells another history. So they do not lie in the cabinet,
which may be made anew.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from app.durable import replace_file
from app.errors import AuditRecordDamaged
from crypto.algorithms.gm import sm3
from crypto.frozen import frozen


@frozen
class AuditedLedger:
    """How long a ledger was when it was checked last."""

    platform: str
    size: int
    root: str
    """Hexadecimal."""
    note: str
    """The platform's own signed checkpoint."""
    seen_at: datetime
    cosigned: int
    """The size that was signed last; 0: none."""
    cosigned_at: datetime | None


class AuditedLedgers:
    """The files in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, platform: str) -> AuditedLedger | None:
        """What was seen of *platform*; None: nothing yet.

        Raises :class:`app.errors.AuditRecordDamaged`: an auditor must not begin anew unasked."""
        path = self._path(platform)
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise AuditRecordDamaged(str(path)) from error
        try:
            found = json.loads(text)
            at = found["cosigned_at"]
            kept = AuditedLedger(
                str(found["platform"]),
                int(found["size"]),
                bytes.fromhex(found["root"]).hex(),
                str(found["note"]),
                datetime.fromisoformat(found["seen_at"]),
                int(found["cosigned"]),
                datetime.fromisoformat(at) if at else None,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise AuditRecordDamaged(str(path)) from error
        if kept.platform != platform:
            raise AuditRecordDamaged(str(path))
        return kept

    def keep(self, seen: AuditedLedger) -> None:
        """Remember it. Raises OSError."""
        said = asdict(seen) | {
            "seen_at": seen.seen_at.isoformat(),
            "cosigned_at": seen.cosigned_at.isoformat() if seen.cosigned_at else None,
        }
        text = json.dumps(said, ensure_ascii=False, indent=1)
        replace_file(self._path(seen.platform), text.encode())

    def _path(self, platform: str) -> Path:
        return self._folder / f"{sm3(platform.encode()).hex()[:32]}.json"
