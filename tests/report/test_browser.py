"""Pages in Chromium: by axe-core, and as somebody uses them; ``make test-browser``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from lumirage_bids.output.folder import Output
from lumirage_bids.report.group_page import write_group_report
from lumirage_bids.report.subject_page import SubjectPage, write_subject_report
from lumirage_bids.report.viewer import view_pair
from tests.report.made_pages import context, tables
from tests.report.made_scans import shown_pair
from tests.report.test_accessibility import pages  # noqa: F401 the fixture
from tests.stats.made_up import score_table

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(os.environ.get("AXE_CORE", "there is none"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on the PATH"),
    pytest.mark.filterwarnings("ignore"),
]
ANSWER = "result-of-the-test"


def in_browser(page: Path, script: str, folder: Path, *, width: int = 1280) -> Any:
    """Open a copy of a page that may run `script` too, an async function's body, and return what it returns."""
    text = page.read_text("utf-8")
    text = re.sub(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", text)
    answer = (
        "<script>addEventListener('load', async () => { let said; try { said = await (async () => {"
        + script
        + "})(); } catch (error) { said = {error: String(error)}; } const box = document.createElement('pre');"
        + f"box.id = '{ANSWER}'; box.textContent = JSON.stringify(said); document.body.append(box); }});</script>"
    )
    copy = folder / "copy.html"
    copy.write_text(text.replace("</body>", answer + "</body>"), "utf-8")
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
        *(f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", "--virtual-time-budget=60000"),
        *("--dump-dom", copy.as_uri()),
    ]
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    (box,) = html.document_fromstring(dom).xpath(f"//pre[@id='{ANSWER}']")
    return json.loads(box.text_content())


@pytest.mark.skipif(not AXE.exists(), reason="AXE_CORE does not name axe.min.js")
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", ["usual", "hostile", "subject"])
def test_axe_finds_nothing(pages: dict[str, Path], name: str, width: int, tmp_path: Path):  # noqa: F811
    script = AXE.read_text("utf-8").replace("</script", "<\\/script") + (
        "\ndocument.querySelectorAll('details').forEach((folded) => { folded.open = true; });"
        "const found = await axe.run(document, {resultTypes: ['violations']});"
        "return {passed: found.passes.length, violations: found.violations.map((v) => [v.id, v.nodes[0].html])};"
    )
    found = in_browser(pages[name], script, tmp_path, width=width)
    assert found["violations"] == []
    assert found["passed"] > 20


def test_pairs_are_paged_sorted_and_filtered(tmp_path: Path):
    group = tables(subjects=12, failing=0.1, gains={"identity": 0.0, "syn": 0.2})
    page = write_group_report(Output(tmp_path), group, context())
    script = """
      const table = document.querySelector("table.pairs");
      const box = table.closest("div.screen").querySelector(".filter");
      const said = () => ({told: box.querySelector("output").textContent, cells: Array.from(table.tBodies[0].rows,
        (row) => Array.from(row.cells, (cell) => cell.textContent))});
      const steps = [said()];
      box.querySelectorAll("button")[1].click();
      steps.push(said());
      table.querySelectorAll("tr.columns th")[4].click();
      steps.push(said());
      table.querySelectorAll("tr.columns th")[4].click();
      steps.push(said());
      box.querySelector("input").value = "SUB-03 mp2rage";
      box.querySelector("input").dispatchEvent(new Event("input"));
      steps.push(said());
      return steps;
    """
    first, second, rising, falling, found = in_browser(page, script, tmp_path)
    assert first["told"] == "1 to 50 of 132 pairs"
    assert second["told"] == "51 to 100 of 132 pairs"
    assert first["cells"] != second["cells"]
    syn = group.pairs[group.pairs["method"] == "syn"]["dice_mean"].dropna()
    assert [float(row[4]) for row in rising["cells"]] == [float(f"{x:.3f}") for x in sorted(syn.round(3))[:50]]
    assert float(falling["cells"][0][4]) == pytest.approx(syn.max(), abs=6e-4)
    pairs = group.pairs[group.pairs["method"] == "identity"]
    texts = pairs["moving"] + pairs["fixed"] + pairs["split"]
    wanted = int((texts.str.contains("sub-03") & texts.str.contains("MP2RAGE")).sum())
    assert found["told"] == f"1 to {wanted} of {wanted} pairs"
    assert all("sub-03" in row[0] + row[1] and "MP2RAGE" in row[2] for row in found["cells"])


def test_tables_sort_and_filter_rows(tmp_path: Path):
    page = write_group_report(Output(tmp_path), tables(subjects=4), context())
    script = """
      const table = document.getElementById("summary-table");
      const titles = Array.from(table.querySelectorAll("tr.columns th"), (heading) => heading.firstChild.textContent);
      const place = titles.indexOf("Mean");
      table.querySelectorAll("tr.columns th")[place].click();
      const means = Array.from(table.tBodies[0].rows, (row) => Number(row.cells[place].dataset.sort));
      const input = table.closest("section").querySelector("input");
      input.value = "greedy";
      input.dispatchEvent(new Event("input"));
      const rows = Array.from(table.tBodies[0].rows).filter((row) => !row.hidden);
      const shown = rows.map((row) => row.cells[0].textContent);
      return {means, shown, named: Boolean(input.labels.length)};
    """
    found = in_browser(page, script, tmp_path)
    assert found["means"] == sorted(found["means"])
    assert set(found["shown"]) == {"greedy"}
    assert found["named"]


def test_pictures_of_a_pair_are_compared_and_the_others_stay_as_they_are(tmp_path: Path):
    viewers = [view_pair(shown_pair(fixed=f"sub-{i}_T1w"), arm="syn", facts=[]) for i in (2, 3)]
    pairs = score_table()[0].head(0)
    page = write_subject_report(Output(tmp_path), SubjectPage(subject="1", scans=[], pairs=pairs, viewers=viewers))
    script = """
      const [pair, other] = document.querySelectorAll(".pair");
      const set = (selector, change) => {
        const control = pair.querySelector(selector);
        change(control);
        control.dispatchEvent(new Event("input", {bubbles: true}));
      };
      const seen = (of) => ({
        images: Object.fromEntries(Array.from(of.querySelectorAll(".images img"), (image) => {
          const style = getComputedStyle(image);
          return [image.className, style.display === "none" ? null : [Number(style.opacity), style.mixBlendMode]];
        })),
        over: Array.from(of.querySelectorAll(".over:not([hidden])"), (image) => image.dataset.layer),
        said: Array.from(of.querySelectorAll(".said:not([hidden])"), (said) => said.dataset.of || said.dataset.layer),
      });
      const steps = [seen(pair)];
      set("[type=range]", (slider) => (slider.value = 30));
      steps.push(seen(pair));
      set("[value=difference]", (choice) => (choice.checked = true));
      steps.push(seen(pair));
      set("[value=jacobian]", (choice) => (choice.checked = true));
      set("[value=over-grid]", (box) => (box.checked = true));
      steps.push(seen(pair));
      return {steps, other: seen(other), controls: pair.querySelector(".controls").hidden};
    """
    found = in_browser(page, script, tmp_path)
    first, faded, difference, jacobian = found["steps"]
    assert first == found["other"]
    assert not found["controls"]
    assert first["images"] == {"fixed": [1, "normal"], "moved": [1, "normal"], "start": None, "jacobian": None}
    assert (first["over"], first["said"]) == (["over-0"], ["fixed", "over-0"])
    assert faded["images"]["moved"] == [0.7, "normal"]
    # No half of a difference: what is nearer is shown.
    assert difference["images"]["moved"] == [1, "difference"]
    assert difference["images"]["start"] == [0, "difference"]
    assert jacobian["images"]["jacobian"] == [0.7, "normal"]
    assert jacobian["images"]["moved"] == [1, "normal"]
    assert jacobian["over"] == ["over-0", "over-grid"]
