"""What every test gets: an empty home, no way out to the network, no keyring of the machine's."""

import gc
import ipaddress
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import keyring
import keyring.backend
import keyring.errors
import pymupdf
import pytest

from tests.world import home

pytest_plugins = [
    "tests.world.bounds",
    "tests.world.choking",
    "tests.world.fixtures",
    "tests.world.order",
    "tests.world.regulation",
    "tests.world.systems",
    "tests.world.workers",
]

# ---------------------------------------------------------------- what lives as long as the run

# Modules and tests, half a million objects: the collector need not look for garbage among them
# while they come in, nor ever after.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(20_000)  # as the program does: a twentieth of the run
    gc.enable()


# ---------------------------------------------------------------- a home of its own

_home = home.move_in()


def pytest_unconfigure() -> None:
    home.move_out(_home)


# ---------------------------------------------------------------- no way out


def _is_loopback(host: object) -> bool:
    if host in (None, "", b"", "localhost", b"localhost"):
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _loopback_only(event: str, arguments: tuple[object, ...]) -> None:
    """Fail a test that talks to, or looks up, anything but this machine.

    An audit hook sees every socket of the process whichever library made it, and ``pytest.fail``
    raises a BaseException, which no ``except Exception`` in the code under test can swallow.
    """
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a Unix socket's path
        host = address[0]
    else:
        return
    if not _is_loopback(host):
        pytest.fail(f"a test reached for the network: {event} {host!r}")


sys.addaudithook(_loopback_only)


# ---------------------------------------------------------------- a keyring in memory


class MemoryKeyring(keyring.backend.KeyringBackend):
    """Keeps passwords for the length of one test."""

    priority = 1

    def __init__(self) -> None:
        # the base class would look through the environment for properties, for every test
        self.passwords: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.passwords[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        try:
            del self.passwords[service, username]
        except KeyError:
            raise keyring.errors.PasswordDeleteError(username) from None


@pytest.fixture(autouse=True)
def memory_keyring() -> MemoryKeyring:
    """The keyring of this test: empty, in memory."""
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    return backend


# ---------------------------------------------------------------- garbage


@pytest.fixture(scope="module", autouse=True)
def what_came_before_is_not_looked_at() -> None:
    """What tests of other files have left alive, platforms and companies, half a million objects
    and more, the collector need not go through after every test of this file."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def collected_where_qt_lives(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in the program (ui/garbage.py), nothing of Qt's is collected in another thread: many of
    these tests have a platform in threads beside the window."""
    if not {"qtbot", "qapp"} & set(request.fixturenames):
        yield
        return
    gc.disable()
    yield
    _let_the_mouse_go()
    gc.collect()
    gc.enable()


def _let_the_mouse_go() -> None:
    """A double click of QTest's leaves the button down for the tests that come after."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtGui import QGuiApplication, QWindow
    from PySide6.QtTest import QTest

    if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
        anywhere, none = QWindow(), Qt.KeyboardModifier.NoModifier
        QTest.mouseRelease(anywhere, Qt.MouseButton.LeftButton, none, QPoint(0, 0))
        assert QGuiApplication.mouseButtons() == Qt.MouseButton.NoButton


# ---------------------------------------------------------------- random examples

hypothesis.settings.register_profile(
    "every-run", max_examples=30, deadline=None, derandomize=True, database=None
)
hypothesis.settings.register_profile(
    "thorough", max_examples=2000, deadline=None, print_blob=True, database=None
)
hypothesis.settings.load_profile(os.environ.get("SEALDESK_TEST_PROFILE", "every-run"))


# ---------------------------------------------------------------- documents

MM = 72 / 25.4
"""PDF units (points) in a millimetre."""


@pytest.fixture
def demo_pdf(tmp_path: Path) -> Path:
    """A copy of the bundled Chinese document, in a folder with a Chinese name and a space."""
    from tests.world.documents import DEMO_PDF

    folder = tmp_path / "合同 文件"
    folder.mkdir()
    return Path(shutil.copy(DEMO_PDF, folder / "管理办法.pdf"))


@pytest.fixture
def make_pdf(tmp_path: Path) -> Callable[..., Path]:
    """A maker of small documents: ``make_pdf(pages=3, size_mm=(210, 297), rotation=90, …)``."""
    made = 0

    def make(
        *,
        pages: int = 1,
        size_mm: tuple[float, float] = (210, 297),
        rotation: int = 0,
        crop_mm: tuple[float, float, float, float] | None = None,
        text: str = "合同第{page}页 盖章处",
        name: str | None = None,
        **save_options: object,
    ) -> Path:
        """Write a PDF and give its path.

        ``size_mm``: width and height of the unrotated page; ``rotation``: /Rotate in degrees;
        ``crop_mm``: the CropBox as left, top, right, bottom from the unrotated page's top left;
        ``text``: a line 30 mm down each page, ``{page}`` being its number from 1; further
        options go to PyMuPDF's ``save`` (``encryption=…, user_pw=…``, for example).
        """
        nonlocal made
        made += 1
        document = pymupdf.open()
        for number in range(1, pages + 1):
            page = document.new_page(width=size_mm[0] * MM, height=size_mm[1] * MM)
            page.insert_text(
                (20 * MM, 30 * MM), text.format(page=number), fontname="china-s", fontsize=14
            )
            if crop_mm is not None:
                page.set_cropbox(pymupdf.Rect(*(edge * MM for edge in crop_mm)))
            page.set_rotation(rotation)
        path = tmp_path / (name or f"document-{made}.pdf")
        document.save(path, **save_options)
        document.close()
        return path

    return make
