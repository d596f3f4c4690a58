"""What can go wrong has a code, an exit code and words in two languages; and nothing is lost."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.errors import ExitCode, messages
from device import virtual
from server_stub.__main__ import main as operator
from server_stub.web.serving import RunningServer
from tests.world.applicant import credit_code
from tests.world.clerk import PIN, SO_PIN, Answer, Clerk, Enrolled, enrolled, excerpt
from tests.world.documents import build_pdf, classic_pdf
from tests.world.office import encrypted
from tests.world.staff import agreement, employ
from tests.world.waiting import next_second

AT = ("--at", "1:60,60")


def told(clerk: Clerk, code: str, exit_code: ExitCode, *command: str | Path, **more: str) -> None:
    """The command fails with this code, says so in the user's language, and shows no more."""
    for language in ("zh_CN", "en"):
        answer = clerk(*command, **more, LANGUAGE=language)
        (entry,) = (e for e in messages(language).values() if e.get("code") == code)
        assert answer.err.startswith(f"{entry['title']} [{code}]\n"), answer.err
        assert answer.code == exit_code
        assert len(answer.err.splitlines()) == 3
        assert "Traceback" not in answer.err
        assert PIN not in answer.err
        assert answer.out == ""


# ---------------------------------------------------------------- documents

CERTIFIED = classic_pdf(
    catalog=b"/Perms<</DocMDP 6 0 R>>",
    extra=[b"<</Type/Sig/Reference[<</TransformParams<</P 2>>>>]>>"],
)
HOSTILE = {
    "truncated": excerpt(1)[:4000],
    "nothing but a header": b"%PDF-1.7\n",
    "pages that contain themselves": build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[2 0 R]>>"]
    ),
    "no pages at all": build_pdf([b"<</Type/Catalog/Pages 9 0 R>>"]),
    "brackets without end": b"%PDF-1.7\n1 0 obj\n" + b"[" * 100_000 + b"\nstartxref\n9\n%%EOF\n",
    "a table that claims a million rows": b"%PDF-1.7\nxref\n0 99999999\ntrailer<</Root 1 0 R"
    b"/Size 99999999>>\nstartxref\n9\n%%EOF\n",
    "a table that points to itself": b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n"
    b"<</Size 1/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n",
}


@pytest.fixture
def document(tmp_path: Path) -> Callable[[bytes], Path]:
    """Puts a document alone into a folder."""

    def put(data: bytes) -> Path:
        path = tmp_path / "in" / "文件.pdf"
        path.parent.mkdir()
        path.write_bytes(data)
        return path

    return put


def untouched(path: Path, data: bytes) -> bool:
    return path.read_bytes() == data and [e.name for e in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_broken_or_hostile_document_is_neither_stamped_nor_judged(
    clerk: Clerk, document: Callable[[bytes], Path], kind: str
) -> None:
    path = document(HOSTILE[kind])
    for command in (("verify", path), ("stamp", path, "--seal", clerk.seal, *AT)):
        answer = clerk(*command)
        assert answer.code == ExitCode.UNREADABLE, (command, answer)
        assert "[E-111]" in answer.err or "[E-114]" in answer.err, answer.err
    assert untouched(path, HOSTILE[kind])


def test_a_document_under_a_password_needs_it(
    clerk: Clerk, document: Callable[[bytes], Path]
) -> None:
    data = encrypted(excerpt(1), "合同密码")
    path = document(data)
    stamping = ("stamp", path, "--seal", clerk.seal, *AT)
    told(clerk, "E-112", ExitCode.UNREADABLE, *stamping)
    told(clerk, "E-112", ExitCode.UNREADABLE, "verify", path)
    wrong = {"stdin": "falsch\n"}
    told(clerk, "E-113", ExitCode.UNREADABLE, *stamping, "--password-stdin", **wrong)
    told(clerk, "E-113", ExitCode.UNREADABLE, "verify", path, "--password-stdin", **wrong)
    assert untouched(path, data)
    without_pin = Clerk(clerk.folder, None, clerk.seal)
    both = f"合同密码\n{PIN}\n"
    answer = without_pin(*stamping, "--password-stdin", "--pin-stdin", stdin=both)
    assert answer.code == 0, answer.err
    output = path.with_name("文件_已盖章.pdf")
    assert clerk("verify", output, "--password-stdin", stdin="合同密码\n").code == 0
    assert clerk("verify", output).code == ExitCode.UNREADABLE


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (classic_pdf(catalog=b"/AcroForm<</Fields[]/XFA(x)>>"), "E-116"),
        (CERTIFIED, "E-115"),
        (b"Dear customer", "E-102"),
    ],
)
def test_a_document_that_must_not_be_sealed_is_left_alone(
    clerk: Clerk, document: Callable[[bytes], Path], data: bytes, code: str
) -> None:
    path = document(data)
    told(clerk, code, ExitCode.UNREADABLE, "stamp", path, "--seal", clerk.seal, *AT)
    assert untouched(path, data)


def test_files_that_are_not_there_or_not_free_are_told_apart(
    clerk: Clerk, contract: Path, tmp_path: Path
) -> None:
    sealing = ("--seal", clerk.seal, *AT)
    told(clerk, "E-101", ExitCode.UNREADABLE, "stamp", tmp_path / "no.pdf", *sealing)
    told(clerk, "E-101", ExitCode.UNREADABLE, "verify", tmp_path / "no.pdf")
    told(clerk, "E-103", ExitCode.OUTPUT, "stamp", contract, "-o", contract, *sealing)
    nowhere = tmp_path / "no" / "folder.pdf"
    told(clerk, "E-104", ExitCode.OUTPUT, "stamp", contract, "-o", nowhere, *sealing)
    assert clerk("journal", "check").code == 0


# ---------------------------------------------------------------- seal files

SEAL_FILES = {
    "empty": b"",
    "text": "这不是印章".encode(),
    "a length of 4 GiB": bytes.fromhex("3084ffffffff0201"),
    "a length of 2^1016 bytes": b"\x30\xff" + b"\xff" * 127,
    "no length": bytes.fromhex("3080020100"),
    "nested 100,000 deep": b"\x30\x80" * 100_000,
    "only zeros": bytes(65536),
    "larger than any seal": b"\x30\x84\x7f\xff\xff\xff" + bytes(8 << 20),
}


@pytest.mark.parametrize("kind", SEAL_FILES)
def test_a_file_that_is_no_seal_is_told_as_such(stranger: Clerk, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.esl"
    path.write_bytes(SEAL_FILES[kind])
    told(stranger, "E-702", ExitCode.SEAL, "seal", "inspect", path)


def test_a_seal_with_one_wrong_length_is_no_seal(
    clerk: Clerk, stranger: Clerk, tmp_path: Path
) -> None:
    with clerk.desk() as desk:
        data = bytearray(desk.cabinet.seal(clerk.seal).data)
    path = tmp_path / "x.esl"
    for place in (1, 3, 5, 9):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x7F]) + data[place + 1 :])
        assert stranger("seal", "inspect", path).code == ExitCode.SEAL
    told(stranger, "E-101", ExitCode.UNREADABLE, "seal", "inspect", tmp_path / "no.esl")


# ---------------------------------------------------------------- the key


def test_a_wrong_pin_is_counted_until_the_key_locks(clerk: Clerk, contract: Path) -> None:
    stamping = ("stamp", contract, "--seal", clerk.seal, *AT)
    said: list[Answer] = [clerk(*stamping, PIN="wrong-pin") for _ in range(10)]
    assert [answer.code for answer in said] == [ExitCode.PIN] * 10
    assert "剩余 9 次" in said[0].err, said[0].err
    assert "只剩最后 1 次" in said[8].err, said[8].err
    assert "[E-202]" in said[9].err
    told(clerk, "E-202", ExitCode.PIN, *stamping)
    assert "locked: yes" in clerk("token", "info", LANGUAGE="en").out
    assert untouched(contract, contract.read_bytes())
    assert clerk.journal() == []


def test_a_weak_new_pin_is_refused_and_the_old_one_stays(clerk: Clerk) -> None:
    for weak in ("123456", "88888888", "short", PIN):
        new = ("token", "change-pin", "--pin-stdin")
        told(clerk, "E-203", ExitCode.PIN, *new, stdin=f"{PIN}\n{weak}\n")
    assert clerk("sync").code == 0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("pull_out", "E-211"),
        ("device_error", "E-216"),
        ("garbage", "E-215"),
        ("malformed", "E-215"),
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_a_key_that_fails_while_it_signs_leaves_no_file(
    clerk: Clerk, contract: Path, fault: str, code: str, before: int
) -> None:
    """At the sign-in (the first signature) or at the seal (the second)."""
    data = contract.read_bytes()
    virtual.set_faults(clerk.hub, sign=fault, sign_after=before)
    answer = clerk("stamp", contract, "--seal", clerk.seal, *AT)
    assert answer.code == ExitCode.TOKEN, answer
    assert f"[{code}]" in answer.err
    assert untouched(contract, data)
    events = [each["event"] for each in clerk.journal()]
    assert events == (["stamp-begun", "stamp-failed"] if before else [])
    virtual.set_faults(clerk.hub)
    if fault == "pull_out":
        told(clerk, "E-210", ExitCode.TOKEN, "stamp", contract, "--seal", clerk.seal, *AT)
        virtual.plug_in(clerk.hub)
    assert clerk("stamp", contract, "--seal", clerk.seal, *AT).code == 0


def test_a_computer_that_slept_in_a_batch_goes_on_with_the_rest_and_nothing_twice(
    clerk: Clerk, tmp_path: Path
) -> None:
    """To the driver the key was out meanwhile: every session is dead, and the PIN asked anew."""
    folder = tmp_path / "合同"
    folder.mkdir()
    for name in "甲乙丙":
        (folder / f"{name}.pdf").write_bytes(classic_pdf())
    stamping = ("stamp", folder, "--seal", clerk.seal, *AT)
    virtual.set_faults(clerk.hub, sign="pull_out", sign_after=2)  # the sign-in, one document
    slept = clerk(*stamping)
    assert (slept.code, "[E-211]" in slept.err) == (ExitCode.TOKEN, True), slept
    virtual.set_faults(clerk.hub)
    virtual.plug_in(clerk.hub)
    assert len(list(folder.rglob("*_已盖章*.pdf"))) == 1
    assert clerk(*stamping).code == 0
    assert sorted(path.name[0] for path in folder.rglob("*_已盖章*.pdf")) == sorted("甲乙丙")


def test_the_wrong_key_no_key_and_two_keys_are_told_apart(
    clerk: Clerk, other_clerk: Clerk, contract: Path
) -> None:
    stamping = ("stamp", contract, "--seal", clerk.seal, *AT)
    told(clerk, "E-210", ExitCode.TOKEN, *stamping, "--token", "no-such-key")
    other = virtual.token_path(other_clerk.hub, 0)
    shutil.copy(other, virtual.token_path(clerk.hub, 1))
    told(clerk, "E-226", ExitCode.TOKEN, "sync")
    serials = [line.split("\t")[0] for line in clerk("token", "list").out.splitlines()]
    assert len(serials) == 2
    assert all(serial in clerk("sync").err for serial in serials)
    assert clerk("sync", "--token", serials[0]).code == 0
    assert clerk("sync", TOKEN_SERIAL=serials[0]).code == 0
    assert clerk(*stamping).code == 0, "the key that holds the seal's certificate is meant"
    virtual.pull_out(clerk.hub, 0)
    told(clerk, "E-213", ExitCode.TOKEN, *stamping)
    virtual.pull_out(clerk.hub, 1)
    told(clerk, "E-210", ExitCode.TOKEN, *stamping)


def test_a_blank_key_is_called_blank(stranger: Clerk) -> None:
    virtual.make_blank_token(stranger.hub)
    told(stranger, "E-212", ExitCode.TOKEN, "token", "info")


def test_a_driver_that_is_not_there_is_named(clerk: Clerk, tmp_path: Path) -> None:
    missing = tmp_path / "libvendor.so"
    told(clerk, "E-221", ExitCode.TOKEN, "token", "list", "--module", missing)
    missing.write_bytes(b"no library")
    told(clerk, "E-223", ExitCode.TOKEN, "token", "list", "--module", missing)


def test_a_seal_nobody_knows_is_not_found(clerk: Clerk, contract: Path) -> None:
    told(clerk, "E-301", ExitCode.SEAL, "stamp", contract, "--seal", "32130000009999", *AT)
    told(clerk, "E-301", ExitCode.SEAL, "seal", "show", "没有")


# ---------------------------------------------------------------- the platform


@pytest.fixture
def dead_end() -> Iterator[str]:
    """An address at which nobody answers."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_offline_a_seal_is_used_within_its_lease_and_the_clerk_is_told(
    clerk: Clerk, contract: Path, dead_end: str
) -> None:
    stamping = ("stamp", contract, "--seal", clerk.seal, *AT)
    told(
        clerk,
        *("E-304", ExitCode.SEAL, *stamping),
        PLATFORM_URL=dead_end,
        OFFLINE_HOURS="0",
    )
    assert len(list(contract.parent.iterdir())) == 1
    answer = clerk(*stamping, LANGUAGE="en", PLATFORM_URL=dead_end)
    assert answer.code == 0, answer.err
    assert "Stamped offline" in answer.out
    told(clerk, "E-502", ExitCode.PLATFORM, "sync", PLATFORM_URL=dead_end)
    output = contract.with_name("合同_已盖章.pdf")
    assert clerk("verify", output, PLATFORM_URL=dead_end).code == 0, "what is cached still tells"
    assert "usage records sent: 1" in clerk("sync", LANGUAGE="en").out


def test_without_any_platform_there_is_nothing_to_sync_with(stranger: Clerk) -> None:
    stranger("token", "init", "--virtual", "--pin-stdin", stdin=f"{SO_PIN}\n{PIN}\n")
    told(stranger, "E-501", ExitCode.PLATFORM, "sync", PIN=PIN)


def test_another_platform_under_the_known_address_gets_no_signature(
    clerk: Clerk, contract: Path
) -> None:
    stamping = ("stamp", contract, "--seal", clerk.seal, *AT)
    virtual.set_faults(clerk.hub, sign="pull_out")  # so that any signature would be noticed
    told(clerk, "E-504", ExitCode.PLATFORM, *stamping, PLATFORM_ROOT="0" * 64)
    told(clerk, "E-504", ExitCode.PLATFORM, "sync", PLATFORM_ROOT="0" * 64)
    assert len(list(contract.parent.iterdir())) == 1


@pytest.mark.parametrize("url", ["http://platform.example", "ftp://127.0.0.1"])
def test_an_unprotected_platform_is_refused(clerk: Clerk, url: str) -> None:
    told(
        clerk,
        *("E-504", ExitCode.PLATFORM, "enroll", "--platform", url, "--uscc", "x", "--name", "x"),
        *("--legal-rep", "x", "--handler", "x", "--handler-id", "x", "--phone", "x"),
    )


def test_a_wrong_credit_code_is_refused_before_anything_is_sent(
    clerk: Clerk, city: RunningServer
) -> None:
    wrong = credit_code()[:-1] + "Z"
    told(
        clerk,
        *("E-005", ExitCode.USAGE),
        *("enroll", "--platform", city.url, "--uscc", wrong, "--name", "甲公司"),
        *("--legal-rep", "王建国", "--handler", "李晓梅"),
        *("--handler-id", "32130219900307001X", "--phone", "13800000000"),
    )
    assert len(clerk("seal", "list", "--json").json) == 1
    with clerk.desk() as desk, desk.token().login(PIN) as session:
        assert len(session.keys()) == 1, "no key pair is made for what is not sent"


@dataclass
class Troubled:
    """A company whose seal is taken out of force in the course of a test."""

    clerk: Clerk
    folder: Path
    city: RunningServer

    def order(self, verb: str, reason: str) -> None:
        """The operator of the platform decides, with a reviewer where it takes one."""
        order = ["seal", verb, self.clerk.seal, "--reason", reason]
        if verb != "suspend":
            reviewer, file = employ(self.city, "reviewer"), self.folder / "agreed.json"
            file.write_bytes(agreement(reviewer, verb, self.clerk.seal, reason))
            reviewer.http.close()
            order += ["--agreed", str(file)]
        assert operator([*order, "--dir", str(self.city.platform.settings.directory)]) == 0

    def stamp(self, name: str, *more: str) -> Answer:
        (self.folder / "in.pdf").write_bytes(excerpt(1))
        output = self.folder / name
        return self.clerk(
            *("stamp", self.folder / "in.pdf", "-o", output, "--seal", self.clerk.seal, *AT, *more)
        )

    def findings(self, name: str, *more: str) -> tuple[int, set[str]]:
        answer = self.clerk("verify", self.folder / name, "--json", *more)
        (signature,) = answer.json["signatures"]
        return answer.code, {each["code"] for each in signature["findings"]}


@pytest.fixture
def troubled(city: RunningServer, tmp_path: Path) -> Troubled:
    company: Enrolled = enrolled(tmp_path / "t", city.url, credit_code(), "宿迁市停用有限公司")
    return Troubled(company.clerk, tmp_path, city)


def test_a_seal_out_of_force_is_refused_and_what_it_sealed_before_stays_good(
    troubled: Troubled,
) -> None:
    clerk = troubled.clerk
    assert troubled.stamp("before.pdf").code == 0
    next_second()  # statements tell the time in seconds
    troubled.order("suspend", "lost")

    refused = troubled.stamp("x.pdf")
    assert refused.code == ExitCode.PLATFORM, "the platform does not sign its holder in"
    assert "[E-503]" in refused.err
    next_second()  # in the second of the suspension a claimed time is neither before nor after
    assert troubled.stamp("secretly.pdf", "--offline").code == 0, "within the lease nobody knew"
    told(clerk, "E-503", ExitCode.PLATFORM, "sync")
    (seal,) = clerk("seal", "list", "--json").json
    assert (seal["state"], seal["usable"], seal["why_not"]) == ("suspended", False, "suspended")
    told(
        clerk,
        *("E-302", ExitCode.SEAL, "stamp", troubled.folder / "in.pdf", "--seal", clerk.seal, *AT),
    )
    assert not (troubled.folder / "x.pdf").exists()

    code, found = troubled.findings("before.pdf")
    assert code == 0, found
    assert "status_changed_since" in found, "the ticket proves when it was sealed"
    code, found = troubled.findings("secretly.pdf")
    assert code == 1, found
    assert "status_not_active" in found

    troubled.order("resume", "lost")
    assert clerk("sync").code == 0
    assert troubled.stamp("again.pdf").code == 0
    next_second()
    troubled.order("cancel", "enterprise_deregistered")
    clerk("sync")
    cancelled = troubled.stamp("x.pdf", "--offline")
    assert (cancelled.code, "[E-302]" in cancelled.err) == (ExitCode.SEAL, True)
    assert troubled.findings("again.pdf")[0] == 0
    assert clerk("journal", "check").code == 0


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "text",
    ["offline_hours = 99\n", "no_such_setting = 1\n", "not toml", 'language = "fr"\n', "\udcff"],
)
def test_a_settings_file_with_a_wrong_value_is_named(stranger: Clerk, text: str) -> None:
    path = stranger.home / "config" / "settings.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    answer = stranger("seal", "list")
    assert answer.code == ExitCode.LOCAL_DATA
    assert "[E-601]" in answer.err
    assert str(path) in answer.err
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_wrong_variable_is_named(stranger: Clerk) -> None:
    told(stranger, "E-601", ExitCode.LOCAL_DATA, "seal", "list", OFFLINE_HOURS="soon")
    assert "SEALDESK_OFFLINE_HOURS" in stranger("seal", "list", OFFLINE_HOURS="soon").err


def test_a_trust_file_without_certificate_is_named(stranger: Clerk, stamped: Path) -> None:
    told(stranger, "E-101", ExitCode.UNREADABLE, "verify", stamped, "--trust", "no.pem")
    told(stranger, "E-002", ExitCode.USAGE, "verify", stamped, "--trust", stamped)
