"""Conditions of a run, as its derivatives tell them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lumirage_bids.audit import name_unchecked, read_audited_run
from lumirage_bids.methods.base import Training
from lumirage_bids.output.folder import Output
from tests.audit.made_up import conditions


def test_conditions_are_read_from_derivatives(tmp_path: Path):
    c = conditions()
    scan = "sub-00_ses-1"
    folder = tmp_path / "sub-00" / "ses-1" / "anat"
    folder.mkdir(parents=True)
    affine = np.diag([0.6, 0.6, 2.0, 1])
    facts = {
        "BrainExtent": [150.0, 160.0, 170.0],
        "MutualInformation": 1.1,
        "LabelEntropy": None,
        "Structures": {"1": {"Volume": 5.0, "Contrast": None, "Bare": 0.5, "Cut": 0.0}},
    }
    meta = {"Labeller": "atropos", "NativeAffine": affine.tolist(), "Facts": facts}
    (folder / f"{scan}_space-T1w_seg-braincolor_dseg.json").write_text(json.dumps(meta))
    moved = {k: v for k, v in meta.items() if k != "Labeller"}
    (folder / f"{scan}_space-01+1+T1w_seg-braincolor_desc-greedy_dseg.json").write_text(json.dumps(moved))
    cut = {"Scan": f"{scan}_T1w", "Variant": "fine", "BrainCutOff": 0.03}
    (folder / f"{scan}_desc-fine+prepared_T1w.json").write_text(json.dumps(cut))
    about = {"Name": "LUMirage evaluation of OASIS", "Dataset": "OASIS"}
    (tmp_path / "dataset_description.json").write_text(json.dumps(about))
    (tmp_path / "config").mkdir()
    record = '[training.mine]\ncontrasts = ["T2w"]\nlater = 1\n[effort]\n"native" = [[2, 5], [1, 0]]\n'
    record += '[labellings]\nbraincolor = "atropos: y"\n[methods]\nmine = "vfa"\n[tuned]\nmine = "said so"\n'
    record += '[inputs.native]\nwords = "w"\nshape = [2, 3, 4]\nspacing = [1.0, 1.0, 2.0]\nas_trained = false\n'
    record += '[[started.native]]\nname = "net"\nmethod = "lapirn"\n[started.native.parameters]\nflavour = "diff"\n'
    record += '[started.native.input]\nwords = "w"\n'
    arm = '[arms.{0}]\nname = "vfa"\nvariant = "{0}"\n[arms.{0}.preparation]\norientation = "LPS"\n{1}'
    (tmp_path / "config" / "1.toml").write_text(
        record + arm.format("native", "") + arm.format("fine", "spacing = 0.6\nshape = [9, 9, 9]\n")
    )
    read = read_audited_run(Output(tmp_path), c.pairs, c.structures, c.luts)
    assert list(read.scans["braincolor"]) == [f"{scan}_T1w"]
    one = read.scans["braincolor"][f"{scan}_T1w"]
    assert one.spacing == pytest.approx((0.6, 0.6, 2))
    assert one.structures[1].bare == 0.5
    assert np.isnan([one.structures[1].contrast, one.label_entropy]).all()
    native = {"spacing": None, "orientation": "LPS"}
    assert read.preparations == {"native": native, "fine": {**native, "spacing": 0.6, "shape": [9, 9, 9]}}
    assert read.cut_off == {"fine": {f"{scan}_T1w": 0.03}}
    assert (read.sources, read.methods) == ({"braincolor": "atropos: y"}, {"mine": "vfa"})
    assert read.dataset == "OASIS"
    assert read.tuned == {"mine": "said so"}
    seen = read.inputs["native"]["vfa"]
    assert (seen.words, seen.extent, seen.as_trained) == ("w", (2, 3, 8), False)
    (before,) = read.started["native"]["vfa"]
    assert (before.name, before.method, before.parameters, str(before.input)) == (
        "net",
        "lapirn",
        {"flavour": "diff"},
        "w",
    )
    assert not read.started["fine"]
    assert read.training == {"mine": Training(contrasts=("T2w",))}
    assert "3 of 4 scans" in name_unchecked(read)[0]
