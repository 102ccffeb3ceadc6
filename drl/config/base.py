"""The base of all settings: they are frozen, and an unknown key is an error."""

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

from drl.errors import clean, is_line, nearest


def unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list with a repeated value."""
    seen = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} is given twice")
        seen.add(value)
    return values


LONGEST = 300  # letters; folders' names, which become titles, have at most 255


def one_line(text: str) -> str:
    """Refuse a text that figures, tables and pages cannot show."""
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text):,} letters; give at most {LONGEST}")
    if not is_line(text):
        raise ValueError(f"{text!r} has a line break or another control character; write it in one line")
    return text


def not_blank(text: str) -> str:
    """Refuse a text of blanks alone."""
    if not text.strip():
        raise ValueError("is blank; give some letters")
    return text


T = TypeVar("T")
Line = Annotated[str, AfterValidator(one_line)]  # what figures, tables and pages show
Title = Annotated[Line, AfterValidator(not_blank)]
Count = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=4, le=1024)]  # of an image, in pixels
Width = Annotated[int, Field(ge=1, le=65536)]  # of a layer; the bound stops forged headers that ask for more
Positive = Annotated[float, Field(gt=0)]
Distinct = Annotated[tuple[T, ...], AfterValidator(unique)]
Several = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(unique)]
# A part of a path: no separators, no control characters, and not only dots.
Name = Annotated[
    str, Field(min_length=1, max_length=255, pattern=r"^[^/\\\x00-\x1f\x7f]*[^/\\\x00-\x1f\x7f.][^/\\\x00-\x1f\x7f]*$")
]
Select = Literal["last", "best_val"]  # the epoch that counts: the last one, or the best on validation images


class Settings(BaseModel):
    """Base of every settings model."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        # Pydantic's message for an unknown key does not suggest the key that was probably meant.
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), cls.model_fields)
                    raise PydanticCustomError(
                        "unknown_key", "unknown key '{key}'; {hint}", {"key": clean(key), "hint": hint}
                    )
                if _is_bool(data[key]) and _is_number(cls.model_fields[key].annotation):
                    raise PydanticCustomError("bool", "{key} must be a number, not a yes or no", {"key": key})
        return data

    def slice(self) -> dict[str, Any]:
        """Return plain JSON values with every key, for a job's `--settings` and for fingerprints."""
        return self.model_dump(mode="json")


class WithoutAbsent(Settings):
    """Settings that leave out keys that are None by default, so that a job has only the keys that concern it."""

    @model_serializer(mode="wrap")
    def _present(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {key: value for key, value in dump(self).items() if value is not None or fields[key].default is not None}


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, (list, tuple)) and any(map(_is_bool, value)))


def _is_number(annotation: Any) -> bool:
    """Whether a field takes numbers. Needed because pydantic would read YAML's `on` and `yes` as 1."""
    if annotation in (int, float):
        return True
    return any(_is_number(part) for part in get_args(annotation))
