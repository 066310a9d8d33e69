"""What is printed of one method, labelling or protocol can be used as it stands."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from lumirage_bids.app.catalogue import describe_parameters, show
from lumirage_bids.base.errors import UsageError
from lumirage_bids.base.publications import publications
from lumirage_bids.experiment import protocol
from lumirage_bids.experiment.evaluation import evaluation
from lumirage_bids.labellers import labeller, labellers, labellings
from lumirage_bids.measures import measures
from lumirage_bids.methods import method, methods

KINDS = [("methods", name, kind) for name, kind in methods().items()]
KINDS += [("labellings", name, kind) for name, kind in labellings().items()]
KINDS += [("labellings", name, kind) for name, kind in labellers().items() if kind.labelling is None]
KINDS += [("labellings", name, labellers()["existing"]) for name in ("aseg", "aparcaseg")]


def table(text: str, what: str) -> str:
    """The lines from the table to what is to be cited."""
    return text[max(text.rfind(f"\n[{what}."), text.rfind(f"\n[{what}]")) :].partition("\nTo be cited:")[0]


@pytest.mark.parametrize(("what", "name", "kind"), KINDS)
def test_the_table_printed_is_the_default(what: str, name: str, kind: type) -> None:
    text = show(what, name, None)
    parsed = tomllib.loads(table(text, what))[what][name]
    made = method(name, **parsed) if what == "methods" else labeller(parsed.pop("labeller"), **parsed)
    assert made == kind()
    for field in fields(kind):
        assert describe_parameters(kind)[field.name], f"{field.name} is not described"
        assert "`" not in describe_parameters(kind)[field.name], f"{field.name} sends to a name of the code"
        assert field.name in table(text, what)
    for key in kind.references:  # type: ignore[attr-defined]
        assert publications()[key].url in text


@pytest.mark.parametrize("name", list(measures()))
def test_a_measure_says_what_its_columns_are_and_how_it_is_asked_for(name: str) -> None:
    kind, text = measures()[name], show("measures", name, None)
    for column, about in kind.columns.items():
        assert f"\n{column}: " in text
        assert about.better == "none" or f"{about.better} is {about.in_words}" in text
    toml = table(text, "evaluation") if not kind.always else ""
    assert kind() in evaluation(tomllib.loads(toml).get("evaluation", {})).taken
    for key in kind.references:
        assert publications()[key].url in text


def test_a_measure_is_found_by_each_of_its_columns() -> None:
    for name, kind in measures().items():
        for column in kind.columns:
            assert column in measures() or show("measures", column, None) == show("measures", name, None)
    with pytest.raises(UsageError, match="Did you mean 'hd95_mm'"):
        show("measures", "hd95", None)


@pytest.mark.parametrize("name", protocol.names())
def test_a_protocol_printed_is_that_protocol(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_text(show("protocols", name, None))
    (mine, shipped) = protocol.load(str(file)), protocol.load(name)
    assert (mine.variants, mine.labellings, mine.pairs) == (shipped.variants, shipped.labellings, shipped.pairs)


@pytest.mark.parametrize(
    ("what", "name", "hint"),
    [
        ("methods", "gredy", "'greedy'"),
        ("labellings", "tissues", "'tissue'"),
        ("measures", "dise", "'dice'"),
        ("protocols", "lumi", "'lumir'"),
    ],
)
def test_an_unknown_name_gets_a_hint(what: str, name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"Did you mean {hint}.*Known"):
        show(what, name, None)


def test_words_that_are_allowed_are_listed() -> None:
    text = " ".join(show("methods", "precomputed", None).replace("\n# ", " ").split())
    assert 'Allowed: "auto", "itk", "learn2reg", "fsl", "ras". format = "auto"' in text
    assert 'Allowed: "none", "unknown", a table with any of description, contrasts, species, datasets' in text
    assert "34 structures of FreeSurfer's" in show("labellings", "aseg", None)
