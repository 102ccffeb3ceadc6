"""An installed wheel works without a checkout: plain `drl` with few packages, and the pipeline with all."""

import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

import drl
from drl.cli.extras import PIPELINE
from tests.package.conftest import ROOT, pip

COPIED = ("Snakefile", "workflow", "config", "profiles", "envs/drl.yaml", "docs/results/costs.csv")


def tracked(*paths):
    """Return the project's files below some paths."""
    files = [ROOT / path for path in paths if (ROOT / path).is_file()]
    files += [file for path in paths for file in (ROOT / path).rglob("*") if file.is_file()]
    return sorted(str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts)


@pytest.fixture
def photos(tmp_path):
    """Some pictures of another size than the model's."""
    folder, noise = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        Image.fromarray(noise.integers(0, 256, (20, 14, 3), dtype=np.uint8)).save(folder / name)
    return folder


def test_wheel_holds_the_workflow_and_configuration_as_they_are(wheel):
    with zipfile.ZipFile(wheel) as packed:
        inside = {name: packed.read(name) for name in packed.namelist() if ".dist-info/" not in name}
    copies = {name.removeprefix("drl/_project/"): data for name, data in inside.items() if "_project/" in name}
    assert sorted(copies) == tracked(*COPIED)
    assert all(data == (ROOT / name).read_bytes() for name, data in copies.items())
    assert sorted(name for name in inside if "_project/" not in name) == tracked("drl")
    assert "drl/py.typed" in inside


def test_source_distribution_builds_the_same_wheel(sources, wheel, tmp_path):
    code = "import sys; from setuptools.build_meta import build_sdist; build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=sources, check=True, capture_output=True)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as file:
        file.extractall(tmp_path, filter="data")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, packed.with_name(packed.name[:-7]))
    again = zipfile.ZipFile(tmp_path / wheel.name)
    assert sorted(again.namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_plain_drl_has_nothing_of_the_pipeline(light):
    pip("--python", light.folder / "bin" / "python", "check")
    absent = set(PIPELINE) - {"jinja2", "pygments"}  # torch and rich need these
    code = f"import importlib.util as u; print([n for n in {sorted(absent)} if u.find_spec(n)])"
    run = light.run("python", "-c", code, cwd=light.folder)
    assert run.stdout == "[]\n", run.stdout + run.stderr


def test_plain_drl_describes_and_encodes(light, model_file, photos, tmp_path):
    run = light.run("drl", "describe", "drl", "--scale", "lite", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "config/scales/lite.yaml" in run.stdout
    words = ("--model", model_file(), "--images", photos, "--t", "0.3", "--out", "codes.npy")
    run = light.run("drl", "encode", *words, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    expected = drl.load(model_file(), device="cpu").encode(photos, 0.3)
    assert np.allclose(np.load(tmp_path / "codes.npy"), expected, atol=1e-5)


def test_plain_drl_is_used_from_python(light, model_file, photos, tmp_path):
    code = f"""
import drl, numpy as np
model = drl.load({str(model_file())!r}, device="cpu")
codes = model.encode({str(photos)!r}, t=[0.3, 0.6])
np.save("codes.npy", codes)
print(model.sample(2, codes=codes[0], sampler={{"steps": 3}}).shape, model.denoise({str(photos)!r}, 0.4).shape)
try:
    drl.CodeTransformer
except ImportError as error:
    print(error)
"""
    run = light.run("python", "-c", code, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "(2, 2, 8, 8, 1) (2, 8, 8, 1)",
        "drl.CodeTransformer: needs scikit-learn, which plain drl does not install; pip install scikit-learn "
        "(or 'drl[pipeline]', which contains it)",
    ]
    expected = drl.load(model_file(), device="cpu").encode(photos, [0.3, 0.6])
    assert np.allclose(np.load(tmp_path / "codes.npy"), expected, atol=1e-5)


@pytest.mark.parametrize(("words", "needs"), [(["run", "-n", "figure_4"], "snakemake"), (["costs", "."], "pandas")])
def test_what_plain_drl_lacks_is_one_line(words, needs, light, tmp_path):
    run = light.run("drl", *words, cwd=tmp_path)
    line = f"drl: {words[0]}: needs {needs}, which plain drl does not install; pip install 'drl[pipeline]'\n"
    assert (run.returncode, run.stderr, run.stdout) == (2, line, "")


def test_pipeline_runs_where_the_user_is(full, tmp_path):
    (tmp_path / "random.py").write_text("raise SystemExit('the wrong random')")
    plan = full.run("drl", "run", "-n", "figure_4", "--quiet", "host", cwd=tmp_path)
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert "draw_figure_4" in plan.stdout + plan.stderr
    images = "results/demo/data/digits/images.safetensors"
    made = full.run("drl", "run", images, "--cores", "1", cwd=tmp_path)
    assert made.returncode == 0, made.stdout + made.stderr
    assert (tmp_path / images).is_file()
    assert not list((full.site / "drl").rglob("results/demo"))
    verified = full.run("drl", "verify", "results/demo", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout


def test_exit_code_is_that_of_snakemake(full, tmp_path):
    bad = full.run("drl", "run", "-n", "figure_4", "--config", "scale=medium", cwd=tmp_path)
    assert bad.returncode == 2
    assert bad.stderr.splitlines()[-1] == "drl: config: unknown scale 'medium'; valid: demo, lite, paper"
