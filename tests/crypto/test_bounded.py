"""What runs in a bounded process can cost an answer, never its starter."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path

import pytest

from crypto import bounded, windows_process
from crypto.bounded import (
    BoundedError,
    BoundedProcess,
    Message,
    ProcessDied,
    ProcessFailed,
    ProcessHeldUp,
    ProcessOutOfMemory,
    ProcessTimedOut,
    run,
)
from tests.crypto import bounded_targets as targets
from tests.world.processes import KILLED, gone, kill
from tests.world.waiting import until

pytestmark = pytest.mark.usefixtures("fresh_processes")


def test_a_call_gives_what_the_function_gives() -> None:
    assert run(targets.double, 21, b"abc", seconds=30) == Message(
        {"double": 42}, (b"abc", b"", b"cba")
    )


def test_an_error_is_told_by_its_name_and_its_text() -> None:
    with pytest.raises(ProcessFailed, match="KeyError: 'a blank that is not there'"):
        run(targets.fail, seconds=30)


@pytest.mark.wants("memory limits")
def test_more_memory_than_allowed_is_refused() -> None:
    assert run(targets.eat, 1 << 20, seconds=30).head == {"eaten": 1 << 20}
    with pytest.raises(ProcessOutOfMemory):
        run(targets.eat, 1 << 30, seconds=30, memory=512 << 20)


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(ProcessTimedOut):
        run(targets.sleep, 60, seconds=1)


@pytest.mark.parametrize("how", [targets.abort, targets.leave])
def test_a_crash_is_told_as_such(how: Callable[[], Message]) -> None:
    with pytest.raises(ProcessDied):
        run(how, seconds=30)


def test_nothing_of_it_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(targets.chatter, seconds=30).head == {"said": True}
    with contextlib.suppress(ProcessDied):
        run(targets.abort, seconds=30)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "frames",
    [
        [b"no JSON"],
        [b"{}"],
        [b"[]"],
        [b"[-1]"],
        [b"[true]", b"{"],
        [b"[1.0]", b"{"],
        [b"[2]", b"[]"],
        [b"[3]", b"{}"],
        [b"[2, 5]", b"{}", b"1234"],
        [b"[9]", b'{"a":NaN}'],
        [b"[2, 1" + b"0" * 12 + b"]", b"{}"],
        [b"[" * 100_000],
        [b"[100000]", b"[" * 100_000],
        [b"[" + b"0," * 20_000 + b"0]"],
        [b"x" * (1 << 20)],
    ],
    ids=lambda frames: frames[0][:8].decode() + str(len(frames)),
)
def test_a_malformed_answer_is_no_answer(frames: list[bytes]) -> None:
    with pytest.raises((ProcessFailed, ProcessDied)):
        run(targets.say_raw, *frames, seconds=30)


def test_an_answer_that_stops_in_the_middle_is_not_waited_for() -> None:
    with pytest.raises(ProcessTimedOut):
        run(targets.say_half, seconds=1)


def test_a_larger_answer_than_expected_is_refused() -> None:
    assert run(targets.double, 1, b"x" * 900, seconds=30, answer=2000)
    with pytest.raises(ProcessFailed):
        run(targets.double, 1, b"x" * 1100, seconds=30, answer=2000)


def test_one_that_stays_is_spoken_to_again_until_it_dies() -> None:
    with BoundedProcess(targets.echo, "> ") as process:
        process.send("one")
        first = process.receive(30).head
        process.send("two")
        assert process.receive(30).head == {"said": "> two", "pid": first["pid"]}
        assert first == {"said": "> one", "pid": process.pid}
        process.send("die")
        with pytest.raises(ProcessDied, match=f" {KILLED}$"):
            process.receive(30)
        assert process.ended
        for speak in (lambda: process.send("three"), lambda: process.receive(1)):
            with pytest.raises(BoundedError):
                speak()
    assert gone(process.pid)


def test_it_is_told_something_while_nobody_waits_for_it() -> None:
    with BoundedProcess(targets.echo, "") as process:
        process.send_meanwhile("x" * (1 << 20))
        assert len(process.receive(30).head["said"]) == 1 << 20
        process.send_meanwhile("die")
        with pytest.raises(ProcessDied):
            process.receive(30)
        process.send_meanwhile("nobody hears it, and nobody is told")


def test_one_that_does_not_listen_is_ended() -> None:
    with BoundedProcess(targets.never_listen) as process, pytest.raises(ProcessTimedOut):
        process.send(b"x" * (8 << 20), seconds=1)
    assert gone(process.pid)


def test_ending_it_ends_what_it_has_started() -> None:
    with BoundedProcess(targets.with_a_child) as process:
        child = process.receive(30).head["pid"]
        assert not gone(child)
        with pytest.raises(ProcessTimedOut):
            process.receive(0.1)
    until(lambda: gone(child), "a process outlived its parent")


class NeverTold(BoundedProcess):
    """One that is started and hears nothing more."""

    def _order(self, target: object, arguments: object) -> None:
        pass


def test_one_that_is_ended_while_it_starts_is_not_waited_for() -> None:
    """It may not have taken its end of the pipe yet."""
    with NeverTold(targets.echo, "") as process:
        kill(process.pid)
        with pytest.raises(ProcessDied):
            process.receive(None)


def test_one_that_dies_before_it_has_read_its_orders_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More than a pipe holds, so that the starter is still writing."""

    def bound(process: int, memory: int) -> None:
        [started] = [child for child in active_children() if child.name == "early"]
        kill(started.pid or 0)

    monkeypatch.setattr(windows_process, "bound", bound)
    with pytest.raises(ProcessDied):
        BoundedProcess(targets.echo, b"x" * (8 << 20), name="early")


def test_a_bounded_process_may_start_another() -> None:
    assert run(targets.nested, seconds=30).head["said"] == "inner word"
    with BoundedProcess(targets.nested_and_left) as outer:
        inner = outer.receive(30).head["pid"]
        assert not gone(inner)
        outer.send("go on")  # it returns without having ended the other
        until(lambda: gone(inner), "a process outlived its parent")


PROGRAM = """
import os, signal, sys
from crypto.bounded import BoundedProcess
from tests.crypto import bounded_targets as targets
from tests.world.processes import kill
if __name__ == "__main__":
    process = BoundedProcess(targets.echo, "")
    process.send("word")
    print(process.receive(30).head["pid"], flush=True)
    process.send("hang")
    how = sys.argv[1]
    if how == "killed":
        kill(os.getpid())
    if how == "interrupted":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        os.killpg(0, signal.SIGINT)
        process.receive(30)
"""


@pytest.mark.parametrize(
    "how", ["killed", "returns", pytest.param("interrupted", marks=pytest.mark.wants("posix"))]
)
def test_it_ends_with_its_starter(how: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), how],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        start_new_session=True,
        check=False,
        timeout=60,
    )
    expected = {"killed": KILLED, "returns": 0, "interrupted": -signal.SIGINT}
    assert done.returncode == expected[how]
    until(lambda: gone(int(done.stdout)), "a process outlived its parent")


@pytest.mark.wants("posix")
def test_it_is_known_what_it_has_used_of_the_processor() -> None:
    with BoundedProcess(targets.echo, "") as process:
        process.send("word")
        process.receive(30)
        used = process.processor_seconds()
        assert used is not None
        assert 0 < used < 30
    assert process.processor_seconds() is None


@pytest.mark.parametrize(
    ("used", "seconds", "clock", "why"),
    [
        ([0.0, 0.1, 0.2, 0.3], 60.0, 0.03, ProcessHeldUp),
        ([7.0], 60.0, 0.0, ProcessHeldUp),
        ([7.0, 67.0], 60.0, 1000.0, ProcessTimedOut),
        ([7.0], 0.03, 1000.0, ProcessTimedOut),
        ([None], 0.03, 1000.0, ProcessTimedOut),
    ],
    ids=["little of the processor", "no time left", "enough of it", "stands still", "not told"],
)
def test_who_waits_for_the_processor_is_told_from_who_has_had_enough_of_it(
    used: list[float | None],
    seconds: float,
    clock: float,
    why: type[ProcessTimedOut],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = iter(used)
    monkeypatch.setattr(bounded, "_LOOK_UP", 0.01)
    monkeypatch.setattr(BoundedProcess, "processor_seconds", lambda process: next(told, used[-1]))
    with BoundedProcess(targets.never_listen) as process:
        with pytest.raises(ProcessTimedOut) as raised:
            process.receive_working(seconds, clock)
        assert raised.type is why
    assert gone(process.pid)


def test_what_is_there_in_time_is_given_however_little_it_took() -> None:
    with BoundedProcess(targets.echo, "> ") as process:
        process.send("one")
        assert process.receive_working(30, 60).head["said"] == "> one"
        process.send("die")
        with pytest.raises(ProcessDied):
            process.receive_working(30, 60)


def test_two_gigabytes_are_allowed_unless_said_otherwise() -> None:
    assert bounded.MEMORY == 2 << 30


@pytest.mark.wants("posix")
def test_every_bounded_process_has_its_limits() -> None:
    with BoundedProcess(targets.echo, "", memory=700 << 20) as process:
        process.send("word")
        process.receive(30)
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert os.getpgid(process.pid) == process.pid
    words = {line[:25].strip(): line[25:].split()[:2] for line in limits.splitlines()}
    assert words["Max address space"] == [str(700 << 20)] * 2
    assert words["Max core file size"] == ["0", "0"]


@pytest.mark.wants("posix")
def test_one_that_gives_way_does_so_from_its_first_instruction() -> None:
    """What it loads costs more than what it does."""
    with BoundedProcess(targets.echo, "", gives_way=True) as process:
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == bounded.LAST
    with BoundedProcess(targets.echo, "") as process:
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == own
        process.step_back()
        stepped = min(own + bounded.STEP, bounded.LAST)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == stepped


@pytest.mark.wants("posix")
def test_one_interpreter_is_started_for_one_process() -> None:
    """multiprocessing would start another, which watches what nobody here has."""
    program = (
        "import os\nfrom pathlib import Path\nfrom crypto.bounded import BoundedProcess\n"
        "from tests.crypto import bounded_targets\n"
        "with BoundedProcess(bounded_targets.echo, ''):\n"
        "    print(Path(f'/proc/self/task/{os.getpid()}/children').read_text().split())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.count(",") == 0
    assert "'" in done.stdout


if sys.platform == "win32":

    def test_one_that_gives_way_is_of_a_lower_class() -> None:
        with BoundedProcess(targets.echo, "", gives_way=True) as process:
            assert windows_process.gives_way(process._process.sentinel)
        with BoundedProcess(targets.echo, "") as process:
            assert not windows_process.gives_way(process._process.sentinel)

    def test_every_bounded_process_is_in_a_job_of_its_own() -> None:
        with BoundedProcess(targets.echo, "") as process, BoundedProcess(targets.echo, "") as other:
            assert process._job.holds(process._process.sentinel)
            assert not process._job.holds(other._process.sentinel)

    @pytest.mark.wants("memory limits")
    def test_the_job_keeps_its_limits() -> None:
        with BoundedProcess(targets.echo, "", memory=700 << 20) as process:
            assert bytes(process._job.limits())[:112] == bytes(windows_process.limits_of(0))[:112]
            assert process._job.limits().ProcessMemoryLimit == 700 << 20

    def test_ctrl_c_is_not_for_a_bounded_process_and_stays_for_its_starter() -> None:
        assert run(targets.console_flags, seconds=30).head["flags"] & 1
        assert not targets.console_flags().head["flags"] & 1


def test_the_structures_of_windows_have_its_layout() -> None:
    """Against winnt.h: sizes and offsets on 64-bit Windows."""
    basic, extended = windows_process.BasicLimits, windows_process.ExtendedLimits
    assert (ctypes.sizeof(basic), ctypes.sizeof(extended)) == (64, 144)
    assert (basic.LimitFlags.offset, basic.Affinity.offset) == (16, 48)
    assert (extended.IoInfo.offset, extended.ProcessMemoryLimit.offset) == (64, 112)


def test_a_job_limits_memory_shows_no_dialog_and_ends_with_its_owner() -> None:
    raw = bytes(windows_process.limits_of(700 << 20))
    assert int.from_bytes(raw[16:20], "little") == 0x100 | 0x400 | 0x2000
    assert int.from_bytes(raw[112:120], "little") == 700 << 20
    assert set(raw[:16] + raw[20:112] + raw[120:]) == {0}
