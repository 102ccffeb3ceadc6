"""`drl publish`: what a repository keeps of results, and that it can be checked there."""

import json
import shutil
from pathlib import Path

import pytest

from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.drawing import CLAIMS, item_step
from drl.pipeline.items import with_all_before
from drl.records.code_digest import code_digest
from drl.records.publish import choose, finished, publish
from drl.records.run_card import write_card
from drl.records.verify import by_earlier_code, verify

CONFIG = resolve("demo")
PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "results" / "lite"
ITEMS = ("figure_7", "table_1")


def jobs_of(*items):
    return with_all_before(CONFIG, [item_step(CONFIG, item).at(item=item) for item in items])


def make(results, job, digest=None):
    """Write files at the places of a job's outputs, and their card."""
    settings = job.step.settings_for(CONFIG, job.about)
    files = job.step.files(results / job.output)
    if job.output.startswith("metrics/"):
        files += [files[0].with_suffix(".right.safetensors")]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{job.output} {file.name}")
    inputs = [results / file.path for several in job.needs(CONFIG).values() for file in several]
    digest = digest or code_digest(job.step.code(settings))
    write_card(job.step.name, files, settings.slice(), digest, inputs, scale="demo", **job.about)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder of results with two items and all that they are drawn from."""
    results = tmp_path_factory.mktemp("made") / "results" / "demo"
    for job in jobs_of(*ITEMS):
        make(results, job)
    assert verify(results, CONFIG) == []
    return results


@pytest.fixture
def results(made, tmp_path):
    return shutil.copytree(made, tmp_path / "work" / "results" / "demo")


def published(results, out, items=()):
    return publish(results, choose(results, finished(results, CONFIG, items)), out)


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_images_and_weights_stay_out_and_their_cards_do_not(results, tmp_path):
    assert published(results, tmp_path / "out") == []
    kept, left = names(tmp_path / "out"), json.loads((tmp_path / "out/published.json").read_text())["left_out"]
    assert {name for name in names(results) if name.endswith((".json", ".png", ".tex", ".right.safetensors"))} <= kept
    assert kept | set(left) == names(results) | {"published.json"}
    assert not any(name.startswith(("data/", "models/")) and not name.endswith(".json") for name in kept)
    assert {name.partition("/")[0] for name in left} == {"data", "models", "metrics"}
    assert all(name.endswith(".safetensors") for name in left if name.startswith("metrics/"))


def test_verify_finds_the_copy_whole_wherever_it_lies(results, tmp_path):
    published(results, tmp_path / "out")
    shutil.rmtree(tmp_path / "work")
    moved = (tmp_path / "out").rename(tmp_path / "elsewhere")
    assert verify(moved, CONFIG) == []
    assert verify(moved / "metrics", CONFIG) == []
    assert verify(tmp_path, CONFIG) == []
    assert by_earlier_code(moved) == 0


def test_without_the_list_of_what_was_left_out_files_are_missing(results, tmp_path):
    published(results, tmp_path / "out")
    (tmp_path / "out/published.json").unlink()
    assert any(line.endswith("model.safetensors: is missing") for line in verify(tmp_path / "out", CONFIG))


def test_what_should_be_there_or_was_changed_is_a_fault(results, tmp_path):
    out = tmp_path / "out"
    published(results, out)
    (out / "figures/figure_7.csv").write_text("nicer numbers")
    (out / "tables/table_1.md").unlink()
    changed, missing = verify(out, CONFIG)
    assert changed.startswith(f"{out}/figures/figure_7.csv: was changed after it was made")
    assert missing == f"{out}/tables/table_1.md: is missing"


def test_a_card_of_what_was_left_out_must_agree_with_the_list(results, tmp_path):
    out = tmp_path / "out"
    published(results, out)
    [card, *_] = (out / "models").rglob("model.safetensors.json")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"outputs": {"model.safetensors": "0" * 64}}))
    assert f"{card.with_suffix('')}: is missing" in verify(out, CONFIG)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 1, "left_out": {}}', '{"format": 1, "published": {}, "left_out": {"a": "b"}}']
)
def test_a_damaged_list_is_one_line_a_card(text, results, tmp_path):
    published(results, tmp_path / "out", ("figure_7",))
    (tmp_path / "out/published.json").write_text(text)
    lines = verify(tmp_path / "out", CONFIG)
    assert len(lines) == len(list((tmp_path / "out").rglob("*.json"))) - 1
    assert all(line.startswith(f"{tmp_path}/out/published.json: ") and "\n" not in line for line in lines)
    assert all(line.endswith("; publish the results again") for line in lines)


def test_earlier_code_is_said_of_published_results_and_a_fault_of_others(results, tmp_path):
    figure = item_step(CONFIG, "figure_7").at(item="figure_7")
    make(results, figure, digest="0" * 16)
    [line] = verify(results, CONFIG)
    assert "made by other code" in line
    assert by_earlier_code(results) == 0
    published(results, tmp_path / "out")
    assert verify(tmp_path / "out", CONFIG) == []
    assert by_earlier_code(tmp_path / "out") == 1


def test_other_settings_stay_a_fault(results, tmp_path):
    published(results, tmp_path / "out")
    config = resolve("demo", sets=("studies.fine_tune.tail_epochs=3",))
    assert any("made with other settings" in line for line in verify(tmp_path / "out", config))


def test_only_the_items_that_were_asked_for(results, tmp_path):
    published(results, tmp_path / "out", ("figure_7",))
    kept = names(tmp_path / "out")
    assert "figures/figure_7.png" in kept
    assert {name.split("/")[1] for name in kept if name.startswith("metrics/")} == {"one_code"}
    assert not any(name.startswith("tables/") for name in kept)


def test_the_verdict_comes_along(results, tmp_path):
    claims = CLAIMS.at()
    (results / claims.output).write_text("claims")
    metrics = sorted((results / "metrics").rglob("*.csv"))
    settings = CLAIMS.settings_for(CONFIG, {})
    files = CLAIMS.files(results / claims.output)
    for file in files:
        file.write_text("claims")
    write_card("claims", files, settings.slice(), code_digest(CLAIMS.code(settings)), metrics, scale="demo")
    published(results, tmp_path / "out")
    assert {"claims.csv", "claims.md", "claims.csv.json"} <= names(tmp_path / "out")
    assert verify(tmp_path / "out", CONFIG) == []


def test_what_somebody_wrote_stays_and_what_is_no_longer_part_is_named(results, tmp_path):
    out = tmp_path / "out"
    published(results, out)
    (out / "README.md").write_text("What these results say.")
    stale = published(results, out, ("figure_7",))
    assert (out / "README.md").read_text() == "What these results say."
    assert out / "tables/table_1.csv" in stale
    assert all(path.is_file() for path in stale)
    assert published(results, out) == []


@pytest.mark.parametrize("items", [("figure_4",), ()])
def test_what_is_not_finished_is_not_published(items, results):
    if not items:
        shutil.rmtree(results / "figures")
        shutil.rmtree(results / "tables")
    with pytest.raises(
        UserError, match=r"publish: (figure_4 is not|nothing is) finished in .*; run `snakemake figure_4`"
    ):
        finished(results, CONFIG, items)


def test_an_unknown_item_is_answered_with_the_nearest(results):
    with pytest.raises(UserError, match="unknown item 'figure_77'; did you mean 'figure_7'"):
        finished(results, CONFIG, ("figure_77",))


def test_nothing_is_published_that_its_card_contradicts(results, tmp_path):
    [metrics, *_] = (results / "metrics").rglob("*.csv")
    metrics.write_text("edited")
    with pytest.raises(UserError, match="changed after it was made"):
        published(results, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nor_what_was_made_from_something_else(results, tmp_path):
    [model, *_] = (job for job in jobs_of("figure_7") if job.step.name == "pretrain")
    (results / model.output).write_text("another model")
    make_again = json.loads((results / f"{model.output}.json").read_text())
    make_again["outputs"]["model.safetensors"] = "1" * 64
    (results / f"{model.output}.json").write_text(json.dumps(make_again))
    with pytest.raises(UserError, match=r"was made from another model\.safetensors than is there; make it again"):
        published(results, tmp_path / "out")


def test_nor_what_no_card_vouches_for(results, tmp_path):
    [card, *_] = (results / "models").rglob("model.safetensors.json")
    card.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: has no run card that says what it was made from"):
        published(results, tmp_path / "out")


@pytest.mark.parametrize("place", [".", "published", ".."])
def test_results_are_not_published_into_themselves(place, results):
    with pytest.raises(UserError, match="lie one in the other; give another folder"):
        published(results, results / place)


def test_results_that_nobody_published_are_not_overwritten(results, tmp_path):
    other = shutil.copytree(results, tmp_path / "others")
    with pytest.raises(UserError, match="was there before, and would be written over; move it, or give another folder"):
        published(results, other)


@pytest.mark.parametrize("name", ["figures/figure_7.svg", "tables/table_1.csv.json", "published.json"])
def test_nor_is_a_file_of_the_same_name_that_somebody_wrote(name, results, tmp_path):
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UserError):
        published(results, tmp_path / "out")
    assert names(tmp_path / "out") == {name}
    assert mine.read_text() == "mine"


def test_nor_one_that_was_changed_after_it_was_published(results, tmp_path):
    published(results, tmp_path / "out")
    mine = tmp_path / "out" / "tables" / "table_1.md"
    mine.write_text("with a note of mine")
    with pytest.raises(UserError, match=r"table_1\.md was changed after it was published, and would be written over"):
        published(results, tmp_path / "out")
    assert mine.read_text() == "with a note of mine"


def test_nothing_is_written_through_a_link_that_leads_elsewhere(results, tmp_path):
    for folder in ("out", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "out" / "figures").symlink_to("../elsewhere")
    with pytest.raises(UserError, match="out/figures is a link that leads elsewhere"):
        published(results, tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_results_in_this_repository_are_whole():
    """They are as they were made, and as the present configuration would make them."""
    assert verify(PUBLISHED, resolve("lite")) == []
    assert list((PUBLISHED / "figures").glob("*.png"))


def test_a_link_to_itself_is_one_line(made, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises((UserError, OSError)) as caught:
        publish(made, choose(made, finished(made, CONFIG, ["figure_7"])), tmp_path / "loop")
    assert "loop" in str(caught.value)
