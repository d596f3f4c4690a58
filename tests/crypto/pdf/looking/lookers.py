"""Processes that look and fail, each in its way."""

import os
import threading
from typing import Any

from crypto.bounded import Channel, Message


def abort(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    channel.send({"looked": 0})
    os.abort()


def hang(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    channel.send({"looked": 0})
    threading.Event().wait(60)


def eat(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    bytearray(1 << 40)


def refuse(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    raise RuntimeError("no")


def lie(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    channel.send({"nothing": 7})


def lie_about_pages(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    channel.send({"looked": 77})


def lie_about_places(channel: Channel, *task: Any) -> None:
    channel.send({"ready": True})
    box = {"left": 1e9, "top": 0, "width": 1, "height": 1}
    channel.send({"page": 0, "differs": "MuPDF", "end": 9, "boxes": [box]})


def die(*task: Any) -> Message:
    os.abort()


def tell_too_little(*task: Any) -> Message:
    return Message({"changed": [{"page": 0}]})
