"""归档 as a clerk does it: a month's work by one command, checked by somebody who has another
computer and no key."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

from crypto.beijing import BEIJING
from tests.world.clerk import Clerk, excerpt


def test_a_month_is_archived_by_the_clerk_and_checked_by_a_stranger(
    clerk: Clerk, stranger: Clerk, root_pem: Path, tmp_path: Path
) -> None:
    for name in ("采购合同.pdf", "对账函.pdf", "改动.pdf"):
        (tmp_path / name).write_bytes(excerpt(1))
        made = clerk("stamp", tmp_path / name, "--seal", clerk.seal, "--at", "1:150,240")
        assert made.code == 0, made.err
    changed = tmp_path / "改动_已盖章.pdf"
    changed.write_bytes(changed.read_bytes() + b"\n% later\n")
    package = tmp_path / "归档.zip"
    month = f"{datetime.now(BEIJING):%Y-%m}"
    done = clerk(
        *("archive", "make", "--month", month, "-o", package),
        *("--unit", "宿迁市云杉软件有限公司", "--retention", "30年"),
    )
    assert done.code == 0, done.err
    assert "已归档 2 个文件" in done.out
    assert "✘ 改动_已盖章.pdf: 盖章之后文件被改动过" in done.out
    digest = subprocess.run(
        ["openssl", "dgst", "-sm3", "-r", package], capture_output=True, check=True
    )
    sm3 = digest.stdout.decode().split()[0]
    assert sm3 in done.out
    assert clerk.journal()[-1]["output_sm3"] == sm3

    seen = stranger("archive", "check", package, "--trust", root_pem)
    assert seen.code == 0, seen.out
    assert "归档包完整：2 个文件" in seen.out
    assert seen.out.count("按本机信任的根证书，有效") == 2
    unknown = stranger("archive", "check", package, "--json")
    assert unknown.code == 2
    assert {each["packed"] for each in unknown.json["judged"]} == {"VALID"}

    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path / "unpacked")
    line = next(
        each[2:]
        for each in (tmp_path / "unpacked" / "README.txt").read_text("utf-8").splitlines()
        if each.startswith("$ sha256sum")
    )
    told = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path / "unpacked", capture_output=True, check=False
    )
    assert told.stdout == b"SHA-256 OK\n"

    # the folder as it stands is archived, too, with the package in it
    folder = tmp_path / "年末"
    folder.mkdir()
    shutil.copy(package, folder)
    shutil.copy(tmp_path / "对账函_已盖章.pdf", folder / "moved.pdf")
    whole = clerk("archive", "make", folder, "-o", tmp_path / "年末.zip", "--json")
    assert {item["kind"] for item in whole.json["items"]} == {"document", "archive"}
    assert stranger("archive", "check", tmp_path / "年末.zip", "--trust", root_pem).code == 0

    broken = tmp_path / "broken.zip"
    data = bytearray(package.read_bytes())
    data[len(data) // 2] ^= 1
    broken.write_bytes(data)
    found = stranger("archive", "check", broken, "--trust", root_pem)
    assert found.code == 1
    assert "归档包与清单不符" in found.out


def test_what_makes_no_sense_is_refused_before_anything_is_read(
    clerk: Clerk, tmp_path: Path
) -> None:
    output = tmp_path / "x.zip"
    for words in (("--month", "2026-13"), ("--month", "11"), (), ("--month", "2026-11", tmp_path)):
        done = clerk("archive", "make", *words, "-o", output)
        assert (done.code, "E-002" in done.err) == (64, True), words
    empty = clerk("archive", "make", "--month", "2020-01", "-o", output)
    assert (empty.code, "这段时间没有盖过章" in empty.err) == (14, True)
    assert not output.exists()
    other = tmp_path / "other.zip"
    other.write_bytes(json.dumps({}).encode())
    seen = clerk("archive", "check", other)
    assert (seen.code, "不是归档包" in seen.out) == (1, True)
    assert clerk("archive", "check", tmp_path / "none.zip").code == 4
