from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumirage_bids.base.criteria import Criteria
from lumirage_bids.base.errors import LumirageError, MissingInputError, UsageError
from lumirage_bids.experiment import protocol


@pytest.mark.parametrize("name", protocol.names())
def test_every_protocol_that_is_shipped_can_be_read(name: str) -> None:
    loaded = protocol.load(name)
    assert loaded.description
    assert "identity" in loaded.default_methods


def write(tmp_path: Path, text: str) -> str:
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    return str(file)


def test_variants_change_what_they_name_and_keep_the_rest(tmp_path: Path) -> None:
    loaded = protocol.load(
        write(
            tmp_path,
            """
            [preparation]
            spacing = 1.0
            skull_strip = false
            [methods.greedy]
            window = 5
            [variants.fine]
            preparation = {spacing = 0.5}
            methods.greedy = {step = 0.1}
            [variants.plain]
            """,
        )
    )
    fine, plain = loaded.variant("fine"), loaded.variant("plain")
    assert fine.preparation == {"spacing": 0.5, "skull_strip": False}
    assert fine.methods == {"greedy": {"window": 5, "step": 0.1}}
    assert plain.preparation == {"spacing": 1.0, "skull_strip": False}
    assert [v.name for v in loaded.variants] == ["fine", "plain"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense = 1", ["unknown key 'nonsense'", "at the top level", "methods"]),
        ("[scans]\nfiler = 't1w'", ["unknown key 'filer'", "[scans]", "filter"]),
        ("scans = 3", ["scans = 3", "a table"]),
        ("[scans]\nfilter = 3", ["scans.filter = 3"]),
        ("[scans]\nmask = '/etc/passwd'", ["scans.mask", "stays below the dataset"]),
        ("[scans]\nmask = '../x'", ["scans.mask", "stays below the dataset"]),
        ("[labellings.a-b]", ["letters and digits"]),
        ("[labellings.x]\nlabeller = 'atropos'\npattern = 'x'", ["only the labeller 'existing'"]),
        ("[labellings.x.structures]\none = 'a'", ["positive indices and names"]),
        ("[labellings.x]\nstructures = [{1 = 'a'}, {2 = 'b'}]", ["labellings.x.structures", "the same names: a"]),
        ("[labellings.x]\nstructures = [{1 = 'a'}, 3]", ["labellings.x.structures = 3", "positive indices and names"]),
        ("[labellings.x]\nreference = 'y'", ["labellings.x.reference = 'y'", "has no reference itself: none"]),
        ("[labellings.x]\nreference = 'x'\n[labellings.y]", ["labellings.x.reference", "itself: y"]),
        ("[labellings.x]\nreference = 3", ["labellings.x.reference = 3", "must be text"]),
        ("[pairs]\nmax = 'ten'", ["pairs.max", "a whole number"]),
        ("[pairs]\nmax = -3", ["pairs.max = -3", "at least 1"]),
        ("[variants.x]\nspacing = 1", ["unknown key 'spacing'", "[variants.x]"]),
        ("[methods.greedy]\n[variants.x.methods.syn]\nstep = 1", ["variants.x.methods", "greedy"]),
        ("[scans", ["not valid TOML"]),
    ],
)
def test_a_wrong_file_is_refused_by_key_value_and_what_is_allowed(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        protocol.load(write(tmp_path, text))
    for word in ["mine.toml", *words]:
        assert word in str(caught.value)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UsageError, match=r"'ultra'.*default.*ultracortex"):
        protocol.load("ultra")
    with pytest.raises(MissingInputError, match=r"gone\.toml"):
        protocol.load("gone.toml")
    with pytest.raises(UsageError, match=r"no variant '9mm'.*0\.6mm"):
        protocol.load("ultracortex").variant("9mm")


TOML_KEYS = st.sampled_from(["scans", "methods", "variants", "labellings", "filter", "mask", "x", "pairs", "max"])
VALUES = st.sampled_from(["1", "'a'", "[]", "[1]", "{}", "{x=1}", "true", "1.5", "{a={b=1}}", "[{acq='x'}]"])


@given(st.lists(st.tuples(st.lists(TOML_KEYS, min_size=1, max_size=3), VALUES), max_size=4))
def test_any_file_gives_a_protocol_or_one_of_our_errors(
    tmp_path_factory: pytest.TempPathFactory, items: list[tuple[list[str], str]]
) -> None:
    text = "\n".join(f"{'.'.join(keys)} = {value}" for keys, value in items)
    file = tmp_path_factory.mktemp("fuzz") / "p.toml"
    file.write_text(text, "utf-8")
    with contextlib.suppress(LumirageError):
        assert isinstance(protocol.load(str(file)), protocol.Protocol)


def test_a_protocol_lays_its_tables_over_those_it_extends(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(
        """
        description = "base"
        [preparation]
        spacing = 1.0
        crop = "none"
        [labellings.one]
        [labellings.two]
        [pairs]
        subjects = 10
        [methods.greedy]
        window = 5
        step = 0.5
        [variants.a]
        """,
        "utf-8",
    )
    child = protocol.load(
        write(
            tmp_path,
            """
            extends = "base.toml"
            [preparation]
            spacing = 2.0
            [labellings.three]
            [pairs]
            max = 7
            [methods.greedy]
            step = 0.25
            [methods.syn]
            [variants.b]
            preparation = {crop = "brain"}
            """,
        )
    )
    assert child.name == "mine"
    assert child.description == "base"
    assert child.default_methods == ("greedy", "syn")
    assert child.default_labellings == ("three",)
    assert (child.pairs.subjects, child.pairs.max) == (None, 7)
    (variant,) = child.variants
    assert variant.name == "b"
    assert variant.preparation == {"spacing": 2.0, "crop": "brain"}
    assert variant.methods["greedy"] == {"window": 5, "step": 0.25}
    assert 'description = "base"' in child.text
    assert "step = 0.25" in child.text


def test_what_is_no_default_is_there_where_it_is_asked_for(tmp_path: Path) -> None:
    found = protocol.load(
        write(
            tmp_path,
            """
            [methods.greedy]
            [methods.syn]
            default = false
            step = 0.25
            [variants.extra]
            default = false
            methods.syn = {step = 0.5}
            """,
        )
    )
    assert found.default_methods == ("greedy",)
    assert [v.name for v in found.variants] == ["default"]
    assert found.variants[0].methods["syn"] == {"step": 0.25}
    assert found.variant("extra").methods["syn"] == {"step": 0.5}
    with pytest.raises(UsageError, match=r"no variant 'more'\. It has: default, extra"):
        found.variant("more")
    with pytest.raises(UsageError, match=r"variants\.a\.default = 'no' is not allowed; it must be true or false"):
        protocol.load(write(tmp_path, '[variants.a]\ndefault = "no"'))


def test_extending_in_a_circle_is_refused(tmp_path: Path) -> None:
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / f"{one}.toml").write_text(f'extends = "{other}.toml"', "utf-8")
    with pytest.raises(UsageError, match="circle"):
        protocol.load(str(tmp_path / "a.toml"))
    with pytest.raises(UsageError, match=r"extends = 3"):
        protocol.load(write(tmp_path, "extends = 3"))
    with pytest.raises(MissingInputError, match=r"gone\.toml"):
        protocol.load(write(tmp_path, 'extends = "gone.toml"'))


def test_a_file_of_pairs_lies_beside_the_protocol(tmp_path: Path) -> None:
    assert protocol.load(write(tmp_path, '[pairs]\nfile = "mine.tsv"')).pairs.file == tmp_path / "mine.tsv"
    with pytest.raises(UsageError, match=r"pairs\.subjects = 1 .*at least 2"):
        protocol.load(write(tmp_path, "[pairs]\nsubjects = 1"))


def test_a_template_is_named_and_its_atlases_chosen(tmp_path: Path) -> None:
    text = '[template]\nname = "MNI"\nresolution = 2\natlases = {aseg = {seg = "aseg"}}'
    assert protocol.load(write(tmp_path, text)).template == {
        "name": "MNI", "resolution": 2, "atlases": {"aseg": {"seg": "aseg"}},
    }  # fmt: skip
    assert protocol.load(write(tmp_path, "")).template is None
    for wrong, said in (("resolution = 1", "template.name"), ('name = "M"\natlases = {a = 1}', r"atlases\.a = 1")):
        with pytest.raises(UsageError, match=said):
            protocol.load(write(tmp_path, f"[template]\n{wrong}"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[methods.'']", "at least one letter or digit"),
        ("[methods.'!!']", "at least one letter or digit"),
        ("[variants.'-']", "at least one letter or digit"),
        ("[methods.greedy]\n[tuned]\ngredy = 'step'", "tuned = 'gredy'.*greedy"),
    ],
)
def test_names_that_cannot_be_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        protocol.load(write(tmp_path, text))


def test_lumir_is_run_both_ways() -> None:
    ways = {"own": {"grid": "native", "transfer": "linear"}, "lumir": {"grid": "reference", "transfer": "nearest"}}
    measures = {"surface": True, "diffeomorphism": True}
    for name in ("lumir", "lumir-ood", "lumir-macaque"):
        loaded = protocol.load(name)
        own, lumir = (loaded.variant(v) for v in ways)
        assert (own.evaluation, lumir.evaluation) == ({**measures, **ways["own"]}, {**measures, **ways["lumir"]})
        # Nothing but the evaluation differs.
        assert replace(own, name="", evaluation={}) == replace(lumir, name="", evaluation={})
        assert loaded.template is not None
        assert loaded.reference == loaded.template["name"] == "MNI152NLin2009cAsym"
        assert [v.name for v in loaded.variants] == list(ways)


def test_lumir_in_other_contrasts_and_species() -> None:
    contrasts, nimh = protocol.load("lumir-ood"), protocol.load("nimh-ood")
    assert contrasts.filter == nimh.filter
    assert contrasts.pairs == nimh.pairs
    assert contrasts.prefer[0] == nimh.prefer[0]
    assert contrasts.default_labellings == ("synthseg", "synthsegT1w")
    carried = contrasts.labellings["synthsegT1w"]
    assert (carried.labeller, carried.parameters) == ("carried", {"of": "synthseg"})
    macaques, prime_de = protocol.load("lumir-macaque"), protocol.load("prime-de")
    assert macaques.labellings == prime_de.labellings
    assert macaques.variant("own").methods == prime_de.variants[0].methods
    assert macaques.variant("own").alignment == {"transform": "affine", "on": "image"}
    assert "spacing" not in macaques.variant("own").preparation


def test_what_counts_as_a_difference_is_declared(tmp_path: Path) -> None:
    assert protocol.load("default").statistics == Criteria(margin=0.01, threshold=0.2, confidence=0.95)
    loaded = protocol.load(write(tmp_path, "[statistics]\nmargin = 0.02\nconfidence = 0.99\n"))
    assert loaded.statistics == Criteria(margin=0.02, threshold=0.2, confidence=0.99)
    assert loaded.statistics.alpha == 0.01


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("margin = 0", "statistics.margin = 0 is not allowed; it must be a positive number"),
        ('margin = "small"', "it must be a positive number, in the unit of the score"),
        ("confidence = 95", "statistics.confidence = 95 is not allowed; it must be at least 0.9 and below 1"),
        ("threshold = -1", "it must be a number, 0 or more"),
        ("threshold = true", "it must be a number, 0 or more"),
        ("threshold = nan", "it must be a number, 0 or more"),
        ("alpha = 0.05", "unknown key 'alpha' in [statistics]. Allowed: margin, threshold, confidence"),
    ],
)
def test_criteria_that_are_none_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        protocol.load(write(tmp_path, f"[statistics]\n{text}\n"))
    assert told in str(caught.value)
