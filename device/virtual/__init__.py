"""The virtual Ukey: a PKCS#11 module in C for demo, training and tests, and what goes with it.

Its hardware is a folder: ``slotN.vukey`` is a key plugged into slot N (0 to 3). Other code talks to
it only through `device.pkcs11`; the functions here do what a person does with a real key: make it,
pull it out, plug it in, break it. Only for demo keys, never for a company's.
Start reading at :file:`device/virtual/core.c`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device.pkcs11 import Module, open_module
from device.virtual.build import module_path

FOLDER_VARIABLE = "SEALDESK_VUKEY_DIR"
SLOTS = range(4)


def open_virtual_module() -> Module:
    """The module, compiled if need be. Raises BuildError."""
    return open_module(module_path())


def token_path(folder: Path, slot: int) -> Path:
    """Where the key in a slot lies while it is plugged in."""
    if slot not in SLOTS:
        raise ValueError(f"the virtual Ukey has slots 0 to {SLOTS[-1]}, not {slot}")
    return folder / f"slot{slot}.vukey"


@contextmanager
def used_folder(folder: Path) -> Iterator[None]:
    """Point the module at this folder; sessions on keys of another folder end as if pulled out."""
    before = os.environ.get(FOLDER_VARIABLE)
    os.environ[FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[FOLDER_VARIABLE]
        else:
            os.environ[FOLDER_VARIABLE] = before


def make_blank_token(folder: Path, slot: int = 0) -> Path:
    """Plug in a key fresh from the factory: present, not initialised.

    Raises FileExistsError if a key is in that slot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = token_path(folder, slot)
    path.touch(mode=0o600, exist_ok=False)
    return path


def make_token(
    folder: Path,
    slot: int = 0,
    *,
    label: str = "SealDesk",
    so_pin: str,
    user_pin: str,
) -> Path:
    """A new key in `slot`, initialised, without key pairs; returns its file.

    Raises FileExistsError if a key is plugged in there, BuildError, PinNotAllowed.
    """
    path = make_blank_token(folder, slot)
    try:
        with used_folder(folder):
            tokens = {token.info.slot: token for token in open_virtual_module().tokens()}
            tokens[slot].initialise(label, so_pin, user_pin)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def pull_out(folder: Path, slot: int = 0) -> None:
    """Pull the key out of its slot."""
    path = token_path(folder, slot)
    path.replace(path.with_suffix(".vukey.out"))


def plug_in(folder: Path, slot: int = 0) -> None:
    """Plug in again what was pulled out of this slot."""
    path = token_path(folder, slot)
    path.with_suffix(".vukey.out").replace(path)


def set_faults(
    folder: Path,
    *,
    sign: str = "",
    sign_after: int = 0,
    sign_latency_ms: int = 0,
    crash: str = "",
    slot: int | None = None,
) -> None:
    """Order faults (see ``faults.h``); without arguments the key is sound again.

    `sign`: pull_out, device_error, garbage or malformed, from the signature after `sign_after` on;
    `crash`: mid_write or before_rename; `slot`: only that key.
    """
    if sign not in ("", "pull_out", "device_error", "garbage", "malformed"):
        raise ValueError(f"no such fault of a signature: {sign!r}")
    if crash not in ("", "mid_write", "before_rename"):
        raise ValueError(f"no such crash: {crash!r}")
    lines = {
        "sign": sign,
        "sign_after": sign_after or "",
        "sign_latency_ms": sign_latency_ms or "",
        "crash": crash,
        "slot": "" if slot is None else slot,
    }
    text = "".join(f"{name}={value}\n" for name, value in lines.items() if value != "")
    fresh = folder / "faults.new"
    fresh.write_text(text, encoding="ascii")
    fresh.replace(folder / "faults")
