"""Which pairs a protocol's rule picks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base.errors import MissingInputError, NothingSelectedError, UsageError
from lumirage_bids.bids.scans import Pair, Scan
from lumirage_bids.experiment.declared import PairRule
from lumirage_bids.experiment.pairs import choose_pairs, sample_subjects

ROOT = Path("/data")


def scan(subject: str, suffix: str = "T1w", sequence: str | None = None, session: str | None = None) -> Scan:
    name = "_".join(f"{k}-{v}" for k, v in (("sub", subject), ("ses", session)) if v)
    return Scan(
        path=ROOT / f"{name}_{suffix}.nii.gz", dataset=ROOT, subject=subject, session=session, suffix=suffix,
        entities={"sub": subject}, sequence=sequence,
    )  # fmt: skip


def names(pairs: tuple[Pair, ...]) -> list[tuple[str, str]]:
    return [(p.moving.name, p.fixed.name) for p in pairs]


def table(tmp_path: Path, text: str) -> PairRule:
    file = tmp_path / "pairs.tsv"
    file.write_text(text, "utf-8")
    return PairRule(file=file)


@given(st.integers(2, 30), st.integers(2, 30), st.integers(0, 99))
def test_a_sample_of_subjects_keeps_their_scans_and_most_of_itself(n: int, size: int, seed: int) -> None:
    scans = [scan(str(s), suffix) for s in range(n) for suffix in ("T1w", "T2w")]
    sample = sample_subjects(scans, seed, size)
    chosen = {s.subject for s in sample}
    assert len(chosen) == min(n, size)
    assert len(sample) == 2 * len(chosen)
    more = {s.subject for s in sample_subjects([*scans, scan("new")], seed, size)}
    assert more - {"new"} <= chosen | ({str(s) for s in range(n)} if size > n else set())


def test_a_limit_may_hold_for_each_contrast(tmp_path: Path) -> None:
    scans = [scan(str(s), suffix) for s in range(5) for suffix in ("T2w", "FLAIR")]
    pairs = choose_pairs(scans, PairRule(max_per_contrast=7), seed=1)
    assert sorted(p.fixed.suffix for p in pairs) == ["FLAIR"] * 7 + ["T2w"] * 7
    assert all(p.fixed.suffix == p.moving.suffix for p in pairs)
    assert len(choose_pairs(scans, PairRule(max_per_contrast=7, max=9), seed=1)) == 9
    assert len(choose_pairs(scans, PairRule(max_per_contrast=7, max=9), seed=1, limit=3)) == 3
    assert len(choose_pairs(scans, PairRule(max_per_contrast=99), seed=1)) == 40


def test_splits_are_within_and_between_sequences() -> None:
    scans = [scan("1", sequence="MPRAGE"), scan("2", sequence="MPRAGE"), scan("3", sequence="MP2RAGE")]
    across = choose_pairs(scans, PairRule(splits=("MPRAGE to MP2RAGE", "MP2RAGE to MPRAGE")), seed=0)
    assert len(across) == 4
    assert all(p.multimodal for p in across)
    with pytest.raises(UsageError, match=r"'FLASH to FLASH'.*MPRAGE to MPRAGE"):
        choose_pairs(scans, PairRule(splits=("FLASH to FLASH",)), seed=0)


def test_a_file_lists_pairs_by_scan_or_subject_across_contrasts_too(tmp_path: Path) -> None:
    scans = [scan("1"), scan("2", "T2w"), scan("3", session="a"), scan("3", session="b")]
    rule = table(tmp_path, "fixed\tmoving\tnote\nsub-2\t1\tx\nsub-3_ses-b_T1w\tsub-1_T1w\t\n2\tsub-1\t\n")
    assert names(choose_pairs(scans, rule, seed=0)) == [("sub-1_T1w", "sub-2_T2w"), ("sub-1_T1w", "sub-3_ses-b_T1w")]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("moving\tfixed\n1\t9\n", NothingSelectedError, "line 2: no eligible scan or subject is called '9'"),
        ("moving\tfixed\n1\t3\n", UsageError, "'3' has several scans; name one: sub-3_ses-a_T1w, sub-3_ses-b_T1w"),
        ("moving\tfixed\n1\tsub-1\n", UsageError, "paired with itself"),
        ("moving,fixed\n1,2\n", UsageError, "columns 'moving' and 'fixed'"),
        ("moving\tfixed\n", UsageError, "must have rows"),
        ("moving\tfixed\n1\n", NothingSelectedError, "called ''"),
    ],
)
def test_what_is_wrong_in_a_file_of_pairs_is_named(tmp_path: Path, text: str, kind: type[Exception], said: str) -> None:
    scans = [scan("1"), scan("2"), scan("3", session="a"), scan("3", session="b")]
    with pytest.raises(kind, match=said):
        choose_pairs(scans, table(tmp_path, text), seed=0)


def test_a_file_of_pairs_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"no file of pairs.*none\.tsv"):
        choose_pairs([scan("1"), scan("2")], PairRule(file=tmp_path / "none.tsv"), seed=0)
    (tmp_path / "binary.tsv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        choose_pairs([scan("1"), scan("2")], PairRule(file=tmp_path / "binary.tsv"), seed=0)


def test_a_template_is_paired_both_ways_and_never_left_out_of_a_sample() -> None:
    atlas = Scan(
        path=ROOT / "tpl-X_T1w.nii.gz", dataset=ROOT, subject="X", session=None, suffix="T1w", entities={"sub": "X"},
        template=True,
    )  # fmt: skip
    scans = [scan("1"), scan("2"), scan("3"), atlas]
    assert atlas in sample_subjects(scans, seed=0, size=2)
    assert len(sample_subjects(scans, seed=0, size=2)) == 3
    splits = [p.split for p in choose_pairs(scans, PairRule(), seed=0)]
    assert splits.count("template to subject") == splits.count("subject to template") == 3
    assert splits.count("T1w to T1w") == 6
    only = choose_pairs(scans, PairRule(splits=("template to subject",)), seed=0)
    assert {p.moving.subject for p in only} == {"X"}


@given(st.integers(3, 12), st.integers(0, 1000), st.integers(1, 50))
def test_a_subset_changes_little_when_scans_are_added(n: int, seed: int, size: int) -> None:
    scans = [scan(str(s)) for s in range(n)]
    few = {(p.moving.name, p.fixed.name) for p in choose_pairs(scans[:-1], PairRule(), seed, size)}
    many = {(p.moving.name, p.fixed.name) for p in choose_pairs(scans, PairRule(), seed, size)}
    new = scans[-1].name
    assert {key for key in many if new not in key} <= few
    assert len(many) == min(size, n * (n - 1))
