"""Pages of the reference, made from what the program declares: ``{declared} methods`` in a page of Markdown.

What is declared once, in the class or table that the program itself goes by, is told here in its words, so that no page
can say otherwise.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sphinx.util.docutils import SphinxDirective

from lumirage_bids import labellers, maskers, measures, methods
from lumirage_bids.app import arguments, catalogue, commands
from lumirage_bids.audit import AUDIT, SEVERITIES
from lumirage_bids.audit.published import DIFFERENCES, PUBLISHED
from lumirage_bids.base import errors
from lumirage_bids.base.publications import publications
from lumirage_bids.experiment import protocol, status
from lumirage_bids.experiment.descriptions import DESCRIPTION_COLUMNS
from lumirage_bids.experiment.evaluation import Evaluation
from lumirage_bids.methods.alignment import Alignment
from lumirage_bids.output import agreements, downstream, score_table
from lumirage_bids.report.collected import columns as collected
from lumirage_bids.spatial.perturbations import kinds
from lumirage_bids.spatial.preparation import Preparation
from lumirage_bids.spatial.synthesis import Synthesis
from lumirage_bids.stats.tables import statistics

if TYPE_CHECKING:
    import argparse

    from docutils import nodes
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
Lines = Iterator[str]


class Declared(SphinxDirective):
    """``{declared} WHAT``: what the program declares of it, as Markdown."""

    required_arguments = 1
    optional_arguments = 1
    final_argument_whitespace = False

    def run(self) -> list[nodes.Node]:
        """Make the page's part."""
        what, *name = self.arguments
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("lumirage_bids") and getattr(module, "__file__", None):
                self.env.note_dependency(module.__file__)
        return self.parse_text_to_nodes("\n".join(PARTS[what](*name)), allow_section_headings=True)


def _cell(text: object) -> str:
    return re.sub(r"([|*<])", r"\\\1", " ".join(str(text).split()))


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> Lines:
    heads = list(heads)
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _code(text: object) -> str:
    return f"`{text}`" if str(text) else ""


def _sentence(text: str) -> str:
    """A summary as a sentence."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _plug_in(kind: Any) -> Lines:
    """What a class says of itself, its parameters and what to cite."""
    docs = catalogue.docs_of(kind)
    for paragraph in filter(None, (docs.short_description, docs.long_description)):
        yield ""
        yield paragraph
    if fields(kind):
        yield from _parameters(kind)
    cited = [publications()[key] for key in kind.references]
    for publication in cited:
        yield ""
        yield f"*{publication.cited}*: {publication.text} <{publication.url}>"
    yield ""


def _parameters(kind: Any) -> Lines:
    told = catalogue.parameters(kind)
    yield from _table(
        ("parameter", "default", "what it does"), ((_code(p.name), _code(p.default), p.meaning) for p in told)
    )


def _methods() -> Lines:
    known = methods.methods()
    groups = {name: catalogue.group_of(kind()) for name, kind in known.items()}
    for title, group in catalogue.GROUPS.items():
        yield f"## {title}"
        found = {name: kind for name, kind in known.items() if groups[name] == group}
        yield from _table(
            ("method", "what it is"), ((f"[`{name}`](#{name})", kind.summary) for name, kind in found.items())
        )
        for name, kind in found.items():
            yield f"### {name}"
            yield from _plug_in(kind)


def _labellings() -> Lines:
    known = catalogue.all_labellings()
    yield from _table(("labelling", "what it is"), ((_code(name), kind.summary) for name, kind in known.items()))
    for name, kind in known.items():
        if name not in labellers.FREESURFERS:
            yield f"## {name}"
            yield from _plug_in(kind)


def _maskers() -> Lines:
    known = maskers.maskers()
    names = [*maskers.ORDER, *(name for name in known if name not in maskers.ORDER)]
    yield from _table(("masker", "what it does"), ((_code(name), known[name].summary) for name in names))
    for name in names:
        if fields(known[name]):
            yield f"## {name}"
            yield from _plug_in(known[name])


def _measures() -> Lines:
    known = measures.measures()
    yield from _table(
        ("measure", "what it is", "columns of `pairs.tsv`", "taken"),
        (
            (f"[`{name}`](#{name})", kind.summary, ", ".join(map(_code, kind.columns)), _taken(kind))
            for name, kind in known.items()
        ),
    )
    for name, kind in known.items():
        yield f"## {name}"
        yield from _plug_in(kind)
        yield from _table(
            ("column", "unit", "better", "what it is", "of no consequence"),
            (
                (
                    _code(column),
                    about.unit.replace("1", ""),
                    "" if about.better == "none" else about.direction,
                    about.description + (f" <{about.reference}>" if about.reference else ""),
                    "" if about.margin is None else f"± {about.margin:g}",
                )
                for column, about in kind.columns.items()
            ),
        )


def _taken(kind: type[measures.Measure]) -> str:
    return "always" if kind.always else "on request"


def _protocols() -> Lines:
    known = protocol.names()
    yield from _table(
        ("protocol", "what it is"), ((f"[`{name}`](#{name})", protocol.load(name).description) for name in known)
    )
    for name in known:
        yield f"## {name}"
        yield ""
        yield "```toml"
        yield protocol.source(name).rstrip()
        yield "```"
        yield ""


def _filters() -> Lines:
    for file in sorted((Path(errors.__file__).parents[1] / "bids_filters").glob("*.json")):
        yield f"### {file.stem}"
        yield ""
        yield "```json"
        yield file.read_text("utf-8").strip()
        yield "```"
        yield ""


def _perturbations() -> Lines:
    yield from _table(
        ("`kind`", "what it does", "unit of `size`"),
        ((_code(name), kind.summary, kind.unit) for name, kind in kinds().items()),
    )


def _options() -> Lines:
    parser = arguments.parser()
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if a.help != "==SUPPRESS=="]
        if not actions:
            continue
        yield f"### {(group.title or '').capitalize()}"
        yield from _table(("option", "what it does"), ((_spelling(a), _help(a, parser)) for a in actions))


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return _code(action.metavar or action.dest)
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    names = ", ".join(_code(name) for name in action.option_strings)
    return f"{names} {_code(value)}" if value else names


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return (action.help or "") % {**vars(action), "prog": parser.prog}


def _commands() -> Lines:
    for name, command in commands.COMMANDS.items():
        yield f"### lumirage {name}"
        yield ""
        yield "```text"
        yield _printed(command.main)
        yield "```"
        yield ""


def _printed(main: Callable[[list[str]], int]) -> str:
    """What a command prints when it is asked for help."""
    out, before = io.StringIO(), os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main(["--help"])
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)
    return out.getvalue().rstrip()


def _exit_codes() -> Lines:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type) and "exit_code" in vars(kind)]
    own = {kind.exit_code: (kind.__doc__ or "").splitlines()[0] for kind in found if kind.exit_code != 1}
    rows = {0: "Done.", 1: "Some pairs failed: `status.tsv` says which and why.", **own}
    yield from _table(("code", "meaning"), sorted(rows.items()))


def _severities() -> Lines:
    yield from _table(("severity", "meaning"), SEVERITIES.items())


def _columns() -> Lines:
    tables: dict[str, Mapping[str, Mapping[str, Any]]] = {
        "group/pairs.tsv": score_table.COLUMNS,
        **{f"group/{name}.tsv": kind.columns for name, kind in statistics().items()},
        "group/labellers.tsv": agreements.COLUMNS,
        "group/triples.tsv": downstream.CHAINS,
        "group/fused.tsv": downstream.FUSED,
        "group/audit.tsv": AUDIT,
        "group/published.tsv": PUBLISHED,
        "group/published_differences.tsv": DIFFERENCES,
        "status.tsv": status.COLUMNS,
        "descriptions.tsv": DESCRIPTION_COLUMNS,
        "experiments.tsv, by lumirage collect": collected.EXPERIMENTS,
        "methods.tsv, by lumirage collect": collected.ARMS_OF_PAGE,
        "comparisons.tsv, by lumirage collect": collected.COUPLES,
        "together.tsv, by lumirage collect": collected.TOGETHER,
    }
    for name, about in tables.items():
        yield f"## {name}"
        yield from _table(
            ("column", "unit", "what it is"),
            ((_code(column), entry.get("Units", ""), _entry(entry)) for column, entry in about.items()),
        )


def _entry(entry: Mapping[str, Any]) -> str:
    levels = "; ".join(f"`{level}`: {what}" for level, what in entry.get("Levels", {}).items())
    reference = f"<{entry['Reference']}>" if "Reference" in entry else ""
    return " ".join(filter(None, (entry["Description"], levels, reference)))


def _conditions(name: str) -> Lines:
    sys.path.insert(0, str(ROOT))  # the tests make the runs that the paper's conditions are set beside
    from tests.audit.published.docs_tables import table

    yield from ("", *table(name).splitlines(), "")


PARTS: dict[str, Callable[..., Lines]] = {
    "columns": _columns,
    "commands": _commands,
    "conditions": _conditions,
    "exit-codes": _exit_codes,
    "filters": _filters,
    "labellings": _labellings,
    "maskers": _maskers,
    "measures": _measures,
    "methods": _methods,
    "options": _options,
    "perturbations": _perturbations,
    "protocols": _protocols,
    "severities": _severities,
    **{
        kind.__name__.lower(): lambda kind=kind: _parameters(kind)
        for kind in (Preparation, Alignment, Evaluation, Synthesis)
    },
}


def setup(app: Sphinx) -> dict[str, ClassVar[bool]]:
    """Enter the directive."""
    app.add_directive("declared", Declared)
    return {"parallel_read_safe": True, "version": json.dumps(1)}
