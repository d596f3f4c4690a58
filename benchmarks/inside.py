"""One job, several times, inside one process: its seconds, processor time and peak memory.

    python inside.py floor-append|floor|floor-read|sign|verify FOLDER FILE RUNS     prints JSON

``floor-read``: read the file, SM3. ``floor``: what no program can do without — read the file, SM3,
write it, one SM2 signature, append, fsync. ``floor-append``: the same onto a copy that is already
there (on a file system that clones).
``sign`` writes FILE's stamped twin, ``verify`` judges it.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

CHUNK = 1 << 20


class Bench:
    """The jobs over one document in one folder that ``prepare.py`` filled."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.source = folder / name
        self.stamped = folder / f"{self.source.stem}.stamped.pdf"
        self.scratch = folder / f"{self.source.stem}.scratch.pdf"

    def floor(self, *, copying: bool) -> Callable[[], None]:
        from crypto.algorithms import gm

        private = (self.folder / "signer.key").read_bytes()
        seal_size = (self.folder / "seal.der").stat().st_size
        tail = bytes(3 * seal_size)  # the picture once, and the value in hex
        shutil.copyfile(self.source, self.scratch)

        def job() -> None:
            hasher = gm.sm3_hasher()
            with self.source.open("rb") as source, self.scratch.open("r+b") as output:
                while chunk := source.read(CHUNK):
                    hasher.update(chunk)
                    if copying:
                        output.write(chunk)
                hasher.update(tail)
                gm.sm2_sign_e(private, hasher.digest())
                output.seek(source.tell())
                output.write(tail)
                output.flush()
                os.fsync(output.fileno())

        return job

    def floor_read(self) -> Callable[[], None]:
        from crypto.algorithms import gm

        buffer = bytearray(CHUNK)

        def job() -> None:
            hasher = gm.sm3_hasher()
            with self.stamped.open("rb") as source:
                while count := source.readinto(buffer):
                    hasher.update(memoryview(buffer)[:count])
            hasher.digest()

        return job

    def sign(self) -> Callable[[], None]:
        from crypto.algorithms.keys import SoftKey
        from crypto.pdf.marks.drawing import Mark
        from crypto.pdf.reading.document import Document
        from crypto.pdf.signing.sign import PROFILES, Revision, property_info, sign_revision
        from crypto.seal.making import make_signature
        from crypto.seal.structure import Seal

        key = SoftKey.load(
            (self.folder / "signer.key").read_bytes(), (self.folder / "signer.der").read_bytes()
        )
        seal = (self.folder / "seal.der").read_bytes()
        now = datetime.now(UTC).replace(microsecond=0)

        def value(revision: Revision) -> bytes:
            return make_signature(
                seal=seal,
                digest=revision.digest,
                property_info=property_info(revision.byte_range),
                signed_at=now,
                key=key,
            )

        def job() -> None:
            with self.source.open("rb") as source, self.stamped.open("w+b") as output:
                sign_revision(
                    Document(source),
                    output,
                    profile=PROFILES["ses"],
                    marks=[Mark(page=0, left_mm=120, top_mm=180, width_mm=40, height_mm=40)],
                    picture=Seal.parse(seal).picture,
                    value_size=len(seal) + 2048,
                    make_value=value,
                    signed_at=now,
                    signer_name="宿迁性能测试有限公司",
                )
                output.flush()
                os.fsync(output.fileno())

        return job

    def verify(self) -> Callable[[], None]:
        from crypto.pdf.verify import verify_pdf
        from crypto.pki.certificate import Certificate
        from crypto.validation.trust import Trust
        from crypto.verdict import Verdict

        trust = Trust.in_all([Certificate.parse((self.folder / "root.der").read_bytes())])

        def job() -> None:
            with self.stamped.open("rb") as stream:
                report = verify_pdf(stream, self.stamped.name, trust, datetime.now(UTC))
            # UNKNOWN is the honest answer where no platform vouches for the seal's status.
            if report.verdict not in (Verdict.VALID, Verdict.UNKNOWN):
                raise AssertionError(f"the benchmark's own file is {report.verdict}")

        return job


def peak_memory_mb() -> float | None:
    """The most memory this process ever held, MB (10⁶ bytes), where Linux tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["VmHWM"].split()[0]) * 1024 / 1e6


def main(kind: str, folder: str, name: str, runs: str) -> None:
    bench = Bench(Path(folder), name)
    job = {
        "floor": lambda: bench.floor(copying=True),
        "floor-append": lambda: bench.floor(copying=False),
        "floor-read": bench.floor_read,
        "sign": bench.sign,
        "verify": bench.verify,
    }[kind]()
    job()  # not counted: fills the page cache and imports what is imported late
    seconds, cpu = [], []
    for _ in range(int(runs)):
        start, cpu_start = time.perf_counter(), time.process_time()
        job()
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak_mb": peak_memory_mb()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
