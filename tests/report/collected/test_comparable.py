"""What may stand on one page, what is summed up, and what only has the same name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import BadDataError
from lumirage_bids.report.collected.comparable import Block, find_comparable, refuse_mixture
from tests.report.collected.runs import STRUCTURES, scores, sent


def small(seed, **more):
    return scores(seed, subjects=4, **more)


def test_experiments_made_alike_on_different_datasets_are_comparable():
    found = find_comparable([sent(small(1), dataset="A"), sent(small(2), dataset="B")])
    assert found.apart == ()
    assert found.datasets == ["A", "B"]
    assert set(found.methods.values()) == {"identity", "greedy", "syn"}
    assert set(found.groups.values()) == {"manual"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method@syn": {"step": 0.5}}, {"syn": "method step not set → 0.5"}),
        ({"revisions@syn": {"registration": 2}}, {"syn": "the method works differently (revision 1 → 2)"}),
        ({"revisions@syn": {"score": 2}}, {"syn": "pairs are scored differently (revision 1 → 2)"}),
        ({"code@syn": {"mine.py": "ab"}}, {"syn": "the program or the source of the method changed: mine.py"}),
        (
            {"preparation": {"spacing": 2.0}},
            dict.fromkeys(("identity", "greedy", "syn"), "preparation spacing 1.0 → 2.0"),
        ),
        # Whether distances were measured too changes no Dice.
        ({"evaluation": {"surface": True}}, {}),
    ],
)
def test_an_arm_of_the_same_name_under_other_conditions_is_shown_apart(changes, told):
    found = find_comparable([sent(small(1), dataset="A"), sent(small(2), dataset="B", changes=changes)])
    assert {each.name: each.reasons[0] for each in found.apart} == told
    assert all(each.experiments == ((0,), (1,)) for each in found.apart)
    letters = {key.experiment: name for key, name in found.methods.items() if key.method == "syn"}
    assert letters == ({0: "syn [A]", 1: "syn [B]"} if told else {0: "syn", 1: "syn"})


def test_conditions_that_nobody_knows_equal_no_others():
    unknown = sent(small(2), dataset="B")
    arms = tuple(replace(arm, conditions={}) for arm in unknown.about.arms)
    found = find_comparable([sent(small(1), dataset="A"), replace(unknown, about=replace(unknown.about, arms=arms))])
    assert {each.name for each in found.apart} == {"identity", "greedy", "syn"}
    assert all("not on record" in each.reasons[0] for each in found.apart)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            {"structures": {**STRUCTURES, 3: "Pallidum"}},
            "1 structure(s) have another name, such as 3: Putamen → Pallidum",
        ),
        ({"structures": {**STRUCTURES, 4: "Pons"}}, "3 structures → 4, 3 in common"),
        ({"labelled": {"maker": "synthseg"}}, "made by existing → synthseg"),
        ({"changes": {"revisions": {"labelling": 2}}}, "labels are made differently (revision 1 → 2)"),
    ],
)
def test_a_label_set_of_the_same_name_that_is_another_is_shown_apart(more, why):
    found = find_comparable([sent(small(1), dataset="A"), sent(small(2), dataset="B", **more)])
    (apart,) = found.apart
    assert (apart.kind, apart.name, apart.reasons) == ("labelling", "manual", (why,))
    assert set(found.groups.values()) == {"manual [A]", "manual [B]"}


def test_a_small_dataset_may_lack_a_rare_structure():
    many = {i: f"structure {i}" for i in range(1, 31)}
    fewer = {i: name for i, name in many.items() if i != 7}
    found = find_comparable(
        [sent(small(1), dataset="A", structures=many), sent(small(2), dataset="B", structures=fewer)]
    )
    assert found.apart == ()


def test_native_and_prepared_grids_are_apart():
    other = small(2).assign(evaluation="reference")
    found = find_comparable([sent(small(1), dataset="A"), sent(other, dataset="B")])
    assert found.groups == {
        Block(0, "manual", "native"): "manual",
        Block(1, "manual", "reference"): "manual, reference",
    }
    (apart,) = found.apart
    assert apart.kind == "evaluation"


def test_two_protocols_on_one_dataset_are_one_dataset():
    found = find_comparable([sent(small(1), dataset="A"), sent(small(2), dataset="A", name="again")])
    assert found.datasets == ["A", "A"]


def test_the_same_scans_under_another_name_of_the_dataset_are_seen():
    first = small(1)
    again = first.assign(dice_mean=first["dice_mean"] + 0.01)
    found = find_comparable([sent(first, dataset="A"), sent(again, dataset="A at site 2"), sent(small(3), dataset="C")])
    assert found.datasets == ["A", "A", "C"]
    (apart,) = found.apart
    assert (apart.kind, apart.experiments) == ("dataset", ((0, 1),))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"criteria": Criteria(margin=0.02)}, "margin 0.01, threshold |d_z| 0.2, 95 % intervals in A; margin 0.02"),
        ({"criteria": Criteria(confidence=0.9)}, "90 % intervals in B"),
        ({"sloppy": True}, "--sloppy, not for publication, others not: B"),
        ({"name": "A"}, "36 row(s) of A and A are the same results"),
    ],
)
def test_what_cannot_stand_on_one_page_is_refused_with_reasons(more, why):
    experiments = [sent(small(1), dataset="A"), sent(small(2), dataset="B", **more)]
    with pytest.raises(BadDataError) as refused:
        refuse_mixture(experiments)
    assert why in str(refused.value)


def test_sloppy_runs_alone_may_stand_together():
    refuse_mixture([sent(small(seed), dataset=str(seed), sloppy=True) for seed in (1, 2)])


@pytest.mark.parametrize(("rename", "told"), [("sub-0", "nor are scans' names"), ("", "are not the same")])
def test_two_sites_of_one_dataset_name_are_told(rename, told):
    other = small(2)
    if rename:
        other = other.assign(**{side: other[side].str.replace("sub-", "sub-x") for side in ("moving", "fixed")})
    found = find_comparable(
        [sent(small(1), dataset="A"), sent(other, dataset="A", name="site 2"), sent(small(3), dataset="B")]
    )
    (apart,) = found.apart
    assert (apart.kind, apart.name, apart.experiments) == ("name", "A", ((0, 1),))
    assert apart.reasons[0].endswith(told)


def test_one_dataset_under_two_protocols_is_told_once_and_only_where_scores_differ():
    first = small(1)
    again = sent(first.assign(dice_mean=first["dice_mean"] + 0.01), dataset="A", name="again")
    assert find_comparable([sent(first, dataset="A"), again]).apart == ()
