"""pyHanko's validator is not imported for what does not use it, and is there for what does."""

import subprocess
import sys

import pytest


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_verifying_imports_nothing_of_the_validator_but_its_small_things() -> None:
    told = run(
        "import sys, crypto.pdf.verify, crypto.pdf.signing.sign\n"
        "print(sorted(n for n in sys.modules if n.startswith('pyhanko_certvalidator')))"
    )
    small = ["pyhanko_certvalidator", "pyhanko_certvalidator.util", "pyhanko_certvalidator.version"]
    assert told == str(small)


@pytest.mark.parametrize(
    "use",
    [
        "from pyhanko_certvalidator import ValidationContext",
        "import pyhanko_certvalidator as v; ValidationContext = v.ValidationContext",
        "from pyhanko_certvalidator.context import ValidationContext",
        "import pyhanko.sign.validation; from pyhanko_certvalidator import *; "
        "assert CertificateValidator",
    ],
)
def test_whoever_asks_for_the_validator_gets_it(use: str) -> None:
    name = "CertificateValidator" if "*" in use else "ValidationContext"
    assert run(f"import crypto.pdf.verify\n{use}\nprint({name}.__name__)") == name


def test_what_the_validator_does_not_have_is_missing_as_ever() -> None:
    program = (
        "import crypto.pdf, pyhanko_certvalidator\n"
        "print(hasattr(pyhanko_certvalidator, 'nonsense'), pyhanko_certvalidator.__version__)"
    )
    assert run(program).startswith("False 0.")
