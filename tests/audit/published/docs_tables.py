"""The tables of docs/reference/paper-conditions.md: published conditions beside ours, made when the docs are built."""

from __future__ import annotations

from lumirage_bids.audit.published.differences import Condition, _Rows, _tell_ours, published_conditions
from lumirage_bids.output.fill_in import fill_in
from tests.audit.published.runs import run_of

FOR = {
    "": "", "iterative": " (greedy, syn)", "network": " (vfa)",
    "within": " (one sequence)", "across": " (two sequences)",
}  # fmt: skip
PUBLISHED = {
    "nimh-t1w": {"": "published"},
    "nimh-ood": {"": "published"},
    "prime-de": {"": "published"},
    "ultracortex": {"0.6mm": "0.6mm-published", "1mm": "1mm-published"},
}
"""Protocol → variant of a plain run, where it has several → the variant as published."""
NOT_OF_A_RUN = {
    "subjects": "drawn by the protocol, listed in `pairs.tsv`",
    "label maps": "yours, or made by a labeller",
}


def table(name: str) -> str:
    """One row a condition; those that the experiment shares with the one it extends are left out."""
    conditions = published_conditions(name)
    if name == "nimh-ood":
        shared = published_conditions("nimh-t1w")
        conditions = tuple(c for c in conditions if c not in shared)
    lines = ["| condition | paper's text | scripts | plain run | as published | reached |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(_row(name, condition) for condition in conditions)])


def _row(name: str, condition: Condition) -> str:
    plain, published = (_value(name, condition, asked) for asked in (False, True))
    known = condition.source != "unknown"
    reached = ("yes" if published == condition.value else "no") if known else "not known"
    text, script = (condition.value if condition.source == source else "" for source in ("text", "script"))
    text = text if known else condition.value
    size = f", {condition.variant}" if condition.variant else ""
    what = f"{condition.field}{size}{FOR.get(condition.holds_for, f' ({condition.holds_for})')}"
    cells = (what, text, script, plain, "same" if published == plain else published, reached)
    return f"| {' | '.join(cells)} |"


def _value(name: str, condition: Condition, asked: bool) -> str:
    if condition.field in NOT_OF_A_RUN:
        return NOT_OF_A_RUN[condition.field]
    network = condition.holds_for == "network"
    method = "vfa" if network else condition.holds_for if condition.holds_for in ("greedy", "syn") else "greedy"
    wanted = condition.variant or ("1mm" if network else "0.6mm") if name == "ultracortex" else ""
    names = PUBLISHED[name]
    variant = names[wanted] if asked else wanted or "default"
    rows, facts = run_of(name, *(sorted(names.values()) if asked else ()))
    mine = fill_in(rows[(rows["method"] == method) & (rows["variant"] == variant)].assign(evaluation="prepared"))
    return _tell_ours(condition, _Rows(rows=mine, method=method, variant=variant, facts=facts))
