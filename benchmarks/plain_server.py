"""What a platform is measured against: FastAPI endpoints that do next to nothing.

    python plain_server.py URL-OF-A-DATABASE      → prints its address

``POST /bare`` reads a body and answers, ``GET /bare`` answers, ``POST /row`` commits one row.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, event, insert


class Record(BaseModel):
    id: str
    record: str


class Records(BaseModel):
    records: list[Record]


TABLE = Table(
    "use",
    MetaData(),
    Column("number", Integer, primary_key=True),
    Column("id", String),
    Column("record", String),
)


def make(url: str) -> FastAPI:
    app, sqlite = FastAPI(), url.startswith("sqlite")
    engine = create_engine(url, connect_args={"check_same_thread": False} if sqlite else {})
    if sqlite:  # as durable as the platform's, and as patient

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _record: object) -> None:
            connection.isolation_level = None
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Any) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    TABLE.metadata.create_all(engine)

    @app.get("/bare")
    async def looked() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/bare")
    async def bare(body: Records) -> dict[str, str]:
        return {"id": body.records[0].id}

    @app.post("/row")
    def row(body: Records) -> dict[str, str]:
        record = body.records[0]
        with engine.begin() as connection:
            connection.execute(insert(TABLE).values(id=record.id, record=record.record))
        return {"id": record.id}

    return app


def main() -> int:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.bind(("127.0.0.1", 0))
    bound.listen(2048)
    print(f"plain server: http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    config = uvicorn.Config(make(sys.argv[1]), log_config=None, access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[bound])
    return 0


if __name__ == "__main__":
    sys.exit(main())
