"""What all settings have in common: frozen, and a key that is not known is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from drl.errors import nearest


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list in which something stands twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{value!r} stands twice")
    return values


T = TypeVar("T")
Count = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=1, le=65536)]  # of a layer: no forged header may ask for more
Positive = Annotated[float, Field(gt=0)]
Distinct = Annotated[tuple[T, ...], AfterValidator(unique)]
Several = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(unique)]
# A part of a path: no separators, no control characters, and more than dots.
Name = Annotated[
    str, Field(min_length=1, max_length=255, pattern=r"^[^/\\\x00-\x1f\x7f]*[^/\\\x00-\x1f\x7f.][^/\\\x00-\x1f\x7f]*$")
]
Select = Literal["last", "best_val"]  # which epoch counts: the last one, or the best on validation images


class Settings(BaseModel):
    """Base of every settings model."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        # Pydantic's own message for a surplus key does not say which key was probably meant.
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), cls.model_fields)
                    raise PydanticCustomError("unknown_key", "unknown key '{key}'; {hint}", {"key": key, "hint": hint})
                if _is_bool(data[key]) and _is_number(cls.model_fields[key].annotation):
                    raise PydanticCustomError("bool", "{key} must be a number, not a yes or no", {"key": key})
        return data

    def slice(self) -> dict[str, Any]:
        """Return plain JSON values, every key written out, for a job's `--settings` and for fingerprints."""
        return self.model_dump(mode="json")


class WithoutAbsent(Settings):
    """Settings that leave out what is None by default, so that a key that does not concern a job is not part of it."""

    @model_serializer(mode="wrap")
    def _present(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {key: value for key, value in dump(self).items() if value is not None or fields[key].default is not None}


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, (list, tuple)) and any(map(_is_bool, value)))


def _is_number(annotation: Any) -> bool:
    """Whether a field takes numbers; pydantic would read YAML's `on` and `yes` as 1."""
    if annotation in (int, float):
        return True
    return any(_is_number(part) for part in get_args(annotation))
