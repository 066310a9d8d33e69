from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from lumirage_bids.base.errors import MissingInputError, UsageError
from lumirage_bids.bids.scans import LabelMapFile, Scan
from lumirage_bids.experiment.freeze import check_output, consider, freeze, hold, settle
from lumirage_bids.output.folder import Output
from lumirage_bids.output.frozen import FILE, differences, read_frozen
from tests.frozen_study import PROTOCOL, Study
from tests.small_plan import scan


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def test_the_same_plan_gives_the_same_bytes_and_is_read_as_it_was_written(study: Study, tmp_path: Path) -> None:
    written = study.run(dry_run=True)
    study.run(dry_run=True, freeze=tmp_path / "again.toml")
    text = study.file.read_text()
    assert text == (tmp_path / "again.toml").read_text()
    read = read_frozen(study.file)
    assert read == written
    assert read.text == text
    assert str(tmp_path) not in text


def test_anybody_can_compute_the_digest(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    study.run(dry_run=True)
    docs = Path(__file__).parents[2] / "docs" / "how-to" / "preregister.md"
    (snippet,) = re.findall(r"```python\n(.*?)```", docs.read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(study.folder)
    exec(compile(snippet, "docs", "exec"), {})
    study.file.write_text(study.file.read_text().replace("margin = 0.02\nthr", "margin = 0.03\nthr"))
    with pytest.raises(AssertionError):
        exec(compile(snippet, "docs", "exec"), {})


def test_it_says_what_a_reviewer_asks_for(study: Study) -> None:
    study.run(dry_run=True, seed=7)
    told = tomllib.loads(study.file.read_text())
    assert len(told["digest"]) == 64
    assert told["about"]["program"].startswith("lumirage-bids ")
    assert told["about"]["text"] == PROTOCOL
    assert "dice" in told["about"]["measures"]
    assert told["run"] == {"dataset": "d", "sloppy": False, "seed": 7, "reference": "sub-1_T1w"}
    assert told["statistics"]["margin"] == 0.02
    assert told["margins"]["tre_mm"] == 0.1
    assert told["labellings"]["manual"]["labeller"]["structures"] == [{"4": "Ventricle"}]
    assert told["arms"]["greedy"]["method"]["step"] == 0.5
    assert told["arms"]["greedy"]["preparation"]["spacing"] == 2
    assert told["pairs"]["sub-3_T1w"] == ["sub-1_T1w", "sub-2_T1w"]
    whole = told["about"]["parameters"]["greedy"]
    assert (whole["preparation"]["normalisation"], whole["preparation"]["grid"]) == ("percentile", "own")
    assert whole["preparation"]["shape"] == "none"
    assert (whole["method"]["multimodal"], whole["method"]["start_from"]) == ("mind", "")
    for name in ("method", "preparation", "alignment"):
        assert told["arms"]["greedy"][name].items() <= whole[name].items()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("step = 0.5", "step = 0.25", "arm greedy: method step 0.5 → 0.25"),
        ("spacing = 2.0", "spacing = 1.0", "arm identity; greedy: preparation spacing 2 → 1"),
        ("[statistics]", "[alignment]\ntransform = 'rigid'\n[statistics]", "alignment transform affine → rigid"),
        ("[statistics]", "[evaluation]\nsurface = true\n[statistics]", "evaluation surface False → True"),
        ("[statistics]", "[masks]\norder = ['existing']\n[statistics]", 'masks order ["existing", '),
        ("[statistics]", "[alignment]\nreference = '2'\n[statistics]", 'reference "sub-1_T1w" → "sub-2_T1w"'),
        ("[methods.greedy]\nstep = 0.5", "", "arm greedy: frozen, and not of this run"),
        ("[methods.greedy]", "[methods.syn]\n[methods.greedy]", "arm syn: of this run, and not frozen"),
        ("margin = 0.02", "margin = 0.05", "statistics margin 0.02 → 0.05"),
        ('4 = "Ventricle"', '5 = "Ventricle"', "labelling manual: labelling structures"),
        ("[statistics]", "[pairs]\nmax = 5\n[statistics]", "1 pair(s) frozen, and not of this run: "),
    ],
)
def test_a_protocol_that_differs_is_refused_in_words(study: Study, old: str, new: str, said: str) -> None:
    study.run(dry_run=True)
    for dry_run in (False, True):
        with pytest.raises(UsageError, match="differs from the frozen plan") as refused:
            study.run(PROTOCOL.replace(old, new), dry_run=dry_run)
        assert said in str(refused.value)
        assert read_frozen(study.file).digest in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, "seed 0 → 1"),
        ({"sloppy": True}, "sloppy false → true"),
        ({"max_pairs": 2}, "4 pair(s) frozen, and not of this run"),
        ({"methods": ("identity",)}, "arm greedy: frozen, and not of this run"),
    ],
)
def test_options_that_differ_are_refused_in_words(study: Study, changes: dict[str, object], said: str) -> None:
    study.run(dry_run=True)
    with pytest.raises(UsageError) as refused:
        study.run(**changes)
    assert said in str(refused.value)


def test_more_scans_other_files_and_other_sidecars_are_refused(study: Study) -> None:
    study.run(dry_run=True)
    first = study.scans[0]
    moved = LabelMapFile(path=study.raw / "elsewhere" / "sub-1_seg-manual_dseg.nii", dataset=study.raw)
    (study.raw / "elsewhere").mkdir()
    others: dict[str, Scan] = {
        "scan sub-1_T1w: labels manual sub-1_seg-manual_dseg.nii → elsewhere/": replace(
            first, labels={"manual": moved}
        ),
        'scan sub-1_T1w: sequence "MPRAGE" → "MP2RAGE"': replace(first, sequence="MP2RAGE"),
        "scan sub-1_T1w: skull_stripped not set → true": replace(first, skull_stripped=True),
    }
    for said, other in others.items():
        study.scans[0] = other
        with pytest.raises(UsageError) as refused:
            study.run()
        assert said in str(refused.value)
    study.scans[:] = [first, *study.scans[1:], scan(study.raw, "4")]
    with pytest.raises(UsageError, match=r"6 pair\(s\) of this run, and not frozen: sub-1_T1w → sub-4_T1w"):
        study.run(present=None)


def test_what_changes_no_result_is_not_refused(study: Study) -> None:
    frozen = study.run(dry_run=True)
    other = PROTOCOL.replace("spacing = 2.0", "spacing = 2  # mm").replace(
        "[preparation]", "description = 'x'\n[preparation]"
    )
    assert study.run(other, save="all", nprocs=2, pair_timeout=9.0) == frozen


def test_jobs_of_an_array_do_parts_and_lay_down_none(study: Study) -> None:
    with pytest.raises(UsageError, match="whole plan, and --participant-label names a part"):
        study.run(dry_run=True, participant_label=("1",))
    assert not study.file.exists()
    whole = study.run(dry_run=True)
    assert study.run(participant_label=("1",), fixed_label=("2",)) == whole
    assert study.run(dry_run=True, participant_label=("3",)) == whole


def test_another_reference_of_a_partial_clone_is_refused_with_what_to_do(study: Study) -> None:
    study.run(dry_run=True)
    (study.raw / "sub-1_T1w.nii").unlink()
    with pytest.raises(UsageError, match="fetch that of the plan, or name its subject as") as told:
        study.run(present=("2", "3"))
    assert 'reference "sub-1_T1w" → "sub-2_T1w"' in str(told.value)


def test_pairs_of_a_partial_clone_are_those_of_the_protocol(study: Study) -> None:
    frozen = study.freeze(present=("1",))
    assert len(frozen.pairs) == 6
    assert not differences(frozen, study.freeze())
    assert frozen.digest == study.freeze().digest


def test_a_file_that_is_not_there_or_was_changed_is_refused(study: Study) -> None:
    with pytest.raises(MissingInputError, match="no frozen plan"):
        study.run()
    study.run(dry_run=True)
    text = study.file.read_text()
    study.file.write_text(text.replace("margin = 0.02", "margin = 0.03"))
    with pytest.raises(UsageError, match="changed after it was frozen"):
        study.run(PROTOCOL.replace("margin = 0.02", "margin = 0.03"))
    study.file.write_text("[statistics]\n")
    with pytest.raises(UsageError, match="is not a frozen plan"):
        study.run()


def test_a_frozen_plan_is_not_written_over(study: Study) -> None:
    study.run(dry_run=True)
    before = study.file.read_bytes()
    with pytest.raises(UsageError, match="seed 0 → 1"):
        study.run(dry_run=True, seed=1)
    assert study.file.read_bytes() == before


@pytest.mark.parametrize("folder", ["bids", "out"])
def test_it_is_written_neither_into_the_dataset_nor_into_the_output(study: Study, folder: str) -> None:
    with pytest.raises(UsageError, match="Give a file elsewhere"):
        study.run(dry_run=True, freeze=study.folder / folder / "plan.toml")


def test_output_that_has_scores_or_another_plan_is_refused(study: Study) -> None:
    plan, experiment, name, settings = study.found(dry_run=True)
    now, output = freeze(plan, experiment, name, settings), settings.output
    settle(study.file, now, settings)
    hold(output, now)
    assert (output / FILE).read_bytes() == study.file.read_bytes()
    check_output(output, now)
    other = study.freeze(seed=5)
    with pytest.raises(UsageError, match="is held to another frozen plan") as refused:
        hold(output, other)
    assert now.digest in str(refused.value)
    assert other.digest in str(refused.value)
    assert "seed 0 → 5" in str(refused.value)
    scores = output / "sub-1" / "anat" / "sub-1_scores.tsv"
    scores.parent.mkdir(parents=True)
    (output / FILE).unlink()
    scores.with_name(".half_scores.tsv").write_text("")
    hold(output, now)  # what a killed process left half written is no score
    scores.write_text("")
    check_output(output, now)  # they came after it
    (output / FILE).unlink()
    with pytest.raises(UsageError, match="proves nothing"):
        study.run()


def test_a_run_that_is_not_given_the_plan_is_told_what_it_does_otherwise(study: Study) -> None:
    plan, experiment, name, settings = study.found()
    hold(settings.output, freeze(plan, experiment, name, settings))
    given, told = consider(*study.found(PROTOCOL.replace("0.5", "0.25"), freeze=None))
    assert given is None
    assert told[0].startswith("WARNING: OUT_DIR is held to a frozen plan, digest ")
    assert told[1] == "  not as frozen: arm greedy: method step 0.5 → 0.25"


def test_another_version_of_the_program_is_told_and_not_refused(study: Study) -> None:
    frozen = study.freeze()
    study.file.write_text(replace(frozen, about={**frozen.about, "program": "lumirage-bids 0.1.9"}).text)
    given, told = consider(*study.found())
    assert given is not None
    assert given.digest == frozen.digest
    assert "frozen with lumirage-bids 0.1.9, this is" in told[1]


def test_structures_of_look_up_tables_count_where_they_are_known(study: Study) -> None:
    text = PROTOCOL.replace('structures = {4 = "Ventricle"}', "")
    lut = study.raw / "dseg.tsv"
    lut.write_text("index\tname\n4\tVentricle\n")
    study.scans[:] = [replace(s, labels={"manual": replace(s.labels["manual"], lut=lut)}) for s in study.scans]
    frozen = study.freeze(text)
    assert frozen.content["labellings"]["manual"]["scored"] == {"4": "Ventricle"}
    lut.write_text("index\tname\n4\tVentricle\n5\tThalamus\n")
    assert differences(frozen, study.freeze(text)) == ['labelling manual, structure 5 not set → "Thalamus"']
    lut.unlink()
    absent = study.freeze(text, present=())
    assert absent.content["labellings"]["manual"]["scored"] == "not known before the run"
    assert not differences(frozen, absent)
    hold(Output(study.folder / "out"), frozen)
    with pytest.raises(UsageError, match="which structures or label maps there are"):
        check_output(Output(study.folder / "out"), absent)


def test_the_protocol_stands_in_the_file_as_it_was_written(study: Study) -> None:
    assert f"text = '''\n{PROTOCOL}'''\n" in study.freeze().text


@pytest.mark.parametrize("comment", ['"""', "'''", "\\", "\u2028", "\u0085", "ends with '"])
def test_text_of_any_kind_survives_the_file(study: Study, comment: str) -> None:
    frozen = study.freeze(f"{PROTOCOL}# {comment}")
    study.file.write_text(frozen.text)
    assert read_frozen(study.file) == frozen
    assert read_frozen(study.file).text == frozen.text


def test_content_of_any_kind_survives_the_file(study: Study) -> None:
    frozen = study.freeze()
    strange = replace(frozen, content={**frozen.content, "run": {"dataset": '[\n 1,\n] "\r\n\\', "none": []}})
    assert tomllib.loads(strange.text)["run"] == strange.content["run"]
