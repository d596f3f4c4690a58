"""A batch through the window's own work, with a slow key: is the key all that is waited for?

    python batch.py DOCUMENT COUNT LATENCY_MS      prints JSON; the home is $SEALDESK_HOME's

Copies of DOCUMENT are stamped as the red button does it, with the first virtual Ukey made to take
LATENCY_MS longer for every signature. ``key``: what that key cannot do without, COUNT signatures.
``one_by_one``: the same documents with nothing prepared ahead, as a yardstick.
"""

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import app.many.batch
from app.desk import Desk
from app.placing.placement import SealSize
from app.placing.stamp_plan import At, Placed
from device import virtual
from ui.desk.desk_context import DeskContext
from ui.shell.context.whole import Context
from ui.stamp.work import StampOrder, stamp_orders

PIN = os.environ.get("SEALDESK_PIN", "")


def stamped(context: Context, paths: Sequence[Path]) -> float:
    """Seconds from the red button to the last result."""
    (seal, *_) = context.seals()
    parsed = seal.parsed
    sizes = {seal.code: SealSize(parsed.width_mm, parsed.height_mm)}
    placed = (Placed("p1", seal.code, At("-1", 140, 200)),)
    orders = [StampOrder(path, placed) for path in paths]
    start = time.perf_counter()
    serial = context.tokens()[0].serial
    outcomes = stamp_orders(context, orders, sizes, serial, PIN, False, lambda *_: None)
    seconds = time.perf_counter() - start
    failed = [each.error for each in outcomes if each.file is None]
    if failed:
        raise AssertionError(f"{len(failed)} documents were not stamped: {failed[0]}")
    return seconds


def main(document: str, count: str, latency_ms: str) -> None:
    with Desk.open() as desk, tempfile.TemporaryDirectory() as name:
        context = DeskContext(desk)
        folder = Path(os.environ.get(virtual.FOLDER_VARIABLE, desk.virtual_folder))
        paths = [Path(name) / f"{number:03}.pdf" for number in range(int(count))]
        for path in paths:
            shutil.copyfile(document, path)
        with ThreadPoolExecutor(1, "ukey") as ukey:  # the window's device thread
            ukey.submit(stamped, context, paths[:1]).result()  # imports what is imported late
            virtual.set_faults(folder, sign_latency_ms=int(latency_ms))
            seconds = ukey.submit(stamped, context, paths).result()
            app.many.batch.DEPTH = 1
            sample = paths[: max(1, len(paths) // 5)]
            one_by_one = ukey.submit(stamped, context, sample).result() * len(paths) / len(sample)
        virtual.set_faults(folder)
    key = int(count) * int(latency_ms) / 1000
    print(json.dumps({"seconds": seconds, "key": key, "one_by_one": one_by_one}))


if __name__ == "__main__":
    main(*sys.argv[1:])
