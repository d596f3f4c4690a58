"""The trust list that is followed: where it comes from, and the one that is kept.

Address and signer are set by policy, by the machine's settings or by the person, who may do so
where ``allow_own_trust`` is on. The newest list ever seen stays in ``<config>/trust/list.stl`` and
is never replaced by an older one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.durable import replace_file
from app.errors import FileNotReadable, FileProblem, TrustListRejected
from app.settings import Origin, Settings
from crypto.validation.trust import Trust
from crypto.validation.trust_list import MAX_SIZE, TrustList, TrustListError

EVERY = timedelta(days=1)
"""How often a list is fetched."""


def follows(settings: Settings) -> bool:
    """Is a list followed at all? One that a person has set needs leave to trust."""
    chosen = settings.source("trust_list_signer").origin
    allowed = settings.allow_own_trust or chosen in (Origin.POLICY, Origin.MACHINE)
    return bool(settings.trust_list and settings.trust_list_signer and allowed)


def is_address(settings: Settings) -> bool:
    """Is it fetched from an address (else it is a file)?"""
    return settings.trust_list.startswith(("https://", "http://"))


def kept(settings: Settings) -> TrustList | None:
    """The newest list that was taken, if it is by whom it should be."""
    return _newest(settings) if follows(settings) else None


def take_file(settings: Settings) -> None:
    """Take the list from the file that the setting names, if it names one.

    Raises as :func:`take` does, and :class:`app.errors.FileNotReadable`."""
    if not follows(settings) or is_address(settings):
        return
    path = Path(settings.trust_list)
    try:
        with path.open("rb") as stream:
            token = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    take(settings, token)


def take(settings: Settings, token: bytes) -> TrustList:
    """Keep *token* as the newest list. Raises :class:`app.errors.TrustListRejected`: "malformed",
    "signer" if another than the named certificate signed it, "older" than the one that is kept."""
    where = settings.trust_list
    try:
        made = TrustList.parse(token)
    except TrustListError as error:
        raise TrustListRejected(where, "malformed") from error
    if made.certificate.fingerprint.hex() != settings.trust_list_signer:
        raise TrustListRejected(where, "signer")
    known = _newest(settings)
    if known is not None and (
        made.sequence < known.sequence
        or (made.sequence == known.sequence and made.token != known.token)
    ):
        raise TrustListRejected(where, "older")
    if known is None or made.token != known.token:
        _path(settings).parent.mkdir(parents=True, exist_ok=True)
        replace_file(_path(settings), token)
    _asked(settings).parent.mkdir(parents=True, exist_ok=True)
    replace_file(_asked(settings), datetime.now(UTC).isoformat().encode())
    return made


def due(settings: Settings) -> bool:
    """Is it a day since the list was fetched?"""
    if not (follows(settings) and is_address(settings)):
        return False
    try:
        last = datetime.fromisoformat(_asked(settings).read_text("ascii"))
        return not timedelta() <= datetime.now(UTC) - last < EVERY
    except (OSError, ValueError, TypeError):
        return True


def trust_of(made: TrustList | None, now: datetime) -> Trust:
    """The anchors of the list; none where there is no list, or it has expired."""
    return made.trust(now) if made else Trust()


def _newest(settings: Settings) -> TrustList | None:
    try:
        made = TrustList.parse(_path(settings).read_bytes())
    except (OSError, TrustListError):
        return None
    # a list of another operator, kept before, says nothing about this one's
    return made if made.certificate.fingerprint.hex() == settings.trust_list_signer else None


def _path(settings: Settings) -> Path:
    return settings.folders.config / "trust" / "list.stl"


def _asked(settings: Settings) -> Path:
    return settings.folders.cache / "trust-list-asked"
