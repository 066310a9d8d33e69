"""What the desc- labels in file names stand for: the arms of a run, with all their parameters."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from lumirage_bids.experiment.plan import Plan
from lumirage_bids.output import paths, score_table
from lumirage_bids.output.folder import Output

if TYPE_CHECKING:
    from lumirage_bids.experiment.arms import ArmOfRun


FILE = "descriptions.tsv"
DESCRIPTION_COLUMNS = {
    "desc_id": {"Description": "Label in file names"},
    "description": {"Description": "What it stands for"},
    "variant": score_table.COLUMNS["variant"],
    "method": score_table.COLUMNS["method"],
    "parameters": {"Description": "Parameters of method, preparation and alignment"},
}


def arm_tables(arm: ArmOfRun) -> dict[str, dict[str, Any]]:
    """All parameters of an arm: of its method, preparation, alignment and evaluation."""
    return {
        "method": {"method": arm.method.name, **{k: v for k, v in asdict(arm.method).items() if k != "training"}},
        "preparation": asdict(arm.preparation),
        "alignment": asdict(arm.alignment),
        "evaluation": asdict(arm.evaluation),
    }


def keep_chosen(arm: ArmOfRun) -> dict[str, dict[str, Any]]:
    """The same without what is None, which TOML cannot say."""
    return {name: {k: v for k, v in table.items() if v is not None} for name, table in arm_tables(arm).items()}


def arm_parameters(arm: ArmOfRun) -> str:
    """All parameters of an arm in one line."""
    tables = {arm.name if name == "method" else name: table for name, table in arm_tables(arm).items()}
    return "; ".join(f"{name}: " + ", ".join(f"{k}={v}" for k, v in t.items()) for name, t in tables.items())


def write_descriptions(output: Output, plan: Plan) -> None:
    """Say what the ``desc-`` labels stand for; labels of earlier runs stay."""
    rows = {r["desc_id"].removeprefix("desc-"): r for r in read_descriptions(output).to_dict("records")}
    for arm in plan.arms:
        text = f"method {arm.name}, variant {arm.variant}; scores and slices carry a digest of their pairs after +"
        rows[arm.label] = {
            "desc_id": f"desc-{arm.label}",
            "description": text,
            "variant": arm.variant,
            "method": arm.name,
            "parameters": arm_parameters(arm),
        }
        for what, words in (("prepared", "prepared image"), ("brain", "brain mask"), ("alignment", "affine alignment")):
            label = paths.variant_label(arm.variant, what)
            rows[label] = {
                "desc_id": f"desc-{label}",
                "description": f"{words}, variant {arm.variant}",
                "variant": arm.variant,
            }
    table = pd.DataFrame(list(rows.values()), columns=list(DESCRIPTION_COLUMNS))
    output.write_table(FILE, table, DESCRIPTION_COLUMNS)


def read_descriptions(output: Output) -> pd.DataFrame:
    """The table of ``desc-`` labels; empty where there is none."""
    return output.read_table(FILE).reindex(columns=list(DESCRIPTION_COLUMNS))
