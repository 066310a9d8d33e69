"""What cannot work is refused before anything is written, with a message that names the culprit and a way out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from tests.hostile.world import CANARY, Case, World, run

CASES: list[Case] = []
Change = Callable[[World], object]

DATASET, NOTHING, USAGE, DATA, MISSING, CANNOT_WRITE, IO, NOT_NOW = 16, 18, 64, 65, 66, 73, 74, 75


def case(name: str, code: int, *words: str) -> Callable[[Change], Change]:
    """Enter a case: its name, exit code, and words that the message must have."""

    def enter(change: Change) -> Change:
        CASES.append(Case(name=name, change=change, code=code, words=words))
        return change

    return enter


# The dataset


@case("dataset: no such folder", MISSING, "nowhere", "no such folder")
def _(w: World) -> None:
    w.bids = w.root / "nowhere"


@case("dataset: a file", MISSING, "not a folder")
def _(w: World) -> None:
    w.bids = w.file("bids.tar", "")


@case("dataset: a link to itself", MISSING, "loop")
def _(w: World) -> None:
    w.bids = w.root / "loop"
    w.bids.symlink_to(w.bids)


@case("dataset: an empty folder", DATASET, "dataset_description.json", "write one")
def _(w: World) -> None:
    w.bids = w.root / "empty"
    w.bids.mkdir()


for text, why in {
    "": "empty", "{": "torn", "[1]": "a list", '"x"': "a string", "{}": "without name",
    '{"Name": 3, "BIDSVersion": "1.10.0"}': "with a number for a name", "\x00\x01": "binary", "[" * 100000: "too deep",
    '{"Name": "x", "BIDSVersion": ["1"]}': "with a list for a version", "NaN": "not JSON",
}.items():  # fmt: skip

    @case(f"dataset: description {why}", DATASET, "dataset_description.json", "BIDSVersion")
    def _(w: World, text: str = text) -> None:
        (w.bids / "dataset_description.json").write_text(text)


@case("dataset: description a folder", DATASET, "dataset_description.json")
def _(w: World) -> None:
    (w.bids / "dataset_description.json").unlink()
    (w.bids / "dataset_description.json").mkdir()


@case("dataset: description a link to nowhere", DATASET, "datalad get")
def _(w: World) -> None:
    (w.bids / "dataset_description.json").unlink()
    (w.bids / "dataset_description.json").symlink_to("../.git/annex/objects/x")


@case("dataset: no subject", NOTHING, "Anatomical images there: none", "--bids-filter-file")
def _(w: World) -> None:
    for n in "123":
        (w.bids / f"sub-0{n}").rename(w.bids / f"sourcedata{n}")


@case("dataset: one subject", NOTHING, "a pair needs two")
def _(w: World) -> None:
    for n in "23":
        (w.bids / f"sub-0{n}").rename(w.bids / f"other{n}")


@case("dataset: unreadable", IO, "cannot")
def _(w: World) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (w.bids / "sub-02").chmod(0)


# Where the output goes


@case("OUT: the dataset", USAGE, "must not be the dataset", "Give a folder elsewhere")
def _(w: World) -> None:
    w.out = w.bids


@case("OUT: in the raw tree", USAGE, "raw tree")
def _(w: World) -> None:
    w.out = w.bids / "sub-01" / "out"


@case("OUT: in the raw tree, by a link", USAGE, "raw tree")
def _(w: World) -> None:
    link = w.root / "link"
    link.symlink_to(w.bids / "sub-01")
    w.out = link / "out"


@case("OUT: in the raw tree, by dots", USAGE, "raw tree")
def _(w: World) -> None:
    w.out = w.bids / "derivatives" / ".." / "code"


@case("OUT: the folder of derivatives itself", USAGE, "derivatives/lumirage")
def _(w: World) -> None:
    w.out = w.bids / "derivatives"


@case("OUT: holds the dataset", USAGE, "hold it")
def _(w: World) -> None:
    w.out = w.bids.parent


@case("OUT: the label maps' derivatives", USAGE, "another dataset", "a folder of its own")
def _(w: World) -> None:
    w.out = w.truth


@case("OUT: a file", CANNOT_WRITE, "is a file", "Give a folder")
def _(w: World) -> None:
    w.out = w.file("precious", "data")


@case("OUT: below a file", CANNOT_WRITE, "precious")
def _(w: World) -> None:
    w.out = w.file("precious", "data") / "out"


@case("OUT: a link to nowhere", CANNOT_WRITE, "gone")
def _(w: World) -> None:
    w.out = w.root / "gone-link"
    w.out.symlink_to(w.root / "gone" / "out")


@case("OUT: a link to itself", CANNOT_WRITE, "loop")
def _(w: World) -> None:
    w.out = w.root / "loop"
    w.out.symlink_to(w.out)


@case("OUT: where nothing can be made", CANNOT_WRITE, "/proc")
def _(w: World) -> None:
    w.out = type(w.out)("/proc/lumirage")


@case("OUT: not writable", CANNOT_WRITE, "cannot be written")
def _(w: World) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    w.out.mkdir(mode=0o500)


@case("OUT: a name that is not UTF-8", USAGE, "not UTF-8", "Rename")
def _(w: World) -> None:
    w.out = w.root / os.fsdecode(b"o\xff")


@case("OUT: name too long", CANNOT_WRITE, "xxx")
def _(w: World) -> None:
    w.out = w.root / ("x" * 300)


@case("OUT: fMRIPrep's", USAGE, "another dataset")
def _(w: World) -> None:
    w.out.mkdir()
    about = {"Name": "fMRIPrep", "BIDSVersion": "1.4.0", "GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.2.0"}]}
    (w.out / "dataset_description.json").write_text(json.dumps(about))


@case("OUT: FreeSurfer's, without a description", USAGE, "sub-01", "folder of its own")
def _(w: World) -> None:
    (w.out / "fsaverage" / "mri").mkdir(parents=True)
    (w.out / "sub-01" / "mri").mkdir(parents=True)


@case("OUT: torn description", USAGE, "dataset_description.json")
def _(w: World) -> None:
    w.out.mkdir()
    (w.out / "dataset_description.json").write_text('{"Name": "LUMi')


@case("OUT: no participant run yet", MISSING, "participant", "Run that first")
def _(w: World) -> None:
    w.level = "group"


@case("work: in the raw tree", USAGE, "--work-dir", "raw tree")
def _(w: World) -> None:
    w.work = w.bids / "work"


@case("work: the dataset", USAGE, "--work-dir")
def _(w: World) -> None:
    w.work = w.bids


@case("work: a file", CANNOT_WRITE, "--work-dir")
def _(w: World) -> None:
    w.work = w.file("precious", "data")


@case("index: in the raw tree", USAGE, "--bids-database-dir", "raw tree")
def _(w: World) -> None:
    w.give("--bids-database-dir", w.bids / "index")


@case("index: a file", CANNOT_WRITE, "--bids-database-dir")
def _(w: World) -> None:
    w.give("--bids-database-dir", w.file("precious", "data"))


# Options

for words, (code, said) in {
    ("--metods", "greedy"): (USAGE, ("--metods", "--help")),
    ("--method", "greedy"): (USAGE, ("--method", "--help")),
    ("--methods",): (USAGE, ("--methods",)),
    ("--methods", "gredy"): (USAGE, ("gredy", "greedy")),
    ("--methods", "../greedy"): (USAGE, ("../greedy",)),
    ("--methods", ""): (USAGE, ("''",)),
    ("--methods", "os.system"): (USAGE, ("os.system",)),
    ("--methods", "vfa"): (MISSING, ("vfa-run", "install")),
    ("--methods", "precomputed"): (MISSING, ("precomputed", "path")),
    ("--methods", "command"): (MISSING, ("command",)),
    ("--labellings", "synthseg9"): (MISSING, ("synthseg9", "--derivatives")),
    ("--labellings", "../../../demo"): (USAGE, ("../../../demo", "letters and digits")),
    ("--labellings", ""): (USAGE, ("''",)),
    ("--labellings", "<b>x</b>"): (USAGE, ("<b>x</b>",)),
    ("--protocol", "ultra"): (USAGE, ("ultra", "ultracortex")),
    ("--protocol", "../protocols/default"): (USAGE, ("../protocols/default", "default")),
    ("--protocol", "nowhere.toml"): (MISSING, ("nowhere.toml",)),
    ("--protocol", ""): (USAGE, ("''",)),
    ("--variants", "0.6mm"): (USAGE, ("0.6mm", "default")),
    ("--bids-filter-file", "nowhere.json"): (MISSING, ("nowhere.json", "t1w")),
    ("--bids-filter-file", "nofilter"): (USAGE, ("nofilter", "t1w")),
    ("--bids-filter-file", "/"): (USAGE, ("'/'", "JSON file")),
    ("--participant-label", "77"): (MISSING, ("77", "01, 02, 03")),
    ("--participant-label", "sub-"): (MISSING, ("--participant-label",)),
    ("--participant-label", ""): (MISSING, ("--participant-label", "01, 02, 03")),
    ("--participant-label", "0*"): (MISSING, ("0*", "01, 02, 03")),
    ("--participant-label", "../02"): (MISSING, ("../02", "01, 02, 03")),
    ("--participant-label", "ünï 😀"): (MISSING, ("ünï 😀",)),
    ("--participant-label", f"$(touch {CANARY})"): (MISSING, (CANARY,)),
    ("--participant-label", f"; touch {CANARY} #"): (MISSING, (CANARY,)),
    ("--participant-label", "0\n2"): (MISSING, ("01, 02, 03",)),
    ("--participant-label", "<script>alert(1)</script>"): (MISSING, ("<script>",)),
    ("--participant-label", "02", "--fixed-label", "02"): (NOTHING, ("--participant-label", "--fixed-label")),
    ("--fixed-label", "77"): (MISSING, ("--fixed-label 77",)),
    ("--session-id", "x"): (NOTHING, ("--session-id",)),
    ("--derivatives", "truth"): (MISSING, ("truth", "--derivatives truth", "no such folder")),
    ("--derivatives", "a=/nowhere"): (MISSING, ("/nowhere", "--derivatives a")),
    ("--derivatives", "../a=."): (USAGE, ("../a", "letters, digits")),
    ("--derivatives", "a="): (USAGE, ("a=", "NAME=PATH")),
    ("--derivatives", "a=.", "a=.."): (USAGE, ("twice",)),
    ("--derivatives", "a=."): (DATASET, ("dataset_description.json",)),
    ("--max-pairs", "0"): (USAGE, ("--max-pairs", "positive")),
    ("--max-pairs", "two"): (USAGE, ("--max-pairs", "two")),
    ("--seed", "1.5"): (USAGE, ("--seed", "1.5")),
    ("--nprocs", "0"): (USAGE, ("--nprocs", "positive")),
    ("--omp-nthreads", "-1"): (USAGE, ("--omp-nthreads", "positive")),
    ("--mem", "0"): (USAGE, ("--mem", "positive")),
    ("--mem", "nan"): (USAGE, ("--mem", "nan")),
    ("--mem", "8 apples"): (USAGE, ("--mem", "8 apples", "16G")),
    ("--mem", "16000"): (USAGE, ("--mem 16000", "16G")),
    ("--mem", "15T"): (USAGE, ("--mem 15T", "or less")),
    ("--pair-timeout", "0"): (USAGE, ("--pair-timeout", "positive")),
    ("--pair-timeout", "inf"): (USAGE, ("--pair-timeout", "inf")),
    ("--device", "gpu"): (USAGE, ("gpu", "cpu")),
    ("--device", "cuda:99"): (USAGE, ("cuda:99", "cpu")),
    ("--device", "cuda:²"): (USAGE, ("cuda:²", "cpu")),
    ("--stage", "scores"): (USAGE, ("--stage", "prepare")),
    ("--save", "fields"): (USAGE, ("--save", "transforms")),
    ("--use-plugin", "nowhere.yml"): (MISSING, ("nowhere.yml",)),
}.items():

    @case(f"option: {' '.join(words)!r:.50}", code, *said)
    def _(w: World, words: tuple[str, ...] = words) -> None:
        w.give(*words)


# Protocols

for text, said in {
    "=": ("not valid TOML", "line 1"),
    "a = [": ("not valid TOML",),
    'extends = "mine.toml"': ("circle",),
    "extends = 3": ("extends", "name a protocol"),
    'extends = "../../../etc/passwd"': ("passwd",),
    'extends = "nothing"': ("nothing",),
    "[scan]": ("unknown key 'scan'", "scans"),
    "scans = 1": ("scans", "table"),
    "[scans]\nfilter = 1": ("scans.filter",),
    '[scans]\nfilter = "nofilter"': ("nofilter",),
    "[scans.filter.t1w.session]\nx = 1": ("session",),
    "[scans.filter.t9w]": ("t9w", "t1w"),
    "[scans]\nprefer = [1]": ("scans.prefer",),
    '[scans]\nprefer = [{colour = "red"}]': ("colour", "acq"),
    '[scans]\nmask = "../../etc/passwd"': ("scans.mask", "below the dataset"),
    '[scans]\nmask = "/etc/passwd"': ("scans.mask", "below the dataset"),
    '[scans]\nmask = "{subject.__class__}"': ("placeholder",),
    '[scans]\nmask = "{subject!r}"': ("placeholder",),
    '[scans]\nmask = "{subject:>99999999999}"': ("placeholder",),
    '[scans]\nmask = "{"': ("mask",),
    '[scans]\nbrain = ""': ("brain",),
    '[labellings.demo]\npattern = "../{subject}.nii"': ("pattern", "below the dataset"),
    "[labellings]\ndemo = 1": ("labellings.demo",),
    '[labellings."../x"]': ("../x", "letters and digits"),
    '[labellings."Ünï"]': ("Ünï", "letters and digits"),
    '[labellings.demo]\nlabeller = "nobody"': ("nobody",),
    '[labellings.demo]\nlabeller = "atropos"\npattern = "x"': ("pattern", "existing"),
    '[labellings.demo.structures]\n-1 = "x"': ("structures", "positive"),
    '[labellings.demo.structures]\n"²" = "x"': ("structures", "positive"),
    '[labellings.demo.structures]\n99999999999999999999 = "x"': ("structures",),
    "[labellings.demo]\nstructures = [1]": ("structures",),
    "[preparation]\nspacing = 0": ("spacing",),
    "[preparation]\nspacing = -1.0": ("spacing",),
    "[preparation]\nspacing = nan": ("spacing",),
    "[preparation]\nspacing = 1e-9": ("spacing",),
    '[preparation]\nspacing = "fine"': ("spacing", "number"),
    "[preparation]\nspacng = 1": ("spacng", "spacing"),
    '[preparation]\norientation = "XYZ"': ("orientation",),
    '[preparation]\norientation = "RRS"': ("orientation",),
    "[preparation]\npercentiles = [99, 1]": ("percentiles",),
    "[preparation]\npercentiles = [-5, 200]": ("percentiles",),
    "[preparation]\npercentiles = [1]": ("percentiles", "list"),
    "[preparation]\nmargin_mm = -100": ("margin_mm",),
    "[preparation]\nmargin_mm = inf": ("margin_mm",),
    "[preparation]\nmargin_mm = 1e9": ("margin_mm", "1000"),
    "[preparation]\nmultiple = 0": ("multiple", "1 to 512"),
    "[preparation]\nmultiple = 100000": ("multiple",),
    '[alignment]\nstart = "sideways"': ("start", "aligned"),
    "[alignment]\nscales = []": ("scales",),
    "[alignment]\nscales = [0]\niterations = [1]": ("scales",),
    "[alignment]\nreference = 1": ("alignment.reference", "text"),
    '[evaluation]\ntransfer = "magic"': ("transfer",),
    "[methods]\nidentity = 1": ("methods.identity", "table"),
    "[methods.identity]\nx = 1": ("'x'", "no parameters"),
    '[methods."!!!"]': ("!!!", "letter or digit"),
    '[methods.mine]\nmethod = "nobody"': ("nobody",),
    '[methods.greedy]\nmethod = "syn"': ("greedy", "another name"),
    "[methods.mine]\nmethod = 3": ("method",),
    '[methods.greedy]\niterations = "many"': ("iterations",),
    "[methods.greedy]\niterations = [-1]": ("iterations",),
    '[methods.precomputed]\npath = "relative_{fixed}_{moving}"': ("path", "in full"),
    '[methods.precomputed]\npath = "/x/{fixed.__class__}_{moving}"': ("placeholder",),
    '[methods.precomputed]\npath = "/x"': ("same file",),
    "[variants]\na = 1": ("variants.a", "table"),
    '[variants."!!!"]': ("!!!",),
    "[variants.a.metods]": ("metods", "methods"),
    "[variants.a.methods.syn]": ("syn",),
    "[variants.a]\n[variants.A_]\n[variants.a_]": ("same label",),
    "[pairs]\nmax = 0": ("pairs.max", "at least 1"),
    "[pairs]\nmax = true": ("pairs.max", "whole number"),
    "[pairs]\nsubjects = 1": ("pairs.subjects", "at least 2"),
    "[pairs]\nsplits = [1]": ("pairs.splits",),
    '[pairs]\nsplits = ["a to b"]': ("a to b", "MPRAGE to MPRAGE"),
    "[template]\nresolution = 1": ("template.name",),
    '[template]\nname = "x"\nresolution = "fine"': ("template.resolution",),
    '[template]\nname = "../../x"': ("../../x", "letters and digits"),
    '[tuned]\nnobody = "x"': ("tuned",),
}.items():

    @case(f"protocol: {text!r:.60}", USAGE, *said)
    def _(w: World, text: str = text) -> None:
        # The run names its own method and labels, which the protocol must not undo.
        w.protocol(text)
        if "[methods." in text:
            w.give(
                "--methods", *(name for name in ("greedy", "precomputed", "mine", "!!!", "identity") if name in text)
            )


@case("protocol: a reference that there is not", MISSING, "99", "01, 02, 03")
def _(w: World) -> None:
    w.protocol('[alignment]\nreference = "99"')


@case("protocol: not UTF-8", USAGE, "UTF-8")
def _(w: World) -> None:
    w.protocol(b"\xff\xfe\x00")


@case("protocol: a folder", MISSING, "mine.toml")
def _(w: World) -> None:
    (w.here / "mine.toml").mkdir()
    w.give("--protocol", w.here / "mine.toml")


@case("protocol: a circle of three", USAGE, "circle", "a.toml")
def _(w: World) -> None:
    for name, parent in ("ab", "bc", "ca"):
        w.file(f"{name}.toml", f'extends = "{parent}.toml"')
    w.give("--protocol", w.here / "a.toml")


@case("protocol: a circle by a link", USAGE, "circle")
def _(w: World) -> None:
    w.file("a.toml", 'extends = "b.toml"')
    (w.here / "b.toml").symlink_to("a.toml")
    w.give("--protocol", w.here / "a.toml")


@case("protocol: nested too deep", USAGE, "TOML")
def _(w: World) -> None:
    w.protocol("a = " + "[" * 100_000)


# Filters

for text, code, said in (
    ("", USAGE, ("not valid JSON", "line 1")),
    ("{", USAGE, ("not valid JSON",)),
    ("[]", USAGE, ("queries",)),
    ("{}", USAGE, ("queries",)),
    ('{"t1w": 1}', USAGE, ("t1w", "entities")),
    ('{"bold": {}}', USAGE, ("bold", "t1w")),
    ('{"t1w": {"sesion": "1"}}', USAGE, ("'sesion'", "session")),
    ('{"t1w": {"session": {"$gt": 1}}}', USAGE, ("t1w.session",)),
    ('{"t1w": {"session": []}}', USAGE, ("t1w.session",)),
    ('{"t1w": {"session": NaN}}', USAGE, ("NaN",)),
    ('{"t1w": {"session": "1", "session": "2"}}', USAGE, ("'session'", "twice")),
    ('{"t1w": {"session": "9"}}', NOTHING, ("T1w", "--bids-filter-file")),
    ('{"t1w": {"subject": "(a+)+$"}}', NOTHING, ("T1w",)),
    ('{"t1w": {"subject": ".*"}}', NOTHING, ("T1w",)),
    ('{"t1w": {"__class__": "x"}}', USAGE, ("__class__",)),
    ("[" * 100_000, USAGE, ("JSON",)),
    ('{"t1w": {"run": ' + "9" * 5000 + "}}", USAGE, ("JSON",)),
):

    @case(f"filter: {text!r:.50}", code, *said)
    def _(w: World, text: str = text) -> None:
        w.filter(text)


@case("filter: not UTF-8", USAGE, "UTF-8", "line 2")
def _(w: World) -> None:
    w.filter(b'{\n"t1w": "\xff"}')


# Pairs, plugins, weights, fields

for text, code, said in (
    ("", USAGE, ("pairs.tsv", "moving")),
    ("moving,fixed\n01,02\n", USAGE, ("tabs",)),
    ("moving\tfixed\n", USAGE, ("rows",)),
    ("moving\tfixed\n01\n", NOTHING, ("line 2",)),
    ("moving\tfixed\n01\t01\n", USAGE, ("line 2", "itself")),
    ("moving\tfixed\n01\t02\n01\t77\n", NOTHING, ("line 3", "77")),
    ("moving\tfixed\n../01\t02\n", NOTHING, ("line 2", "../01")),
    ("moving\tfixed\n\x00\t02\n", NOTHING, ("line 2",)),
):

    @case(f"pairs: {text!r:.40}", code, *said)
    def _(w: World, text: str = text) -> None:
        w.file("pairs.tsv", text)
        w.protocol('[pairs]\nfile = "pairs.tsv"')


@case("pairs: no file", MISSING, "pairs.tsv")
def _(w: World) -> None:
    w.protocol('[pairs]\nfile = "pairs.tsv"')


@case("pairs: not UTF-8", USAGE, "pairs.tsv")
def _(w: World) -> None:
    w.file("pairs.tsv", b"moving\tfixed\n\xff\t\xfe")
    w.protocol('[pairs]\nfile = "pairs.tsv"')


for text, said in {
    "": ("plugin",),
    "[1, 2]": ("plugin",),
    "plugin: Nobody": ("MultiProc",),
    "plugin: [MultiProc]": ("MultiProc",),
    "plugin: MultiProc\nplugin_args: 3": ("plugin_args",),
    "plugin: MultiProc\nmore: 3": ("plugin_args",),
    "plugin: MultiProc\nplugin_args: {n_procs: many}": ("n_procs",),
    "a: [": ("YAML",),
    f'plugin: !!python/object/apply:os.system ["touch {CANARY}"]': ("YAML",),
    "a: &a [*a]": ("plugin",),
    "[" * 100_000: ("YAML",),
}.items():

    @case(f"plugin: {text!r:.50}", USAGE, "plugin.yml", *said)
    def _(w: World, text: str = text) -> None:
        w.give("--use-plugin", w.file("plugin.yml", text))


for plugin, said in {
    "SLURM": ("sbatch or squeue or scancel", "lumirage sbatch"),
    "SGE": ("qsub or qstat",),
    "IPython": ("ipyparallel",),
    "SomaFlow": ("soma.workflow",),
}.items():

    @case(f"plugin: {plugin} is not here", MISSING, "plugin.yml", plugin, *said)
    def _(w: World, plugin: str = plugin) -> None:
        w.environment["PATH"] = str(w.here)
        w.give("--use-plugin", w.file("plugin.yml", f"plugin: {plugin}"))


for complaint, code, advice in (
    ("squeue: fatal: Could not establish a configuration source", MISSING, "where jobs can be submitted"),
    ("slurm_load_jobs error: Unable to contact slurm controller", NOT_NOW, "same command again"),
):

    @case(f"plugin: {complaint}", code, "plugin.yml", complaint, advice)
    def _(w: World, complaint: str = complaint) -> None:
        for program in ("sbatch", "squeue", "scancel"):
            w.file(program, f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n").chmod(0o755)
        w.environment["PATH"] = f"{w.here}:{os.environ['PATH']}"
        w.give("--use-plugin", w.file("plugin.yml", "plugin: SLURM"))


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_refused(case: Case, world: World) -> None:
    case.change(world)
    done = run(world)
    if os.environ.get("SHOW"):
        print(f"\n@@ {case.name} -> {done.code} (want {case.code})\n   {done.said.strip()[:700]}")
    assert done.code == case.code, done.said
    for word in case.words:
        assert word in done.said
    assert done.said.startswith("lumirage: ")
    assert "Traceback" not in done.said
    assert len(done.said) < 3000, "nobody reads that much"
    assert not done.changed
    assert not list(world.root.rglob("*.log")), "refused before the run began"
    assert not list(world.root.rglob(CANARY))
