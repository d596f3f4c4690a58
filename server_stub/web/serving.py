"""Starting the platform: in a thread of this process, or as the process itself.

>>> from server_stub.web.serving import start_in_thread
>>> with start_in_thread(Settings(directory=folder)) as server:   # doctest: +SKIP
...     httpx.get(server.url + "/v1/service")
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import uvicorn
from fastapi import FastAPI

from server_stub.background import Worker
from server_stub.context import Platform
from server_stub.records import canonical
from server_stub.settings import Settings
from server_stub.web.app import create_app
from server_stub.web.connections import Config

_QUEUE = 2048
"""Connections that the system keeps until they are accepted."""
_NEWCOMERS = 1
"""Connections accepted in one turn of the loop: each costs all others some 0.5 ms until its first
request is answered, and of two hundred that come at once everybody else would wait for all."""


class StartFailed(Exception):
    """The HTTP server did not come up."""


@dataclass
class RunningServer:
    """A platform that answers at `url`. A context manager; :meth:`stop` ends it."""

    url: str
    platform: Platform
    worker: Worker
    _app: FastAPI
    _server: uvicorn.Server
    _thread: threading.Thread

    def stop(self) -> None:
        """End the server, then the worker, then the writer."""
        self._server.should_exit = True
        self._thread.join()
        self._app.state.verifications.close()
        self._app.state.status_answers.close()
        self.worker.stop()
        self.platform.close()

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def listen(settings: Settings) -> tuple[list[socket.socket], str]:
    """Bound sockets (port 0 takes a free one) and the address others reach them by. Under the name
    ``localhost`` both loopback addresses are listened on, where this machine has both: clients try
    the one that is missing first."""
    host = settings.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = [_bound(family, host, settings.port)]
    port = bound[0].getsockname()[1]
    if host == "localhost":
        with contextlib.suppress(OSError):
            bound.append(_bound(socket.AF_INET6, "::1", port))
    host = f"[{host}]" if family == socket.AF_INET6 else host
    return bound, f"http://{host}:{port}"


class _Listener(socket.socket):
    """What waits to be accepted waits in the system's queue, however few asyncio takes at once."""

    def listen(self, _at_once: int = 0) -> None:
        super().listen(_QUEUE)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # named TCP, asyncio turns Nagle's delay off: 40 ms less for every answer
    bound = _Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen()  # whoever calls as soon as the address is told waits, is not refused
    except OSError:
        bound.close()
        raise
    return bound


def http_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """The HTTP server of *app*; one process, because there is one writer."""
    config = Config(
        app,
        settings,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        limit_concurrency=settings.connections + 1,
        backlog=_NEWCOMERS,
    )
    return uvicorn.Server(config)


def start_in_thread(settings: Settings, accept_lost_witness: str = "") -> RunningServer:
    """A platform in this process, on `settings.port` (0: a free one). Does what *init* does first;
    *accept_lost_witness* as :meth:`Platform.open` says.

    Raises :class:`StartFailed`, OSError, or what :meth:`Platform.open` raises."""
    canonical.set_clock_ahead(settings.misbehaviour.clock_ahead_seconds)
    bound, url = listen(settings)
    try:
        platform = Platform.open(settings, url, accept_lost_witness=accept_lost_witness)
    except BaseException:
        for each in bound:
            each.close()
        raise
    worker = Worker(platform)
    app = create_app(platform, worker)
    server = http_server(app, settings)

    def run() -> None:
        server.run(sockets=bound)

    thread = threading.Thread(target=run, name="http", daemon=True)
    worker.start()
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            worker.stop()
            platform.close()
            raise StartFailed(url)
        time.sleep(0.005)
    return RunningServer(url, platform, worker, app, server, thread)
