"""The differences from the paper: reading and checking docs/deviations.yaml, and the page made from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from drl.config.base import Settings
from drl.config.items import item_kind
from drl.config.project import CODE
from drl.config.resolve import recipe
from drl.config.schema import Config
from drl.config.yaml_text import read_yaml
from drl.docs.markdown import anchor, code, shown, title
from drl.docs.paper import ITEMS
from drl.errors import UserError, nearest

FILE = CODE / "docs" / "deviations.yaml"
KINDS = {
    "departs": "Not as in the paper, or in the code behind it",
    "keeps": "As the paper says, where the authors' code does otherwise",
    "open": "What the paper leaves open",
    "adds": "Beyond the paper",
}
HEAD = """\
# Where this differs from the paper

*code* is the authors' repository, *successor* the first author's later one. Settings are those of scale `paper`; each
can be changed ([configuration](configuration.md)). What small scales change besides stands in `config/scales/`. By
item, the list is on [how each item is made](items.md).
"""


class Deviation(Settings):
    """One decision, and the alternatives."""

    title: str
    kind: Literal["departs", "keeps", "open", "adds"]
    items: tuple[str, ...] = Field(min_length=1)
    paper: str | None = None
    code: str | None = None
    here: str
    why: str
    settings: dict[str, Any] = Field(default_factory=dict)

    @property
    def general(self) -> bool:
        """Whether it concerns all items of the paper."""
        return all(item in self.items for item in ITEMS if item_kind(item) != "diagnostic")


class _File(Settings):
    groups: dict[str, tuple[str, ...]]
    deviations: dict[str, Deviation]


def deviations(file: Path = FILE) -> dict[str, Deviation]:
    """Return all deviations by name, with groups of items replaced by their items in the registry's order.

    Raises:
        UserError: If a key is wrong, or an item or a group is unknown.
    """
    try:
        content = _File.model_validate(read_yaml(file))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{file}: {where}: {first['msg']}; fix it") from error
    found = {}
    for name, known in content.deviations.items():
        items = set(_items(file, name, known.items, content.groups))
        found[name] = known.model_copy(update={"items": tuple(item for item in ITEMS if item in items)})
    return found


def _items(file: Path, name: str, words: Iterable[str], groups: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    for word in words:
        if word in groups:
            yield from _items(file, name, groups[word], groups)
        elif word in ITEMS:
            yield word
        else:
            raise UserError(f"{file}: {name}: unknown item {word!r}; {nearest(word, [*ITEMS, *groups])}")


def value(config: Config, path: str) -> Any:
    """Return the value of a key of the configuration; a recipe is resolved first.

    Args:
        config: The whole configuration.
        path: The key, such as `studies.probe.epochs` or `recipes.drl.method.l1_weight`.

    Raises:
        UserError: If there is no such key.
    """
    head, _, rest = path.partition(".")
    if head == "recipes":
        name, _, rest = rest.partition(".")
        found: Any = recipe(config, name).model_dump(mode="json")
    else:
        found, rest = config.model_dump(mode="json"), path
    for key in rest.split("."):
        if not isinstance(found, dict) or key not in found:
            raise UserError(f"there is no key {path} in the configuration; fix {FILE.name}")
        found = found[key]
    return found


def of_item(known: Mapping[str, Deviation], item: str) -> list[str]:
    """Return the lines of an item's list, by kind, without decisions about all items."""
    lines = []
    for kind, heading in KINDS.items():
        chosen = [one for one in known.values() if one.kind == kind and item in one.items and not one.general]
        if chosen:
            lines += ["", f"{heading}:", "", *map(line, chosen)]
    return lines


def line(one: Deviation) -> str:
    """Return a line of a list: the deviation's name, linked to its entry, and what is done here."""
    return f"- [{one.title}](deviations.md#{anchor(one.title)}): {one.here}"


def page(known: Mapping[str, Deviation]) -> str:
    """Return the page of all deviations, as Markdown."""
    lines = [HEAD]
    for kind, heading in KINDS.items():
        lines += [f"## {heading}", ""]
        for one in known.values():
            if one.kind == kind:
                lines += [*_entry(one), ""]
    return "\n".join(lines).rstrip() + "\n"


def _entry(one: Deviation) -> list[str]:
    links = [f"[{title(item)}](items.md#{anchor(title(item))})" for item in one.items]
    parts = {
        "paper": one.paper,
        "code": one.code,
        "here": one.here,
        "why": one.why,
        "settings": ", ".join(code(f"{key}: {shown(setting)}") for key, setting in one.settings.items()),
        "concerns": "all items" if one.general else ", ".join(links),
    }
    return [f"### {one.title}", "", *(f"- *{name}*: {text}" for name, text in parts.items() if text)]
