"""Tests mirror the package: beside every module lies a test file of its name."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import lumirage_bids

PACKAGE = Path(lumirage_bids.__file__).parent
TESTS = Path(__file__).parent
LARGEST = 60
"""Lines of a module that needs no test file of its own: what is so short is tested where it is used."""

DOCTESTS = "its doctests say all of it"
METHODS = "tests/conformance/test_methods.py: every method, by the maps that it finds"
KERNELS = "compiled loops, compared with their definitions through the module above them"
MEASURES = "tests/conformance/test_measures.py: every measure; the kernels have test files of their own"
STATISTICS = "tests/conformance/test_statistics.py: every statistic; what they tabulate has test files of its own"
FIGURES = "tests/conformance/test_page_figures.py: every figure of the page"
PROTOCOLS = "tests/experiment/test_protocol.py: what is declared, by the TOML that says so"
DESIGNS = "tests/stats/test_design.py: how pairs are laid out shows in what is inferred of them"
WHOLE = "tests/end_to_end: whole runs"
ELSEWHERE = {
    "methods/_pair_files.py": "tests/methods/test_precomputed.py: paths with placeholders",
    "app/commands.py": "tests/app/test_catalogue.py, tests/app/test_judge.py, tests/app/test_overview.py: each its own",
    "app/demo.py": "the dataset of tests/end_to_end and tests/hostile",
    "app/participant.py": WHOLE,
    "audit/finding.py": "tests/audit/test_audit.py: every finding",
    "base/criteria.py": DOCTESTS,
    "base/errors.py": "classes without code",
    "base/failures.py": DOCTESTS,
    "execution/align_scan.py": "tests/execution/test_prepare_scan.py: scans are prepared and aligned there",
    "execution/notes.py": "tests/execution/test_prepare_scan.py: what could not be made is noted",
    "experiment/declared.py": PROTOCOLS,
    "experiment/plan_builder.py": "tests/experiment/test_make_plan.py: what it leaves to do is the plan",
    "experiment/read_protocol.py": PROTOCOLS,
    "labellers/_deepatropos_child.py": "tests/labellers/test_deepatropos.py: runs in a process of its own",
    "labellers/base.py": "tests/conformance/test_labellers.py: the contract",
    "maskers/_head.py": "tests/maskers/test_checks.py: what is told of a head serves the checks alone",
    "maskers/_outline.py": "tests/maskers/test_stripped.py: the outline serves to tell heads from brains alone",
    "maskers/base.py": "tests/conformance/test_maskers.py: the contract",
    "maskers/deepbet.py": "tests/conformance/test_maskers.py: every masker",
    "measures/_kernels.py": KERNELS,
    "measures/base.py": MEASURES,
    "measures/surface.py": MEASURES,
    "methods/_affine_search.py": "tests/methods/test_alignment.py: the search is by what it finds",
    "methods/fireants/box_sums.py": KERNELS,
    "methods/fireants/mind_kernels.py": KERNELS,
    "methods/fireants/mind_steps.py": KERNELS,
    "methods/convexadam.py": METHODS,
    "methods/dipy_syn.py": METHODS,
    "methods/elastix.py": METHODS,
    "methods/picsl_greedy.py": METHODS,
    "methods/plastimatch.py": METHODS,
    "methods/programs/gradicon.py": "tests/methods/test_unigradicon.py: both its networks",
    "methods/programs/one_grid.py": METHODS,
    "output/frozen.py": "tests/experiment/test_freeze.py: what is written is read again and compared",
    "report/collected/columns.py": "tests/report/collected/test_summing.py: everything that is told is explained",
    "report/figures/atlases.py": FIGURES,
    "report/figures/base.py": FIGURES,
    "report/figures/pictures.py": FIGURES,
    "report/judged.py": "tests/app/test_judge.py: pages and tables of a table that was given",
    "report/subject_level.py": WHOLE,
    "report/text.py": DOCTESTS,
    "spatial/perturbations/__init__.py": "tests/conformance/test_perturbations.py: every kind",
    "testing/blob.py": METHODS,
    "testing/whole_head.py": "tests/testing/test_maskers.py: its brain is known",
    "testing/small_brain.py": "tests/conformance/test_labellers.py: every labeller",
    "stats/crossing.py": DESIGNS,
    "stats/layout.py": DESIGNS,
    "stats/tables/_entries.py": STATISTICS,
    "stats/tables/base.py": STATISTICS,
    "stats/tables/comparisons.py": STATISTICS,
    "stats/tables/interactions.py": STATISTICS,
    "stats/tables/landmarks.py": STATISTICS,
    "stats/tables/ranking.py": STATISTICS,
    "stats/tables/structure_differences.py": STATISTICS,
    "stats/tables/summary.py": STATISTICS,
}
"""Modules without a test file of their name, and what tests them instead."""


def has_test(module: Path) -> bool:
    """Whether tests/<room>/test_<module>.py is there; of a package's own code, test_<package>.py within."""
    room = TESTS / module.parent
    stem = module.parent.name if module.stem == "__init__" else module.stem.lstrip("_")
    return (room / f"test_{stem}.py").is_file()


def modules() -> list[Path]:
    files = (file.relative_to(PACKAGE) for file in PACKAGE.rglob("*.py"))
    return sorted(m for m in files if len((PACKAGE / m).read_text("utf-8").splitlines()) > LARGEST)


def test_every_module_is_tested_beside_it_or_it_is_said_where() -> None:
    found = {m.as_posix() for m in modules() if not has_test(m)}
    assert sorted(found - ELSEWHERE.keys()) == [], "add tests/<room>/test_<module>.py"


def test_no_exception_is_one_any_more_that_has_a_test_file_or_is_gone() -> None:
    found = {m.as_posix() for m in modules() if not has_test(m)}
    assert sorted(ELSEWHERE.keys() - found) == []


def test_what_is_named_instead_is_there() -> None:
    for module, why in ELSEWHERE.items():
        if why == DOCTESTS:
            assert ">>> " in (PACKAGE / module).read_text("utf-8")
        for word in why.replace(",", " ").replace(":", " ").split():
            if word.startswith("tests/"):
                assert (TESTS.parent / word).exists(), f"{module}: {word}"


def test_our_own_environment_variables_are_read_where_contributing_says() -> None:
    texts = {file.relative_to(PACKAGE).as_posix(): file.read_text("utf-8") for file in PACKAGE.rglob("*.py")}
    readers = {name for name, text in texts.items() if "environ" in text and re.search(r'"LUMIRAGE_[A-Z]+"', text)}
    assert readers == {"app/options.py", "app/surroundings.py", "base/extensions.py"}


PARTICIPLES = {"made", "lost", "told", "late", "kept", "known", "found", "seen", "drawn", "left", "led", "laid", "bent"}
CONTRACTS = {
    "added": "a field that came later, as `dataclasses.field`",
    "bent": "a known map of `lumirage_bids.testing`",
    "carried": "of a method whose label maps come carried over",
    "fixed": "of fixed decimals: an adjective",
    "mirrored": "an image of `lumirage_bids.testing`",
    "shifted": "a known map of `lumirage_bids.testing`",
}
"""Functions of plug-ins and of their authors' tests, whose names others have written down, and why they may stay."""


def test_no_function_is_named_by_a_bare_participle() -> None:
    found = set()
    for file in PACKAGE.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        scopes = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
        for node in (node for scope in scopes for node in scope.body):
            name = getattr(node, "name", "").strip("_")
            bare = name in PARTICIPLES or (name.endswith("ed") and "_" not in name)
            if isinstance(node, ast.FunctionDef) and bare and not is_property(node):
                found.add(name)
    assert found == CONTRACTS.keys(), "name it by what it does"


def is_property(node: ast.FunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
