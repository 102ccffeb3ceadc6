"""The encoder alone, from a whole model or from a file of its own."""

import pytest
import torch
from safetensors import safe_open

from drl.errors import UserError
from drl.models.encoder_file import load_encoder, read_encoder, save_encoder
from drl.models.model_file import load_model, save_model
from tests import tiny

KINDS = ("drl", "vdrl", "cdae", "ae", "vae", "dae", "simclr", "simclr_gauss", "score_features", "supervised")
IMAGES = torch.randint(
    0, 256, (5, 1, tiny.SIZE, tiny.SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
T = torch.linspace(0, 1, 5)


def model(tmp_path, kind="drl", **changes):
    method = tiny.method(kind, **changes)
    averages = {name: 1.1 * value.detach() for name, value in method.named_parameters()}
    save_model(tmp_path / "model.safetensors", method, averages, tiny.about())
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codes_from", ["raw", "ema"])
def test_codes_are_those_of_the_whole_model(tmp_path, kind, codes_from):
    whole = model(tmp_path, kind, codes_from=codes_from)
    alone = tmp_path / "encoder.safetensors"
    save_encoder(alone, *read_encoder(whole))
    wanted = load_model(whole).encode(IMAGES, T)
    for path in (whole, alone):
        method = load_encoder(path)
        assert torch.equal(method.encode(IMAGES, T), wanted)
        assert not method.training
        assert not any(parameter.requires_grad for parameter in method.parameters())


def test_other_networks_are_neither_kept_nor_built(tmp_path):
    whole, alone = model(tmp_path), tmp_path / "encoder.safetensors"
    save_encoder(alone, *read_encoder(whole))
    with safe_open(str(alone), "pt") as file:
        names = set(file.keys())
    assert names == set(load_model(whole).encoder.state_dict())
    assert alone.stat().st_size < whole.stat().st_size / 2
    assert load_encoder(whole).score_network is None


def test_of_score_features_the_score_network_is_kept(tmp_path):
    whole, alone = model(tmp_path, "score_features"), tmp_path / "encoder.safetensors"
    save_encoder(alone, *read_encoder(whole))
    with safe_open(str(alone), "pt") as file:
        assert set(file.keys()) == set(load_model(whole).score_network.state_dict())


def test_reading_draws_no_random_number(tmp_path):
    path = model(tmp_path)
    torch.manual_seed(7)
    load_encoder(path)
    after = torch.rand(3)
    torch.manual_seed(7)
    assert torch.equal(after, torch.rand(3))


def test_an_encoder_is_not_taken_for_a_model(tmp_path):
    save_encoder(tmp_path / "e.safetensors", *read_encoder(model(tmp_path)))
    with pytest.raises(UserError, match="is not a model of this project"):
        load_model(tmp_path / "e.safetensors")


def test_mistakes_are_one_line(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(model(tmp_path).read_bytes()[:500])
    about, weights = read_encoder(model(tmp_path))
    save_encoder(tmp_path / "other.safetensors", about, dict(list(weights.items())[1:]))
    for name, said in (
        ("none.safetensors", "there is no such model"),
        ("cut.safetensors", "is damaged"),
        ("other.safetensors", "does not fit the network of its recipe"),
    ):
        with pytest.raises(UserError, match=said) as caught:
            load_encoder(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)
    (tmp_path / "u").mkdir()
    with pytest.raises(UserError, match="is unconditional, so images have no codes"):
        load_encoder(model(tmp_path / "u", "unconditional"))
