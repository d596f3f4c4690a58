"""The platform's settings: one frozen object, from the environment or given in code.

Every field can be set as ``SEALDESK_SERVER_<FIELD>``; see docs/platform.md.
"""

from __future__ import annotations

import argparse
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from crypto.file_names import MAX_NAME, is_kept, name_size

Network = IPv4Network | IPv6Network


def output_path(text: str) -> Path:
    """Where a command writes, for argparse: no name that some system does not keep."""
    path = Path(text)
    if not is_kept(path.name) or name_size(path.name) > MAX_NAME:
        raise argparse.ArgumentTypeError(f"not every system keeps a file of that name: {text}")
    return path


class Misbehaviour(BaseModel):
    """What a platform does wrong on purpose (:mod:`server_stub.web.misbehaving`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bad_nonce_percent: int = Field(default=0, ge=0, le=100)
    """Of the challenges: another nonce than the one that counts."""
    latency_ms: int = Field(default=0, ge=0)
    """Before every answer."""
    stale_checkpoint: bool = False
    """The registry's first checkpoint is shown as its newest."""
    expired_crl: bool = False
    """Revocation lists whose time is over."""
    clock_ahead_seconds: int = 0
    """How much the platform's clock is ahead; negative: behind."""
    drop_receipts: bool = False
    """Reports of use are taken in, and the connection ends in the middle of the answer."""
    suspend_when_used: bool = False
    """A seal is suspended the moment a ticket is asked for it."""
    busy_percent: int = Field(default=0, ge=0, le=100)
    """Of the requests: 503."""
    oversized_bytes: int = Field(default=0, ge=0)
    """Blanks behind every answer."""

    @property
    def any(self) -> bool:
        """Is anything of it switched on?"""
        return self != Misbehaviour()


class Settings(BaseSettings):
    """What one platform runs with."""

    model_config = SettingsConfigDict(env_prefix="SEALDESK_SERVER_", frozen=True, extra="forbid")

    directory: Path = Path("sealdesk-server")
    """Database, sealed keys, blobs, witness notes and the simulated neighbours live below it."""

    database_url: str = ""
    """SQLAlchemy URL; empty means SQLite in `directory`. ``postgresql+psycopg://…`` for more."""

    master_key: SecretStr = SecretStr("")
    """32 hex digits: the key all others derive from. Empty: made once, in a file of mode 0600."""

    host: str = "127.0.0.1"
    port: int = 8081
    public_url: str = ""
    """How the world addresses the platform, without a trailing slash. It is part of every text a
    Ukey signs for us and goes into certificates; empty means where the server listens."""

    provider_name: str = "宿迁市企业电子印章公共服务平台（参考实现）"
    provider_uscc: str = "12321300MB1A23457W"
    """Credit code of the provider: in the certificate of the seal that it puts on its reports."""

    provider_responsible: str = "平台负责人"
    """Who answers for the provider and its seal."""

    provider_qualifications: tuple[str, ...] = ()
    """What 第十一条 asks for: numbers of the product certificate and the trade licence."""

    region: str = "321300"
    """GB/T 2260 code of the city: the first digits of seal codes where a unit has none here."""

    vendor_id: str = "SEALDESK"
    """``Vid`` in the header of every seal."""

    auto_review: bool = False
    """A simulated reviewer decides what the rules decide. For demos and tests."""

    open_register: bool = False
    """The simulated register takes in any enterprise whose code checks. For demos and tests."""

    imprint_font: Path | None = None
    """A Song typeface for imprints; by default one found on the system, else the built-in one."""

    imprint_dpi: int = Field(default=600, ge=300, le=600)

    challenge_seconds: int = Field(default=120, ge=10, le=600)
    session_idle_seconds: int = Field(default=15 * 60, ge=30)
    session_seconds: int = Field(default=8 * 3600, ge=60)
    idempotency_days: int = Field(default=7, ge=1)
    collect_days: int = Field(default=30, ge=1)
    """A seal not collected, or a draft not submitted, for so long lapses."""
    review_days: int = Field(default=3, ge=1)
    """How long a review usually takes: applicants are told when to look."""

    assessment_hours: int = Field(default=24, ge=1)
    """How long what register, police and identity check say of an application is shown before they
    are asked again."""

    recheck_days: int = Field(default=14, ge=1)
    """How often register and police are asked again about a seal in use."""

    witness: Path | None = None
    """The folder of the witness: the last checkpoint of each log, outside the database. None:
    ``witness`` in `directory`; better on another disk or machine."""

    cosigners: tuple[str, ...] = ()
    """``<public key, hex>@<folder or http(s) address>`` of every cosigner (``sealdesk-server
    cosign``): a log that is shorter or other than what one of them saw is not written to."""

    status_seconds: int = Field(default=3600, ge=60)
    """How long a statement on a seal, a ticket among them, is believed: its next_update."""

    lease_hours: int = Field(default=24, ge=1, le=72)
    """How long uses that are reserved for a time without the platform may be made."""

    lease_uses: int = Field(default=20, ge=0, le=200)
    """How many uses of a holder's own seal are reserved at a time; a grant has its own number."""

    refresh_days: int = Field(default=7, ge=1, le=30)
    """How long a computer may report uses without the PIN."""

    report_seal_renew_days: int = Field(default=60, ge=1)
    """The platform's own seal is replaced when it has less than this left."""

    epoch_days: int = Field(default=7, ge=1)
    """How often the registry is written down as shards."""

    crl_seconds: int = Field(default=24 * 3600, ge=600)
    body_bytes: int = Field(default=1 << 20, ge=1 << 16)
    file_bytes: int = Field(default=50 << 20, ge=1 << 20)
    verification_seconds: int = Field(default=60, ge=1)
    verification_processes: int = Field(default=0, ge=0)
    """Files verified at a time; 0: as many as there are processors."""
    verification_keep_seconds: int = Field(default=600, ge=1)
    """How long the answer of a verification that nobody waited for can be fetched."""
    uploads: int = Field(default=64, ge=1)
    """Files under way, from their first byte to their answer."""
    uploads_per_address: int = Field(default=8, ge=1)
    upload_bytes: int = Field(default=256 << 20, ge=1 << 20)
    """Of all files under way; at least `file_bytes`."""
    body_seconds: float = Field(default=300, gt=0)
    """In which a body has to come."""
    body_idle_seconds: float = Field(default=15, gt=0)
    """In which the next part of it has to come."""
    header_seconds: float = Field(default=10, gt=0)
    """In which the head of a request has to come."""
    answer_seconds: float = Field(default=300, gt=0)
    """In which an answer has to be read."""
    connections: int = Field(default=512, ge=1)
    connections_per_address: int = Field(default=256, ge=1)
    """Of one IPv4 address or IPv6 /64; trusted proxies have as many as they want."""
    requests_per_minute: int = Field(default=600, ge=1)
    """Per address, for what can be called without signing in and costs something."""
    open_per_address: int = Field(default=20, ge=1)
    """Applications of one address that may be open at once; for one enterprise a quarter of it."""
    disputes_per_hour: int = Field(default=10, ge=1)
    """Per address: whoever objects more often has to wait."""

    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks of reverse proxies whose X-Forwarded-For is believed; others' is not
    read."""

    dispute_enclosure_days: int = Field(default=180, ge=1)
    """How long after a dispute is over the objector's enclosure is kept."""

    @property
    def witness_directory(self) -> Path:
        """Where the witness is."""
        return self.witness or self.directory / "witness"

    misbehaviour: Misbehaviour = Misbehaviour()
    """A JSON object of what is to go wrong, for tests of clients: docs/platform.md."""

    @property
    def url(self) -> str:
        """The database to open."""
        return self.database_url or f"sqlite:///{(self.directory / 'platform.db').as_posix()}"
