"""What YAML's merge key `<<` would drop: a section that stands in two of the mappings that it puts together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from drl.errors import UserError, shown

MERGE = ("<<",)  # what a merge key is called here: no other key has such a name
Pair = tuple[yaml.Node, yaml.Node]  # key and value


def check_merges(mappings: Iterable[tuple[yaml.MappingNode, Sequence[Any]]], where: str) -> None:
    """Refuse a section that comes from two merged mappings, or from one and from the mapping itself.

    YAML does not merge the two sections, it keeps one. Numbers, texts and lists are replaced on purpose, as in our own
    files, and so is a section by a number or null that stands beside the merge key.

    Args:
        mappings: All mappings of a document, with the names of their keys, each key once, and `MERGE` for `<<`.
        where: What the text is, for messages.

    Raises:
        UserError: It names the lines of both sections.
    """
    # Where a mapping is merged it has ended: it is further inside, or an alias of one further up. So no recursion.
    in_order = sorted(mappings, key=lambda one: (one[0].end_mark.index, -one[0].start_mark.index))
    if not any(MERGE in names for _, names in in_order):
        return
    held = dict[int, dict[Any, Pair]]()
    for node, names in in_order:
        pairs = dict(zip(names, node.value, strict=True))
        _, source = pairs.pop(MERGE, (None, None))
        merged = dict[Any, Pair]()
        for part in source.value if isinstance(source, yaml.SequenceNode) else [source]:
            for name, pair in held.get(id(part), {}).items():
                if name in pairs:
                    _check_kept(pairs[name], pair, all, where)
                elif name in merged:
                    _check_kept(merged[name], pair, any, where)
                else:
                    merged[name] = pair
        held[id(node)] = merged | pairs


def _check_kept(kept: Pair, lost: Pair, condition: Any, where: str) -> None:
    """Refuse to drop a value, if all or any of the two are sections and they are not one and the same."""
    if kept[1] is not lost[1] and condition(isinstance(value, yaml.MappingNode) for _, value in (kept, lost)):
        first, second = sorted(key.start_mark.line + 1 for key, _ in (kept, lost))
        raise UserError(
            f"{where}: line {second}: the key {shown(kept[0].value)} stands in line {first} too, and << would keep one "
            "of the two and drop the other; put what belongs to it under one of them"
        )
