"""A reading process in a stranger's hands: what it says instead of a report."""

import json

from crypto.bounded import Channel


def say(text: str, channel: Channel) -> None:
    """*text* as the head of its answer, whatever it is."""
    channel.receive()
    channel.pipe.send_bytes(b"[%d]" % len(text.encode()))
    channel.pipe.send_bytes(text.encode())
    channel.receive()


def say_without_end(channel: Channel) -> None:
    channel.receive()
    sizes = [2, *[1 << 16] * 1000]
    channel.pipe.send_bytes(json.dumps(sizes).encode())
    channel.pipe.send_bytes(b"{}")
    while True:
        channel.pipe.send_bytes(bytes(1 << 16))
