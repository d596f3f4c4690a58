"""Vendor profiles: which numbers a maker uses for SM2, read from ``profiles.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any, Literal, TypeVar

UserId = Literal["parameter", "fixed"]
ValueShape = Literal["raw", "der"]
_Section = TypeVar("_Section")


class ProfileError(ValueError):
    """``profiles.toml`` is wrong; the message names the profile and the entry."""


@dataclass(frozen=True)
class Sm2Profile:
    """The vendor's numbers for SM2; None where they are not known."""

    key_type: int | None = None
    generate: int | None = None
    sign_e: int | None = None
    """Signs the 32-byte e computed by the caller."""
    sign_message: int | None = None
    """Hashes and signs; only used where there is no `sign_e`."""
    user_id: UserId = "fixed"
    """How `sign_message` gets the SM2 user id."""
    value: ValueShape = "raw"
    """Shape of what comes back."""

    @property
    def can_sign(self) -> bool:
        return self.sign_e is not None or self.sign_message is not None

    @property
    def mechanisms(self) -> frozenset[int]:
        """Every mechanism number of the profile: its fingerprint."""
        numbers = (self.generate, self.sign_e, self.sign_message)
        return frozenset(number for number in numbers if number is not None)


@dataclass(frozen=True)
class TriesProfile:
    """A hardware feature object on which the vendor shows the PIN tries left."""

    feature: int
    """CKA_HW_FEATURE_TYPE."""
    user: int
    """Attribute with the user PIN's tries (CK_ULONG)."""
    officer: int


@dataclass(frozen=True)
class UnlockProfile:
    """How a locked PIN is set anew with the platform's help."""

    statement: bool = False
    """The module takes the platform's signed statement (device/virtual/unlock.c)."""
    tool: str = ""
    """Name of the maker's own program, as it calls itself on the screen."""


@dataclass(frozen=True)
class VendorProfile:
    """One vendor's module."""

    name: str
    vendor: str
    evidence: str
    virtual: bool = False
    modules: tuple[str, ...] = ()
    manufacturers: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    """Those it does by the standard: ``rsa``, ``ec-p256``."""
    sm2: Sm2Profile | None = None
    tries: TriesProfile | None = None
    unlock: UnlockProfile = field(default_factory=UnlockProfile)

    def names(self, module: str, manufacturer: str, description: str) -> bool:
        """Whether file name, manufacturer or description is this vendor's."""
        return (
            _fits(PurePath(module).name, self.modules)
            or _fits(manufacturer, self.manufacturers)
            or _fits(description, self.descriptions)
        )

    def offered_by(self, mechanisms: Collection[int]) -> bool:
        """Whether a token with these mechanisms could be this vendor's; needs a way to sign."""
        return self.sm2 is not None and self.sm2.can_sign and self.sm2.mechanisms <= set(mechanisms)


def _fits(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)


def _section(kind: type[_Section], values: Any, where: str) -> _Section:
    """A dataclass from a table, refusing unknown entries."""
    if not isinstance(values, Mapping):
        raise ProfileError(f"{where} must be a table")
    try:
        return kind(**values)
    except TypeError as error:
        raise ProfileError(f"{where}: {error}") from error


def _sm2_section(values: Any, where: str) -> Sm2Profile:
    sm2 = _section(Sm2Profile, values, where)
    if sm2.value not in ("raw", "der"):
        raise ProfileError(f"{where}: value must be 'raw' or 'der'")
    if sm2.user_id not in ("parameter", "fixed"):
        raise ProfileError(f"{where}: user_id must be 'parameter' or 'fixed'")
    return sm2


def parse_profiles(text: str) -> tuple[VendorProfile, ...]:
    """Profiles in the order of the TOML `text`. Raises ProfileError."""
    profiles: list[VendorProfile] = []
    for table in tomllib.loads(text).get("profile", []):
        where = f"profile {table.get('name', '?')!r}"
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
        if "sm2" in values:
            values["sm2"] = _sm2_section(values["sm2"], f"{where} sm2")
        if "tries" in values:
            values["tries"] = _section(TriesProfile, values["tries"], f"{where} tries")
        if "unlock" in values:
            values["unlock"] = _section(UnlockProfile, values["unlock"], f"{where} unlock")
        profile = _section(VendorProfile, values, where)
        if not set(profile.algorithms) <= {"rsa", "ec-p256"}:
            raise ProfileError(f"{where}: algorithms must be 'rsa' or 'ec-p256'")
        profiles.append(profile)
    if not profiles or profiles[-1].name != "standard":
        raise ProfileError("the last profile must be 'standard'")
    return tuple(profiles)


@cache
def all_profiles() -> tuple[VendorProfile, ...]:
    """The profiles shipped with the program."""
    text = resources.files("device").joinpath("profiles.toml").read_text(encoding="utf-8")
    return parse_profiles(text)


def profile_named(name: str) -> VendorProfile:
    """Raises KeyError if there is none of this name."""
    for profile in all_profiles():
        if profile.name == name:
            return profile
    raise KeyError(name)


def profile_by_names(module: str, manufacturer: str, description: str) -> VendorProfile | None:
    """The profile of a library: by its file name, manufacturer and description, if any fits."""
    for profile in all_profiles():
        if profile.names(module, manufacturer, description):
            return profile
    return None


def profile_by_mechanisms(mechanisms: Collection[int]) -> VendorProfile:
    """The profile of a token of an unknown library: by the numbers it offers, else `standard`."""
    for profile in all_profiles():
        if profile.offered_by(mechanisms):
            return profile
    return all_profiles()[-1]
