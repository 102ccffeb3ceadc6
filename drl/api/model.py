"""A trained model in Python: codes, samples and denoised images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drl.api.arguments import Times, count_of, size_of, times_of
from drl.api.denoising import content_name, denoised
from drl.api.images import Channels, as_images
from drl.api.reading import read_model, sampler_settings
from drl.errors import UserError
from drl.evaluation.codes import CHUNKS
from drl.evaluation.encode import codes_of_batch, noise_of_times
from drl.evaluation.sampling import BATCH, Wanted, check_codes, check_start, draw, image_seed, sampler_of
from drl.jobs.device import network_channels, place
from drl.methods.base import Method
from drl.methods.score_matching import ScoreMatching
from drl.records.model_folder import model_in

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

DEVICES, PRECISIONS = ("auto", "cpu", "cuda"), ("auto", "fp32", "bf16")


def load(
    path: str | Path,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
) -> Model:
    """Load a trained model.

    >>> model = load("model.safetensors", device="cpu")
    >>> model.encode(images, t=0.5).shape  # one code of 64 entries for each image
    (4, 64)

    Args:
        path: A model.safetensors of `drl pretrain`, or what `drl export` wrote: its file or its folder.
        device: `cpu`, `cuda`, or `auto`: a GPU if there is one.
        precision: `fp32`, `bf16`, or `auto`, as `drl encode` chooses it: bf16 on a GPU, and for large networks on a
            CPU that is faster with it.

    Raises:
        UserError: If there is no such model, it is damaged or was changed after it was made, or there is no GPU.
    """
    return Model(path, device, precision)


class Model:
    """A trained model, which never changes. `drl.load` makes it.

    Images may be given in any form that `drl.api.images.as_images` describes: uint8 or floats in [0, 1]; arrays,
    tensors, PIL images, files, or lists of them. What it returns are NumPy arrays on the CPU.

    Attributes:
        path: Its file.
        dataset: Name of the data set that it was trained on.
        recipe: Its resolved recipe; `recipe.method.kind` names the method.
        image_size: Height and width of its images, in pixels.
        channels: Their channels: 1 for grey, 3 for RGB.
        code_size: Entries of a code; None if the model has no codes.
    """

    def __init__(self, path: str | Path, device: str = "auto", precision: str = "auto") -> None:
        """Read the file; arguments as in `load`."""
        for name, given, valid in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
            if given not in valid:
                raise UserError(f"{name} is {given!r}; give one of {', '.join(valid)}")
        self.path = model_in(Path(path)).absolute()
        self._arguments = (self.path, device, precision)
        self._header, method, self._complete = read_model(self.path)
        self._placement = place(device, precision, "off", channels=network_channels(method.recipe))
        self._method = method.to(self._placement.device)
        self.recipe, self.dataset = method.recipe, self._header.about.dataset
        self.image_size, self.channels = method.facts.image_size, method.facts.channels
        self.code_size = None if method.code_part is None else method.code_size

    def __repr__(self) -> str:
        """Say which model it is."""
        kind, size = self.recipe.method.kind, f"{self.image_size} x {self.image_size} x {self.channels}"
        codes = "no codes" if self.code_size is None else f"codes of {self.code_size} entries"
        return f"<drl.Model {kind}, images {size}, {codes}, trained on {self.dataset!r}, {self._placement.device}>"

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Pickle the path, and not the weights: the file is read again."""
        return type(self), self._arguments

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself, because it never changes; scikit-learn copies the parameters of estimators."""
        return self

    def encode(
        self,
        images: Any,
        t: Times = 0.5,
        *,
        channels: Channels | None = None,
        resize: bool = True,
        batch_size: int | None = None,
    ) -> Floats:
        """Return the codes of images, the same as `drl encode` writes.

        >>> model.encode(images, t=0.5).shape
        (4, 64)
        >>> model.encode(images, t=[0.0, 0.5, 1.0]).shape
        (3, 4, 64)
        >>> bool((model.encode(images / 255) == model.encode(images)).all())
        True

        Args:
            images: N images in any form (`drl.api.images.as_images`); a folder of files is read in the order of paths.
            t: Where codes are read, in [0, 1]: one time, or several.
            channels: Where the channels of arrays are, `first` or `last`, if their shape does not tell.
            resize: Whether images of other sizes are resized and cropped as in training, or refused.
            batch_size: Images per pass. Default: 128 on a CPU, 2,000 on a GPU. It changes codes by rounding at most.

        Returns:
            float32 [N, D] for one t, [T, N, D] for several, with D = `code_size`.

        Raises:
            BadImages: If images cannot be read, or in more than one way. It is a UserError and a ValueError.
            UserError: If the model has no codes, t is outside [0, 1], or a code is not finite.
        """
        method, times = self._with_codes(), times_of(t)
        batch = as_images(images, method.facts, channels, resize)
        device = self._placement.device
        noises, chunks = noise_of_times(method, times, device), []
        for chunk in batch.split(size_of(batch_size, CHUNKS[device.type])):
            chunks.append(codes_of_batch(method, chunk.to(device), times, noises, self._placement).cpu())
        codes = torch.cat(chunks).transpose(0, 1).contiguous()
        if not bool(codes.isfinite().all()):
            raise UserError(f"{self.path}: codes are not finite numbers; load it with precision='fp32'")
        found: Floats = codes.numpy()
        return found[0] if np.ndim(t) == 0 else found

    def prepared(self, images: Any, *, channels: Channels | None = None, resize: bool = True) -> Bytes:
        """Return images as the model sees them: in its size and channels, before its scaling of pixels.

        >>> model.prepared(images).shape == (4, model.image_size, model.image_size, model.channels)
        True

        Args:
            images: As for `encode`.
            channels: As for `encode`.
            resize: As for `encode`.

        Returns:
            uint8 [N, H, W, C].

        Raises:
            BadImages: As `encode`.
        """
        found: Bytes = as_images(images, self._method.facts, channels, resize).permute(0, 2, 3, 1).numpy()
        return found

    def sample(
        self,
        n: int = 1,
        *,
        images: Any = None,
        codes: Any = None,
        t: float = 0.5,
        t_init: float = 1.0,
        seed: int = 0,
        prior: Literal["gaussian", "uniform_gaussian"] = "gaussian",
        sampler: Mapping[str, Any] | None = None,
        channels: Channels | None = None,
        resize: bool = True,
        batch_size: int | None = None,
    ) -> Bytes:
        """Draw samples: n for each code, or n in all if the model is unconditional.

        >>> model.sample(2, images=images, seed=1, sampler={"steps": 4}).shape  # two samples of each image's code
        (4, 2, 8, 8, 1)

        Args:
            n: Samples for each code. Further samples do not change the first ones.
            images: Images whose codes are used, in any form; samples are those that `drl sample` draws.
            codes: Codes [K, D], in place of images.
            t: The time at which images are encoded.
            t_init: Where chains begin, in (0, 1]; 1 means pure noise.
            seed: Of the samples' noise. It gives different images on a CPU and on a GPU.
            prior: What chains begin from (paper App. I).
            sampler: Settings that differ from the recipe's, such as `{"steps": 100}` (see `SamplerSettings`).
            channels: As for `encode`.
            resize: As for `encode`.
            batch_size: Images that are drawn at once.

        Returns:
            uint8 [K, n, H, W, C] for K images or codes; [n, H, W, C] from an unconditional model.

        Raises:
            UserError: If the model has no score network, or a setting cannot be used.
        """
        method, settings = self._with_score(), sampler_settings(self.path, self._header, sampler)
        n = count_of("n", n)
        check_start(t_init)
        if prior not in ("gaussian", "uniform_gaussian"):
            raise UserError(f"prior is {prior!r}; give gaussian or uniform_gaussian")
        if method.encoder is None:
            if images is not None or codes is not None:
                raise UserError("the model is unconditional, so its samples take no codes; leave out images and codes")
            z, names = None, ["sample"]
        else:
            z, names = self._codes_and_names(images, codes, t, channels, resize)
        wanted = [
            Wanted(image_seed(seed, name, k), None if z is None else row, t_init, prior)
            for row, name in enumerate(names)
            for k in range(n)
        ]
        size = size_of(batch_size, BATCH[self._placement.device.type])
        found: Bytes = draw(method, settings, wanted, self._placement, z, batch_size=size).permute(0, 2, 3, 1).numpy()
        return found if z is None else found.reshape(len(names), n, *found.shape[1:])

    def denoise(
        self,
        images: Any,
        t: Times,
        *,
        codes: Any = None,
        seed: int = 0,
        channels: Channels | None = None,
        resize: bool = True,
        batch_size: int | None = None,
    ) -> Bytes:
        """Add the noise of time t to images, and return what the model makes of them in one step, E[x_0 | x_t, z].

        >>> model.denoise(images, t=0.3).shape
        (4, 8, 8, 1)

        Args:
            images: N images without noise, in any form.
            t: How much noise, in (0, 1]: one time, or several.
            codes: Codes [N, D], or [1, D] for all images, that the model is given. Default: each image's own, read at
                t, as in training. A model without codes takes none.
            seed: Of the noise, which is the same at all t. It differs between a CPU and a GPU.
            channels: As for `encode`.
            resize: As for `encode`.
            batch_size: Images per pass.

        Returns:
            uint8 [N, H, W, C] for one t, [T, N, H, W, C] for several.

        Raises:
            UserError: As `sample`.
        """
        method, times = self._with_score(), times_of(t, above=True)
        batch = as_images(images, method.facts, channels, resize)
        device = self._placement.device
        given = None if codes is None else self._given_codes(codes)
        if given is not None and len(given) not in (1, len(batch)):
            raise UserError(f"there are {len(given)} codes for {len(batch)} images; give one for each, or one for all")
        size = size_of(batch_size, CHUNKS[device.type])
        rows = []
        for start in range(0, len(batch), size):
            z = given if given is None or len(given) == 1 else given[start : start + size]
            rows.append(denoised(method, self._placement, batch[start : start + size].to(device), times, z, seed))
        found: Bytes = torch.cat(rows, dim=1).permute(0, 1, 3, 4, 2).numpy()
        return found[0] if np.ndim(t) == 0 else found

    def _with_codes(self) -> Method:
        if self.code_size is None:
            raise UserError(f"{self.path}: is unconditional, so images have no codes; load a model with an encoder")
        return self._method

    def _with_score(self) -> ScoreMatching:
        if not self._complete:
            raise UserError(f"{self.path}: holds only an encoder, so it can only encode; load a complete model")
        return sampler_of(self._method)

    def _given_codes(self, codes: Any) -> Tensor:
        """Return codes [K, D] on the device."""
        z = torch.as_tensor(np.array(codes, dtype=np.float32))
        check_codes(sampler_of(self._method), z)
        if not len(z) or not bool(z.isfinite().all()):
            raise UserError("codes must be finite numbers, at least one code; repair them")
        return z.to(self._placement.device)

    def _codes_and_names(
        self, images: Any, codes: Any, t: float, channels: Channels | None, resize: bool
    ) -> tuple[Tensor, list[str]]:
        """Return codes [K, D] on the device, and what the noise of each one's samples is named after."""
        if (images is None) == (codes is None):
            raise UserError("the model's samples are drawn from codes; give either images or codes")
        if codes is not None:
            z = self._given_codes(codes)
            return z, [f"sample of code {content_name(code)}" for code in z]
        device, times = self._placement.device, times_of([t])
        batch = as_images(images, self._method.facts, channels, resize)
        chunks = [
            codes_of_batch(self._method, chunk.to(device), times, [None], self._placement)[:, 0]
            for chunk in batch.split(CHUNKS[device.type])
        ]
        # Named as by `drl sample`, which therefore draws the same samples.
        return torch.cat(chunks), [f"sample {content_name(image)}" for image in batch]
