import torch
from hypothesis import given
from hypothesis import strategies as st

from drl.evaluation.montage import montage, save_png
from tests.evaluation.pictures import load_png, tiles


@given(rows=st.integers(1, 4), columns=st.integers(1, 4), channels=st.sampled_from([1, 3]), seed=st.integers(0, 99))
def test_tiles_undo_montage(rows, columns, channels, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (rows * columns, channels, 5, 5), generator=generator, dtype=torch.uint8)
    picture = montage(images, columns)
    assert picture.shape == (channels, 5 * rows, 5 * columns)
    assert torch.equal(picture[:, :5, :5], images[0])
    assert torch.equal(tiles(picture, 5), images)


def test_pngs_come_back_byte_for_byte(tmp_path):
    for channels in (1, 3):
        picture = torch.arange(channels * 12 * 9).reshape(channels, 12, 9).to(torch.uint8)
        save_png(tmp_path / "p.png", picture)
        assert torch.equal(load_png(tmp_path / "p.png"), picture)
