"""What pyHanko asks for at once is not imported for what does not use it, and is there for what
does."""

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
        pytest.param(
            "from pyhanko_certvalidator.context import ValidationContext", marks=pytest.mark.slow
        ),
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


def test_verifying_imports_nothing_of_x509_of_another_library_and_no_time_zones() -> None:
    told = run(
        "import sys, crypto.pdf.verify, crypto.pdf.signing.sign\n"
        "print([n for n in sys.modules if n.startswith(('cryptography.x509', 'tzlocal.'))])"
    )
    assert told == "[]"


def test_a_document_that_is_made_has_its_time_zone() -> None:
    program = (
        "import crypto.pdf\nfrom pyhanko.pdf_utils.metadata import info\n"
        "print(info.tzlocal.get_localzone() is not None)"
    )
    assert run(program) == "True"


@pytest.mark.parametrize(
    "use",
    [
        "from cryptography.hazmat.primitives.serialization import pkcs12",
        "import cryptography.hazmat.primitives.serialization.pkcs12 as pkcs12",
    ],
)
def test_whoever_reads_pkcs12_can(use: str) -> None:
    program = f"import crypto.pdf\n{use}\nprint(pkcs12.load_pkcs12.__name__)"
    assert run(program) == "load_pkcs12"
    star = "from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate as C"
    assert run(f"import crypto.pdf\n{star}\nprint(C.__name__)") == "PKCS12Certificate"


def test_photographs_tables_and_archives_are_read_where_they_are_asked_for() -> None:
    program = """
import sys
from crypto.late_modules import OF_RENDERERS, put_off
put_off(OF_RENDERERS)
import pymupdf
from PIL import Image
print(*(type(sys.modules[name]).__name__ for name in OF_RENDERERS))
import tarfile
from PIL import ExifTags
print(ExifTags.Base.Make.value, tarfile.open.__name__, Image.new("L", (1, 1)).getexif())
print(pymupdf.table.TableFinder.__name__)
"""
    assert run(program).splitlines() == [
        "_Late _Late _Late",
        "271 open {}",
        "TableFinder",
    ]
