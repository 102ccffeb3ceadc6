import math

import pytest
import torch

from drl.config.jobs import ClassifierSettings
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.laplacenet.classifier import build, inputs, load_classifier, save_classifier, set_t, take_encoder
from drl.models.model_file import load_model, save_model
from tests import tiny

NETWORK = ClassifierSettings(encoder=tiny.recipe().encoder, pixels="standardised", centre_inputs=False)
ABOUT = tiny.about("drl", scale="demo")


def model(folder, kind="drl", about=ABOUT, **changes):
    """A model file whose weights are all its own."""
    method = tiny.method(kind, seed=5, **changes)
    averages = {name: value.detach() + 1 for name, value in method.named_parameters()}
    path = folder / "model.safetensors"
    save_model(path, method, averages, about)
    return path


@pytest.mark.parametrize("kind", ["drl", "vdrl", "ae", "vae"])
def test_every_tensor_is_taken_by_name_but_head_and_t_and_the_code_s_layer(tmp_path, kind):
    path = model(tmp_path, kind)
    network = build(NETWORK, tiny.FACTS, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    taken, about = take_encoder(network, path, "stripes", NETWORK)
    assert about == ABOUT
    source = load_model(path, weights="raw").encoder.state_dict()
    for name, value in network.state_dict().items():
        fresh = name.startswith("classifier.") or name == "param_t"
        assert torch.equal(value, before[name] if fresh else source[name]), name
        assert (name in taken) != fresh
    assert not any(name.startswith("linear_latent") for name in taken)
    assert "norm.running_mean" in taken
    assert "embedding.frequencies" in taken or any("embedding" in name for name in taken)


def test_averaged_weights_are_taken_where_the_recipe_s_codes_are_of_them(tmp_path):
    path = model(tmp_path, codes_from="ema")
    network = build(NETWORK, tiny.FACTS, 0)
    take_encoder(network, path, "stripes", NETWORK)
    assert torch.equal(network.conv.weight, load_model(path, weights="ema").encoder.conv.weight)
    assert not torch.equal(network.conv.weight, load_model(path, weights="raw").encoder.conv.weight)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"encoder": {"kind": "wide_resnet", "depth": 10, "width": 2, "nf": 2}},
            "its `encoder` is .*'width': 2.*, and the classifier's .*'width': 1",
        ),
        ({"encoder": {"kind": "wide_resnet", "depth": 16, "width": 1, "nf": 2}}, "its `encoder` is"),
        ({"encoder": {"kind": "wide_resnet", "depth": 10, "width": 1, "nf": 2, "fourier_scale": 1.0}}, "fourier_scale"),
        ({"pixels": "symmetric"}, "its `pixels` is symmetric, and the classifier's standardised"),
        ({"about": tiny.about("drl", dataset="digits")}, "was trained on 'digits', not on 'stripes'"),
    ],
)
def test_another_encoder_is_refused_and_nothing_is_taken(tmp_path, changes, line):
    network = build(NETWORK, tiny.FACTS, 0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError, match=line):
        take_encoder(network, model(tmp_path, **changes), "stripes", NETWORK)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_tensor_of_another_shape_is_named(tmp_path):
    path = model(tmp_path)
    other = tiny.FACTS.__class__(channels=3, image_size=8, classes=3)
    with pytest.raises(
        UserError, match=r"encoder.conv.weight has shape \(16, 1, 3, 3\) and the classifier wants \(16, 3"
    ):
        take_encoder(build(NETWORK, other, 0), path, "stripes", NETWORK)


def test_dropout_may_differ(tmp_path):
    changed = NETWORK.model_copy(update={"encoder": NETWORK.encoder.model_copy(update={"dropout": 0.3})})
    taken, _ = take_encoder(build(changed, tiny.FACTS, 0), model(tmp_path), "stripes", changed)
    assert taken


def test_arms_of_one_seed_share_their_fresh_weights():
    first, again, other = (build(NETWORK, tiny.FACTS, seed) for seed in (3, 3, 4))
    assert torch.equal(first.classifier.weight, again.classifier.weight)
    assert not torch.equal(first.classifier.weight, other.classifier.weight)


@pytest.mark.parametrize("t", [0.01, 0.5, 0.99])
def test_t_starts_where_it_is_set(t):
    network = build(NETWORK, tiny.FACTS, 0)
    set_t(network, t)
    assert torch.sigmoid(network.param_t).item() == pytest.approx(t, rel=1e-5)
    assert network.param_t.item() == pytest.approx(math.log(t / (1 - t)), abs=1e-6)


def test_a_saved_classifier_gives_the_same_logits(tmp_path):
    store = ImageStore.open(tiny.images(tmp_path))
    network = build(NETWORK, tiny.FACTS, 0)
    set_t(network, 0.3)
    save_classifier(tmp_path / "c.safetensors", network, NETWORK, store)
    found, header = load_classifier(tmp_path / "c.safetensors")
    x = inputs(store.images[:5], store, NETWORK)
    assert torch.equal(found.logits(x), network.eval().logits(x))
    assert header.names == tuple(store.classes)
    (tmp_path / "c.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match="is damaged"):
        load_classifier(tmp_path / "c.safetensors")


def test_inputs_are_scaled_as_the_recipe_says(tmp_path):
    store = ImageStore.open(tiny.images(tmp_path))
    images = store.images[:2]
    unit = NETWORK.model_copy(update={"pixels": "unit"})
    plain = inputs(images, store, unit)
    centred = unit.model_copy(update={"centre_inputs": True})
    assert torch.equal(inputs(images, store, centred), 2 * plain - 1)
    expected = (images / 255 - store.mean) / store.std
    torch.testing.assert_close(inputs(images, store, NETWORK), expected, rtol=1e-5, atol=1e-5)
