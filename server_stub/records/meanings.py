"""Does what was signed mean what its record says was done? (第十八条)

A signature is good for one act upon one thing. A record with a good signature over another text —
a resumption kept beside a suspension, a consent to another grant — says what nobody has signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crypto.frozen import frozen

Record = Mapping[str, Any]


@frozen
class Meaning:
    """What a signed text is for."""

    verb: str
    object: str
    digest: str | None = None
    """Of what the object was; None: not compared."""


def signed(text: str) -> Meaning:
    """The meaning of a text of :mod:`server_stub.signin`. Raises ValueError for any other."""
    match text.split("\n"):
        case ["SUQIAN-SEAL-INTENT-V1", _, verb, thing, digest, ""]:
            return Meaning(verb, thing, digest)
        case ["SUQIAN-SEAL-INTENT-V2", _, verb, thing, digest, _, _, ""]:
            return Meaning(verb, thing, digest)
        case ["SUQIAN-SEAL-LOGIN-V1", _, "login", _, subject, _, ""]:
            return Meaning("login", subject)
        case ["SUQIAN-SEAL-COLLECT-V1", _, seal, seal_sm3, _, ""]:
            return Meaning("collect", seal, seal_sm3)
    raise ValueError("not a text that is signed for this platform")


def _application(record: Record) -> Meaning:
    submitted = record["event"] == "submit"
    return Meaning(
        record["event"], record["application"], record["payload_sm3"] if submitted else None
    )


def _seal(record: Record) -> Meaning:
    event = record["event"] if record["type"] == "seal-change-v1" else "suspend"
    verb = "collect" if event == "renew" else event
    return Meaning(verb, record["seal"], record["seal_sm3"])


def _signed_in(record: Record) -> Meaning:
    return Meaning("login", record["intent"]["certificate"] or record["subject"])


def _loss(record: Record) -> Meaning:
    thing = record["seal_code"] if record["event"] == "report" else record["loss"]
    return Meaning(f"{record['event']}-loss", thing, record["told_sm3"])


_OF_SEALS = ("seal-change-v1", "suspension-raised-v1")

RECORDED: Mapping[str, Callable[[Record], Meaning]] = {
    "sign-in-v1": _signed_in,
    "application-v1": _application,
    "first-approval-v1": lambda record: Meaning("approve", record["application"]),
    "approval-against-v1": lambda record: Meaning("approve", record["application"]),
    **dict.fromkeys(_OF_SEALS, _seal),
    "grant-offered-v1": lambda record: Meaning("grant", record["grant"], record["terms_sm3"]),
    "grant-accepted-v1": lambda record: Meaning("accept-grant", record["grant"]),
    "grant-change-v1": lambda record: Meaning("withdraw-grant", record["grant"]),
    "dispute-v1": lambda record: Meaning("dispute", record["seal_code"], record["statement_sm3"]),
    "cosigned-v1": lambda record: Meaning("cosign", record["log"], record["root"]),
    "loss-call-v1": _loss,
    "phone-revoked-v1": lambda r: Meaning("revoke-phone", r["phone"], r["binding"]),
}
"""Type of a record with an intent → what must have been signed."""


def problem(text: str, record: Record) -> str | None:
    """What is wrong with *text* as what was signed for *record*; None: nothing."""
    try:
        said = signed(text)
        if record["type"] == "appointment-v1":
            right = _appoints(said, record)
        elif record["type"] in _OF_SEALS and said.digest == "-":
            right = _stops(said, record)
        elif record["type"] in RECORDED:
            wanted = RECORDED[record["type"]](record)
            right = (said.verb, said.object) == (wanted.verb, wanted.object)
            right = right and wanted.digest in (None, said.digest)
        else:  # a kind of its own: it names at least the thing that the record is about
            right = (record.get("about") or (None, None))[1] in (said.object, said.digest)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return f"what was signed cannot be compared with the record: {error}"
    return None if right else f"what was signed is {said.verb} {said.object}, not what it records"


def agreement_to(event: str) -> str:
    """The verb with which a second person agrees to a change of a seal."""
    return f"agree-{event}"


def agreement_problem(text: str, record: Record) -> str | None:
    """The same for the *text* of a record's ``agreed``, which a second person signed."""
    try:
        said = signed(text)
        right = (said.verb, said.object) == (agreement_to(record["event"]), record["seal_code"])
    except (ValueError, KeyError, TypeError) as error:
        return f"what a second person agreed to cannot be compared with the record: {error}"
    return None if right else f"a second person agreed to {said.verb} {said.object}, not to this"


def _stops(said: Meaning, record: Record) -> bool:
    """A representative's statement names "*credit code* *seal code*", and no digest."""
    verb = _seal(record).verb
    return (said.verb, said.object.partition(" ")[2]) == (verb, record["seal_code"])


def _appoints(said: Meaning, record: Record) -> bool:
    """Objects there are "*credit code* *role* *of what*" and "*credit code* *appointment*"."""
    _, what, *_ = said.object.split(" ")
    if record["event"] == "give":
        return (said.verb, what) == ("appoint", record["role"])
    return (said.verb, what) == ("end-appointment", record["appointment"])
