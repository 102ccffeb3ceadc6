"""Codes as features for scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from drl.api.arguments import Times
from drl.api.images import BadImages, Channels
from drl.api.model import Model, load
from drl.errors import UserError

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "sklearn":
        raise  # scikit-learn is there, but lacks something
    # Its own traceback would say nothing more.
    raise ImportError(
        "drl.CodeTransformer: needs scikit-learn, which plain drl does not install; pip install scikit-learn "
        "(or 'drl[pipeline]', which contains it)"
    ) from None


class CodeTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer from images to the codes of a trained model, for scikit-learn's pipelines.

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> classifier = make_pipeline(CodeTransformer("model.safetensors", t=0.5), LogisticRegression())
    >>> classifier.fit(images, [0, 1, 0, 1]).predict(images).shape
    (4,)

    With several t, a row holds the codes of all t, one after the other:

    >>> CodeTransformer("model.safetensors", t=[0.2, 0.8]).fit_transform(images).shape
    (4, 128)

    Attributes:
        model_: The loaded model, after `fit`.
        n_features_out_: Entries of a row, after `fit`.
    """

    def __init__(
        self,
        model: str | Path | Model,
        t: Times = 0.5,
        *,
        channels: Channels | None = None,
        resize: bool = True,
        batch_size: int | None = None,
        device: str = "auto",
    ) -> None:
        """Store the parameters.

        Args:
            model: A path to a model, or a model of `drl.load`. A pickle holds the path, and not the weights.
            t: Where codes are read: one time, or several.
            channels: As for `Model.encode`.
            resize: As for `Model.encode`.
            batch_size: As for `Model.encode`.
            device: auto, cpu or cuda, for a model that is given as a path.
        """
        self.model = model
        self.t = t
        self.channels = channels
        self.resize = resize
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the model; nothing is learnt from the images, and the labels are not read."""
        self.model_ = self.model if isinstance(self.model, Model) else load(self.model, self.device)  # type: ignore[arg-type]
        if self.model_.code_size is None:
            raise UserError(f"{self.model_.path}: is unconditional, so images have no codes; give another model")
        self.n_features_out_ = self.model_.code_size * np.size(self.t)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the codes of N images [N, D], or of T times [N, T D].

        Args:
            X: A batch of images in any form that `Model.encode` takes.

        Raises:
            BadImages: If X is not a batch of images that can be read.
        """
        check_is_fitted(self)
        codes = self.model_.encode(X, self.t, channels=self.channels, resize=self.resize, batch_size=self.batch_size)
        rows = codes if codes.ndim == 2 else np.moveaxis(codes, 0, 1).reshape(codes.shape[1], -1)
        if not isinstance(X, (str, Path)) and (not hasattr(X, "__len__") or len(rows) != len(X)):
            raise BadImages("X is a single image, and not a batch of images; give a list of images, or four axes")
        return rows

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the names of the columns, such as `t0.5_z0`, with the entries of a code counted from 0."""
        check_is_fitted(self)
        size = self.n_features_out_ // np.size(self.t)
        return np.array([f"t{float(t)}_z{k}" for t in np.atleast_1d(self.t) for k in range(size)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Say that rows are images and not two-dimensional tables, and that nothing is fitted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.requires_fit = True
        return tags
