"""The review queue with ten applications waiting and with ten thousand, in one run.

    python reviews.py [--waiting 10000] [--rounds 20] [--out FILE.json]

The same requests of a reviewer, in turn: the first page, a page from the middle, one application;
beside ``/healthz``, which reads nothing. Meanwhile the background job asks the neighbours about
those that wait. Milliseconds of wall time, medians; a page has at most 100 rows. Then how the
database finds a page (SQLite's plan).
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import insert, text

from server_stub.records import canonical, logbook, store
from server_stub.settings import Settings
from server_stub.staff import review_queue
from server_stub.web.serving import RunningServer, start_in_thread
from tests.world.applicant import Applicant
from tests.world.staff import employ

FEW = 10


def fill(server: RunningServer, count: int) -> None:
    """So many applications that wait, straight into the table."""
    now = canonical.now()
    rows: list[dict[str, Any]] = [
        {
            "id": f"app_{number:06d}{secrets.token_hex(4)}",
            "kind": "issue",
            "payload": {"proof": {"kind": "letter"}},
            "state": "submitted",
            "enterprise_id": "ent_bench",
            "enterprise_name": f"宿迁市第{number}企业有限公司",
            "handler_id": "person_bench",
            "subtype": "official",
            "payload_sm3": secrets.token_hex(32),
            "spki": secrets.token_bytes(91),
            "created_at": now - number * 1000,
            "updated_at": now - number * 1000,
            "submitted_at": now - number * 1000,
            "salt": b"",
        }
        for number in range(count)
    ]
    with server.platform.engine.begin() as connection:
        unit = {"id": "ent_bench", "uscc": "x", "name": "x", "state": "registered"}
        if connection.scalar(text("SELECT count(*) FROM enterprise WHERE id = 'ent_bench'")) == 0:
            connection.execute(insert(store.Enterprise), [unit])
            number = server.platform.vault.seal("person.id_no:person_bench", b"321302199003070019")
            person = {"id": "person_bench", "name": "x", "id_no_enc": number, "salt": b""}
            connection.execute(insert(store.Person), [person])
        connection.execute(insert(store.Application), rows)


def timed(ask: Callable[[], Any], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        answer = ask()
        taken.append(1000 * (time.perf_counter() - begun))
        answer.raise_for_status()
    return statistics.median(taken)


def measured(reviewer: Applicant, middle: str, somebody: str, rounds: int) -> dict[str, float]:
    jobs: dict[str, Callable[[], Any]] = {
        "healthz": lambda: reviewer.call("GET", "/healthz"),
        "first page": lambda: reviewer.call("GET", "/v1/reviews"),
        "page in the middle": lambda: reviewer.call("GET", f"/v1/reviews?after={middle}"),
        "application": lambda: reviewer.call("GET", f"/v1/applications/{somebody}"),
    }
    return {name: timed(job, rounds) for name, job in jobs.items()}


def cursor(reviewer: Applicant, pages: int) -> str:
    """Of the page after so many."""
    after = ""
    for _ in range(pages):
        answer = reviewer.call("GET", f"/v1/reviews?after={after}").json()
        if not answer["more"]:
            break
        after = answer["next"]
    return after


def plan(server: RunningServer) -> list[str]:
    chosen = review_queue.waiting("submitted")
    chosen = chosen.order_by(store.Application.updated_at, store.Application.id).limit(101)
    written = chosen.compile(server.platform.engine, compile_kwargs={"literal_binds": True})
    with server.platform.reading() as session:
        return [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {written}"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, help="where the numbers go, JSON")
    chosen = parser.parse_args()
    logbook.configure("error")
    told: dict[str, Any] = {"waiting": chosen.waiting}
    with tempfile.TemporaryDirectory(prefix="sealdesk-bench-reviews-") as name:
        settings = Settings(
            directory=Path(name) / "platform", port=0, requests_per_minute=10_000_000
        )
        with start_in_thread(settings) as server:
            reviewer = employ(server, "reviewer")
            for count in (FEW, chosen.waiting):
                fill(server, count)
                with server.platform.reading() as session:
                    somebody = session.execute(review_queue.waiting("submitted").limit(1)).one()[0]
                pages = count // 200
                told[str(count)] = measured(
                    reviewer, cursor(reviewer, pages), somebody.id, chosen.rounds
                )
            told["plan"] = plan(server)
            reviewer.http.close()
    few, many = told[str(FEW)], told[str(chosen.waiting)]
    for job, taken in many.items():
        print(f"{job:22}{few[job]:8.1f} ms of {FEW}{taken:10.1f} ms of {chosen.waiting}")
    print("\n".join(told["plan"]))
    if chosen.out:
        chosen.out.write_text(json.dumps(told, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
