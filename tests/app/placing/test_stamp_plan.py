"""The plan: rules and their marks, single marks elsewhere or gone, dates, history, the session."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import DateWithoutSeal, OutsidePage
from app.placing.placement import PageBox, SealSize, TextHit
from app.placing.stamp_plan import (
    At,
    InField,
    Keyword,
    Placed,
    Plan,
    Riding,
    Rule,
    lay_out,
    marks_by_place,
    moved_to,
    to_json,
    usual,
)

A4 = PageBox(210, 297)
SIZE = SealSize(40, 40)
SIZES = {"s": SIZE}
NOTHING_ELSE = {"moved": [], "without": [], "date": None, "date_at": None}


def nothing(text: str) -> list[TextHit]:
    return []


def two_on_a_page(text: str) -> list[TextHit]:
    return [TextHit(0, 50, 60, 20, 5), TextHit(0, 120, 200, 20, 5), TextHit(1, 50, 60, 20, 5)]


def placed(rule: Rule, **more: object) -> Placed:
    return Placed("p1", "s", rule, **more)  # type: ignore[arg-type]


def test_of_two_hits_on_one_page_one_is_moved_and_one_is_taken_away() -> None:
    rule = placed(Keyword("甲方", "all")).put_at((0, 1), 10, 20).take_away((0, 0))
    marks = marks_by_place(rule, [A4, A4], SIZE, two_on_a_page)
    assert list(marks) == [(0, 1), (1, 0)]
    assert (marks[0, 1].left_mm, marks[0, 1].top_mm) == (10, 20)
    assert marks[1, 0].left_mm == 40  # where its hit is
    whole = marks_by_place(rule.as_ruled(), [A4, A4], SIZE, two_on_a_page)
    assert list(whole) == [(0, 0), (0, 1), (1, 0)]


def test_a_mark_taken_away_and_put_back_is_where_the_rule_has_it() -> None:
    rule = placed(At("all", 100, 100)).put_at((1, 0), 0, 0)
    assert rule.is_moved((1, 0))
    assert marks_by_place(rule.put_back((1, 0)), [A4] * 3, SIZE, nothing)[1, 0].left_mm == 80


def test_a_seam_without_a_page_is_cut_anew_and_stays_whole() -> None:
    seam = placed(Riding("right")).take_away((1, 0))
    marks = marks_by_place(seam, [A4] * 4, SIZE, nothing)
    assert [page for page, _ in marks] == [0, 2, 3]
    parts = [mark.part for mark in marks.values()]
    assert [part[0] for part in parts] == pytest.approx([0, 1 / 3, 2 / 3])
    assert parts[-1][2] == 1


def test_a_slice_moved_by_itself_stays_on_its_edge() -> None:
    seam = placed(Riding("right")).put_at((2, 0), 3, 7)
    mark = marks_by_place(seam, [A4] * 4, SIZE, nothing)[2, 0]
    assert mark.top_mm == 7
    assert mark.left_mm + mark.width_mm == pytest.approx(210)


def test_a_mark_put_beyond_the_page_is_refused() -> None:
    with pytest.raises(OutsidePage):
        marks_by_place(placed(At("all", 100, 100)).put_at((0, 0), 180, 0), [A4], SIZE, nothing)


def test_dragging_takes_the_others_along_unless_alone() -> None:
    every = placed(At("all", 100, 100))
    mark = marks_by_place(every, [A4] * 3, SIZE, nothing)[1, 0]
    together = moved_to(every, (1, 0), mark, 10, 20, A4, page=1, alone=False)
    assert together.rule == At("all", 30, 40)
    alone = moved_to(every, (1, 0), mark, 10, 20, A4, page=1, alone=True)
    assert alone.rule == every.rule
    assert alone.moved == ((1, 0, 10, 20),)
    # one that had been moved by itself follows the hand, too, when all are dragged
    again = moved_to(alone, (1, 0), mark, 50, 60, A4, page=1, alone=False)
    assert again.moved == ()
    assert again.rule == At("all", 70, 80)


def test_each_whole_seal_has_its_date_and_slices_have_none() -> None:
    plan = [placed(At("all", 100, 100), date="cn"), Placed("p2", "s", Riding(), date="cn")]
    laid = lay_out(plan, [A4, A4], SIZES, nothing)
    dated = [each.date for each in laid if each.date is not None]
    assert [each.page for each in dated] == [0, 1]
    assert all(each.style == "cn" and each.top_mm > 120 for each in dated)
    assert [each.date for each in laid if each.placed.key == "p2"] == [None, None]


def test_a_date_put_by_hand_keeps_its_place_beside_every_mark_of_the_seal() -> None:
    every = placed(At("all", 100, 100), date="iso")
    mark = marks_by_place(every, [A4, A4], SIZE, nothing)[0, 0]
    laid = lay_out([every.date_put(mark, 150, 90)], [A4, A4], SIZES, nothing)
    for each in laid:
        assert each.date is not None
        middle = each.date.centre_mm, each.date.top_mm + each.date.height_mm / 2
        assert middle == pytest.approx((150, 90))
    with pytest.raises(OutsidePage):
        lay_out([every.date_put(mark, 205, 90)], [A4, A4], SIZES, nothing)
    with pytest.raises(DateWithoutSeal):
        lay_out([every.date_put(mark, 100, 200)], [A4, A4], SIZES, nothing)


def test_what_did_not_fit_leaves_nothing_to_redo() -> None:
    plan = Plan()
    plan.add("s", At("1", 100, 100))
    before = plan.moment
    plan.put(placed(At("1", 5, 5)))
    plan.forget_since(before)
    assert plan.placed[0].rule == At("1", 100, 100)
    assert not plan.can_redo
    assert plan.can_undo


def test_repeated_nudges_are_one_step_to_undo() -> None:
    plan = Plan()
    plan.add("s", At("1", 100, 100))
    plan.put(placed(At("1", 101, 100)))
    for x in (102, 103, 104):
        plan.put(placed(At("1", x, 100)), merge=True)
    assert plan.placed[0].rule == At("1", 104, 100)
    plan.undo()
    assert plan.placed[0].rule == At("1", 100, 100)


numbers = st.floats(0, 500, allow_nan=False)
places = st.tuples(st.integers(0, 500), st.integers(0, 3))
corners = st.sampled_from(["top left", "top right", "bottom left", "bottom right"])
rules = st.one_of(
    st.builds(At, st.sampled_from(["1", "-1", "all", "1,3-5"]), numbers, numbers, corners),
    st.builds(
        Riding,
        st.sampled_from(["right", "left", "top", "bottom"]),
        numbers,
        numbers,
        st.sampled_from(["all", "odd"]),
        st.sampled_from([None, 2, 20]),
    ),
    st.builds(InField, st.text()),
    st.builds(Keyword, st.text(min_size=1), st.sampled_from([None, 1, -2, "all"])),
)


@given(
    st.lists(
        st.builds(
            Placed,
            st.just("p"),
            st.text(),
            rules,
            st.lists(st.tuples(st.integers(0, 500), st.integers(0, 3), numbers, numbers)).map(
                tuple
            ),
            st.lists(places).map(tuple),
            st.sampled_from([None, "cn", "iso"]),
            st.none() | st.tuples(numbers, numbers),
        ),
        max_size=4,
    )
)
def test_a_session_comes_back_as_it_was(all_placed: list[Placed]) -> None:
    written = json.loads(json.dumps(to_json(all_placed)))
    again = Plan.from_json(written).placed
    assert [(p.seal_code, p.rule, p.moved, p.without, p.date, p.date_at) for p in all_placed] == [
        (p.seal_code, p.rule, p.moved, p.without, p.date, p.date_at) for p in again
    ]


@pytest.mark.parametrize(
    "damaged",
    [
        [{"seal": "s"}],
        [{"seal": "s", "kind": "at", "rule": {"pages": "1"}, "moved": [], "without": []}],
        "text",
        None,
        *(
            [{"seal": "s", "kind": kind, "rule": rule} | NOTHING_ELSE]
            for kind, rule in (
                ("at", {"pages": 1, "x_mm": 1, "y_mm": 1}),
                ("at", {"pages": "1", "x_mm": "1", "y_mm": 1}),
                ("at", {"pages": "1", "x_mm": math.inf, "y_mm": 1}),
                ("at", {"pages": "1", "x_mm": 1, "y_mm": 1, "corner": "middle"}),
                ("riding", {"side": "middle"}),
                ("riding", {"most": 1}),
                ("keyword", {"text": "a", "which": "any"}),
                ("field", {"name": None}),
                ("at", {"pages": "1", "x_mm": 1, "y_mm": 1, "more": 1}),
            )
        ),
    ],
)
def test_what_no_plan_was_is_refused(damaged: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Plan.from_json(damaged)


def test_a_seam_on_odd_pages_leaves_the_backs_alone_and_is_cut_for_them() -> None:
    marks = marks_by_place(placed(Riding("right", pages="odd")), [A4] * 9, SIZE, nothing)
    assert [page for page, _ in marks] == [0, 2, 4, 6, 8]
    assert [mark.part[0] for mark in marks.values()] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    less = placed(Riding("right", pages="odd")).take_away((4, 0))
    assert [page for page, _ in marks_by_place(less, [A4] * 9, SIZE, nothing)] == [0, 2, 6, 8]


def test_seams_on_two_sides_are_two_whole_seals() -> None:
    both = [placed(Riding("right")), Placed("p2", "s", Riding("left"))]
    laid = lay_out(both, [A4] * 3, SIZES, nothing)
    assert len(laid) == 6
    for key in ("p1", "p2"):
        widths = [each.mark.width_mm for each in laid if each.placed.key == key]
        assert sum(widths) == pytest.approx(40)


def test_a_seal_goes_onto_a_signature_field_with_its_date() -> None:
    fields = {"甲方": TextHit(1, 80, 100, 50, 20)}
    (one,) = lay_out([placed(InField(""), date="cn")], [A4, A4], SIZES, nothing, fields)
    assert (one.mark.page, one.mark.left_mm, one.mark.top_mm) == (1, 85, 90)
    assert one.date is not None


def test_dragging_a_seal_that_counts_from_a_corner_keeps_the_corner() -> None:
    one = placed(At("-1", 50, 40, "bottom right"))
    mark = marks_by_place(one, [A4], SIZE, nothing)[0, 0]
    after = moved_to(one, (0, 0), mark, mark.left_mm + 5, mark.top_mm, A4, page=0, alone=False)
    assert after.rule == At("-1", 45, 40, "bottom right")


def test_a_usual_place_counts_from_the_nearest_edges_and_the_last_page() -> None:
    three = [A4] * 3
    kept = usual([placed(At("3", 160, 250), date="iso").put_at((2, 0), 0, 0)], three)
    assert kept[0].rule == At("-1", 50, 47, "bottom right")
    assert (kept[0].moved, kept[0].date) == ((), "iso")
    a3 = PageBox(297, 420)
    (again,) = lay_out(kept, [A4, a3], SIZES, nothing)
    assert again.mark.page == 1
    assert again.mark.left_mm + 20 == 297 - 50
    assert usual([placed(At("1", 20, 20))], three)[0].rule == At("1", 20, 20, "top left")
    assert usual([placed(Riding("left"))], three)[0].rule == Riding("left")


def test_several_seals_placed_at_once_are_one_step_to_undo() -> None:
    plan = Plan()
    first = plan.add("s", Riding("top"))
    keys = plan.add_all([placed(Riding("right")), placed(Riding("left"))], instead_of=[first])
    assert [each.key for each in plan.placed] == list(keys)
    assert len(set(keys) | {first}) == 3
    plan.undo()
    assert [each.rule for each in plan.placed] == [Riding("top")]
