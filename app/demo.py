"""The demo: platform, virtual Ukey, seal, a stamped and verified document, from nothing.

Everything is real but the hardware and the authorities: the platform runs as a process of its own
on this machine, the virtual Ukey is a PKCS#11 module, the stamp and the verdict are those of the
product. What was made stays in the demo's folder; a second run starts from it.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path

from app.desk import Desk
from app.errors import PlatformUnreachable, phrase
from app.placing.finder import Finder
from app.placing.placement import PageBox, SealSize, at, riding_seam
from app.publishing import free_name
from app.remote.enrolling import Applicant, enrol
from app.settings import Settings
from app.signing import find_key
from app.stamping import StampedFile, StampJob, page_boxes, stamp
from app.store.cabinet import SealRecord
from app.verifying import verify
from crypto.pdf.marks.drawing import Mark
from crypto.validation.trust import Trust
from crypto.verdict import Report, say
from device import virtual
from device.token import Token
from device.virtual.build import can_be_had

DEMO_PIN = "demo-2026"
"""The virtual Ukey's PIN: public, because the key is worth nothing."""
DEMO_SO_PIN = "demo-so-2026"

# where our interpreter was told not to look into the working folder, the platform's is told too
_SAFE_PATH = ("-P",) if sys.flags.safe_path else ()
# the platform as a program that ends when we do, even if we are killed: its input ends then
_ENDS_WITH_US = """
import os, runpy, signal, sys, threading

def wait():
    while os.read(0, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=wait, daemon=True).start()
sys.argv[0] = "sealdesk-server"
runpy.run_module("server_stub", run_name="__main__")
"""
_MARGIN_MM = 25.0
_PNG_DPI = 110


def run(
    settings: Settings,
    document: Path | None,
    output: Path,
    window: Callable[[Desk, Sequence[Path], str], int] | None = None,
) -> int:
    """Run the demo on *document* (default: the regulation) into the folder *output*; then show the
    stamped file in the *window*, if there is one.

    Returns 0 if the verdict is VALID, else 2. Raises what the stories raise."""
    began = time.monotonic()
    language = settings.language
    tell(phrase("demo.start", language))
    if not has_platform():
        tell(phrase("demo.platform_missing", language))
        return 1
    if document:
        page_boxes(document)  # what cannot be stamped is told at once
    output.mkdir(parents=True, exist_ok=True)
    with desk_of_its_own(settings) as desk:
        token = prepare(desk, tell)
        source = document or bundled(output / "宿迁市企业电子印章管理办法.pdf")
        seal = next(seal for seal in desk.cabinet.seals() if seal.state == "active")
        done, seam = stamp_with(desk, token, seal, source, output)
        words = phrase("demo.seam" if seam else "demo.no_seam", language).format(count=seam)
        pages = len(page_boxes(source))
        tell(phrase("demo.stamped", language).format(page=pages, seam=words))
        report = verify(done.path, trust=desk.trust(), platform=desk.status_service())
        verdict = say("verdicts", report.verdict.value, language)
        tell(phrase("demo.verified", language).format(verdict=verdict))
        picture = done.path.with_suffix(".png")
        _render(done.path, report.signatures[-1].marks[0].page - 1, picture)
        answer = done.path.with_suffix(".json")
        text = json.dumps(report.to_json(language), ensure_ascii=False, indent=2)
        answer.write_text(text + "\n", encoding="utf-8")
        tell(phrase("demo.output", language).format(folder=output.resolve()))
        for key, path in (("pdf", done.path), ("png", picture), ("report", answer)):
            tell(f"   {path.name}\t{phrase(f'demo.{key}', language)}")
        took = f"{time.monotonic() - began:.1f}"
        tell(phrase("demo.took", language).format(seconds=took))
        if window is not None:
            tell(phrase("demo.window", language).format(pin=DEMO_PIN))
            window(desk, [done.path], "verify")
    if window is None:
        tell(phrase("demo.next", language).format(file=done.path))
    return 0 if report.verdict.value == "VALID" else 2


def verify_in_demo(settings: Settings, document: Path) -> Report:
    """What the demo on this computer says of *document*; where none has run yet, what a desk says
    that trusts nobody. Raises as :func:`app.verifying.verify` does."""
    if not (knows_itself(settings) and has_platform()):
        return verify(document, trust=Trust())
    with desk_of_its_own(settings) as desk:
        return verify(document, trust=desk.trust(), platform=desk.status_service())


def knows_itself(settings: Settings) -> bool:
    """Has a demo run here before, so that its platform knows the seals that it made?"""
    return (_home(settings) / "platform").is_dir()


def _home(settings: Settings) -> Path:
    return settings.folders.data / "demo"


def possible(settings: Settings) -> bool:
    """Can the demo run from here: the platform's parts are there, a virtual Ukey is allowed and can
    be had? An installed program has neither."""
    return (
        not getattr(sys, "frozen", False)
        and has_platform()
        and settings.allow_virtual_ukey
        and not settings.locked("pkcs11_modules")
        and can_be_had()
    )


def has_platform() -> bool:
    """Are the platform's parts installed?"""
    return all(importlib.util.find_spec(name) for name in ("server_stub", "fastapi"))


@contextmanager
def desk_of_its_own(settings: Settings) -> Iterator[Desk]:
    """A desk in the demo's folder, apart from the user's own, with its platform running; both end
    with the context. Meanwhile the virtual Ukeys of this process are the demo's."""
    home = _home(settings)
    with _platform(home) as url:
        own = replace(
            settings,
            folders=settings.folders.demo,
            platform_url=url,
            platform_root="",
            proxy="direct",
            keyring=False,
        )
        with Desk(own) as desk, virtual.used_folder(desk.virtual_folder):
            yield desk


def tell(text: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextmanager
def _platform(home: Path) -> Iterator[str]:
    """The reference platform on a free loopback port, the last run's port if it is still free."""
    home.mkdir(parents=True, exist_ok=True)
    remembered = home / "platform.port"
    last = remembered.read_text("ascii").strip() if remembered.exists() else "0"
    for port in dict.fromkeys((last, "0")):
        with (home / "platform.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own module, our own arguments
                [
                    *(sys.executable, *_SAFE_PATH, "-c", _ENDS_WITH_US, "serve", "--demo"),
                    *("--dir", str(home / "platform"), "--host", "localhost", "--port", port),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        try:
            url = _announced(process)
            if url:
                remembered.write_text(url.rpartition(":")[2], encoding="ascii")
                yield url
                return
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
    raise PlatformUnreachable("http://localhost", "other")


def _announced(process: subprocess.Popen[str]) -> str:
    """The address the platform prints once it answers; "" if it ends before."""
    for line in process.stdout or ():
        if line.startswith("SealDesk platform: "):
            return line.removeprefix("SealDesk platform: ").strip()
    return ""


def prepare(desk: Desk, tell: Callable[[str], None]) -> Token:
    """The demo's virtual Ukey, and a seal of the demo company on it and in the cabinet; *tell* is
    told of each step before the next."""
    language = desk.settings.language
    tell(phrase("demo.platform", language).format(url=desk.settings.platform_url))
    known = virtual.token_path(desk.virtual_folder, 0).exists()
    if not known:
        virtual.make_token(desk.virtual_folder, 0, so_pin=DEMO_SO_PIN, user_pin=DEMO_PIN)
    token = desk.token(module=virtual.open_virtual_module().path)
    words = phrase("demo.token_known" if known else "demo.token_new", language)
    tell(words.format(serial=token.info.serial))
    seals = [seal for seal in desk.cabinet.seals() if seal.state == "active"]
    if seals:
        words = phrase("demo.seal_known", language)
        tell(words.format(name=seals[0].enterprise, code=seals[0].code))
        return token
    company = phrase("demo.company", language)
    applicant = Applicant(
        uscc="91321300MA27DEM14U",
        enterprise=company,
        legal_rep="王建国",
        handler="李晓梅",
        handler_id="321302199001010020",
        phone="13800000000",
    )
    with token.login(DEMO_PIN) as session:
        seal = enrol(applicant, session, desk.platform(), desk.cabinet)
        desk.settle_token(session, seal)
    tell(phrase("demo.enrolled", language).format(name=company, code=seal.code))
    return token


def stamp_with(
    desk: Desk, token: Token, seal: SealRecord, source: Path, output: Path
) -> tuple[StampedFile, int]:
    """*source* under *seal*, in the folder *output*; and the number of slices of the riding seam.
    Raises as :func:`app.stamping.stamp`."""
    boxes = page_boxes(source)
    size = SealSize(seal.parsed.width_mm, seal.parsed.height_mm)
    marks, seam = _marks(boxes, size)
    job = StampJob(
        source,
        seal.code,
        tuple(marks),
        output=free_name(output / source.name, desk.settings.output_suffix),
    )
    with token.login(DEMO_PIN) as session:
        key = find_key(session, seal.certificate)
        client = desk.platform()
        client.sign_in(key)
        done = stamp(
            job,
            key=key,
            cabinet=desk.cabinet,
            journal=desk.journal,
            trust=desk.trust(),
            platform=client,
            timestamp=desk.timestamper(None, [seal]),
        )
        desk.settle(client, key.certificate)
    return done, seam


def _marks(boxes: list[PageBox], size: SealSize) -> tuple[list[Mark], int]:
    """The seal at the lower right of the last page, and a riding seam where there are pages."""
    last = boxes[-1]
    x = max(size.width_mm / 2, last.width_mm - _MARGIN_MM - size.width_mm / 2)
    y = max(size.height_mm / 2, last.height_mm - _MARGIN_MM - size.height_mm / 2)
    seam = riding_seam(boxes, size)
    return at(boxes, [len(boxes) - 1], x, y, size) + seam, len(seam)


def bundled(target: Path) -> Path:
    """The regulation itself, as the document to stamp."""
    target.write_bytes((resources.files("resources") / "demo" / "regulation.pdf").read_bytes())
    return target


def _render(path: Path, page: int, target: Path) -> None:
    with Finder() as finder:
        target.write_bytes(finder.picture(path, page, _PNG_DPI))
