"""Coverage-guided fuzzing of every parser that reads strangers' bytes, with atheris.

    python3 dev.py fuzz [TARGET …] [--minutes N] [--input FILE]

The minutes are shared out among the targets (tests/fuzz/targets.py), each a process of its own. An
input that goes wrong is kept in ``build/fuzz/`` and ends its target, not the run; ``--input`` tries
one again. Exit code 1: something was found.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOUND = Path(__file__).parents[2] / "build" / "fuzz"
SHARES = {"document": 6, "stamping": 2}
"""Parts of the time; one for each target that is not named."""


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target; never returns, because libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["crypto", "pyhanko.pdf_utils"]):
        import crypto.pdf.changes.review  # noqa: F401 - verifying imports it late: not instrumented then
        from tests.fuzz.targets import TARGETS, change

    target = TARGETS[name]

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        dice = random.Random(seed)
        if dice.random() < 0.3:
            return atheris.Mutate(data, max_size)  # type: ignore[no-any-return]
        changed = change(target, data, dice)
        return changed if len(changed) <= max_size else data

    corpus = Path(tempfile.mkdtemp(prefix="sealdesk-fuzz-"))
    for number, seed in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": target.max_size,
        "timeout": 60,  # seconds; Target.check is stricter and counts the processor's
        "rss_limit_mb": 2048,
        "artifact_prefix": f"{FOUND}/{name}-",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    flags = [f"-{key}={value}" for key, value in options.items()]
    atheris.Setup([name, *flags, str(corpus)], target.check, custom_mutator=mutated)
    atheris.Fuzz()


def fuzz_all(names: Sequence[str], minutes: float) -> int:
    """One process for each target in turn; 1 if any found something."""
    from tests.fuzz.targets import TARGETS

    FOUND.mkdir(parents=True, exist_ok=True)
    chosen = names or list(TARGETS)
    parts = {name: SHARES.get(name, 1) for name in chosen}
    failed = []
    for name, part in parts.items():
        seconds = max(1, round(60 * minutes * part / sum(parts.values())))
        print(f"» {name}: {seconds} s", flush=True)
        command = [sys.executable, "-m", "tests.fuzz.run", "--one", name, str(seconds)]
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(
                command,
                env={**os.environ, "TMPDIR": scratch},
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
            )
        tried = re.findall(r"(number_of_executed_units|new_units_added):\s+(\d+)", done.stdout)
        print("  " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in tried))
        if done.returncode:
            failed.append(name)
            told = [each for each in done.stdout.splitlines() if "Instrumenting" not in each]
            print("\n".join(told[-60:]))
    if failed:
        print(f"✗ {', '.join(failed)}: see {FOUND}")
    return 1 if failed else 0


def main(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["--one"]:
        fuzz(arguments[1], int(arguments[2]))
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(
        prog="dev.py fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", nargs="*", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, default=10.0, help="in all (10)")
    parser.add_argument("--input", type=Path, help="try this file on the target instead")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.target if name not in TARGETS]
    if unknown or (chosen.input and len(chosen.target) != 1):
        parser.error(f"no such target: {', '.join(unknown)}" if unknown else "--input TARGET FILE")
    if chosen.input:
        TARGETS[chosen.target[0]].check(chosen.input.read_bytes())
        print("nothing wrong with it")
        return 0
    return fuzz_all(chosen.target, chosen.minutes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
