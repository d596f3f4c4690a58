"""归档: everything asked for is in the package or in its list, and nobody needs us to check it."""

import csv
import hashlib
import io
import itertools
import json
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from app.archiving import checking, making
from app.archiving.metadata import About
from app.archiving.package import MAX_DEPTH, Item, Refused, read_sums
from app.archiving.readme import index
from app.archiving.sources import Record, Source, of_month, of_paths
from app.errors import Cancelled, NothingToArchive, OutputExists
from app.evidence import checking as evidence
from app.evidence.making import make as make_evidence
from app.evidence.opening import Budget, safe
from app.spreadsheet import table_csv
from crypto.algorithms.gm import sm3
from crypto.beijing import BEIJING
from crypto.validation.trust import Trust
from tests.world.desk import COMPANY, SEALS, StandIn, stamped
from tests.world.documents import classic_pdf

ODD = "合同 $(touch x) 'y' =1+1.pdf"
ABOUT = About(COMPANY, "0321", "合同类", "30年", "内部")


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> StandIn:
    """A company that has stamped four files this month; two of them are no longer as they were."""
    made = StandIn(tmp_path_factory.mktemp("home"))
    folder = tmp_path_factory.mktemp("files")
    for name in (ODD, "二.pdf", "改动.pdf", "移走.pdf"):
        (folder / name).write_bytes(classic_pdf())
        stamped(made, folder / name)
    changed = folder / "改动_已盖章.pdf"
    data = changed.read_bytes()
    changed.write_bytes(data.replace(b"Price 1000", b"Price 9000"))
    (folder / "移走_已盖章.pdf").unlink()
    return made


@pytest.fixture(scope="module")
def folder(context: StandIn) -> Path:
    (one,) = {use.output.parent for use in record(context).uses if use.output}
    return one


def record(context: StandIn) -> Record:
    return Record(context.journal.entries())


def month(context: StandIn) -> list[Source]:
    known = record(context)
    now = known.uses[0].at.astimezone(BEIJING)
    return of_month(known, now.year, now.month)


def make(context: StandIn, sources: Sequence[Source], output: Path, **more: Any) -> making.Made:
    return making.make(
        sources,
        output,
        record=record(context),
        trust=context.trust,
        journal=context.journal,
        **more,
    )


@pytest.fixture(scope="module")
def made(context: StandIn, tmp_path_factory: pytest.TempPathFactory) -> making.Made:
    output = tmp_path_factory.mktemp("made") / "十一月.zip"
    return make(context, month(context), output, about=ABOUT)


@pytest.fixture(scope="module")
def unpacked(made: making.Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(made.path) as opened:
        opened.extractall(target)
    return target


def listed(folder: Path) -> list[dict[str, str]]:
    text = (folder / "index.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def altered(path: Path, target: Path, change: dict[str, bytes | None]) -> Path:
    content = {**members(path), **change}
    with zipfile.ZipFile(target, "w") as written:
        for name, data in content.items():
            if data is not None:
                written.writestr(name, data)
    return target


def consistent(path: Path, target: Path, change: dict[str, bytes]) -> Path:
    """The package with members replaced and both lists of digests made to fit: what somebody does
    who knows the format."""
    content = {**members(path), **change}
    names = [name for name in content if name not in ("SHA256SUMS", "SM3SUMS")]
    for sums, digest in (
        ("SHA256SUMS", lambda data: hashlib.sha256(data).hexdigest()),
        ("SM3SUMS", lambda data: sm3(data).hex()),
    ):
        content[sums] = "".join(f"{digest(content[name])} *{name}\n" for name in names).encode()
    return altered(path, target, dict(content))


def problems(path: Path) -> list[str]:
    return list(checking.check(path, own=None).problems)


# ---------------------------------------------------------------- what is in it


def test_a_months_files_are_in_and_what_changed_is_listed_with_the_reason(
    made: making.Made, unpacked: Path, folder: Path
) -> None:
    assert [(item.name, item.verdict) for item in made.items] == [
        (f"{Path(ODD).stem}_已盖章.pdf", "VALID"),
        ("二_已盖章.pdf", "VALID"),
    ]
    assert [(each.name, each.reason) for each in made.refused] == [
        ("改动_已盖章.pdf", "changed"),
        ("移走_已盖章.pdf", "missing"),
    ]
    original = (folder / "二_已盖章.pdf").read_bytes()
    assert (unpacked / "0002" / "document.pdf").read_bytes() == original
    rows = listed(unpacked)
    assert [row["文件名"] for row in rows] == [each.name for each in (*made.items, *made.refused)]
    assert [row["结果"] for row in rows] == ["已归档", "已归档", "未归档", "未归档"]
    assert "与台账里记的摘要不同" in rows[2]["原因"]
    assert rows[1]["SM3"] == sm3(original).hex()
    assert COMPANY in rows[0]["签章人"]


def test_every_digest_is_confirmed_by_other_programs(made: making.Made, unpacked: Path) -> None:
    """The very lines of README.txt, run as they stand."""
    done = list(steps(unpacked))
    assert len(done) == 3
    for command, promised in done:
        answer = shell(command, unpacked)
        assert answer.splitlines() == promised, (command, answer)
    digest = subprocess.run(
        ["openssl", "dgst", "-sm3", "-r", made.path], capture_output=True, check=True
    )
    assert digest.stdout.decode().split()[0] == made.sm3


@pytest.mark.parametrize("name", ["0001/document.pdf", "index.csv", "0002/metadata.xml"])
def test_the_lines_of_the_readme_find_a_change(unpacked: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(unpacked, copy)
    (copy / name).write_bytes((copy / name).read_bytes() + b" ")
    broken = [command for command, said in steps(copy) if shell(command, copy).splitlines() != said]
    assert [("sha256sum" in each, "openssl" in each) for each in broken] == [
        (True, False),
        (False, True),
    ]
    (copy / "0001" / "more.txt").write_bytes(b"?")
    count = next(command for command, _ in steps(copy) if "wc -l" in command)
    assert "COUNT OK" not in shell(count, copy)


def steps(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command of README.txt with the result promised beneath it."""
    lines = (folder / "README.txt").read_text(encoding="utf-8").splitlines()
    for line, after in itertools.pairwise(lines):
        if line.startswith("$ "):
            yield line[2:], [after.strip()]


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, check=False, timeout=30
    )
    return done.stdout.decode()


def test_each_document_has_its_evidence(made: making.Made, unpacked: Path, tmp_path: Path) -> None:
    """A folder of the package, zipped, is an evidence package."""
    path = shutil.make_archive(str(tmp_path / "one"), "zip", unpacked / "0001")
    with zipfile.ZipFile(path) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
    clean = tmp_path / "clean.zip"
    with zipfile.ZipFile(path) as opened, zipfile.ZipFile(clean, "w") as written:
        for name in names:
            written.writestr(name, opened.read(name))
    assert evidence.check(clean).holds


def test_metadata_has_the_names_of_the_standards(unpacked: Path) -> None:
    text = (unpacked / "0001" / "metadata.xml").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 - an independent reader of our own text
    said = {each.tag.rpartition("}")[2]: each.text for each in root.iter()}
    assert root.tag.endswith("}电子文件元数据")
    assert said["立档单位名称"] == COMPANY
    assert (said["全宗号"], said["保管期限"], said["密级"]) == ("0321", "30年", "内部")
    assert said["题名"] == f"{Path(ODD).stem}_已盖章"
    assert said["计算机文件名"] == f"{Path(ODD).stem}_已盖章.pdf"
    assert said["印章编码"] == SEALS[1][0]
    assert said["验证结论"] == "有效"
    assert said["行为"] == "盖章"
    data = (unpacked / "0001" / "document.pdf").read_bytes()
    assert said["计算机文件大小"] == str(len(data))
    assert sm3(data).hex() in text


def test_no_place_on_this_computer_is_named(made: making.Made, folder: Path) -> None:
    for name, data in members(made.path).items():
        assert str(folder).encode() not in data, name
        assert folder.name.encode() not in data, name


def test_names_are_safe_wherever_it_is_unpacked(made: making.Made) -> None:
    with zipfile.ZipFile(made.path) as opened:
        assert all(safe(name) for name in opened.namelist())
        assert {entry.date_time for entry in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_what_a_spreadsheet_would_run_is_text_in_the_list(context: StandIn, tmp_path: Path) -> None:
    source = tmp_path / "=cmd.pdf"
    source.write_bytes(classic_pdf())
    path = stamped(context, source)
    done = make(context, [Source(path, path.name)], tmp_path / "x.zip")
    with zipfile.ZipFile(done.path) as opened:
        opened.extractall(tmp_path / "x")
    assert listed(tmp_path / "x")[0]["文件名"] == "'=cmd_已盖章.pdf"


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
def test_no_form_of_a_formula_is_run(begin: str) -> None:
    """The signs in full width and blanks before them are taken for the same by some programs."""
    texts = [f"{begin}1+1", f"  {begin}1+1", f"a{begin}1"]
    (row,) = csv.reader(io.StringIO(table_csv([texts]).decode("utf-8-sig")))
    assert row == [f"'{texts[0]}", f"'{texts[1]}", texts[2]]


def test_it_is_in_the_journal(context: StandIn, made: making.Made) -> None:
    entry = next(each for each in context.journal.entries() if each.event == "archived")
    assert entry.details["output_sm3"] == made.sm3
    assert (entry.details["files"], entry.details["refused"]) == (2, 2)
    assert made.path.read_bytes()[:2] == b"PK"


# ---------------------------------------------------------------- a folder


def test_a_folder_is_archived_with_what_the_journal_knows(
    context: StandIn, folder: Path, tmp_path: Path
) -> None:
    """Also the originals and the changed file are found there, and told to be no archives."""
    shutil.copy(folder / "二_已盖章.pdf", tmp_path / "moved.pdf")
    nested = tmp_path / "下级"
    nested.mkdir()
    shutil.copy(folder / "改动_已盖章.pdf", nested / "改动.pdf")
    (nested / "原件.pdf").write_bytes(classic_pdf())
    (nested / "坏.pdf").write_bytes(b"%PDF-1.7 nothing")
    (nested / "别的.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    done = make(context, of_paths(record(context), [tmp_path]), tmp_path / "out.zip")
    (item,) = done.items
    assert item.name == "moved.pdf"
    assert item.journal is not None
    assert item.journal["output"] == "二_已盖章.pdf"
    assert {(each.name, each.reason) for each in done.refused} == {
        ("下级/原件.pdf", "unsigned"),
        ("下级/改动.pdf", "invalid"),
        ("下级/坏.pdf", "unreadable"),
        ("下级/别的.zip", "no_package"),
    }


def test_what_another_has_sealed_too_is_taken_in(context: StandIn, tmp_path: Path) -> None:
    """The file is another than the journal's, and the stamped one is whole inside it."""
    source = tmp_path / "双方.pdf"
    source.write_bytes(classic_pdf())
    path = stamped(context, source)
    both = stamped(context, path, SEALS[0][0], top=200)
    shutil.move(both, path)
    done = make(context, of_paths(record(context), [path]), tmp_path / "out.zip")
    (item,) = done.items
    assert item.seals.count(";") == 1
    path.write_bytes(path.read_bytes().replace(b"Price 1000", b"Price 9000"))
    with pytest.raises(NothingToArchive) as nothing:
        make(context, of_paths(record(context), [path]), tmp_path / "again.zip")
    assert "与台账里记的摘要不同" in nothing.value.reasons
    assert not (tmp_path / "again.zip").exists()


def test_a_package_of_packages(context: StandIn, made: making.Made, tmp_path: Path) -> None:
    (tmp_path / "年").mkdir()
    shutil.copy(made.path, tmp_path / "年" / "十一月.zip")
    document = next(use.output for use in record(context).uses if use.output)
    make_evidence(document, tmp_path / "年" / "证据.zip", trust=context.trust)
    broken = tmp_path / "年" / "坏.zip"
    altered(made.path, broken, {"index.csv": b"?"})
    year = make(context, of_paths(record(context), [tmp_path / "年"]), tmp_path / "年.zip")
    assert {(item.name, item.kind) for item in year.items} == {
        ("十一月.zip", "archive"),
        ("证据.zip", "evidence"),
    }
    assert [(each.name, each.reason) for each in year.refused] == [("坏.zip", "package_damaged")]
    found = checking.check(year.path, own=context.trust)
    assert found.holds
    assert [each.packed for each in found.judged] == ["VALID"] * 3
    assert {each.own for each in found.judged} == {"VALID"}
    inside = checking.check(consistent_inside(year.path, tmp_path), own=None)
    kinds = [each.partition(":")[0] for each in inside.problems]
    assert kinds == ["list_differs", "altered"]  # index.csv has the digests of the first package


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_whose_content_no_decoder_reads_stops_nothing(
    context: StandIn, made: making.Made, tmp_path: Path, method: int
) -> None:
    (tmp_path / "年").mkdir()
    shutil.copy(made.path, tmp_path / "年" / "十一月.zip")
    bad = tmp_path / "年" / "坏.zip"
    bad.write_bytes(undecodable(method))
    (tmp_path / "年" / "异.zip").write_bytes(zipped({"manifest.json": b'{"format": ["x"]}'}))
    assert problems(bad) == ["not_an_archive:method"]
    year = make(context, of_paths(record(context), [tmp_path / "年"]), tmp_path / "年.zip")
    assert [item.name for item in year.items] == ["十一月.zip"]
    assert {(each.name, each.reason) for each in year.refused} == {
        ("坏.zip", "no_package"),
        ("异.zip", "no_package"),
    }


def undecodable(method: int) -> bytes:
    """A zip with a manifest whose compressed bytes are no longer what they were."""
    data = bytearray(zipped({"manifest.json": b"x" * 5000}, method))
    start = 30 + len("manifest.json")
    for place in range(start + 8, start + 24):
        data[place] ^= 0xFF
    return bytes(data)


def zipped(content: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as written:
        for name, data in content.items():
            written.writestr(name, data)
    return made.getvalue()


def test_a_package_that_cannot_be_read_is_refused_and_the_others_are_taken_in(
    context: StandIn, made: making.Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = next(use.output for use in record(context).uses if use.output)
    real = making.check_nested

    def check_nested(stream: Any, depth: int) -> tuple[str, str]:
        if stream.name == str(made.path):
            raise OSError(22, "Invalid argument")
        return real(stream, depth)

    monkeypatch.setattr(making, "check_nested", check_nested)
    sources = of_paths(record(context), [made.path, document])
    done = make(context, sources, tmp_path / "x.zip")
    assert [item.name for item in done.items] == [document.name]
    assert [each.reason for each in done.refused] == ["package_damaged"]


def test_packages_within_a_package_are_read_from_the_same_budget(
    context: StandIn, made: making.Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [Source(made.path, "甲.zip"), Source(made.path, "乙.zip")]
    year = make(context, sources, tmp_path / "年.zip").path

    def checked(path: Path, budget: Budget) -> list[str]:
        with monkeypatch.context() as patched:
            patched.setattr(checking, "budget_for", lambda stream: budget)
            return problems(path)

    inner, outer = Budget(1 << 40), Budget(1 << 40)
    assert checked(made.path, inner) == checked(year, outer) == []
    spent = (1 << 40) - outer.left
    assert spent > 2 * ((1 << 40) - inner.left)
    assert checked(year, Budget(spent)) == []
    assert checked(year, Budget(spent - 1)) == ["not_a_package:0002/0002/ size"]


def test_a_check_can_be_stopped_while_digests_are_compared(made: making.Made) -> None:
    asked: list[tuple[str, int, int]] = []

    def step(*told: Any) -> None:
        asked.append(told)
        if len(asked) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        checking.check(made.path, own=None, step=step)
    assert asked == [("check", 0, 2)] * 3


def consistent_inside(path: Path, tmp_path: Path) -> Path:
    """The package with a package inside that is not as it says, and all else made to fit."""
    content = members(path)
    number = next(
        row["number"]
        for row in json.loads(content["manifest.json"])["items"]
        if row["kind"] == "archive"
    )
    name = f"{number:04d}/package.zip"
    inner = tmp_path / "inner.zip"
    inner.write_bytes(content[name])
    data = altered(inner, tmp_path / "inner-2.zip", {"0001/report.pdf": b"%PDF"}).read_bytes()
    manifest = json.loads(content["manifest.json"])
    for row in manifest["items"]:
        if row["number"] == number:
            row |= {
                "size": len(data),
                "sm3": sm3(data).hex(),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
    change = {name: data, "manifest.json": json.dumps(manifest).encode()}
    return consistent(path, tmp_path / "consistent.zip", change)


def test_packages_are_not_put_inside_each_other_for_ever(
    context: StandIn, made: making.Made, tmp_path: Path
) -> None:
    path = made.path
    for depth in range(1, MAX_DEPTH + 1):
        sources = [Source(path, path.name)]
        output = tmp_path / f"{depth}.zip"
        if depth == MAX_DEPTH:
            with pytest.raises(NothingToArchive):
                make(context, sources, output)
        else:
            path = make(context, sources, output).path


# ---------------------------------------------------------------- hostile and damaged


def test_an_unchanged_package_holds(made: making.Made, context: StandIn) -> None:
    stranger = checking.check(made.path, own=Trust())
    assert stranger.holds
    assert [each.own for each in stranger.judged] == ["UNKNOWN", "UNKNOWN"]
    assert stranger.anchors
    assert {each.own for each in checking.check(made.path, own=context.trust).judged} == {"VALID"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"0001/document.pdf": b"%PDF"}, "altered:0001/document.pdf"),
        ({"0001/README.txt": None}, "missing:0001/README.txt"),
        ({"0003/document.pdf": b"%PDF"}, "not_in:SHA256SUMS 0003/document.pdf"),
        ({"more.txt": b"?"}, "not_in:SHA256SUMS more.txt"),
        ({"SM3SUMS": b""}, "not_in:SM3SUMS 0001/document.pdf"),
        ({"SM3SUMS": b"?"}, "not_an_archive:ValueError"),
        ({"SHA256SUMS": None}, "not_an_archive:KeyError"),
        ({"manifest.json": b"[]"}, "not_an_archive:ValueError"),
        ({"manifest.json": b"[" * 100_000}, "not_an_archive:RecursionError"),
        ({"../x": b"?"}, "not_an_archive:names"),
        ({"/x": b"?"}, "not_an_archive:names"),
        ({"a b": b"?"}, "not_an_archive:names"),
        ({"0001/Document.pdf": b"%PDF"}, "not_an_archive:names"),
        ({"0001/document.pdf.": b"%PDF"}, "not_an_archive:names"),
    ],
)
def test_what_was_changed_is_named(
    made: making.Made, tmp_path: Path, change: dict[str, bytes | None], expected: str
) -> None:
    assert expected in problems(altered(made.path, tmp_path / "x.zip", change))


def test_who_makes_the_digests_fit_is_found_by_the_documents_themselves(
    made: making.Made, tmp_path: Path
) -> None:
    content = members(made.path)
    manifest = json.loads(content["manifest.json"])

    def changed(**fields: Any) -> bytes:
        first, *others = manifest["items"]
        return json.dumps({**manifest, "items": [{**first, **fields}, *others]}).encode()

    forged = content["0001/document.pdf"].replace(b"Price 1000", b"Price 9000")
    swapped = {
        "0001/document.pdf": content["0002/document.pdf"],
        "0002/document.pdf": content["0001/document.pdf"],
    }
    metadata = content["0001/metadata.xml"].replace(b"_\xe5\xb7\xb2", b"_\xe6\x9c\xaa")
    entity = b'<!DOCTYPE x [<!ENTITY a "a">]><x>&a;</x>'
    cases: list[tuple[dict[str, bytes], str]] = [
        ({"0001/document.pdf": forged}, "list_differs:0001/"),
        (swapped, "list_differs:0001/"),
        ({"manifest.json": changed(verdict="INVALID")}, "list_differs:0001/"),
        ({"manifest.json": changed(name="别的.pdf")}, "list_differs:0001/"),
        ({"manifest.json": changed(folder="0002/")}, "not_an_archive:ValueError"),
        ({"manifest.json": changed(number=9)}, "not_an_archive:ValueError"),
        ({"manifest.json": changed(kind="archive")}, "missing:0001/package.zip"),
        ({"manifest.json": changed(size="9")}, "not_an_archive:ValueError"),
        ({"manifest.json": changed(pages=True)}, "not_an_archive:ValueError"),
        ({"0001/metadata.xml": metadata}, "altered:0001/metadata.xml"),
        ({"0001/metadata.xml": entity}, "altered:0001/metadata.xml"),
        (described(content, entity), "list_differs:0001/"),
        ({"0001/manifest.json": b"{}"}, "not_a_package:0001/ ValueError"),
        ({"0004/x": b"?"}, "unlisted:0004/"),
    ]
    for number, (change, expected) in enumerate(cases):
        path = consistent(made.path, tmp_path / f"{number}.zip", change)
        assert expected in problems(path), (number, problems(path))


def described(content: dict[str, bytes], metadata: bytes) -> dict[str, bytes]:
    """The first document with other metadata, and its manifest made to fit."""
    manifest = json.loads(content["0001/manifest.json"])
    for row in manifest["members"]:
        if row["name"] == "metadata.xml":
            row |= evidence.hashes(io.BytesIO(metadata), None)
    return {"0001/metadata.xml": metadata, "0001/manifest.json": json.dumps(manifest).encode()}


def test_what_people_read_is_compared_with_the_documents(made: making.Made, tmp_path: Path) -> None:
    """List, instructions and metadata: who replaces them makes every digest fit."""
    content = members(made.path)
    manifest = json.loads(content["manifest.json"])

    def listed(fields: dict[str, Any], **more: Any) -> dict[str, bytes]:
        """A manifest that says otherwise, with the list that fits it."""
        first, *others = manifest["items"]
        rows = [first | fields, *others]
        items = [Item(**{k: v for k, v in row.items() if k != "folder"}) for row in rows]
        refused = [Refused(**row) for row in manifest["refused"]]
        return {
            "manifest.json": json.dumps({**manifest, **more, "items": rows}).encode(),
            "index.csv": index(items, refused, "zh_CN"),
        }

    index_csv, text = content["index.csv"], content["README.txt"]
    responsible = "<责任者>".encode()
    metadata = content["0001/metadata.xml"].replace(responsible, responsible + "别的".encode(), 1)
    cases: list[tuple[dict[str, bytes], list[str]]] = [
        (listed({}), []),
        ({"index.csv": index_csv.replace(b"1", b"2", 1)}, ["list_differs:index.csv"]),
        ({"README.txt": text.replace(b"SM3SUMS", b"SMBSUMS", 1)}, ["list_differs:README.txt"]),
        (described(content, metadata), ["list_differs:0001/"]),
        (listed({"holders": "别的公司"}), ["list_differs:0001/"]),
        (listed({"seals": "别的章"}), ["list_differs:0001/"]),
        (listed({"sealed_at": "2020-01-01T00:00:00+00:00"}), ["list_differs:0001/"]),
        (listed({"pages": 9}), ["list_differs:0001/"]),
        (listed({}, language="xx"), ["not_an_archive:ValueError"]),
        (listed({}, made_at="2026-11-30T08:00:00"), ["not_an_archive:ValueError"]),
        (listed({}, about={"x": ""}), ["not_an_archive:TypeError"]),
        (
            listed({}, about={"unit": "别的公司"}),
            ["list_differs:README.txt", "list_differs:0001/", "list_differs:0002/"],
        ),
    ]
    for number, (change, expected) in enumerate(cases):
        assert {name: content[name] for name in change} != change or not expected
        path = consistent(made.path, tmp_path / f"{number}.zip", change)
        assert problems(path) == expected, number


def test_a_package_has_no_seals_of_its_own_in_the_list(
    context: StandIn, made: making.Made, tmp_path: Path
) -> None:
    year = make(context, [Source(made.path, "十一月.zip")], tmp_path / "年.zip")
    manifest = json.loads(members(year.path)["manifest.json"])
    (row,) = manifest["items"]
    forged = Item(**{k: v for k, v in row.items() if k != "folder"} | {"verdict": "VALID"})
    change = {
        "manifest.json": json.dumps({**manifest, "items": [forged.to_json()]}).encode(),
        "index.csv": index([forged], [], "zh_CN"),
    }
    path = consistent(year.path, tmp_path / "x.zip", change)
    assert problems(path) == ["list_differs:0001/"]


def test_a_directory_of_any_size_is_not_read(made: making.Made, tmp_path: Path) -> None:
    data = bytearray(made.path.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 12, 1 << 30)
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert problems(path) == ["not_an_archive:directory"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"%PDF-1.7", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_no_packages(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert [each.partition(":")[0] for each in problems(path)] == ["not_an_archive"]


@pytest.mark.parametrize(
    "line",
    [b"ab *x\n", b"%s x\n", b"%s *\n", b"%s *x\n%s *x\n", b"\xff", b"%s-*x\n"],
)
def test_only_one_form_of_a_list_of_digests_is_read(line: bytes) -> None:
    digest = b"0" * 64
    with pytest.raises(ValueError, match="not a list"):
        read_sums(line.replace(b"%s", digest))
    assert read_sums(digest + b" *0001/document.pdf\n") == {"0001/document.pdf": "0" * 64}


# ---------------------------------------------------------------- whole or not at all


def test_nothing_is_overwritten_and_nothing_half_done_is_left(
    context: StandIn, made: making.Made, tmp_path: Path
) -> None:
    before = made.path.read_bytes()
    with pytest.raises(OutputExists):
        make(context, month(context), made.path)
    assert made.path.read_bytes() == before

    def stop(what: str, done: int, total: int) -> None:
        if what == "check":
            raise Cancelled

    count = len(context.journal.entries())
    with pytest.raises(Cancelled):
        make(context, month(context), tmp_path / "x.zip", step=stop)
    assert list(tmp_path.iterdir()) == []
    assert len(context.journal.entries()) == count


def test_a_file_that_is_written_to_meanwhile_is_left_out(
    context: StandIn, folder: Path, tmp_path: Path
) -> None:
    first, second = (tmp_path / name for name in ("一.pdf", "二.pdf"))
    for path in (first, second):
        shutil.copy(folder / "二_已盖章.pdf", path)

    def write(what: str, done: int, total: int) -> None:
        if (what, done) == ("verify", 1):
            second.write_bytes(second.read_bytes() + b"\n")

    done = make(context, of_paths(record(context), [tmp_path]), tmp_path / "x.zip", step=write)
    assert [item.name for item in done.items] == ["一.pdf"]
    assert [(each.name, each.reason) for each in done.refused] == [("二.pdf", "changed")]


def test_a_month_without_stamps_says_so(context: StandIn, tmp_path: Path) -> None:
    with pytest.raises(NothingToArchive) as nothing:
        make(context, of_month(record(context), 2020, 1), tmp_path / "x.zip")
    assert (nothing.value.refused, nothing.value.reasons) == (0, "")
    assert list(tmp_path.iterdir()) == []
