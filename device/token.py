"""A smart key (Ukey, 智能密码钥匙) as the rest of SealDesk sees it.

Nothing here knows PKCS#11: `device.pkcs11` implements these protocols, and an SKF backend
(GM/T 0016) can stand beside it. One thread owns a module and everything that comes from it.

The errors::

    TokenError
    ├── ModuleError                 the driver, not the key
    │   ├── ModuleNotFound
    │   ├── ModulePathIncomplete
    │   ├── ModuleNotSigned
    │   ├── ModuleWrongArchitecture
    │   └── ModuleUnusable
    ├── TokenNotPresent             there is no key
    │   └── TokenRemoved            there was one, and it went away
    ├── TokenNotInitialised
    ├── PinError
    │   ├── PinIncorrect            tries_left
    │   ├── PinLocked
    │   ├── PinNotAllowed           reason
    │   ├── PinNotInitialised
    │   └── UnlockRefused           reason
    ├── NotLoggedIn
    ├── KeyNotFound
    ├── UnsupportedKey
    ├── BadSignature
    └── DeviceFault                 code
        └── TokenFull
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from types import TracebackType
from typing import Protocol, Self

PIN_MIN_LENGTH = 6
PIN_MAX_LENGTH = 32


class TokenError(Exception):
    """Something about a smart key or its driver; every error of this package is one."""

    stops_batch = True
    """Whether a batch ends here: a key that fails for one document fails for the next."""


class ModuleError(TokenError):
    """The vendor's driver library cannot be used; `path` names the file."""

    def __init__(self, message: str, path: str) -> None:
        super().__init__(message)
        self.path = path


class ModuleNotFound(ModuleError):
    """The driver library file does not exist: the vendor's middleware is not installed."""


class ModulePathIncomplete(ModuleError):
    """A relative path: what it means depends on where the program was started."""


ON_NETWORK = "\\\\"
"""In place of a signer: how the path of a network share begins."""


class ModuleNotSigned(ModuleError):
    """Policy demands a driver that somebody has signed whom Windows trusts. `signer` is whom its
    signature names all the same, "" if it has none, :data:`ON_NETWORK` for a file on another
    computer, which may give another one after the check."""

    def __init__(self, path: str, signer: str) -> None:
        super().__init__(f"{path} has no signature that Windows holds to be good", path)
        self.signer = signer


class ModuleWrongArchitecture(ModuleError):
    """The library is for another processor or word size, e.g. a 32-bit DLL for a 64-bit program."""

    def __init__(self, path: str, found: str, needed: str) -> None:
        super().__init__(f"{path} is for {found}, this program needs {needed}", path)
        self.found = found
        self.needed = needed


class ModuleUnusable(ModuleError):
    """The file is no PKCS#11 library, cannot be loaded, or refuses to start."""


class TokenNotPresent(TokenError):
    """No key is plugged in where one was asked for."""


class TokenRemoved(TokenNotPresent):
    """The key was pulled out (or replaced, or initialised anew) while it was in use."""


class TokenNotInitialised(TokenError):
    """The key is blank or damaged: it must be initialised before anything else."""


class PinError(TokenError):
    """Something about the PIN (保护口令)."""


class PinIncorrect(PinError):
    """The PIN is wrong; one try is spent. `tries_left` is None where the vendor does not tell."""

    def __init__(self, tries_left: int | None = None) -> None:
        super().__init__("the PIN is wrong")
        self.tries_left = tries_left


class PinLocked(PinError):
    """Too many wrong PINs: only the security officer (the platform's reset) can unblock the key."""


class PinRule(StrEnum):
    """Which rule a new PIN breaks."""

    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    WEAK = "weak"
    """A factory default, one repeated character, or a plain run such as 123456."""
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """The key itself refuses it and says no more."""


class PinNotAllowed(PinError):
    """The new PIN breaks a rule; no try is spent."""

    def __init__(self, reason: PinRule, *, whose: str = "user") -> None:
        """*whose*: "user" or "officer"."""
        super().__init__(f"this PIN cannot be set: {reason.value}")
        self.reason = reason
        self.whose = whose


class PinNotInitialised(PinError):
    """The key has no user PIN yet: the security officer must set one."""


class UnlockProblem(StrEnum):
    """Why a statement does not unlock a key."""

    INVALID = "invalid"
    """It is not of the form that the key takes, or its secret does not open this key."""
    SIGNER = "signer"
    """It was altered, or somebody else signed it than whom the key was told of."""
    OTHER_KEY = "other-key"
    """It is about another key, or a certificate that this key does not hold."""
    EXPIRED = "expired"
    USED = "used"
    """It was used, or a newer one was asked for since."""
    NOT_PINNED = "not-pinned"
    """The key was never told whose statements count."""
    VENDOR = "vendor"
    """A key of this maker is unlocked with the maker's own tool."""


class UnlockRefused(PinError):
    """The statement does not unlock this key; nothing has changed on it."""

    def __init__(self, reason: UnlockProblem) -> None:
        super().__init__(f"the key is not unlocked by this statement: {reason.value}")
        self.reason = reason


class NotLoggedIn(TokenError):
    """The operation needs an open session with the PIN; a newer login ends an older session."""


class KeyNotFound(TokenError):
    """The key pair asked for is not on the token, or its public half cannot be found."""


class UnsupportedKey(TokenError):
    """The token holds or offers no key of a kind that SealDesk can sign with."""


class BadSignature(TokenError):
    """The token returned a value that is malformed or does not verify: it must not be used."""


class DeviceFault(TokenError):
    """The key reports a fault of its own; `code` is the vendor library's name or number for it."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the key reports {code}")
        self.code = code


class TokenFull(DeviceFault):
    """The key has no room left for the object."""


@dataclass(frozen=True)
class TokenInfo:
    """What a key says of itself. Texts are the vendor's, trimmed."""

    serial: str
    """Printed on most keys; a token is remembered by this. Empty on a blank key."""
    label: str
    manufacturer: str
    model: str
    module: str
    """Path of the driver library through which it was found."""
    slot: int
    is_virtual: bool
    """Software for demo and training, never to hold the key of a real seal."""
    hardware_version: str
    firmware_version: str
    profile: str
    """Name of the vendor profile in use."""


@dataclass(frozen=True)
class PinState:
    """The user PIN's state, asked from the key at this moment."""

    initialised: bool
    """A user PIN has been set."""
    count_low: bool
    """At least one wrong try since the last right one."""
    final_try: bool
    """One more wrong PIN locks the key."""
    locked: bool
    must_change: bool
    """The key asks for a change before use (a PIN set by the issuer)."""
    tries_left: int | None
    """Only where the vendor tells; never a guess."""


@dataclass(frozen=True)
class UnlockRequest:
    """What a key wants to be told when it is unlocked by a statement
    (:mod:`crypto.seal.unlocking`)."""

    signer: bytes
    """Public key X‖Y, 64 bytes, of whose statements count."""
    nonce: bytes
    """16 bytes; another one once a statement was used."""
    secret: bytes
    """SM2Cipher (GM/T 0009, DER) of the 32-byte secret that opens the token, and SM3 of the public
    keys on it."""


class Input(StrEnum):
    """What `Key.sign` takes."""

    SM2_E = "sm2-e"
    """32 bytes: e = SM3(Z || message), computed by the caller."""
    MESSAGE = "message"
    """The message itself; the token or this package hashes it."""


class Key(Protocol):
    """A private key on a token; dead once its session is closed or the token pulled out."""

    @property
    def label(self) -> str: ...
    @property
    def key_id(self) -> bytes:
        """CKA_ID or the vendor's container name; may be empty."""

    @property
    def algorithm(self) -> str:
        """``sm2``, ``rsa`` or ``ec-p256``."""

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """Every certificate (DER) on the token with this public key."""

    @property
    def certificate(self) -> bytes | None:
        """The first of `certificates`; choosing by key usage is the caller's matter."""

    @property
    def input(self) -> Input: ...
    def sign(self, data: bytes) -> bytes:
        """Sign what `input` says.

        Returns raw r || s (64 bytes) for SM2 and P-256, PKCS#1 v1.5 with SHA-256 for RSA. The shape
        is checked here, the value is not: verify it before use. Raises BadSignature, TokenRemoved,
        NotLoggedIn, DeviceFault.
        """


class Session(Protocol):
    """An open token; a context manager. `close` never raises and never hides an exception."""

    def keys(self) -> list[Key]:
        """The private keys that can sign. Raises NotLoggedIn if the key hides them without PIN."""

    def generate_key(self, algorithm: str, label: str) -> Key:
        """Make a key pair inside the token. Raises UnsupportedKey, TokenFull, NotLoggedIn."""

    def delete_key(self, key_id: bytes) -> None:
        """Destroy the key pair with this id. Raises KeyNotFound."""

    def certificates(self) -> list[bytes]:
        """All X.509 certificates on the token, DER, in the token's order."""

    def store_certificate(self, der: bytes, label: str, key_id: bytes) -> None:
        """Put a certificate beside its key; replaces an identical one."""

    def read_data(self, label: str) -> bytes | None:
        """The public data object of this name, or None."""

    def write_data(self, label: str, data: bytes) -> None:
        """Store or replace a public data object. Raises TokenFull."""

    def delete_data(self, label: str) -> None:
        """Remove a data object; nothing happens if there is none."""

    def pin_unlocker(self, signer: bytes, recipient: bytes) -> None:
        """Tell the key whose statements unlock it (public keys X‖Y: who signs, who can read the
        secret). Nothing happens if it knows of somebody already, or is unlocked in another way; a
        request made before it named the token's keys is made anew.

        Raises NotLoggedIn, DeviceFault."""

    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Token(Protocol):
    """A plugged-in key. PINs are passed on and forgotten: never logged, never stored."""

    @property
    def info(self) -> TokenInfo: ...
    @property
    def initialised(self) -> bool: ...
    def pin_state(self) -> PinState:
        """Asked afresh from the key. Raises TokenNotPresent."""

    def login(self, pin: str) -> Session:
        """Open with the user PIN; ends an earlier login on the same key.

        Raises PinIncorrect, PinLocked, PinNotInitialised, TokenNotPresent.
        """

    def open(self) -> Session:
        """Open without PIN: certificates and data objects only."""

    def change_pin(self, old: str, new: str) -> None:
        """Ends a login.

        Raises PinIncorrect (a try is spent), PinLocked, PinNotAllowed (none is).
        """

    def initialise(self, label: str, so_pin: str, user_pin: str) -> None:
        """Erase everything and set label and both PINs. A used key demands its present SO PIN."""

    def unblock(self, so_pin: str, new_pin: str) -> None:
        """Set a new user PIN as security officer; keys and certificates stay, sessions end."""

    def unlock_request(self) -> UnlockRequest | None:
        """What an application for a PIN reset sends along; None if this key cannot be unlocked by
        a statement, or was never told whose count."""

    def unlock(self, statement: bytes, signature: bytes, new_pin: str) -> None:
        """Set a new user PIN by a signed statement; keys and certificates stay, sessions end. Good
        once. Raises UnlockRefused, PinNotAllowed, TokenNotPresent."""


# What makers and resellers print on their leaflets, and what people type next.
_DEFAULT_PINS = frozenset(
    {"12345678", "123456", "1234567", "111111", "11111111", "000000", "00000000", "88888888",
     "888888", "666666", "66666666", "654321", "87654321", "112233", "123123", "12341234",
     "password", "admin123", "abcdef", "abcdefgh", "qwerty", "1q2w3e4r", "a1234567"}
)  # fmt: skip


def is_weak_pin(pin: str) -> bool:
    """A factory default, one repeated character, or a plain ascending or descending run."""
    steps = {ord(b) - ord(a) for a, b in pairwise(pin)}
    return pin.lower() in _DEFAULT_PINS or (len(steps) == 1 and steps <= {-1, 0, 1})


def check_new_pin(pin: str, *, old: str | None = None, whose: str = "user") -> None:
    """Raise PinNotAllowed if `pin` must not be set (length counts UTF-8 bytes)."""
    length = len(pin.encode())
    if length < PIN_MIN_LENGTH:
        raise PinNotAllowed(PinRule.TOO_SHORT, whose=whose)
    if length > PIN_MAX_LENGTH:
        raise PinNotAllowed(PinRule.TOO_LONG, whose=whose)
    if is_weak_pin(pin):
        raise PinNotAllowed(PinRule.WEAK, whose=whose)
    if pin == old:
        raise PinNotAllowed(PinRule.UNCHANGED, whose=whose)
