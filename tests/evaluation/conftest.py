import os
from pathlib import Path

import pytest
import torch

from drl.config.datasets import DatasetSettings
from drl.data.prepare import prepare
from drl.files import sha256
from drl.jobs.job import Job
from drl.models.model_file import About, save_model
from drl.records.metrics import read_metrics
from drl.training import pretrain
from tests import tiny
from tests.cards import read_card
from tests.evaluation.jobs import ALONE, parsed

SEED = 3
WEIGHTS = 0.2


@pytest.fixture(scope="session")
def model(stripes, tmp_path_factory) -> Path:
    """A VDRL model of a few steps."""
    out = tmp_path_factory.mktemp("model") / "model.safetensors"
    about = {"scale": "test", "dataset": "stripes", "recipe": "vdrl", "seed": SEED}
    settings, states = tiny.settings("vdrl"), out.parent / "states"
    pretrain.run(Job("pretrain", about, settings, "code", {"images": (stripes,)}, out, states, ALONE))
    return out


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    """Writes a model of any kind, with large weights, so that samples depend on codes; averages differ from weights.

    Scores are preconditioned, so that even untrained networks give grey pixels and not just black and white.
    """
    made = {}

    def make(kind="drl", seed=SEED, name=None, dataset="stripes", **changes) -> Path:
        if kind in ("drl", "vdrl", "unconditional"):
            changes = {"objective": {"preconditioning": "edm"}} | changes
        key = repr((kind, seed, name, dataset, sorted(changes.items())))
        if key not in made:
            made[key] = tmp_path_factory.mktemp(kind) / "model.safetensors"
            method = tiny.method(kind, seed, **changes)
            with torch.no_grad():
                for parameter in method.parameters():
                    parameter.add_(WEIGHTS * torch.randn(parameter.shape))
            averages = {name: 1.1 * value.detach() for name, value in method.named_parameters()}
            about = About("test", dataset, name or kind, seed)
            save_model(made[key], method, averages, about)
        return made[key]

    return make


@pytest.fixture(scope="session")
def whole():
    """Checks a job's run card and the cells that all its rows share; returns the other cells, those that are empty not.

    The values of `value` and `n` are numbers, those of other cells text.
    """

    def check(out, study, recipe, files, inputs, settings) -> list[dict]:
        about = {"scale": "test", "dataset": "stripes", "recipe": recipe, "seed": SEED}
        card = read_card(Path(f"{out}.json"))
        assert {key: card[key] for key in about} == about
        assert (card["command"], card["code_digest"], card["settings"]) == (
            study,
            "code",
            parsed(study, settings).slice(),
        )
        assert card["outputs"] == {path.name: sha256(path) for path in (out, *files)}
        assert card["inputs"] == {os.path.relpath(path, out.parent): sha256(path) for path in inputs}
        rows = []
        for row in read_metrics(out):
            shared = {"study": study, **about, "seed": str(SEED)}
            assert {key: row.pop(key) for key in shared} == shared
            cells = {key: cell for key, cell in row.items() if cell}
            rows.append(cells | {"value": float(cells["value"]), "n": int(cells["n"])})
        return rows

    return check


@pytest.fixture
def other_stripes(tmp_path):
    """Prepares stripes under the same name, but with another size, number of channels, validation or class balance."""

    def prepared(removed: int = 0, **changes) -> Path:
        source = tiny.write_folder(tmp_path / "source")
        for k in range(removed):
            (source / "class2" / f"{k}.png").unlink()
        total, test = 12 * tiny.CLASSES - removed, 2 * tiny.CLASSES
        values = {"title": "Stripes", "source": "image_folder", "folder": str(source), "classes": tiny.CLASSES}
        values |= {"channels": 1, "image_size": tiny.SIZE, "train": total - test, "test": test, "validation": 0}
        out = tmp_path / "prepared" / "images.safetensors"
        prepare("stripes", DatasetSettings(**values | changes), out)
        return out

    return prepared


@pytest.fixture(autouse=True)
def one_thread():
    """Jobs set the threads of the whole process."""
    yield
    torch.set_num_threads(1)
