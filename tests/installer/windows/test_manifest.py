"""What both programs tell Windows of themselves."""

from pathlib import Path

MANIFEST = Path(__file__).parents[3] / "installer" / "windows" / "program.manifest"


def test_paths_may_be_long_pixels_are_theirs_and_text_is_utf8() -> None:
    said = MANIFEST.read_text(encoding="utf-8")
    for setting in (
        ">true</longPathAware>",
        ">PerMonitorV2</dpiAwareness>",
        ">UTF-8</activeCodePage>",
    ):
        assert setting in said
