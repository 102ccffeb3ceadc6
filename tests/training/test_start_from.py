"""A recipe that goes on from another's weights, with or without its encoder frozen."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from drl.data.store import ImageStore
from drl.errors import Unfinished, UserError
from drl.jobs.device import place
from drl.methods.base import ImageFacts
from drl.models.model_file import header, load_model, load_snapshots, save_model, start_from
from drl.records.metrics import read_metrics
from drl.training import pretrain as module
from drl.training.loop import Training
from drl.training.pretrain import run
from tests import tiny

FILES = ("model.safetensors", "snapshots.safetensors", "loss.csv", "code_usage.csv")
# Weights, batch statistics and their averages: an encoder of 128-d codes has all of them.
FIRST = {"iterations": 4}
SECOND = {"iterations": 6, "start_from": "first"}
FROZEN = SECOND | {"freeze": "encoder"}
# An encoder of 2-d codes, as in Figures 2 and 3: dropout, no batch statistics, codes from averaged weights.
SMALL = {
    "encoder": {"kind": "unet", "code_size": 2, "nf": 4, "channel_multipliers": [1, 1], "blocks": 1}
    | {"attention_resolutions": []},
    "codes_from": "ema",
}


def train(images, folder, kind="drl", start=None, seed=0, **changes):
    out = folder / "model.safetensors"
    run(tiny.training(images, out, kind, start=start, seed=seed, **changes))
    return out


@pytest.fixture(scope="module")
def first(stripes, tmp_path_factory):
    return train(stripes, tmp_path_factory.mktemp("first"), **FIRST)


def parts(path, prefix):
    return {name: value for name, value in load_file(path).items() if name.startswith(f"{prefix}.")}


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def moved(found, before):
    return [name for name, value in before.items() if not torch.equal(found[name], value)]


def test_the_second_phase_begins_with_the_raw_weights_of_the_first(stripes, first, tmp_path, monkeypatch):
    begun = []
    real = module.train_job

    def begin(job, training, *rest, **more):
        state = {name: value.detach().clone() for name, value in training.method.state_dict().items()}
        begun.append((state, [value.clone() for value in training.average.shadow]))
        assert (training.step, len(training.optimiser.adam.state)) == (0, 0)
        return real(job, training, *rest, **more)

    monkeypatch.setattr(module, "train_job", begin)
    train(stripes, tmp_path, start=first, **SECOND)
    ((state, averages),) = begun
    for prefix, name in (("encoder", "encoder"), ("score", "score_network")):
        raw = {key.removeprefix(f"{prefix}."): value for key, value in parts(first, prefix).items()}
        mine = {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
        assert_equal(mine, raw)
    # Averages start anew, from these weights and not from the first phase's averages.
    tensors = load_file(first)
    assert any(not torch.equal(tensors[key], tensors[f"encoder_ema.{key[8:]}"]) for key in parts(first, "encoder"))
    learnt = [name for name, _ in tiny.method(**SECOND).named_parameters()]
    for name, value in zip(learnt, averages, strict=True):
        assert torch.equal(value, state[name]), name


def test_the_first_snapshot_is_the_encoder_that_it_went_on_from(stripes, first, tmp_path):
    train(stripes, tmp_path, start=first, **SECOND)
    store = ImageStore.open(stripes)
    images, t = store.images[:4], torch.full((4,), 0.5)
    snapshots = load_snapshots(tmp_path / "snapshots.safetensors")
    codes = {step: method.encode(images, t) for step, method in snapshots}
    assert list(codes) == [0, 3, 6]
    assert torch.equal(codes[0], load_model(first, weights="raw").encode(images, t))
    assert not torch.equal(codes[0], codes[6])


def test_without_freezing_everything_moves(stripes, first, tmp_path):
    path = train(stripes, tmp_path, start=first, **SECOND)
    for prefix in ("encoder", "score"):
        assert moved(parts(path, prefix), parts(first, prefix))


@pytest.mark.parametrize(("kind", "changes"), [("drl", {}), ("vdrl", SMALL)])
def test_a_frozen_encoder_stays_bit_for_bit_while_the_score_network_learns(stripes, tmp_path, kind, changes):
    before = train(stripes, tmp_path / "first", kind, **FIRST, **changes)
    path = train(stripes, tmp_path / "second", kind, start=before, **FROZEN, **changes)
    raw = parts(before, "encoder")
    assert_equal(parts(path, "encoder"), raw)
    averaged = {name.replace("encoder.", "encoder_ema.", 1): value for name, value in raw.items()}
    assert_equal(parts(path, "encoder_ema"), averaged)
    assert "running_mean" in str(raw.keys()) or "encoder" in changes, "no batch statistics were looked at"
    learnt = [name for name, _ in tiny.method(kind, **changes).score_network.named_parameters()]
    still = set(parts(path, "score")) - set(moved(parts(path, "score"), parts(before, "score")))
    assert len(still) < 0.2 * len(learnt)
    # So the codes are the first phase's raw ones, whichever weights the recipe takes codes from.
    store = ImageStore.open(stripes)
    images, t = store.images[:4], torch.full((4,), 0.5)
    assert torch.equal(load_model(path).encode(images, t), load_model(before, weights="raw").encode(images, t))


def test_a_frozen_encoder_is_evaluated_without_dropout_and_the_rest_trains(stripes):
    method = tiny.method("drl", **FROZEN, **SMALL)
    assert not any(part.training for part in method.train().encoder.modules())
    assert all(part.training for part in method.score_network.modules())
    assert not any(part.training for part in method.eval().modules())
    assert all(part.training for part in tiny.method("drl", **SECOND, **SMALL).train().modules())
    # Code usage switches to evaluation and back.
    store = ImageStore.open(stripes)
    training = Training(method, store, place("cpu", "fp32", "off", 1), tiny.settings(**FROZEN, **SMALL), 0)
    for _ in range(3):
        training.advance()
    assert training.rows
    assert not any(part.training for part in method.encoder.modules())
    assert method.score_network.training


@pytest.mark.parametrize("changes", [SECOND, FROZEN], ids=["trained", "frozen"])
@pytest.mark.parametrize("stop", [1, 4])
def test_stopped_and_resumed_is_uninterrupted_bit_for_bit(stripes, first, tmp_path, monkeypatch, changes, stop):
    whole = train(stripes, tmp_path / "whole", start=first, **changes)
    with monkeypatch.context() as patched:
        tiny.stop_after(stop, patched)
        with pytest.raises(Unfinished, match=f"step {stop} of 6"):
            train(stripes, tmp_path / "parts", start=first, **changes)
    resumed = train(stripes, tmp_path / "parts", start=first, **changes)
    for name in FILES:
        assert (whole.parent / name).read_bytes() == (resumed.parent / name).read_bytes(), name


def test_a_state_that_began_from_another_model_is_not_gone_on_from(stripes, first, tmp_path, monkeypatch):
    other = train(stripes, tmp_path / "other", seed=1, **FIRST)
    with monkeypatch.context() as patched:
        tiny.stop_after(1, patched)
        with pytest.raises(Unfinished):
            train(stripes, tmp_path / "mixed", start=other, **SECOND)
    mixed = train(stripes, tmp_path / "mixed", start=first, **SECOND)
    whole = train(stripes, tmp_path / "whole", start=first, **SECOND)
    assert mixed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("kind", ["drl", "unconditional"])
def test_no_iterations_give_the_file_s_weights(stripes, tmp_path, kind):
    before = train(stripes, tmp_path / "first", kind, **FIRST)
    path = train(stripes, tmp_path / "second", kind, start=before, iterations=0, start_from="first")
    for prefix in ("encoder", "score"):
        assert_equal(parts(path, prefix), parts(before, prefix))
    card = json.loads((path.parent / "model.safetensors.json").read_text())
    assert set(card["outputs"]) == set(FILES)
    assert read_metrics(path.parent / "loss.csv") == []
    assert load_model(path).recipe.iterations == 0


def test_no_iterations_keep_the_averages_too(stripes, tmp_path):
    """Samples are drawn from averaged weights, so "as it is" must mean those as well."""
    before = train(stripes, tmp_path / "first", "unconditional", **FIRST)
    path = train(stripes, tmp_path / "second", "unconditional", start=before, iterations=0, start_from="first")
    assert moved(parts(before, "score"), {f"score.{n[10:]}": v for n, v in parts(before, "score_ema").items()})
    assert_equal(parts(path, "score_ema"), parts(before, "score_ema"))


def test_a_supervised_head_is_fresh(stripes, tmp_path):
    before = train(stripes, tmp_path / "first", "supervised", **FIRST)
    method = tiny.method("supervised", **SECOND)
    head = method.head.weight.detach().clone()
    start_from(before, method)
    assert torch.equal(method.head.weight, head)
    assert_equal({f"encoder.{n}": v for n, v in method.encoder.state_dict().items()}, parts(before, "encoder"))


def test_the_card_names_what_it_went_on_from(stripes, first, tmp_path):
    path = train(stripes, tmp_path, start=first, **FROZEN)
    card = json.loads((tmp_path / "model.safetensors.json").read_text())
    assert len(card["inputs"]) == 2
    assert any(name.endswith(f"{first.parent.name}/model.safetensors") for name in card["inputs"])
    assert header(path).recipe.start_from == "first"
    assert header(path).recipe.freeze == "encoder"


def test_weights_do_not_depend_on_the_seed_but_all_else_does(stripes, first, tmp_path):
    """A frozen encoder is one for both; order and noise are the second seed's own."""
    one, two = (train(stripes, tmp_path / str(k), start=first, seed=k, **FROZEN) for k in (0, 1))
    assert_equal(parts(one, "encoder"), parts(two, "encoder"))
    assert moved(parts(one, "score"), parts(two, "score"))


def refusal(stripes, tmp_path, start, kind="drl", **changes):
    with pytest.raises(UserError) as caught:
        train(stripes, tmp_path / "second", kind, start=start, **SECOND | changes)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "second" / "model.safetensors").exists()
    return str(caught.value)


def test_no_file_is_refused(stripes, tmp_path):
    assert "starts from a model of 'first'; give its file" in refusal(stripes, tmp_path, None)
    assert "none.safetensors to start from; make it" in refusal(stripes, tmp_path, tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("kind", "changes", "named"),
    [
        ("vdrl", {}, "encoder."),
        ("unconditional", {}, "score."),
        ("drl", {"encoder": {"kind": "wide_resnet", "depth": 10, "width": 2, "nf": 2}}, "encoder."),
        ("drl", {"score": tiny.SCORE | {"nf": 8}}, "score."),
        ("drl", SMALL, "encoder."),
    ],
)
def test_another_architecture_is_refused(stripes, first, tmp_path, kind, changes, named):
    line = refusal(stripes, tmp_path, first, kind, **changes)
    assert line.startswith(f"{first}: {named}")
    assert "does not fit" in line


def test_a_damaged_or_foreign_file_is_refused(stripes, first, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(first.read_bytes()[:-10])
    assert "is damaged" in refusal(stripes, tmp_path, cut)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert str(tmp_path / "other.safetensors") in refusal(stripes, tmp_path, tmp_path / "other.safetensors")


def saved_for(facts, path, kind="drl"):
    """Write a model of the same recipe, for images of other facts."""
    method = tiny.build(tiny.recipe(kind), facts)
    averages = {name: value.detach() for name, value in method.named_parameters()}
    save_model(path, method, averages, tiny.about("first"))
    return path


@pytest.mark.parametrize("kind", ["drl", "unconditional", "supervised"])
@pytest.mark.parametrize(("channels", "size"), [(3, tiny.SIZE), (1, 16)])
def test_a_model_of_images_of_another_size_is_refused(stripes, tmp_path, kind, channels, size):
    """Some networks take images of any size, so that the shapes of their weights do not tell."""
    path = saved_for(ImageFacts(channels, size, tiny.CLASSES), tmp_path / "other.safetensors", kind)
    assert str(path) in refusal(stripes, tmp_path, path, kind)


def test_a_model_of_the_same_facts_is_taken(stripes, tmp_path):
    path = saved_for(tiny.FACTS, tmp_path / "same.safetensors")
    train(stripes, tmp_path / "second", start=path, **SECOND)
