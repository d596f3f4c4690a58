"""Libraries that must not be loaded, for ``check-windows``: each writes down where it came from."""

from __future__ import annotations

from pathlib import Path

from installer.system import run
from installer.windows.runtime import MINGW

LOADED = "loaded.txt"
"""On drive C:, a line for each library of ours that was loaded."""
COMPANION, DRIVER = "sealdesk-companion.dll", "sealdesk-driver.dll"
_WRITE = r"""
#include <windows.h>
#include <stdio.h>
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, LPVOID reserved)
{
    (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        char name[MAX_PATH] = "";
        GetModuleFileNameA(self, name, sizeof name);
        FILE *file = fopen("C:\\loaded.txt", "a");
        if (file) { fprintf(file, "%s\n", name); fclose(file); }
    }
    return TRUE;
}
"""
_COMPANION = _WRITE + "__declspec(dllexport) int companion(void) { return 7; }\n"
_DRIVER = _WRITE + (
    "__declspec(dllimport) int companion(void);\n"
    "__declspec(dllexport) int driver(void) { return companion(); }\n"
)


def build(folder: Path) -> tuple[Path, Path]:
    """A driver that needs a companion, and the companion."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    for name, code in ((COMPANION, _COMPANION), (DRIVER, _DRIVER)):
        source = folder / f"{name}.c"
        source.write_text(code, encoding="ascii")
        library = folder / name
        run([f"{MINGW}-gcc", "-shared", "-s", "-O2", "-o", library, source, *made])
        made.append(library)
    return made[1], made[0]
