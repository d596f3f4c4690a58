"""Marks that are compared as they are drawn: where the seal's picture is no pixels (an OFD
document, SVG), or the mark is lines and grounds instead of a picture.

    needs_drawing(drawing, seal)      could the mark be proved by drawing it?
    draw_with_engines(task)           a bounded process draws marks and imprints
    judged(mark, seal, drawn)         what follows, a MarkCheck

What the process answers is believed no more than the file: here stand only sizes, pixels and
whether they agree. One engine draws the imprint and the mark alike, so each engine's two drawings
are compared with each other, never across engines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from crypto.frozen import frozen
from crypto.pdf.marks.appearance import Drawing
from crypto.pdf.marks.picture import SIZE_TOLERANCE_MM, MarkCheck
from crypto.pdf.marks.visible_part import WHOLE, is_whole
from crypto.rendering.compare import darkest_nearby, ink, lightest_nearby
from crypto.rendering.imprints import PARTS, SIDE, Wish, draw_marks
from crypto.seal.imprint import ImprintError, decode_imprint
from crypto.seal.structure import Seal
from crypto.verdict import Finding

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_MARKS = 64
"""Drawn of one file."""
MAX_MM = 300.0
"""Of a mark's sides; a larger one is not drawn."""
_FOLLOWED = frozenset(("fill", "line", "clip", "inline image"))
"""What a mark may draw besides pictures; what can look otherwise elsewhere (text in fonts, layers,
masks, shadings) is not asked of the engines."""
_MARK_SECONDS = 20.0
"""Of the processor, for loading and for one mark."""
_BY_THE_CLOCK = 150.0
"""Seconds for all of them; past that the machine was busy."""
_ANSWER = 256 << 20
_PROPORTIONS = 0.02
_SIDE, _SPOT = 400, 4
"""Both drawings are brought to so many pixels and compared in spots of 4×4, a tenth of a millimetre
each pixel of a usual seal."""
_SHIFT = 1
"""Pixels by which ink may lie elsewhere."""
_SAME_SHAPES, _SAME_PIXELS = 40, 64
"""What is left in the worst spot, 0–255. Measured: at most 4 for the same design as shapes, 30 as
pixels at 130 dpi and 55 as a JPEG; 84 and more where one digit of 2.4 mm is another."""
_OTHER = 40.0
"""In the mean: another picture altogether."""
_LIGHT, _THROUGH, _LOST = 200, 128, 64
_MAX_COVER, _MOST_INK, _MAX_LOST = 0.01, 0.5, 0.01


@frozen
class MarkTask:
    """What is to be drawn."""

    data: bytes
    """The whole document."""
    password: str | None
    wishes: tuple[Wish, ...]


@frozen
class DrawnMark:
    """How the two drawings of one mark compare, the worst of all engines."""

    mean: float = 0.0
    """How far they differ, 0–255."""
    worst: float = 0.0
    """What is left in the worst spot of what is not merely moved a little, 0–255."""
    lost: float = 0.0
    """Of the mark's ink, how much the page does not show, 0 to 1."""
    light: float = 0.0
    """How much of the mark is painted with paper-white, which would hide text, 0 to 1."""
    hiding: float = 0.0
    """How much of the mark lets hardly anything be seen through, 0 to 1."""
    shapes: bool = False
    """The seal's picture has no pixels."""
    failed: str = ""
    """Why nothing was drawn: "font", "picture", "page" or "busy"."""
    reason: str = ""


DrawMarks = Callable[[MarkTask], Sequence[DrawnMark]]
"""Does what a :class:`MarkTask` says, in its order: :func:`draw_with_engines`."""


def needs_drawing(drawing: Drawing, seal: Seal) -> bool:
    """Is *drawing* something that only engines can compare with the picture of *seal*?"""
    if drawing.other:
        return drawing.other <= _FOLLOWED and not any(
            picture.part is None for picture in drawing.pictures
        )
    if len(drawing.pictures) != 1 or not is_whole(drawing.pictures[0].part or (0, 0, 0, 0)):
        return False
    try:
        decode_imprint(seal.picture)
    except ImprintError:
        return True
    return False


def draw_with_engines(task: MarkTask) -> list[DrawnMark]:
    """Draw and compare *task* with a bounded process. Never raises for what the file contains."""
    from crypto.bounded import BoundedError, BoundedProcess, ProcessHeldUp

    found: list[DrawnMark] = []
    arguments = (task.data, task.password, task.wishes)
    until = time.monotonic() + _BY_THE_CLOCK
    try:
        with BoundedProcess(
            draw_marks, *arguments, answer=_ANSWER, name="sealdesk-marks"
        ) as process:
            process.receive_working(_MARK_SECONDS, until - time.monotonic())
            for wish in task.wishes:
                said = process.receive_working(_MARK_SECONDS, until - time.monotonic())
                found.append(_compared(said.head, said.parts, wish))
    except BoundedError as error:
        why = "busy" if isinstance(error, ProcessHeldUp) else "page"
        lost = DrawnMark(failed=why, reason=type(error).__name__)
        found += [lost] * (len(task.wishes) - len(found))
    return found


def draw_once(draw: DrawMarks) -> DrawMarks:
    """*draw* for a document that is judged several times: nothing is drawn twice."""
    known: dict[Wish, DrawnMark] = {}

    def draw_the_rest(task: MarkTask) -> list[DrawnMark]:
        rest = tuple(wish for wish in task.wishes if wish not in known)
        if rest:
            known.update(zip(rest, draw(replace(task, wishes=rest)), strict=True))
        return [known[wish] for wish in task.wishes]

    return draw_the_rest


def _compared(head: Mapping[str, Any], parts: Sequence[bytes], wish: Wish) -> DrawnMark:
    for why in ("font", "picture", "page"):
        if why in head:
            return DrawnMark(failed=why, reason=str(head[why])[:100])
    try:
        engines = [
            _Drawings.read(sizes, parts[PARTS * turn : PARTS * turn + PARTS])
            for turn, sizes in enumerate(head["sizes"])
        ]
        if len(parts) != PARTS * len(engines) or not engines:
            raise ValueError("pictures that nobody has told of")
    except (KeyError, TypeError, ValueError):
        return DrawnMark(failed="page", reason="malformed")
    differences = [engine.differences(wish.box.width, wish.box.height) for engine in engines]
    return DrawnMark(
        mean=max(mean for mean, _ in differences),
        worst=max(worst for _, worst in differences),
        lost=max(engine.share_lost for engine in engines),
        light=max(engine.share_light for engine in engines),
        hiding=max(engine.share_hiding for engine in engines),
        shapes=head.get("shapes") is True,
    )


def judged(
    size_mm: tuple[float, float],
    plain: bool,
    place: Mapping[str, str],
    seal: Seal,
    drawn: DrawnMark,
) -> MarkCheck:
    """What follows for a mark of *size_mm*, *plain* if it has no pixels itself; *place* goes into
    the details of its findings."""
    shown = dict(place)
    wanted = float(seal.width_mm), float(seal.height_mm)

    def not_proved(code: str, **details: str) -> MarkCheck:
        return MarkCheck((Finding(code, {**shown, **details}),), False)

    if drawn.failed == "font":
        return not_proved("imprint_font_missing", font=drawn.reason)
    if drawn.failed == "picture":
        return not_proved("imprint_undrawable", reason=drawn.reason)
    if drawn.failed == "busy":
        return not_proved("mark_held_up")
    if drawn.failed:
        return not_proved("mark_unreadable", reason=drawn.reason)
    ratio = size_mm[0] / size_mm[1] / (wanted[0] / wanted[1])
    if abs(ratio - 1) > _PROPORTIONS:
        return not_proved("mark_unlike")
    if drawn.mean > _OTHER:
        return not_proved("mark_differs")
    if drawn.worst > (_SAME_SHAPES if drawn.shapes and plain else _SAME_PIXELS):
        return not_proved("mark_unlike")
    if drawn.lost > _MAX_LOST:
        return not_proved("mark_hidden")
    findings = [Finding("mark_matches", shown)]
    if any(abs(a - b) > SIZE_TOLERANCE_MM for a, b in zip(size_mm, wanted, strict=True)):
        shown["size"] = f"{size_mm[0]:.1f}×{size_mm[1]:.1f}"
        shown["signed"] = f"{seal.width_mm}×{seal.height_mm}"
        findings.append(Finding("mark_size_differs", shown))
    fits = all(a <= b + SIZE_TOLERANCE_MM for a, b in zip(size_mm, wanted, strict=True))
    harmless = fits and drawn.light <= _MAX_COVER
    solid = drawn.hiding > _MOST_INK
    return MarkCheck(tuple(findings), harmless, len(findings) == 1, WHOLE, size_mm, solid)


@frozen
class _Drawings:
    """What one engine drew of one mark, RGB."""

    imprint: Image
    on_white: Image
    on_black: Image
    place: Image
    """Everything that the page shows there."""

    @classmethod
    def read(cls, sizes: Sequence[tuple[int, int]], parts: Sequence[bytes]) -> _Drawings:
        """Raises TypeError, ValueError for what an honest process would not say."""
        from PIL import Image as Pillow

        pictures = []
        for (width, height), data in zip(sizes, parts, strict=True):
            if type(width) is not int or type(height) is not int or min(width, height) < 1:
                raise ValueError("no size")
            if width * height > (SIDE + 2) ** 2:
                raise ValueError("larger than was asked for")
            pictures.append(Pillow.frombytes("RGB", (width, height), data))
        if len({picture.size for picture in pictures[1:]}) != 1:
            raise ValueError("drawings of different size")
        return cls(*pictures)

    def differences(self, across: float, down: float) -> tuple[float, float]:
        """In the mean, and what is left in the worst spot."""
        from PIL import Image as Pillow
        from PIL import ImageChops, ImageStat

        longest = max(across, down)
        width, height = (max(_SPOT, round(_SIDE * side / longest)) for side in (across, down))
        mark, imprint = (
            picture.resize((width, height), Pillow.Resampling.BOX)
            for picture in (self.on_white, self.imprint)
        )
        left = ImageChops.lighter(_beyond(mark, imprint), _beyond(imprint, mark))
        spots = left.resize((width // _SPOT, height // _SPOT), Pillow.Resampling.BOX)
        mean = max(ImageStat.Stat(ImageChops.difference(mark, imprint)).mean)
        return mean, max(high for _, high in ImageStat.Stat(spots).extrema)

    @property
    def share_lost(self) -> float:
        from PIL import ImageChops

        mark, page = ink(self.on_white), ink(self.place)
        inked = mark.point(lambda value: 255 if value < _LIGHT else 0)
        lost = ImageChops.subtract(page, mark).point(lambda value: 255 if value > _LOST else 0)
        count = inked.histogram()[255]
        return ImageChops.multiply(inked, lost).histogram()[255] / count if count else 1.0

    @property
    def share_light(self) -> float:
        return _share(ink(self.on_black).point(lambda value: 255 if value > _LIGHT else 0))

    @property
    def share_hiding(self) -> float:
        from PIL import ImageChops

        seen = ImageChops.difference(self.on_white, self.on_black)
        red, green, blue = seen.split()
        most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
        return _share(most.point(lambda value: 255 if value < _THROUGH else 0))


def _beyond(one: Image, other: Image) -> Image:
    """How far *one* is beyond everything that *other* has nearby."""
    from PIL import ImageChops

    least, most = darkest_nearby(other, _SHIFT), lightest_nearby(other, _SHIFT)
    return ImageChops.add(ImageChops.subtract(least, one), ImageChops.subtract(one, most))


def _share(picture: Image) -> float:
    return picture.histogram()[255] / (picture.width * picture.height)
