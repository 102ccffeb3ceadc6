"""Names that try to run a script in the report's page: none runs, and each is shown as it is."""

import json
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from drl.config.merge import merge
from drl.reporting.table import Sheet
from tests.workflow.conftest import TINY, Project

pytest.importorskip("playwright.sync_api", reason="playwright, of the dev extra, opens the report")
ATTACK = "</script><img src=x onerror=alert(9)>"
ODD = "<!--<script> b{x} pets_ |x| $x$ `y`_ javascript:alert(9) ');alert(9)// *z {{ 7*7 }} {% if %} \\ & 猫"
FOLDERS = {"study": f"p{ATTACK}", "odd study": ODD.replace("/", "")}
HOSTILE = {
    "datasets": {"digits": {"title": f"Digits {ATTACK}"}},
    "recipes": {"drl_nd": {"label": f"DRL {ATTACK}"}},
    "arms": {"drl": {"label": f"arm {ATTACK}"}},
    "items": {
        "figure_7": {"shows": f"samples {ATTACK} {ODD}"},
        "table_1": {"shows": f"fine-tuning {ODD} {ATTACK}", "section": f"3.2 {ATTACK}"},
    },
}
RUNS = "document.querySelectorAll('img[src=x], [onerror]').length"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Reports of items and of studies with such names, from empty results."""
    project = Project(tmp_path_factory.mktemp("hostile") / "project")
    study = {"studies": {"study": {"recipes": ["drl"], "image_size": 8}}}
    targets = {"items": (["figure_7", "table_1"], {}), **{name: (["study"], study) for name in FOLDERS}}
    reports = {}
    for name, (words, more) in targets.items():
        if name in FOLDERS:
            write_images(project.folder / FOLDERS[name])
            more = more | {"dataset": f"./{FOLDERS[name]}"}
        (project.folder / "tiny.yaml").write_text(json.dumps(merge(merge(TINY, HOSTILE), more)))
        project.pretend(lambda *options, words=words: project.snakemake(*words, *options))
        text = FOLDERS.get(name, ODD)
        sheet = Sheet("caption", [text, ATTACK], [[f"{text} |", f"**{ATTACK}**"]])
        for table in (project.folder / "results").glob(
            "demo/tables/table_1.md" if name == "items" else "demo/study/*/*.md"
        ):
            table.write_text(sheet.markdown())
        reports[name] = project.folder / f"{name}.html"
        run = project.snakemake(*words, "--report", reports[name].name)
        assert run.returncode == 0, run.stdout + run.stderr
    return reports


def write_images(folder):
    noise = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for k in range(12):
            Image.fromarray(noise.integers(0, 256, (8, 8), dtype=np.uint8)).save(folder / name / f"{k}.png")


@pytest.mark.parametrize("name", ["items", *FOLDERS])
def test_no_name_runs_a_script(name, chromium, hostile):
    context = chromium.new_context(viewport={"width": 1500, "height": 950}, offline=True)
    page = context.new_page()
    dialogs, wrong = [], []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(hostile[name].as_uri())
    for category, subcategories in page.evaluate("categories").items():
        page.evaluate("name => app.showCategory(name)", category)
        assert page.locator("table").count()
        for paths in subcategories.values():
            for path in paths:
                page.evaluate("path => app.showResultInfo(path)", path)
                page.wait_for_timeout(50)
                assert page.evaluate(RUNS) == 0
                for link in page.locator("a[href^='javascript:']").all():
                    # The name of a study's folder has `alert_9`.
                    assert "alert(" not in unquote(link.get_attribute("href") or "")
    shown = page.evaluate("[workflow_desc, ...Object.values(results).map(entry => entry.caption)].join(' ')")
    assert "system-message" not in shown
    assert "problematic" not in shown
    assert "onerror=alert(9)&gt;" in shown
    assert ("猫" in shown) == (name != "study")
    context.close()
    assert not dialogs
    assert not wrong


def test_a_script_that_gets_through_would_be_seen(chromium, tmp_path):
    (tmp_path / "page.html").write_text(f"<script>var x = '{ATTACK}';</script>")
    page = chromium.new_page()
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto((tmp_path / "page.html").as_uri())
    page.wait_for_timeout(300)
    page.close()
    assert dialogs == ["9"]
