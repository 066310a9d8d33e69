"""Output folders of runs whose score rows are made up, and the group level on them: as small as real ones can be."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from lumirage_bids import __version__
from lumirage_bids.app.cli import main
from lumirage_bids.base.criteria import Criteria
from lumirage_bids.output import history, paths, score_table
from lumirage_bids.output.experiment import ArmOfExperiment, Experiment, Labelled
from lumirage_bids.output.folder import Output
from lumirage_bids.output.root import DESCRIPTION, dataset_name
from lumirage_bids.report.collected.reading import Collected
from lumirage_bids.report.judged import score_tables
from tests.report.situations import table

REVISIONS = {"preparation": 2, "alignment": 2, "registration": 1, "score": 1, "labelling": 1}
FACTS: dict[str, Any] = {
    "preparation": {"spacing": 1.0},
    "alignment": {"transform": "affine"},
    "evaluation": {"grid": "native", "transfer": "linear", "surface": False},
    "labelling": {"labeller": "existing", "structures": []},
    "revisions": REVISIONS,
    **{"code": {}, "labeller_code": {}},
}
STRUCTURES = {1: "Ventricle", 2: "Thalamus", 3: "Putamen"}


def facts_of(method: str, changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Conditions of an arm; `changes`: table, or ``table@method`` for one method alone → values that are others."""
    facts = deepcopy({"method": {"method": method}, **FACTS, "reference": "sub-00_ses-1_T1w"})
    for where, values in changes.items():
        of, _, only = where.partition("@")
        if only in ("", method):
            facts[of].update(values)
    return facts


def made_run(
    folder: Path,
    pairs: pd.DataFrame,
    *,
    dataset: str,
    protocol: str = "default",
    sloppy: bool = False,
    criteria: Mapping[str, float] | None = None,
    structures: Mapping[int, str] | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    labeller: str = "existing",
) -> Path:
    """Write what participant runs leave behind that the group level reads, then run that.

    Parameters
    ----------
    pairs : DataFrame
        As of `tests.report.situations.table`.
    dataset : str
        Its name; digests of rows are made of it, so that two of one name hold the same results.
    """
    output, structures = Output(folder), structures or STRUCTURES
    names = list(dict.fromkeys(pairs["labelling"]))
    arms = list(pairs[["variant", "method"]].drop_duplicates().itertuples(index=False, name=None))
    about = {"Name": "LUMirage", "Version": __version__}
    output.write_json(
        DESCRIPTION,
        {"Name": dataset_name(dataset, sloppy), "GeneratedBy": [about], "Protocol": protocol, "Sloppy": sloppy},
    )
    facts = {method: facts_of(method, changes or {}) for _, method in arms}
    history.note_conditions(output, {f"of {method}": each for method, each in facts.items()})
    wanted = {f"{paths.description(v, m)}/{name}": f"of {m}" for v, m in arms for name in names}
    score_table.note_latest(output, wanted)
    random = np.random.default_rng(0)
    for name in names:
        rows = pairs[pairs["labelling"] == name].reset_index(drop=True)
        key = rows["variant"] + rows["method"] + rows["labelling"] + rows["moving"] + rows["fixed"]
        rows = rows.assign(
            kind=np.where(rows["status"] == "ok", None, "error"),
            hash=[f"{dataset} {each}" for each in key],
            conditions=[f"of {m}" for m in rows["method"]],
            **{"start": "aligned", "similarity": "lncc", "input": "prepared"},
            finished="2026-01-01T00:00:00+00:00",
            moving_subject=[scan.partition("_")[0].removeprefix("sub-") for scan in rows["moving"]],
            fixed_subject=[scan.partition("_")[0].removeprefix("sub-") for scan in rows["fixed"]],
            **{f"dice_{i}": rows["dice_mean"] + random.normal(0, 0.01, len(rows)) for i in structures},
        )
        lut = pd.DataFrame({"index": list(structures), "name": list(structures.values())})
        output.write_table(f"seg-{name}_dseg.tsv", lut)
        file = Path("sub-00", "anat", f"sub-00_seg-{name}_desc-all_scores.tsv")
        score_table.write_rows(output, file, rows.to_dict("records"))
    n = len(pairs[["moving", "fixed"]].drop_duplicates())
    record = {
        "settings": {"command": f"lumirage {dataset} {folder.name} participant"},
        "versions": {"lumirage-bids": __version__, "numpy": "2.0"},
        "plan": {"reference": "sub-00_ses-1_T1w", "pairs": n, "pairs_asked": n, "pairs_present": n},
        "labellings": dict.fromkeys(names, labeller),
        "labellers": {
            name: {"labeller": labeller, "maker": labeller, "from_intensities": labeller == "atropos"} for name in names
        },
        "methods": {method: method for _, method in arms},
        "statistics": dict(criteria or {}),
        "arms": {
            paths.description(v, m): {"hash": "0" * 16, "name": m, "variant": v, **_tables(facts[m])} for v, m in arms
        },
    }
    (folder / "config").mkdir()
    (folder / "config" / "20260101T000000Z-made.toml").write_text(tomli_w.dumps(record))
    assert main(["bids", str(folder), "group", "--no-pictures"]) == 0
    return folder


def sent(
    pairs: pd.DataFrame,
    *,
    dataset: str,
    name: str = "",
    protocol: str = "default",
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    structures: Mapping[int, str] | None = None,
    labelled: Mapping[str, Any] | None = None,
    **about: Any,
) -> Collected:
    """An experiment as it is read of group tables, without the files."""
    scored = {str(i): title for i, title in (structures or STRUCTURES).items()}
    pairs = pairs.assign(hash=[f"{name or dataset} {row}" for row in range(len(pairs))])
    arms = pairs[["variant", "method", "labelling"]].drop_duplicates().itertuples(index=False, name=None)
    criteria = about.pop("criteria", Criteria())
    tables = score_tables(pairs, criteria=criteria)
    return Collected(
        given=Path(name or dataset),
        about=Experiment(
            dataset=dataset,
            protocol=protocol,
            criteria=criteria,
            labellings={
                each: Labelled(**{"maker": "existing", "structures": scored, **(labelled or {})})
                for each in pairs["labelling"].unique()
            },
            arms=tuple(
                ArmOfExperiment(variant=v, method=m, labelling=name, conditions=facts_of(m, changes or {}))
                for v, m, name in arms
            ),
            **about,
        ),
        tables=tables,
        audit=pd.DataFrame(columns=["severity", "what"]),
        published=pd.DataFrame(),
        differences=pd.DataFrame(),
    )


def _tables(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: facts[key] for key in ("method", "preparation", "alignment", "evaluation")}


def scores(
    seed: int, *, gain: float = 0.03, subjects: int = 8, methods: Mapping[str, float] | None = None, **more: Any
) -> pd.DataFrame:
    """Pairs of some subjects, of whom `syn` is better than `greedy` by a gain."""
    means = methods or {"identity": 0.45, "greedy": 0.60, "syn": 0.60 + gain}
    return table(means, groups={"T1w": subjects}, subject=0.004, noise=0.004, seed=seed, **more)
