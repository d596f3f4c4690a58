"""Usual places: kept by name, found again, never half written, and never guessed from nonsense."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import SettingsInvalid, TemplateNotFound
from app.placing.stamp_plan import At, Keyword, Placed, Riding
from app.placing.templates import MOST, Template, Templates

CORNER = Placed("p1", "s1", At("-1", 50, 40, "bottom right"), date="cn")
SEAM = Placed("p2", "s1", Riding("right", pages="odd"))


def test_what_is_kept_is_found_by_its_name(tmp_path: Path) -> None:
    kept = Templates(tmp_path / "config")
    assert kept.all() == []
    assert kept.last() == ()
    kept.keep(Template("  合同  末页 ", (CORNER, SEAM)))
    kept.keep(Template("骑缝", (SEAM,)))
    again = Templates(tmp_path / "config")
    assert [each.name for each in again.all()] == ["合同 末页", "骑缝"]
    found = again.named("合同 末页")
    assert found.seal_code == "s1"
    assert [(each.rule, each.date) for each in found.placed] == [
        (CORNER.rule, "cn"),
        (SEAM.rule, None),
    ]


def test_one_of_the_same_name_takes_its_place(tmp_path: Path) -> None:
    kept = Templates(tmp_path)
    for placed in ((CORNER,), (SEAM,)):
        kept.keep(Template("甲", placed))
    (one,) = kept.all()
    assert one.placed[0].rule == SEAM.rule
    kept.remove("甲")
    kept.remove("never there")
    assert kept.all() == []


def test_the_last_placement_is_kept_beside_them(tmp_path: Path) -> None:
    kept = Templates(tmp_path)
    kept.keep(Template("甲", (CORNER,)))
    kept.keep_last((CORNER, Placed("p2", "s2", Keyword("甲方", "all"))))
    assert [each.seal_code for each in Templates(tmp_path).last()] == ["s1", "s2"]
    assert len(kept.all()) == 1


def test_a_name_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    kept = Templates(tmp_path)
    with pytest.raises(TemplateNotFound) as refused:
        kept.named("甲")
    assert refused.value.known is None
    kept.keep(Template("乙", (CORNER,)))
    with pytest.raises(TemplateNotFound) as refused:
        kept.named("甲")
    assert refused.value.known == "乙"


@pytest.mark.parametrize(
    "template",
    [
        Template(" ", (CORNER,)),
        Template("x" * 61, (CORNER,)),
        Template("甲", ()),
        Template("甲", (CORNER, Placed("p2", "other", Riding()))),
    ],
)
def test_what_cannot_be_used_again_is_not_kept(template: Template, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no template"):
        Templates(tmp_path).keep(template)
    assert not (tmp_path / "places.json").exists()


def test_there_are_not_more_than_a_person_can_tell_apart(tmp_path: Path) -> None:
    kept = Templates(tmp_path)
    for number in range(MOST):
        kept.keep(Template(str(number), (CORNER,)))
    with pytest.raises(ValueError, match="too many"):
        kept.keep(Template("one more", (CORNER,)))
    kept.keep(Template("0", (SEAM,)))


@pytest.mark.parametrize(
    "content",
    [
        b"not json",
        b"[]",
        b'{"templates": [], "last": 3}',
        b'{"templates": [{"name": "a", "placed": []}], "last": []}',
        b'{"templates": [{"name": 3, "placed": []}], "last": []}',
        b"[" * 100_000,
        json.dumps({"templates": [], "last": [], "x": "y" * (1 << 20)}).encode(),
    ],
)
def test_a_file_that_was_not_written_here_is_named_and_not_overwritten(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "places.json"
    path.write_bytes(content)
    for what in (
        Templates(tmp_path).all,
        Templates(tmp_path).last,
        lambda: Templates(tmp_path).keep(Template("甲", (CORNER,))),
    ):
        with pytest.raises(SettingsInvalid) as refused:
            what()
        assert refused.value.where == str(path)
    assert path.read_bytes() == content
