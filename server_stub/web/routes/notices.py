"""What police and market supervision send: notices about seals, signed by themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from server_stub import states
from server_stub.authorities import notices
from server_stub.records.canonical import timestamp
from server_stub.records.ledger import Transaction
from server_stub.web.handling import Base64, Body, Running, Waking, limited, unbase64, written
from server_stub.web.problems import Refusal

router = APIRouter(prefix="/v1")

Line = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._:/-]+$")]


class NoticeBody(Body):
    """See :class:`server_stub.authorities.notices.Told`."""

    sender: Literal["police", "market"]
    number: Line
    action: Literal["suspend", "resume", "cancel"]
    object: Annotated[str, Field(pattern="^([0-9]{13,14}|[0-9A-Z]{18})$")]
    reason: Line
    effective_at: Annotated[str, Field(max_length=40, pattern=r"^[0-9TZ:.+-]+$")]
    signature: Base64


@router.post("/notices", status_code=201, dependencies=[Depends(limited)])
async def notice(platform: Running, worker: Waking, body: NoticeBody) -> dict[str, Any]:
    """Do what an authority says of a seal, of a physical seal's electronic one, or of all seals of
    an enterprise. The same notice again changes nothing and gets the same answer."""
    if body.reason not in states.SEAL_REASONS:
        raise Refusal("notice_invalid", f"{body.reason} is no reason")
    told = notices.Told(
        **body.model_dump(exclude={"signature"}), signature=unbase64(body.signature)
    )
    await run_in_threadpool(notices.check, told, platform.origin, platform.neighbours)

    def command(tx: Transaction) -> dict[str, Any]:
        row = notices.receive(tx, told, platform.origin)
        return {
            "id": row.id,
            "state": row.state,
            "seals": sorted(row.seals),
            "effective_at": timestamp(row.effective_at),
            "received_at": timestamp(row.received_at),
        }

    answer = await written(platform.ledger.write(command))
    worker.wake()  # each change is filed with the police
    return answer
