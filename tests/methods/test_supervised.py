import math

import pytest
import torch
from safetensors.torch import load_file

from drl.data.batch import Batch
from drl.data.store import ImageStore
from drl.models.model_file import load_model, save_model
from drl.records.metrics import read_metrics
from drl.training.pretrain import run
from tests import tiny


@pytest.fixture
def batch(stripes):
    store = ImageStore.open(stripes)
    return store.batch(store.train[::3])


def test_the_loss_is_the_cross_entropy_image_by_image(batch):
    method = tiny.method("supervised").eval()
    loss, parts = method.loss(batch, torch.Generator().manual_seed(0))
    x = (batch.images.float() / 255 - 0.5) / 0.25
    expected, right, n = 0.0, 0, len(batch.labels)
    with torch.no_grad():
        for i in range(n):
            code = method.encoder.features(x[i : i + 1], torch.zeros(1))[0]
            logits = (method.head.weight @ code + method.head.bias).tolist()
            label = int(batch.labels[i])
            expected += (math.log(sum(math.exp(value) for value in logits)) - logits[label]) / n
            right += logits.index(max(logits)) == label
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)
    assert float(parts["cross_entropy"]) == pytest.approx(expected, rel=1e-4)
    assert float(parts["right"]) == pytest.approx(right / n)


def test_the_labels_are_what_it_learns_from(batch):
    method = tiny.method("supervised").eval()
    other = Batch(batch.images, (batch.labels + 1) % tiny.CLASSES)
    first, second = (float(method.loss(b, torch.Generator())[0].detach()) for b in (batch, other))
    assert first != pytest.approx(second, rel=1e-3)


def test_codes_do_not_depend_on_t(batch):
    method = tiny.method("supervised").eval()
    n = len(batch.images)
    codes = [method.encode(batch.images, torch.full((n,), t)) for t in (0.0, 0.3, 1.0)]
    assert codes[0].shape == (n, method.encoder.code_size)
    assert torch.equal(codes[0], codes[1])
    assert torch.equal(codes[0], codes[2])
    # The encoder itself would tell them apart.
    x = method.scale(batch.images)
    early, late = (method.encoder.features(x, torch.full((n,), t)) for t in (0.0, 1.0))
    assert not torch.allclose(early, late)


def test_there_is_a_logit_for_every_class(batch):
    assert tiny.method("supervised").head.out_features == tiny.CLASSES


def test_it_learns_stripes_and_its_head_is_in_no_file(stripes, tmp_path):
    changes = {"iterations": 150, "batch_size": 30, "optimiser": {"warmup_steps": 5, "learning_rate": 3e-3}}
    run(tiny.training(stripes, tmp_path / "model.safetensors", "supervised", **changes))
    rows = read_metrics(tmp_path / "loss.csv")
    losses = [float(row["value"]) for row in rows if row["metric"] == "cross_entropy"]
    right = [float(row["value"]) for row in rows if row["metric"] == "right"]
    assert losses[0] == pytest.approx(math.log(tiny.CLASSES), rel=0.5)
    assert sum(losses[-10:]) / 10 < 0.3 * losses[0]
    assert sum(right[-10:]) / 10 > 0.9
    assert {name.split(".")[0] for name in load_file(tmp_path / "model.safetensors")} == {"encoder", "encoder_ema"}
    # What FID reads: classes of images that it was not shown lie apart in its codes.
    store = ImageStore.open(stripes)
    method = load_model(tmp_path / "model.safetensors")
    train, test = (method.encode(store.images[at], torch.zeros(len(at))) for at in (store.train, store.test))
    nearest = store.labels[store.train][torch.cdist(test, train).argmin(1)]
    assert float((nearest == store.labels[store.test]).float().mean()) > 0.6


def test_a_file_without_the_head_can_be_read_back(tmp_path):
    method = tiny.method("supervised")
    averages = {name: value.detach() for name, value in method.named_parameters()}
    save_model(tmp_path / "model.safetensors", method, averages, tiny.about())
    loaded = load_model(tmp_path / "model.safetensors")
    for name, value in method.encoder.state_dict().items():
        assert torch.equal(loaded.encoder.state_dict()[name], value), name
