import os

import pytest
from PIL import Image

from drl.errors import UserError
from drl.evaluation.given_images import files_in


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        Image.new("L", (3, 2)).save(path)


@pytest.mark.parametrize(
    ("nested", "wanted"), [(True, ["a/z.png", "a b/c.png", "b/a.png", "b.png"]), (False, ["b.png"])]
)
def test_order_is_that_of_paths_part_by_part(tmp_path, nested, wanted):
    make(tmp_path, "b/a.png", "b.png", "a/z.png", "a b/c.png", ".hidden/d.png", "a/.e.png")
    found = [path.relative_to(tmp_path).as_posix() for path in files_in(tmp_path, 6, nested=nested)]
    assert found == wanted


@pytest.mark.parametrize(("pixels", "said"), [(6, "is a FIFO and not a file"), (5, "has more than 5 pixels")])
def test_all_is_checked_before_anything_is_decoded(tmp_path, pixels, said):
    make(tmp_path, "a.png")
    os.mkfifo(tmp_path / "b.png")
    with pytest.raises(UserError, match=said):
        files_in(tmp_path, pixels)


def test_links_to_folders_are_not_followed(tmp_path):
    make(tmp_path, "a.png", "b/c.png")
    (tmp_path / "b" / "again").symlink_to(tmp_path)
    assert files_in(tmp_path, 6, nested=True) == [tmp_path / "a.png", tmp_path / "b" / "c.png"]
