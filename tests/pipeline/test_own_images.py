"""A folder given as a dataset: its name, what is read from it, and what is wrong with bad ones."""

import json
import os
import re
import shutil
from functools import cache as cache_of

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drl.cli.main import cli
from drl.cli.options import Invocation
from drl.data import prepare as prepare_module
from drl.data.prepare import prepare
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.pipeline import folder_facts, own_images
from drl.pipeline.checks import own_study_fits
from drl.pipeline.configuration import resolve
from drl.pipeline.label_budgets import budgets
from drl.pipeline.own_images import dataset_name, is_folder
from drl.pipeline.own_study import PARTS
from drl.pipeline.studies.training import dataset_known
from tests.job_settings import settings_of
from tests.recipes import recipes_set

SMALL = [recipes_set(batch_size=8)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DRL_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folders"


def save(path, mode="L", size=(9, 7), value=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(abs(hash(str(path))) % 1000)
    pixels = noise.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8) if value is None else value
    Image.fromarray(pixels).convert(mode).save(path)


def folder(root, counts, mode="L"):
    """Write a folder of so many images by name of their class."""
    for name, count in counts.items():
        for k in range(count):
            save(root / name / f"{k:03d}.png", mode)
    return root


resolve_once = cache_of(lambda scale, sets=(): resolve(scale, sets=sets))


def read(root, scale="demo", *sets):
    """Return the configuration with the folder, as `dataset=<root>` gives it, and its dataset."""
    config, name = own_images.with_folder(resolve_once(scale, (*SMALL, *sets)), str(root))
    return config.model_copy(update={"dataset": name}), config.datasets[name]


def test_a_folder_without_a_split_is_split_in_proportion(tmp_path):
    config, found = read(folder(tmp_path / "My pets!", {"cat": 60, "dog": 30, "ant": 10}))
    assert re.fullmatch(r"my_pets_[0-9a-f]{6}", config.dataset)
    assert (found.title, found.source, found.classes, found.channels) == ("My pets!", "image_folder", 3, 1)
    assert (found.train, found.test, found.smallest_class) == (80, 20, 8)
    # A tenth of 80, as many of each class.
    assert found.validation == 6
    assert found.image_size == 16 == config.studies.study.image_size


@pytest.mark.parametrize("counts", [{"a": 5, "b": 5}, {"a": 5, "b": 300}, {"a": 41, "b": 7, "c": 13}])
def test_what_is_declared_is_what_prepare_finds(tmp_path, counts):
    config, found = read(folder(tmp_path / "own", counts))
    facts = prepare(config.dataset, found, tmp_path / "images.safetensors")
    assert facts["classes"] == sorted(counts)
    store = ImageStore.open(tmp_path / "images.safetensors")
    of_train = np.bincount(store.labels[store.train], minlength=len(counts))
    assert found.smallest_class <= of_train.min() <= found.smallest_class + 1
    assert np.bincount(store.labels[store.val]).tolist() == [found.validation // len(counts)] * len(counts)
    assert len(store.test) > len(counts), "or silhouettes cannot be measured"


def test_a_given_split_is_kept_and_classes_come_from_it(tmp_path):
    for part, counts in (("train", {"x": 10, "y": 4}), ("test", {"x": 2, "y": 1})):
        folder(tmp_path / "own" / part, counts)
    config, found = read(tmp_path / "own")
    assert (found.train, found.test, found.smallest_class, found.validation) == (14, 3, 4, 2)
    assert prepare(config.dataset, found, tmp_path / "images.safetensors")["n_test"] == 3


@pytest.mark.parametrize(("modes", "channels"), [(("L", "1"), 1), (("L", "RGB"), 3), (("P",), 3), (("LA",), 1)])
def test_grey_only_where_all_files_are(tmp_path, modes, channels):
    for k in range(12):
        save(tmp_path / "own" / f"c{k % 2}" / f"{k}.png", modes[k % len(modes)] if k > 5 else modes[0])
    assert read(tmp_path / "own")[1].channels == channels


def test_two_folders_of_one_name_differ_and_every_way_to_write_one_is_the_same(tmp_path, monkeypatch):
    first, second = (folder(tmp_path / where / "pets", {"a": 5, "b": 5}) for where in ("one", "two"))
    monkeypatch.chdir(tmp_path / "one")
    names = {read(way)[0].dataset for way in (first, "pets", "./pets/", "../one/pets")}
    assert len(names) == 1
    assert names != {read(second)[0].dataset}
    # Below the working directory it may be moved with it.
    (tmp_path / "one").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert {read("pets")[0].dataset} == names
    assert settings_of("prepare", read("pets")[0], read("pets")[0].dataset)["dataset"]["folder"] == "pets"


@pytest.mark.parametrize("name", ["~", "~root"])
def test_a_folder_called_like_a_home_is_read_itself(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(folder(tmp_path / "home", {"x": 6, "y": 6, "z": 6})))
    folder(tmp_path / name, {"a": 5, "b": 5})
    ways = (f"./{name}", f"././{name}", str(tmp_path / name))
    found = [read(way) for way in ways]
    assert len({config.dataset for config, _ in found}) == 1
    assert {settings.folder for _, settings in found} == {f"./{name}"}
    facts = prepare(found[0][0].dataset, found[0][1], tmp_path / "images.safetensors")
    assert facts["classes"] == ["a", "b"]
    # The folder that a card names is found again.
    assert dataset_name(found[0][1].folder) == found[0][0].dataset


@given(st.text(max_size=60))
def test_every_name_becomes_one_that_datasets_may_have(name):
    made = dataset_name(f"/images/{name.replace(chr(0), '')}")
    assert re.fullmatch(r"[a-z0-9_]+_[0-9a-f]{6}", made)
    assert len(made) <= 47


def test_names_of_datasets_come_first_and_typing_errors_stay_such(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert resolve("demo", sets=["dataset=digits"]).datasets["digits"].source == "digits"
    with pytest.raises(UserError, match="unknown dataset 'mnist5'; did you mean 'mnist5k'"):
        resolve("demo", sets=["dataset=mnist5"])
    with pytest.raises(UserError, match=r"pets/cats does not exist or is not a folder: give one that holds a folder"):
        resolve("demo", sets=["dataset=pets/cats"])
    assert is_folder("digits", ())
    assert not is_folder("digits", ("digits",))
    assert not is_folder("", ())


def test_a_changed_folder_is_prepared_anew_and_other_datasets_are_as_before(tmp_path):
    root = folder(tmp_path / "own", {"a": 6, "b": 6})
    config, _ = read(root)
    before = settings_of("prepare", config, config.dataset)
    save(root / "a" / "000.png", size=(30, 30))
    after = settings_of("prepare", read(root)[0], config.dataset)
    assert before["dataset"].pop("contents") != after["dataset"].pop("contents")
    assert before == after
    plain = settings_of("prepare", resolve_once("demo"), "digits")
    assert plain == settings_of("prepare", config, "digits")
    assert not {"contents", "smallest_class"} & set(plain["dataset"])


def test_files_of_the_same_size_with_other_pixels_are_other_files(tmp_path, cache):
    root = folder(tmp_path / "own", {"a": 6, "b": 6})
    found = []
    for colour in ("black", "white"):
        Image.new("L", (9, 9), colour).save(root / "a" / "x.bmp")
        os.utime(root / "a" / "x.bmp", (1e9, 1e9))
        found.append(read(root)[1])
    assert found[0].contents != found[1].contents
    shutil.copytree(root, tmp_path / "copy")
    for path in (tmp_path / "copy").glob("*/*"):
        os.utime(path, (1, 1))
    copied = read(tmp_path / "copy")[1]
    assert copied.contents == found[1].contents, "a copy is the same"
    (root / "a" / "x.bmp").rename(root / "a" / "y.bmp")
    assert read(root)[1].contents != found[1].contents


def test_a_note_that_is_no_file_is_not_waited_for(tmp_path, cache):
    root = folder(tmp_path / "own", {"a": 6, "b": 6})
    first = read(root)[1]
    (note,) = cache.glob("*.json")
    note.unlink()
    os.mkfifo(note)
    assert read(root)[1] == first


def test_a_folder_that_a_dataset_s_name_hides_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    resolve("demo", sets=["dataset=digits"])
    Invocation(scale="demo").dataset("digits")
    assert capsys.readouterr().err == ""
    (tmp_path / "digits").mkdir()
    line = "drl: digits is the dataset of this name in the configuration; for the folder digits here, write ./digits\n"
    resolve("demo", sets=["dataset=digits"])
    assert capsys.readouterr().err == line
    assert Invocation(scale="demo").dataset("digits") == "digits"
    assert capsys.readouterr().err == line
    Invocation(scale="demo", settings="{}").dataset("digits")
    assert capsys.readouterr().err == "", "a job of Snakemake's says nothing again"


def test_images_are_decoded_once_as_long_as_nothing_changes(tmp_path, monkeypatch, cache, capsys):
    root = folder(tmp_path / "own", {"a": 6, "b": 6})
    decoded = []
    decode = folder_facts.decode
    monkeypatch.setattr(folder_facts, "decode", lambda path, most: decoded.append(path) or decode(path, most))
    first = read(root)[1]
    assert len(decoded) == 12
    assert read(root)[1] == first
    assert len(decoded) == 12
    save(root / "b" / "more.png", "RGB")
    assert read(root)[1].channels == 3
    assert len(decoded) == 25
    (note,) = cache.glob("*.json")
    assert capsys.readouterr().err == ""
    note.write_text("mine")
    assert read(root)[1].channels == 3
    assert note.read_text() == "mine"
    assert "holds something else than drl writes there; move it elsewhere; until then, the" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DRL_DATA", str(tmp_path / "file"))
    assert read(folder(tmp_path / "own", {"a": 5, "b": 5}))[1].classes == 2


def spoil(root, what):
    """Make a good folder bad; return the complaint."""
    if what == "missing":
        return root.parent / "none", "none does not exist or is not a folder: give one that holds a folder for each"
    if what == "file":
        return root / "a" / "000.png", "000.png does not exist or is not a folder"
    if what == "no class folders":
        for path in [*root.glob("*/*"), *root.iterdir()]:
            path.unlink() if path.is_file() else path.rmdir()
        return root, "holds no class folders: put the images into one folder for each class"
    if what == "one class":
        for path in [*(root / "b").iterdir()]:
            path.rename(root / "a" / f"b{path.name}")
        (root / "b").rmdir()
        return root, "holds only the folder 'a': it needs at least two class folders"
    if what == "few":
        for path in sorted((root / "b").iterdir())[4:]:
            path.unlink()
        return root, "own/b holds 4 images, and a class needs 5 at least; add images, or remove the folder"
    if what == "half a split":
        root.rename(root.with_name("inner"))
        root.mkdir()
        root.with_name("inner").rename(root / "train")
        return root, "holds train/ but no test/: give it train/ and test/ with class folders in each"
    if what == "no image":
        (root / "b" / "Thumbs.db").write_bytes(b"no image")
        return root, "b/Thumbs.db is not a readable image"
    if what == "cut off":
        (root / "b" / "003.png").write_bytes((root / "b" / "003.png").read_bytes()[:-40])
        return root, "b/003.png is not a readable image"
    if what == "FIFO":
        os.mkfifo(root / "b" / "x.png")
        return root, "b/x.png is a FIFO and not a file: remove it"
    if what == "dangling link":
        (root / "b" / "x.png").symlink_to("none")
        return root, "b/x.png is a link that leads nowhere"
    if what == "capitals":
        other = root.with_name("outer")
        for part in ("Train", "TEST"):
            shutil.copytree(root, other / part)
        return (
            other,
            "holds TEST/, Train/, and the parts of a split are called train and test, in lower case: rename TEST/",
        )
    if what == "old zip":
        os.rename(root / "b" / "000.png", os.fsencode(root / "b") + b"/caf\xe9.png")
        return root, r"b/caf\xe9.png is not UTF-8 (old zip files bring such names): rename it"
    if what == "old zip's class":
        os.rename(root / "b", os.fsencode(root) + b"/caf\xe9")
        return root, r"own/caf\xe9 is not UTF-8 (old zip files bring such names): rename it"
    if what == "line break":
        (root / "b").rename(root / "b\nc")
        return root, r"own/b\nc has a line break"
    if what == "PostScript":
        Image.new("L", (9, 9)).save(root / "b" / "x.png", format="EPS")
        return root, "b/x.png is not a readable image (of "
    (root / "b" / "inner").mkdir()
    return root, "b/inner is a folder within a class folder, which holds images alone: move its images up"


BAD = ["missing", "file", "no class folders", "one class", "few", "half a split", "no image", "cut off", "inner"]
BAD += ["FIFO", "dangling link", "capitals", "old zip", "old zip's class", "line break", "PostScript"]


@pytest.mark.parametrize("what", BAD)
def test_bad_folders_are_one_line_each(tmp_path, what):
    root, said = spoil(folder(tmp_path / "own", {"a": 6, "b": 6}), what)
    with pytest.raises(UserError, match=re.escape(said)) as caught:
        read(root)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("photo", "unknown dataset 'photo'; did you mean the folder ./photos?"),
        ("mnist5", "unknown dataset 'mnist5'; did you mean 'mnist5k', or the folder ./mnist5_photos?"),
        ("zebras", "mnistm5k, or a folder of your own, such as ./photos"),
        ("./photo", "image folder photo does not exist or is not a folder: did you mean photos?"),
        ("more/cat", "image folder more/cat does not exist or is not a folder: did you mean more/cats?"),
        ("hidde", "or a folder of your own, such as ./photos"),
    ],
)
def test_a_mistyped_folder_is_answered_with_the_nearest(tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    for made in ("photos", "mnist5_photos", "more/cats", ".hidden"):
        (tmp_path / made).mkdir(parents=True)
    (tmp_path / "photox").touch()  # is no folder
    with pytest.raises(UserError) as caught:
        resolve("demo", sets=[f"dataset={name}"])
    assert str(caught.value).endswith(said)
    if "/" not in name:
        with pytest.raises(UserError) as caught:
            dataset_known(resolve_once("demo"), name)
        assert str(caught.value).endswith(said)


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\nb"])
def test_a_folder_whose_own_name_is_no_text_is_named(tmp_path, name):
    root = folder(tmp_path / os.fsdecode(name), {"a": 6, "b": 6})
    with pytest.raises(UserError, match=r"the name of .*(caf\\xe9|a\\nb) (is not UTF-8|has a line break)"):
        read(root)


@pytest.mark.parametrize("name", ["a" * 300, "/" + "b" * 5000, "x/" * 3000, "~nosuchuser/pets", "~nosuchuser"])
def test_names_longer_than_a_file_s_are_no_folder(name):
    with pytest.raises(UserError, match=r"does not exist or is not a folder|unknown dataset|home folder of ~no"):
        resolve("demo", sets=[f"dataset={name}"])


def test_pixels_are_a_knob(tmp_path):
    root = folder(tmp_path / "own", {"a": 6, "b": 6})
    assert read(root, "demo", "run.image_pixels=63")[1].classes == 2
    with pytest.raises(UserError, match=r"000\.png has more than 62 pixels: .* or raise run\.image_pixels"):
        read(root, "demo", "run.image_pixels=62")


def test_a_test_part_of_too_few_images_is_named(tmp_path):
    for part, count in (("train", 5), ("test", 1)):
        folder(tmp_path / "own" / part, {"x": count, "y": count})
    with pytest.raises(UserError, match="own/test holds 2 images, and 2 classes need 3 at least; add images"):
        read(tmp_path / "own")


def set_budgets(*labels):
    """Probes with these numbers of labels, and the figures with each of the first three and with the last."""
    shown = {4: -1, 5: -1, 9: 0, 10: 1, 11: 2}
    items = ", ".join(f"figure_{number}: {{budget: {labels[k]}}}" for number, k in shown.items())
    return f"studies.probe.label_budgets={list(labels)}", f"items={{{items}}}"


def test_label_budgets_fit_the_images(tmp_path):
    root = folder(tmp_path / "own", {"a": 10, "b": 50})
    config, found = read(root)
    assert (found.train, found.smallest_class) == (48, 8)
    # 16 labels are as many as can be, eight of each class.
    assert budgets(config, config.dataset) == [48]
    assert settings_of("few_shot", config, config.dataset, "drl")["few_shot"]["labels"] == [16]
    config, _ = read(root, "demo", *set_budgets(10, 16, 20, 30), "studies.few_shot.labels=[10,100]")
    assert budgets(config, config.dataset) == [10, 16]
    assert settings_of("few_shot", config, config.dataset, "drl")["few_shot"]["labels"] == [10, 16]
    config, _ = read(root, "demo", *set_budgets(20, 40, 60, 80))
    assert budgets(config, config.dataset) == [16]
    validating = read(root, "demo", "studies.probe.select=best_val", *set_budgets(15, 16, 20, 30))[0]
    left = found.smallest_class - found.validation // 2
    assert budgets(validating, config.dataset) == [2 * left]


@pytest.mark.parametrize("scale", ["demo", "lite", "paper"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_study_is_planned_at_every_scale(tmp_path, scale, mode):
    root = folder(tmp_path / "own", {"a": 70, "b": 70}, mode)
    config, name = own_images.with_folder(resolve_once(scale), str(root))
    config = config.model_copy(update={"dataset": name})
    own_study_fits(config, config.dataset)
    for part in PARTS:
        settings = settings_of(f"study_{part}", config, config.dataset)
        assert [name for name, _ in settings["recipes"]] == ["drl_best", "ae"]
        assert settings["datasets"] == [[config.dataset, "own"]]
    for name in ("drl_best", "ae"):
        settings_of("code_view", config, config.dataset, name)


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (
            [],
            "dataset 'own' has 16 training images, and recipe 'drl_best' takes 64 a step; "
            "add images, or set recipes.drl_best.",
        ),
        ([*SMALL, "studies.study.recipes=[drl_8d]", "recipes.drl_8d.sweep.lambda=[0.1,1]"], "'drl_8d' is a sweep"),
        ([*SMALL, "studies.study.recipes=[unconditional]"], "'unconditional' has no encoder"),
        ([*SMALL, "studies.probe.trajectory=false"], "set it to true"),
        ([*SMALL, "studies.study.image_size=15"], "15 pixels of dataset"),
    ],
)
def test_what_a_study_cannot_do_is_one_line(tmp_path, sets, said):
    root = folder(tmp_path / "own", {"a": 10, "b": 10})
    config = resolve("demo", sets=[f"dataset={root}", *sets])
    with pytest.raises(UserError, match=re.escape(said)):
        settings_of("study_few_shot", config, config.dataset)


def test_an_unknown_recipe_is_named_at_once():
    with pytest.raises(UserError, match=r"studies\.study\.recipes: unknown recipe 'drk'; did you mean 'drl'"):
        resolve("demo", sets=["studies.study.recipes=[drk]"])


def test_a_configured_dataset_can_be_studied_where_the_papers_items_do_not_fit_it():
    config = resolve("paper", sets=["dataset=digits"])
    assert settings_of("study_probe_curve", config, "digits")["budgets"] == {"digits": 1297}
    assert budgets(config, "digits") == [1000, 1297]
    with pytest.raises(UserError, match="5000 labels are more than the 1297 training images"):
        settings_of("figure", config, "figure_4")
    digits = resolve("demo", sets=["dataset=digits", "studies.few_shot.labels=[100,2000]"])
    settings_of("figure", digits, "figure_4")
    with pytest.raises(UserError, match="2000 labels are more"):
        settings_of("figure", digits, "figure_8")


def test_items_of_the_paper_are_still_checked_at_once_where_they_belong():
    with pytest.raises(UserError, match="90000 labels are more than the 1297"):
        resolve("demo", sets=["studies.probe.label_budgets=[100,300,1000,90000]"])


def test_the_configuration_is_left_as_it_was(tmp_path):
    root = folder(tmp_path / "own", {"a": 5, "b": 5})
    other, name = own_images.with_folder(resolve_once("demo"), str(root))
    assert name in other.datasets
    assert name not in resolve_once("demo").datasets
    assert resolve("demo", sets=[f"dataset={root}"]) == other.model_copy(update={"dataset": name})


@pytest.mark.parametrize("when", ["before", "while", "never"])
def test_images_are_those_that_the_job_was_planned_with(tmp_path, monkeypatch, cache, when):
    """The example: images were exchanged after the plan, and the card named the old ones."""
    monkeypatch.chdir(tmp_path)
    root = folder(tmp_path / "own", {"a": 6, "b": 6})
    config, _ = read(root)
    settings = json.dumps(settings_of("prepare", config, config.dataset))
    run = prepare_module.run

    def exchange():
        Image.new("L", (9, 9), "white").save(root / "a" / "000.png")

    def late(job):
        run(job)
        if when == "while":
            exchange()

    monkeypatch.setattr(prepare_module, "run", late)
    if when == "before":
        exchange()
    words = [
        "prepare",
        "--dataset",
        config.dataset,
        "--scale",
        "demo",
        "--settings",
        settings,
        "--out",
        "i.safetensors",
    ]
    found = CliRunner().invoke(cli, words)
    made = {path.name for path in tmp_path.glob("*.*")}
    if when == "never":
        assert found.exit_code == 0, found.exception
        assert made == {"i.safetensors", "i.safetensors.json", "files.csv"}
        return
    said = {"before": "are not those that this job was planned with", "while": "changed while they were read"}[when]
    with pytest.raises(UserError, match=f"own: its images {said}; start again"):
        raise found.exception
    assert made == set()
