"""Checkpoints that torch's unpickler would not end with."""

import io
import pickle
import zipfile

import pytest
import torch

from drl.errors import UserError
from drl.models.pickles import MOST_BYTES, MOST_NESTED, check_pickles, nested


def doubled(times):
    """Return a tuple of the same tuple twice, so many times."""
    inner = ()
    for _ in range(times):
        inner = (inner, inner)
    return inner


def packed(path, **parts):
    """Write a file as torch.save packs it."""
    with zipfile.ZipFile(path, "w") as written:
        for name, content in parts.items():
            written.writestr(f"archive/{name}.pkl", content)
    return path


def key_of(times, protocol):
    # A list in place of the mapping: to make the mapping here, the tuple would have to be hashed.
    return pickle.dumps([doubled(times), 1.0], protocol)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("value", [(), ((), [(1, 2)], {"a": ((3,),)}), {"x": {"y": [{"z": (((1,), 2), 3)}]}}])
def test_the_depth_is_that_of_the_value(value, protocol):
    def deepest(value):
        """Return how deep tuples are nested in a value: the most of all tuples that enclose one another."""
        if isinstance(value, dict):
            return max(map(deepest, value.values()), default=0)
        if isinstance(value, (list, tuple)):
            # An empty tuple is no key that takes long.
            return max(map(deepest, value), default=0) + (isinstance(value, tuple) and value != ())
        return 0

    # What lies in a mapping or list is counted on top of the tuple around it, but never below.
    assert nested(io.BytesIO(pickle.dumps(value, protocol))) >= deepest(value)


@pytest.mark.parametrize("protocol", [2, 4])
def test_tuples_are_counted_without_making_them(protocol):
    assert nested(io.BytesIO(key_of(500, protocol))) == 500


def test_a_checkpoint_that_would_be_hashed_forever_is_refused(tmp_path):
    new = packed(tmp_path / "new.pth", data=key_of(60, 2))
    old = tmp_path / "old.pth"
    old.write_bytes(b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {})) + key_of(60, 2))
    for checkpoint in (new, old):
        with pytest.raises(UserError, match=rf"tuples in tuples, more than {MOST_NESTED} deep; download it again"):
            check_pickles(checkpoint)


def test_endless_names_are_refused_before_they_are_read(tmp_path):
    with pytest.raises(UserError, match="its names take more than 16,777,216 bytes"):
        check_pickles(packed(tmp_path / "names.pth", data=b"\0" * (MOST_BYTES + 1)))


@pytest.mark.parametrize("zipped", [True, False])
def test_torch_s_own_files_and_damaged_ones_pass(tmp_path, zipped):
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 3), torch.nn.BatchNorm2d(8))
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(2, 1, 4, 4)).sum().backward()
    optimiser.step()
    state = {"model": network.state_dict(), "optimizer": optimiser.state_dict(), "step": 3, "ema": {"decay": 0.9}}
    torch.save(state, tmp_path / "whole.pth", _use_new_zipfile_serialization=zipped)
    check_pickles(tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:700])
    check_pickles(tmp_path / "cut.pth")
    check_pickles(tmp_path / "none.pth")
