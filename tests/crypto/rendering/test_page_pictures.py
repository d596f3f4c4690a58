"""Pictures of pages from somebody else: drawn with bounds, or not drawn."""

from __future__ import annotations

import io
import os
import struct

import pytest
from PIL import Image

from crypto.bounded import Channel
from crypto.rendering import page_pictures
from crypto.rendering.page_pictures import Drawing, draw
from crypto.seal.preview import MAX_PIXELS


def webp(width: int = 40, height: int = 30, colour: str = "red", **options: object) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(written, "WEBP", lossless=True, **options)
    return written.getvalue()


def moving() -> bytes:
    """Two pictures in one."""
    other = Image.new("RGB", (40, 30), "blue")
    return webp(save_all=True, append_images=[other])


def a_bomb(width: int = 16_383, height: int = 16_383) -> bytes:
    """VP8L whose head says that it is as large as can be."""
    head = struct.pack("<BI", 0x2F, (width - 1) | (height - 1) << 14) + b"\0" * 64
    body = b"WEBPVP8L" + struct.pack("<I", len(head)) + head
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_each_page_is_drawn_as_it_was_sent() -> None:
    first, second = draw([webp(), webp(7, 9, "blue")])
    assert first is not None
    assert second is not None
    assert (first.width, first.height, first.rgb) == (40, 30, b"\xff\0\0" * 1200)
    assert (second.width, second.height, second.rgb) == (7, 9, b"\0\0\xff" * 63)


def test_what_is_no_picture_of_a_page_is_not_drawn_and_the_others_are() -> None:
    png = io.BytesIO()
    Image.new("RGB", (5, 5)).save(png, "PNG")
    large = webp(2001, MAX_PIXELS // 2000)
    bad = [
        b"",
        b"no picture",
        png.getvalue(),
        webp()[:30],
        moving(),
        large,
        a_bomb(),
        b"x" * 3_000_000,
    ]
    found = draw([webp(), *bad, webp()])
    assert [each is not None for each in found] == [True, *[False] * len(bad), True]


def test_no_more_pixels_than_the_bound_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_pictures, "MAX_ALL_PIXELS", 3000)
    assert [each is not None for each in draw([webp()] * 4)] == [True, True, False, False]


def dies(channel: Channel) -> None:
    """As a decoder that a picture crashes."""
    channel.receive()
    os._exit(11)


def lies(channel: Channel) -> None:
    """As one that a picture has taken over."""
    for width, packed in ((10**9, b""), (1, b"no zlib"), (-1, b""), (True, b""), ("1", b"")):
        channel.receive()
        channel.send({"width": width, "height": 1}, packed)
    channel.receive()
    channel.send({})
    channel.receive()
    channel.send({"width": 1, "height": 1}, b"", b"")


@pytest.mark.parametrize("what", [dies, lies])
def test_a_decoder_that_was_taken_over_or_crashed_draws_nothing(
    monkeypatch: pytest.MonkeyPatch, what: object
) -> None:
    monkeypatch.setattr(page_pictures, "_decode", what)
    assert draw([webp()] * 7) == (None,) * 7


def test_more_pixels_than_were_said_are_not_unpacked() -> None:
    import zlib

    assert len(Drawing(2, 2, zlib.compress(b"\0" * 10_000_000)).rgb) == 12
