"""Ends the session of a Windows under Wine as Windows does it, for ``check-windows-gui``."""

from __future__ import annotations

from pathlib import Path

from installer.system import run
from installer.windows.runtime import MINGW

_ASK = r"""
#include <windows.h>
#include <stdio.h>
/* Every window in sight is asked, as when somebody signs out: 1 where all agree. */
static DWORD_PTR agreed = 1;
static int asked;
static BOOL CALLBACK ask(HWND window, LPARAM unused)
{
    DWORD_PTR answer = 0;
    char class[64] = "";
    (void)unused;
    GetClassNameA(window, class, sizeof class);
    if (!IsWindowVisible(window) || class[0] != 'Q' || class[1] != 't')
        return TRUE;
    asked++;
    if (!SendMessageTimeoutW(window, WM_QUERYENDSESSION, 0, 0, SMTO_ABORTIFHUNG, 20000, &answer))
        answer = 0;
    agreed = agreed && answer;
    /* Nobody signs out: another program has not agreed. */
    SendMessageTimeoutW(window, WM_ENDSESSION, FALSE, 0, SMTO_ABORTIFHUNG, 20000, &answer);
    return TRUE;
}
int main(void)
{
    EnumWindows(ask, 0);
    printf("%d windows, agreed: %d\n", asked, (int)agreed);
    return asked > 0 && agreed ? 0 : 1;
}
"""


def build(folder: Path) -> Path:
    """The program that asks; it ends with 0 where every window of Qt agrees."""
    source, program = folder / "session.c", folder / "session.exe"
    source.write_text(_ASK, encoding="ascii")
    run([f"{MINGW}-gcc", "-s", "-O2", "-o", program, source, "-luser32"])
    return program
