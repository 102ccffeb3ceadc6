"""Feature extractors: Inception as torch-fidelity builds it, from a local file of random weights, and supervised."""

import re
from urllib.error import URLError

import pytest
import torch
from torch import nn

from drl.data.compatibility import make_torchvision_importable
from drl.data.sources import download
from drl.errors import UserError
from drl.evaluation import features as module
from drl.evaluation.features import inception_extractor, supervised_extractor
from drl.files import sha256
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests.data.factories import silent_server

make_torchvision_importable()
from torch_fidelity import feature_extractor_inceptionv3 as fidelity  # noqa: E402

CPU = place("cpu", "fp32", "off", 1)
GREY = torch.randint(0, 256, (3, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A file of Inception weights as torch-fidelity reads it: random, of a size that features neither die nor grow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(fidelity.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    generator = torch.Generator().manual_seed(0)
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, generator=generator)
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def inception(weights):
    return inception_extractor(weights, CPU.device)


def test_inceptions_2048_features_of_grey_images_are_those_of_equal_channels(inception, weights):
    found = inception.features(GREY, CPU.device)
    assert (found.shape, found.dtype, inception.name) == ((3, 2048), torch.float32, "inception")
    network = fidelity.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(weights))
    expected = network(torch.cat((GREY, GREY, GREY), 1))[0]
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert found.std(0).mean() > 0.01, "images must have features of their own, or this shows nothing"


def test_colour_images_keep_their_channels(inception):
    colour = torch.cat((GREY[:1], GREY[1:2], GREY[2:]), 1)
    one, other = (inception.features(images, CPU.device) for images in (colour, colour[:, [0, 2, 1]]))
    assert not torch.allclose(one, other, rtol=1e-2)


def test_features_do_not_depend_on_chunks(inception, monkeypatch):
    whole = inception.features(GREY, CPU.device)
    monkeypatch.setattr(module, "CHUNK", 2)
    assert torch.allclose(inception.features(GREY, CPU.device), whole, rtol=1e-4, atol=1e-5)


def test_the_digest_is_that_of_the_weights_however_they_came(inception, weights, tmp_path, monkeypatch):
    values = torch.load(weights, weights_only=True)
    monkeypatch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: values)
    assert inception_extractor(None, CPU.device).sha256 == inception.sha256
    values["Mixed_7c.branch_pool.conv.weight"].view(-1)[0] += 1
    assert inception_extractor(None, CPU.device).sha256 != inception.sha256


def test_missing_weights_are_one_line(tmp_path):
    message = f"{tmp_path / 'none.pth'}: has no Inception weights; set run.inception_weights to their"
    with pytest.raises(UserError, match=re.escape(message)):
        inception_extractor(tmp_path / "none.pth", CPU.device)


def test_a_failed_download_is_one_line(monkeypatch):
    def fail(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(fidelity, "load_state_dict_from_url", fail)
    with pytest.raises(
        UserError, match=r"could not be downloaded from github.com \(.*no route to host.*\); set run.inc"
    ) as caught:
        inception_extractor(None, CPU.device)
    assert "\n" not in str(caught.value)
    assert "studies.fid.extractor to supervised" in str(caught.value)


def test_a_server_that_falls_silent_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(download, "SILENT_SECONDS", 0.2)
    with silent_server() as url:
        monkeypatch.setattr(fidelity, "URL_INCEPTION_V3", f"{url}/weights.pth")
        host = url.removeprefix("http://")
        with pytest.raises(UserError, match=rf"could not be downloaded from {host} \(.*timed out\); set run.inc"):
            inception_extractor(None, CPU.device)


def test_a_damaged_download_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(fidelity, "URL_INCEPTION_V3", "http://127.0.0.1:9/weights.pth")
    kept = tmp_path / "hub" / "checkpoints" / "weights.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match=rf"^{kept}: does not contain Inception's weights .*; remove it$"):
        inception_extractor(None, CPU.device)


@pytest.mark.parametrize("damage", ["cut", "text", "other network"])
def test_a_file_that_holds_no_inception_weights_is_named(weights, tmp_path, damage):
    path = tmp_path / "weights.pth"
    if damage == "other network":
        torch.save({"weight": torch.ones(2)}, path)
    else:
        path.write_bytes(weights.read_bytes()[:1_000_000] if damage == "cut" else b"<html>not found</html>")
    with pytest.raises(UserError, match=re.escape(str(path))) as caught:
        inception_extractor(path, CPU.device)
    assert "\n" not in str(caught.value)


def test_supervised_features_are_the_models_codes(model_file):
    model = model_file("supervised")
    extractor = supervised_extractor(model, CPU)
    expected = load_model(model).encode(GREY, torch.zeros(3))
    assert torch.equal(extractor.features(GREY, CPU.device), expected)
    assert (extractor.name, extractor.resize, extractor.sha256) == ("supervised", "none", sha256(model))
    assert expected.shape == (3, 64)


@pytest.mark.parametrize("kind", ["drl", "ae", "unconditional"])
def test_other_models_are_no_supervised_extractor(model_file, kind):
    model = model_file(kind)
    with pytest.raises(UserError, match=re.escape(f"{model}: is not a supervised model; pretrain the recipe")):
        supervised_extractor(model, CPU)


def test_weights_that_are_not_finite_are_named(weights, tmp_path):
    state = torch.load(weights, weights_only=True)
    name = next(name for name in state if name.endswith("bn.bias"))
    torch.save(state | {name: torch.full_like(state[name], -torch.inf)}, tmp_path / "inf.pth")
    with pytest.raises(UserError, match=r"inf\.pth: has weights that are not finite; download it again"):
        inception_extractor(tmp_path / "inf.pth", CPU.device)
