"""The MSI's public properties: name, value in the registry, and the setting that it is.

tests/installer/windows/test_properties.py holds them to app.settings, the policy and the manual.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Property:
    """One public property that is written down for all users of the machine."""

    name: str
    value: str
    """Its value below HKLM\\Software\\SealDesk\\SealDesk."""
    setting: str
    """The field of app.settings.Settings; empty: the program reads it not."""


PROPERTIES = (
    Property("SERVERURL", "PlatformUrl", "platform_url"),
    Property("PLATFORMROOT", "PlatformRoot", "platform_root"),
    Property("P11MODULES", "Pkcs11Modules", "pkcs11_modules"),
    Property("TSAURL", "TimestampUrl", "timestamp_url"),
    Property("TRUSTLISTURL", "TrustList", "trust_list"),
    Property("BRIDGEORIGINS", "BridgeOrigins", ""),
    Property("AUTOUPDATE", "AutoUpdate", "auto_update"),
    Property("LANGUAGE", "Language", "language"),
    Property("DESKTOP_SHORTCUT", "DesktopChoice", ""),
)
"""All are remembered across upgrades; ``-`` as the value forgets the remembered one."""
