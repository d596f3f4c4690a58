"""What a Windows program learns of the host that starts it."""

from pathlib import Path

import pytest

from installer.windows.wine import Wine


@pytest.mark.parametrize(
    "name", ["DISPLAY", "PYTHONPATH", "SEALDESK_PIN", "SSL_CERT_FILE", "TMPDIR"]
)
def test_what_names_the_hosts_own_files_is_not_passed_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a TMPDIR that is not in its chroot Wine's server ended at once."""
    monkeypatch.setenv(name, "/host/alone")
    monkeypatch.setenv("KEPT", "value")
    told = Wine(Path("/prefix"), {"LANG": "zh_CN.UTF-8"}).environment()
    assert "/host/alone" not in told.values()
    assert (told["KEPT"], told["LANG"], told["WINEPREFIX"]) == ("value", "zh_CN.UTF-8", "/prefix")
