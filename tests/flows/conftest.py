"""One platform and two companies with a seal each, for all stories; a test works on copies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server_stub.records import logbook
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import credit_code
from tests.world.clerk import Clerk, Enrolled, enrolled, excerpt, pem
from tests.world.platforms import folder_of_the_run, platform_settings, quick_platforms

COMPANY = "宿迁市云杉软件有限公司"
OTHER_COMPANY = "宿迁市洪泽湖水产有限公司"


@pytest.fixture(scope="session", autouse=True)
def platforms_start_quickly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Those of this process; one that is started as a program makes all that is its own."""
    with quick_platforms(folder_of_the_run(tmp_path_factory)):
        yield


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory, light_font: Path) -> Iterator[RunningServer]:
    """The platform, with its simulated reviewer."""
    logbook.configure("error")
    settings = platform_settings(
        tmp_path_factory.mktemp("city"),
        host="localhost",  # a name, so that phones can have passkeys
        imprint_font=light_font,
        disputes_per_hour=100_000,
    )
    with start_in_thread(settings) as running:
        yield running


@pytest.fixture(scope="session")
def company(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    """A company with a seal, and how it came to it."""
    return enrolled(tmp_path_factory.mktemp("company"), city.url, credit_code(), COMPANY)


@pytest.fixture(scope="session")
def other_company(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    """Another one."""
    return enrolled(tmp_path_factory.mktemp("other"), city.url, credit_code(), OTHER_COMPANY)


@pytest.fixture
def clerk(company: Enrolled, tmp_path: Path) -> Clerk:
    """The clerk of the company, with a key, home and journal that only this test touches."""
    return company.clerk.copied(tmp_path / "clerk")


@pytest.fixture
def other_clerk(other_company: Enrolled, tmp_path: Path) -> Clerk:
    """The clerk of the other company."""
    return other_company.clerk.copied(tmp_path / "other-clerk")


@pytest.fixture
def stranger(tmp_path: Path) -> Clerk:
    """Somebody else's computer: an empty home, no key."""
    return Clerk(tmp_path / "stranger", pin=None)


@pytest.fixture(scope="session")
def root_pem(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The platform's root certificate in a file."""
    path = tmp_path_factory.mktemp("root") / "root.pem"
    path.write_text(pem(city.platform.authority.certificate("root")), encoding="ascii")
    return path


@pytest.fixture(scope="session")
def authorities_pem(city: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The platform's root and issuing certificates in one file, as an auditor would be given."""
    path = tmp_path_factory.mktemp("authorities") / "authorities.pem"
    known = (city.platform.authority.certificate(name) for name in ("root", "issuing"))
    path.write_text("".join(map(pem, known)), encoding="ascii")
    return path


@pytest.fixture(scope="session")
def stamped_once(company: Enrolled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pages with a page seal and a riding seam; not to be changed."""
    folder = tmp_path_factory.mktemp("stamped")
    clerk = company.clerk.copied(folder / "clerk")
    (folder / "contract.pdf").write_bytes(excerpt(3))
    answer = clerk(
        *("stamp", folder / "contract.pdf", "-o", folder / "stamped.pdf", "--seal", clerk.seal),
        *("--at", "1:150,240", "--riding", "right"),
    )
    assert answer.code == 0, answer.err
    return folder / "stamped.pdf"


@pytest.fixture
def stamped(stamped_once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(stamped_once, tmp_path / "stamped.pdf"))


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """Three pages to stamp, in a folder with a Chinese name and a space."""
    folder = tmp_path / "合同 文件"
    folder.mkdir()
    path = folder / "合同.pdf"
    path.write_bytes(excerpt(3))
    return path
