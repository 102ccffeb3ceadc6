"""`drl verify` and the files of fine-tunings."""

import pytest

from drl.config.merge import merge
from drl.pipeline.configuration import load
from drl.pipeline.studies.training import FINE_TUNE
from drl.records import code_digest, run_card
from drl.records.verify import verify
from tests.config.fine_tuning.shared import part, planned, small
from tests.job_settings import fine_tuned


@pytest.fixture
def made(tmp_path):
    """A folder with the files and the card of a fine-tuning."""
    settings = planned(small())
    run = fine_tuned("digits", "drl", 100, 12, 0)
    out = tmp_path / run.output
    out.parent.mkdir(parents=True)
    outputs = [out, out.with_suffix(".safetensors")]
    for path in outputs:
        path.write_text("x")
    code = code_digest.code_digest(FINE_TUNE.code(FINE_TUNE.parsed(settings)))
    run_card.write_card("fine_tune", outputs, settings, code, **run.about)
    return tmp_path


def test_verify_knows_fine_tunings(made):
    assert verify(made, small()) == []
    assert verify(made, small("arms.vdrl.mixup=true", "studies.fine_tune.splits=[3]", "arms.drl.label=X")) == []
    for changed, said in [
        ("studies.fine_tune.steps=200", "made with other settings (fine_tune.steps was 110, now 200); make it again"),
        ("arms.drl.t_init=0.3", "made with other settings (arm.t_init was 0.5, now 0.3); make it again"),
        ("studies.fine_tune.padding=8", "config: studies.fine_tune.padding: 8 is too much"),
    ]:
        (line,) = verify(made, small(changed))
        assert said in line
        assert "labels100_split12_seed0.csv.json: " in line


def test_verify_names_an_arm_that_is_gone(made):
    without = merge(part(), {})
    without["arms"] = {name: arm for name, arm in without["arms"].items() if name != "drl_mixup"}
    for item in without["items"].values():
        item["arms"] = [name for name in item.get("arms", []) if name != "drl_mixup"]
    config = load(without)
    (folder,) = made.glob("metrics/fine_tune/digits/drl")
    folder = folder.rename(folder.with_name("drl_mixup"))
    (card,) = folder.glob("*.json")
    card.write_text(card.read_text().replace('"arm": "drl"', '"arm": "drl_mixup"'))
    (line,) = verify(made, config)
    assert f"{card}: unknown arm 'drl_mixup'; " in line


def test_verify_sees_a_classifier_that_was_changed_and_one_without_a_card(made):
    (classifier,) = made.rglob("*.safetensors")
    classifier.write_text("y")
    (line,) = verify(made, small())
    assert line == f"{classifier}: was changed after it was made; make it again"
    classifier.write_text("x")
    stray = classifier.with_name("labels200_split12_seed0.csv")
    stray.write_text("x")
    assert verify(made, small()) == [f"{stray}: has no run card; make it again"]
