"""Where landmarks were placed on the scans of a run: read from the output folder."""

from __future__ import annotations

import pandas as pd

from lumirage_bids.output import paths
from lumirage_bids.output.folder import Output

COLUMNS = ("scan", "landmark", "description", "rater", "x", "y", "z")


def collect(output: Output) -> pd.DataFrame:
    """All placements below an output folder.

    Returns
    -------
    DataFrame
        `COLUMNS`; a row a scan, landmark and rater, ``rater`` empty for the place that counts; x, y, z in mm, RAS+.
    """
    rows = []
    for file in output.find("sub-*/**/*_placements.json"):
        found = output.read_json(file)
        if output.is_there(paths.failure(file)) or "Points" not in found:
            continue
        for name, point in found["Points"].items():
            about = (found["Scan"], name, point["Description"])
            rows.append((*about, "", *point["Position"]))
            rows += [(*about, rater, *place) for rater, place in point["Raters"].items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))
