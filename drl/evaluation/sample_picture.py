"""The picture of `drl sample`: at demo scale it says on itself what it can show."""

from __future__ import annotations

import textwrap

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

# Pixels: of a picture that is to be read, of letters and of a line, and of the space around them.
LEAST_WIDTH, LETTERS, LINE, SPACE = 480, 13, 18, 6
LETTERS_IN_LEAST_WIDTH = 72


def with_remark(picture: Tensor, text: str) -> Tensor:
    """Return a picture, enlarged by a whole factor if it is narrow, with a line of text below it.

    Args:
        picture: uint8 [C, H, W], C = 1 or 3.
        text: What stands below it, in as many lines as it takes.

    Returns:
        uint8 [C, k H + the height of the text, k W].
    """
    factor = max(1, -(-LEAST_WIDTH // picture.shape[2]))
    large = picture.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)
    width = large.shape[2]
    lines = textwrap.wrap(text, max(1, LETTERS_IN_LEAST_WIDTH * width // LEAST_WIDTH))
    strip = Image.new("L", (width, 2 * SPACE + LINE * len(lines)), 255)
    font = ImageFont.load_default(LETTERS)
    for number, line in enumerate(lines):
        ImageDraw.Draw(strip).text((SPACE, SPACE + number * LINE), line, fill=0, font=font)
    below = torch.from_numpy(np.array(strip)).expand(len(large), -1, -1)
    return torch.cat((large, below), dim=1)
