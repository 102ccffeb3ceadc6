"""A model may be given as its file or as its folder."""

import pytest

from drl.api.example import FOLDER
from drl.errors import UserError
from drl.records.model_folder import ENCODER, MODEL, TRAINING, exported, model_in, training_card


def test_files_and_what_does_not_exist_are_left_as_they_are(tmp_path):
    (tmp_path / "a.safetensors").touch()
    for path in (tmp_path / "a.safetensors", tmp_path / "missing", tmp_path / ("x" * 300)):
        assert model_in(path) == path


def test_a_folder_gives_its_complete_model_first(tmp_path):
    (tmp_path / ENCODER).touch()
    assert model_in(tmp_path) == tmp_path / ENCODER
    with pytest.raises(UserError, match=r"holds only an encoder.* give a complete model"):
        model_in(tmp_path, complete=True)
    (tmp_path / MODEL).touch()
    assert model_in(tmp_path) == model_in(tmp_path, complete=True) == tmp_path / MODEL


def test_a_folder_without_a_model_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"has no model\.safetensors or encoder\.safetensors; give a model") as caught:
        model_in(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_card_of_a_training_is_beside_its_model_or_in_the_export(tmp_path):
    assert exported(FOLDER / MODEL).settings == {"kept": "used"}
    assert training_card(FOLDER / MODEL) == FOLDER / TRAINING
    for text in (None, "{}", "no JSON"):
        if text is not None:
            (tmp_path / f"{MODEL}.json").write_text(text)
        assert exported(tmp_path / MODEL) is None
        assert training_card(tmp_path / MODEL) == tmp_path / f"{MODEL}.json"
