"""What the benchmark tells: a table, and which promises are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BATCH_FILES, BATCH_LATENCY_MS = 50, 150


@dataclass(frozen=True)
class Timing:
    """One job over one document."""

    document: str
    job: str
    seconds: float
    """Median."""
    fastest: float
    slowest: float
    cpu: float | None
    """Median of the processor's seconds, which a busy machine disturbs less."""
    peak_mb: float | None
    """MB (10⁶ bytes) of the whole process; None where the system does not tell."""
    slowest_cpu: float | None = None


@dataclass(frozen=True)
class Batch:
    """Many files, one slow key; seconds."""

    seconds: float
    key: float
    """What the key alone takes."""
    one_by_one: float
    """With nothing prepared ahead (from a fifth of the files)."""


@dataclass(frozen=True)
class Target:
    """What is promised of one number."""

    text: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        return self.value <= self.limit


_FLOORS = ("floor", "unpack")
_SEARCH_LIMIT = 3.0


def table(results: Sequence[Timing]) -> str:
    lines = [
        f"{'':24}{'median':>10}{'fastest':>10}{'slowest':>10}{'× floor':>9}"
        f"{'processor':>11}{'peak':>9}"
    ]
    floors = {each.document: each.seconds for each in results if each.job in _FLOORS}
    heading = ""
    for each in results:
        if each.job in ("floor-start", "floor-page"):
            floors[each.document] = each.seconds
        if each.document != heading:
            heading = each.document
            lines.append(heading)
        times = "".join(
            f"{1000 * value:7.1f} ms" for value in (each.seconds, each.fastest, each.slowest)
        )
        cpu = f"{1000 * each.cpu:8.1f} ms" if each.cpu is not None else ""
        peak = f"{each.peak_mb:6.0f} MB" if each.peak_mb else ""
        floor = floors.get(each.document)
        ratio = f"{each.seconds / floor:9.2f}" if floor else 9 * " "
        lines.append(f"  {each.job:22}{times}{ratio}{cpu}{peak}")
    return "\n".join(lines)


def targets(results: Sequence[Timing], batch: Batch | None) -> list[Target]:
    """The promises that this run can judge."""
    found: Mapping[tuple[str, str], Timing] = {(each.document, each.job): each for each in results}
    judged = [*later_targets(found), *bulk_targets(found), *window_targets(found)]
    if ("50 MB", "sign") in found:
        big = found["50 MB", "sign"]
        ratio = big.seconds / found["50 MB", "floor"].seconds
        judged.append(Target("sign the 50 MB file: × floor", ratio, 1.5))
        judged.append(Target("sign the 50 MB file: peak MB", big.peak_mb or 0.0, 150))
        verified, read = found["50 MB", "verify"], found["50 MB", "floor-read"]
        ratio = verified.seconds / read.seconds
        judged.append(Target("verify the 50 MB file: × reading and SM3", ratio, 1.2))
        peak = verified.peak_mb or 0.0
        judged.append(Target("verify the 50 MB file: peak MB", peak, 150))
    if ("10 pages", "sealdesk verify") in found:
        ours, theirs = found["10 pages", "sealdesk verify"], found["10 pages", "pyhanko validate"]
        ratio = ours.seconds / theirs.seconds
        judged.append(Target("verify 10 pages, whole process: × pyhanko validate", ratio, 0.5))
    if batch:
        ratio = batch.seconds / batch.key
        said = f"{BATCH_FILES} files, {BATCH_LATENCY_MS} ms a signature: × the key's time"
        judged.append(Target(said, ratio, 1.15))
    return judged


def later_targets(found: Mapping[tuple[str, str], Timing]) -> list[Target]:
    judged = []
    for pages, limit in ((10, 0.6), (250, 5.0)):
        for filled in ("filled later", "one field filled later"):
            document = f"{pages} pages, {filled}"
            if (document, "sealdesk verify") not in found:
                continue
            ours = found[document, "sealdesk verify"].seconds
            judged.append(Target(f"verify {document}: seconds of a process", ours, limit))
            if (document, "floor") in found:
                ratio = ours / found[document, "floor"].seconds
                judged.append(Target(f"verify {document}: × drawing its pages", ratio, 2.0))
    if ("one page", "compare") in found:
        drawn = found["one page", "compare"]
        judged.append(Target("pictures of one changed page, ms", 1000 * drawn.seconds, 100))
    if ("250 pages, search", "search") in found:
        ours, floor = (found["250 pages, search", job] for job in ("search", "unpack"))
        ratio = ours.seconds / floor.seconds
        judged.append(Target("search 250 pages for seals: × unpacking them", ratio, _SEARCH_LIMIT))
    return judged


def server_targets(told: Mapping[str, Any]) -> list[Target]:
    rates = {each["job"]: each for each in told["rates"]}
    ratio = rates["answer"]["per_second"] / rates["status"]["per_second"]
    judged = [Target("server: a status, × the time of a bare answer", ratio, 2.0)]
    for database, limit in (("SQLite", 1.0), ("PostgreSQL", 1 / 0.7)):
        if f"usage, {database}" not in rates:
            continue
        row, use = rates[f"one row, {database}"], rates[f"usage, {database}"]
        text = f"server: a use on {database}, × the time of one committed row"
        judged.append(Target(text, row["per_second"] / use["per_second"], limit))
        if row["cpu_ms"]:
            text = f"server: a use on {database}, × the processor's time of one committed row"
            judged.append(Target(text, use["cpu_ms"] / row["cpu_ms"], limit))
        if database == "SQLite":
            judged.append(Target("server: a use on SQLite, ms (p99)", use["p99_ms"], 50))
    if told["crowd"]:
        judged += crowd_targets(told["crowd"])
    return judged


def crowd_targets(crowd: Mapping[str, Any]) -> list[Target]:
    """Everybody hears within the limit, and nineteen of twenty of course."""

    def most(taken: Sequence[float]) -> float:
        return sorted(taken)[len(taken) * 95 // 100]

    healthz, sign_in = crowd["healthz_ms"], crowd["sign_in_ms"]
    return [
        Target("server: /healthz in a crowd, ms (p95)", most(healthz), 100),
        Target("server: /healthz in a crowd, ms (longest)", max(healthz), 100),
        Target("server: signing in, in a crowd, ms (p95)", most(sign_in), 100),
        Target("server: signing in, in a crowd, ms (longest)", max(sign_in), 100),
        Target("server: MB in a crowd", crowd["peak_mb"], 1000),
    ]


def bulk_targets(found: Mapping[tuple[str, str], Timing]) -> list[Target]:
    timings = {job: each for (document, job), each in found.items() if "contracts" in document}
    if not timings:
        return []
    ours, theirs = timings["sealdesk verify"], timings["pyhanko"]
    judged = [
        Target("bulk: time × pyHanko's, which has no workers", ours.seconds / theirs.seconds, 1 / 3)
    ]
    if ours.cpu and theirs.cpu:
        judged.append(Target("bulk: processor time × pyHanko's", ours.cpu / theirs.cpu, 1 / 3))
    return judged


def window_targets(found: Mapping[tuple[str, str], Timing]) -> list[Target]:
    if ("window", "start") not in found:
        return []
    start, page, frames = (found["window", job] for job in ("start", "first-page", "scroll"))
    judged = [
        Target("window: seconds from cold to usable", start.seconds, 0.45),
        Target("window: first page of 500, ms", 1000 * page.seconds, 60),
        Target("window: longest frame while scrolling, ms", 1000 * frames.slowest, 35),
    ]
    if frames.slowest_cpu is not None:
        text = "window: longest frame while scrolling, ms of the processor"
        judged.append(Target(text, 1000 * frames.slowest_cpu, 35))
    if frames.peak_mb:
        judged.append(
            Target("window: MB after scrolling, with its drawing process", frames.peak_mb, 280)
        )
    return judged
