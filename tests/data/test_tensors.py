import json

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from drl.data.tensors import open_tensors


def test_a_file_is_read_as_the_library_reads_it(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"a": torch.arange(3)}, path, metadata={"about": "this"})
    with open_tensors(path) as file:
        assert (file.get_tensor("a").tolist(), file.metadata()) == ([0, 1, 2], {"about": "this"})
    with pytest.raises(FileNotFoundError), open_tensors(tmp_path / "none"):
        pass


@pytest.mark.parametrize("what", ["tensor", "entry", "fact", "fact behind a blank"])
def test_a_header_that_says_something_twice_is_damaged(tmp_path, what):
    """The library would silently use the last of the two."""
    one = json.dumps({"dtype": "U8", "shape": [1], "data_offsets": [0, 1]})
    entries = {"tensor": f'"a": {one}, "a": {one}', "entry": f'"__metadata__": {{"k": "1", "k": "2"}}, "a": {one}'}
    entries["fact behind a blank"] = json.dumps({"__metadata__": {"facts": ' {"a": 0, "a": 1}'}, "a": json.loads(one)})[
        1:-1
    ]
    entries["fact"] = json.dumps({"__metadata__": {"facts": '{"mean": 0, "mean": 1}'}, "a": json.loads(one)})[1:-1]
    header = f"{{{entries[what]}}}".encode()
    path = tmp_path / "twice.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0")
    with pytest.raises(SafetensorError, match="is given twice"), open_tensors(path):
        pass


def test_a_header_of_any_length_is_not_read(tmp_path):
    path = tmp_path / "long.safetensors"
    path.write_bytes((2**60).to_bytes(8, "little"))
    with pytest.raises(SafetensorError), open_tensors(path):
        pass
