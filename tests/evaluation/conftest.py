from pathlib import Path

import pytest
import torch

from drl.config.datasets import DatasetSettings
from drl.data.prepare import prepare
from drl.training.pretrain import Name, Resources, pretrain
from tests import tiny

SEED = 3


@pytest.fixture(scope="session")
def model(stripes, tmp_path_factory) -> Path:
    """A VDRL model of a few steps."""
    out = tmp_path_factory.mktemp("model") / "model.safetensors"
    name = Name("test", "stripes", "vdrl", SEED)
    resources = Resources(device="cpu", precision="fp32", compile="off", threads=1)
    pretrain(name, tiny.settings("vdrl"), stripes, out, out.parent / "states", "code", resources)
    return out


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
