"""The score network: exact sizes, a flat re-statement of its arithmetic, and how it behaves at the start."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional as F

from drl.errors import UserError
from drl.models.ncsnpp import NCSNpp
from tests.models import reference
from tests.models.common import normal, parameters, seeded, shaken

TOY = {"image_size": 8, "nf": 8, "channel_multipliers": (1, 2), "attention_resolutions": (8,), "code_size": 6}


@pytest.mark.parametrize(
    ("settings", "unet", "latent_path"),
    [
        ({"image_size": 32}, 831_571, 107_328),
        ({"image_size": 84, "channel_multipliers": (1, 2, 2)}, 614_003, 10_044_576),
    ],
)
def test_sizes_of_the_paper(settings, unet, latent_path):
    network = NCSNpp(**settings)
    assert parameters(network.conditioning) == latent_path
    assert parameters(network) - parameters(network.conditioning) == unet
    assert all(p.requires_grad for p in network.parameters())


def flat(network, x, sigma, z, nf, multipliers, blocks, attends, fir):
    """Compute a Fourier network's output from the list of its parameters, in the authors' order."""
    weights = iter(network.parameters())
    take = lambda h: h @ next(weights).T + next(weights)  # noqa: E731
    code = take(z)
    u_layers = [(next(weights), next(weights)) for _ in range(3)]
    angles = 2 * torch.pi * sigma.log()[:, None] * network.embedding.features.frequencies
    time = take(reference.swish(take(torch.cat([angles.sin(), angles.cos()], dim=1))))
    embedding = torch.cat([time, code], dim=1)
    u = embedding
    for weight, bias in u_layers:
        u = reference.swish(u @ weight.T + bias)
    maps = reference.down_path(weights, x, embedding, nf, multipliers, blocks, attends, fir)
    h = torch.cat([maps[-1], u.reshape(len(x), 2 * nf, *maps[-1].shape[2:])], dim=1)
    y = reference.middle_and_up(weights, h, embedding, nf, multipliers, blocks, attends, maps, fir)
    assert next(weights, None) is None
    return y


@pytest.mark.parametrize(
    ("size", "multipliers", "blocks", "attends", "fir"),
    [(8, (1, 2), 2, {8}, False), (12, (1, 2, 3), 1, {6}, False), (12, (1, 2, 3), 1, {6}, True)],
)
def test_forward_from_the_flat_list_of_parameters(size, multipliers, blocks, attends, fir):
    network = seeded(
        NCSNpp, image_size=size, nf=8, channel_multipliers=multipliers, blocks=blocks,
        attention_resolutions=tuple(attends), code_size=6, fourier_scale=1.0, fir=fir,
    )  # fmt: skip
    shaken(network)
    x, sigma, z = normal(2, 3, size, size), torch.tensor([0.1, 20.0]), normal(2, 6, seed=3)
    with torch.no_grad():
        expected = flat(network, x, sigma, z, 8, multipliers, blocks, attends, fir)
        torch.testing.assert_close(network(x, sigma, z), expected, atol=2e-4, rtol=2e-4)
    assert expected.std() > 0.1


@pytest.mark.parametrize("mode", [True, False])
def test_output_starts_at_zero(mode):
    network = seeded(NCSNpp, **TOY).train(mode)
    y = network(normal(2, 3, 8, 8), torch.tensor([0.01, 50.0]), normal(2, 6))
    assert y.shape == (2, 3, 8, 8)
    assert 0 < y.abs().max() < 1e-3


@pytest.mark.parametrize("injection", [True, False])
def test_code_and_noise_level_reach_the_output(injection):
    network = shaken(seeded(NCSNpp, **TOY, bottleneck_injection=injection))
    x, level, z = normal(2, 3, 8, 8), torch.tensor([0.5, 0.5]), normal(2, 6)
    y = network(x, level, z)
    assert (y - network(x, level, z + 1)).abs().max() > 1e-2
    assert (y - network(x, 2 * level, z)).abs().max() > 1e-2
    assert (y - network(x + 1, level, z)).abs().max() > 1e-2


PATHS = ("linear", "dense_map", "dense_middle")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("open_path", ["embedding", "bottleneck", "neither"])
def test_code_reaches_the_score_on_each_path_alone(path, timed, open_path):
    injection = open_path == "bottleneck"
    network = shaken(seeded(NCSNpp, **TOY, code_path=path, code_time=timed, bottleneck_injection=injection, fir=True))
    if open_path != "embedding":
        # The second half of the embedding is the code's; the blocks of the U-Net no longer look at it.
        for part in (network.down, network.middle, network.up):
            for name, p in part.named_parameters():
                if name.endswith("shift.weight"):
                    p.detach()[:, 32:] = 0
    x, level, z = normal(2, 3, 8, 8), torch.tensor([0.5, 2.0]), normal(2, 6).requires_grad_()
    y = network(x, level, z)
    y.square().sum().backward()
    reached = z.grad.abs().amax(dim=1) > 0
    assert reached.all() if open_path != "neither" else not reached.any()


@pytest.mark.parametrize("path", ["dense_map", "dense_middle"])
@pytest.mark.parametrize(
    ("size", "channels", "multipliers", "embedding"),
    [
        (32, 3, (1, 1, 1), "fourier"),
        (28, 1, (1, 2), "positional"),
        (16, 1, (1, 2), "fourier"),
        (8, 3, (1, 2), "fourier"),
    ],
)
def test_networks_of_small_codes(path, size, channels, multipliers, embedding):
    network = shaken(
        seeded(
            NCSNpp, image_size=size, channels=channels, nf=4, channel_multipliers=multipliers, blocks=1, code_size=2,
            embedding=embedding, code_path=path, fir=channels == 3, code_time=True,
            input_pyramid="residual" if channels == 3 else "none",
        ),
        scale=0.05,
    )  # fmt: skip
    x, level, z = normal(2, channels, size, size), torch.tensor([0.02, 50.0]), normal(2, 2)
    y = network(x, level, z)
    assert y.shape == x.shape
    assert torch.isfinite(y).all()
    assert (y - network(x, level * 0.9, z)).abs().amax(dim=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("path", PATHS)
def test_what_a_path_adds_is_counted_apart(path):
    bare = NCSNpp(**{**TOY, "code_size": None})
    network = NCSNpp(**TOY, code_path=path, bottleneck_injection=path == "dense_middle")
    shifts = [m for n, m in bare.named_modules() if n.endswith("shift")]
    # Without a map the U-Net is the unconditional one, but every block looks at 32 more numbers.
    extra = sum(32 * m.out_features for m in shifts)
    assert parameters(network) - parameters(network.conditioning) == parameters(bare) + extra


@pytest.mark.parametrize("path", ["dense_map", "dense_middle"])
def test_small_codes_train_save_and_load(path):
    settings = {**TOY, "code_path": path, "code_time": True, "fir": True}
    network = shaken(seeded(NCSNpp, **settings))
    arguments = normal(2, 3, 8, 8), torch.tensor([0.5, 2.0]), normal(2, 6)
    network(*arguments).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
    other = seeded(NCSNpp, **settings, seed=9).eval()
    other.load_state_dict(load(save(network.state_dict())))
    assert torch.equal(network(*arguments), other(*arguments))


def test_keys_of_a_state_dict_do_not_depend_on_fir():
    assert list(NCSNpp(**TOY).state_dict()) == list(NCSNpp(**TOY, fir=True).state_dict())


def test_samples_of_a_batch_do_not_mix():
    network = shaken(seeded(NCSNpp, **TOY))
    x, level, z = normal(3, 3, 8, 8), torch.tensor([0.5, 1.0, 9.0]), normal(3, 6)
    alone = torch.cat([network(x[i : i + 1], level[i : i + 1], z[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(network(x, level, z), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "channels", "multipliers"),
    [(84, 3, (1, 2, 2)), (28, 1, (1, 2)), (16, 3, (1, 2)), (8, 3, (1, 2)), (7, 1, (1,))],
)
def test_image_sizes(size, channels, multipliers):
    network = seeded(
        NCSNpp, image_size=size, channels=channels, nf=4, channel_multipliers=multipliers, blocks=1, code_size=5
    )
    x = normal(1, channels, size, size)
    assert network(x, torch.tensor([1.0]), normal(1, 5)).shape == x.shape


@pytest.mark.parametrize("pyramid", ["residual", "none"])
def test_unconditional_positional_network(pyramid):
    network = shaken(seeded(NCSNpp, **{**TOY, "code_size": None}, embedding="positional", input_pyramid=pyramid))
    assert network.conditioning is None
    assert ("pyramid" in " ".join(network.state_dict())) == (pyramid == "residual")
    x = normal(2, 3, 8, 8)
    y = network(x, torch.tensor([0.0, 999.0]))
    assert torch.isfinite(y).all()
    # Four nf numbers shift every block, not eight.
    assert {m.in_features for n, m in network.named_modules() if n.endswith("shift")} == {32}
    assert (y[:1] - network(x[:1], torch.tensor([500.0]))).abs().max() > 1e-3


def test_gradients_reach_every_parameter():
    network = shaken(seeded(NCSNpp, **TOY))
    network(normal(2, 3, 8, 8), torch.tensor([0.5, 2.0]), normal(2, 6)).square().sum().backward()
    for name, p in network.named_parameters():
        assert p.grad is not None, name
        assert p.grad.abs().max() > 0, name


def test_round_trip_through_safetensors():
    first, second = shaken(seeded(NCSNpp, **TOY)), seeded(NCSNpp, **TOY, seed=9).eval()
    second.load_state_dict(load(save(first.state_dict())))
    arguments = normal(1, 3, 8, 8), torch.tensor([0.7]), normal(1, 6)
    # The frozen frequencies have to travel too, or this differs.
    assert torch.equal(first(*arguments), second(*arguments))


@pytest.mark.parametrize("small", [{}, {"code_path": "dense_map", "fir": True}, {"code_path": "dense_middle"}])
def test_channels_last_is_kept_throughout(small):
    network = shaken(seeded(NCSNpp, **TOY, **small)).to(memory_format=torch.channels_last)
    turned = []

    def watch(module, _, output):
        if output.dim() == 4 and not output.is_contiguous(memory_format=torch.channels_last):
            turned.append(module)

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.GroupNorm)) or module.__class__.__name__ == "AttentionBlock":
            module.register_forward_hook(watch)
    x, level, z = normal(2, 3, 8, 8), torch.tensor([0.5, 2.0]), normal(2, 6)
    y = network(x.to(memory_format=torch.channels_last), level, z)
    assert turned == []
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_bfloat16_autocast_stays_close():
    network = shaken(seeded(NCSNpp, **TOY), scale=0.02)
    x, level, z = normal(2, 3, 8, 8), torch.tensor([0.5, 2.0]), normal(2, 6)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rough = network(x, level, z).float()
    exact = network(x, level, z)
    assert F.mse_loss(rough, exact) < 1e-2 * exact.square().mean()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": 30, "channel_multipliers": (1, 2, 2)}, "image_size 30 cannot be halved 2 times"),
        ({"nf": 6}, "normalisation groups"),
        ({"blocks": 0}, "blocks is 0"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"channel_multipliers": ()}, "channel_multipliers"),
        ({"input_pyramid": "residuel"}, "did you mean 'residual'"),
        ({"embedding": "time"}, "unknown embedding 'time'"),
        ({"code_path": "dense"}, "unknown code_path 'dense'"),
    ],
)
def test_settings_that_cannot_work(change, message):
    with pytest.raises(UserError, match=message) as caught:
        NCSNpp(**{**TOY, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "code_size", "given", "message"),
    [(8, 6, None, "codes are missing"), (8, None, 6, "unconditional"), (16, 6, 6, r"shape \(3, 16, 16\)")],
)
def test_inputs_that_cannot_work(size, code_size, given, message):
    network = seeded(NCSNpp, **{**TOY, "code_size": code_size})
    z = None if given is None else normal(1, given)
    with pytest.raises(UserError, match=message):
        network(normal(1, 3, size, size), torch.tensor([1.0]), z)
