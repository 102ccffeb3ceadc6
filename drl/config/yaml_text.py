"""The one reader of YAML: no key twice, and bounds on size, depth, aliases and numbers."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from drl.config.yaml_merges import MERGE, check_merges
from drl.data.regular import read_regular
from drl.errors import UserError, clean, shown

MOST_BYTES = 500_000  # all of config/ has 50,000
MOST_VALUES = 50_000  # an alias counts as what it stands for, each time
MOST_DEPTH = 40
MOST_NAME = 4096  # of a file, with its folders
NAMES = ("dataset", "folder")  # keys of what users call as they like
MOST_DIGITS = 18  # of a whole number: what 64 bits hold

# The C parser is ten times as fast, and in all wheels of PyYAML.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "seq", "map", "merge"))
# What other software's JSON makes of an emoji: two escapes, which YAML takes for two letters that do not exist.
_PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", re.IGNORECASE)

# What follows a value in its line and does not count: spaces, and a comment behind them.
_REST = re.compile(r"[ \t]+(?:#.*)?$", re.MULTILINE)
# What stands before a value and does not count: anchors and tags.
_MARKS = re.compile(r"(?:[&!]\S*\s+)+")


def read_yaml(path: Path, strict: bool = True) -> dict[str, Any]:
    """Read one YAML mapping; an empty file is an empty mapping.

    Args:
        path: The file.
        strict: Whether to refuse values that YAML reads as what nobody means in our files: dates, octal numbers.

    Raises:
        UserError: If the file is missing, is not YAML in UTF-8 or not a mapping, has a key twice, or is out of bounds.
    """
    given = read_regular(path, MOST_BYTES)
    try:
        text = given.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not YAML in UTF-8 (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise UserError(f"{path}: is not YAML in UTF-8, it may be UTF-16; save it as UTF-8")
    if text.lstrip().startswith("{"):
        text = _PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), text)
    content = load(text, str(path), strict)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold 'key: value' lines at the top level")
    return content


def read_value(text: str, where: str) -> Any:
    """Read a value of a command line as YAML.

    Raises:
        UserError: If it is not YAML, out of bounds, or YAML would leave out a part of it, such as a comment or a tag.
    """
    value, node = _loaded(text, where, True)
    for part in () if node is None else _nodes(node):
        if isinstance(part, yaml.ScalarNode) and part.value == "~" and not part.style:
            raise UserError(f"{where}: YAML takes ~ for null; write null, or the path of your home folder")
    if node is not None:
        _check_whole(text, node, where)
    end = 0 if node is None else node.end_mark.index
    left_out = text[end:].strip()
    if left_out:
        raise UserError(
            f"{where}: YAML takes {shown(left_out)} for a comment; put the value in quotes of its own, such as "
            f"'key=\"{clean(text.strip())}\"'"
        )
    return value


def _check_whole(text: str, node: yaml.Node, where: str) -> None:
    """Refuse to drop what stands before the value of a command line, or around it if a file is called so."""
    start = node.start_mark.index
    dropped = (text[:start] + _marks(node, text)).strip()
    if dropped:
        raise UserError(
            f"{where}: YAML drops {shown(dropped)} before the value; leave it out, or put all in quotes of its own"
        )
    if isinstance(node, yaml.ScalarNode) and node.value != text and os.path.lexists(os.path.expanduser(text)):
        raise UserError(
            f"{where}: YAML reads {shown(node.value)}, but there is a file or folder {shown(text)}; put the value in "
            "quotes of its own"
        )


def load(text: str, where: str, strict: bool = True) -> Any:
    """Read YAML text.

    Args:
        text: One document.
        where: What the text is, for messages.
        strict: As in `read_yaml`.

    Raises:
        UserError: One line that names the line and the key.
    """
    return _loaded(text, where, strict)[0]


def _loaded(text: str, where: str, strict: bool) -> tuple[Any, yaml.Node | None]:
    try:
        unused = _bounded(text, where)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None, None
            mappings = []
            for part in _nodes(node):
                if isinstance(part, yaml.MappingNode):
                    mappings.append((part, _no_key_twice(part, loader, where)))
                    _check_null(part, where)
                if strict:
                    _check_value(part, where)
                if isinstance(part, yaml.ScalarNode):
                    _check_marks(part, text, unused, where)
                    _check_comment(part, text, where)
            check_merges(mappings, where)
            return loader.construct_document(node), node
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = "" if mark is None else f"line {mark.line + 1}: "
        problem = clean(error.problem or error.context or "cannot be read", 160)
        raise UserError(f"{where}: is not YAML: {place}{problem}; quote the value or mend its brackets") from error
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        # A tag that somebody wrote, such as !!bool, whose value is not of that kind.
        raise UserError(f"{where}: is not YAML: {clean(' '.join(str(error).split()), 160)}") from error


def _bounded(text: str, where: str) -> set[int]:
    """Check depth and size, from the parser's events: before anything is built, and without recursion.

    Returns:
        Where values with an anchor begin that no alias refers to.
    """
    sizes: dict[str, int] = {}
    places, unused = dict[str, int](), set[int]()
    still_open: list[list[Any]] = []  # anchor and size
    whole = 0
    for event in yaml.parse(text, Loader=_Loader):
        anchor: str | None = getattr(event, "anchor", None)
        line, size = 1 if event.start_mark is None else event.start_mark.line + 1, 0
        if isinstance(event, yaml.CollectionStartEvent):
            still_open.append([anchor, 1])
            if len(still_open) > MOST_DEPTH:
                raise UserError(f"{where}: line {line}: nested {MOST_DEPTH} deep; write it with fewer levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = still_open.pop()
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == name for name, _ in still_open):
                raise UserError(f"{where}: line {line}: *{clean(anchor)} stands inside itself; write out what it means")
            # An unknown one is refused when nodes are made.
            unused.discard(places.get(str(anchor), -1))
            size, anchor = sizes.get(str(anchor), 1), None
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            if anchor is not None and event.start_mark is not None:
                places[anchor] = event.start_mark.index
                unused.add(places[anchor])
        if anchor is not None and size:
            sizes[anchor] = size
        if still_open:
            still_open[-1][1] += size
            whole = max(whole, still_open[-1][1])
        if whole > MOST_VALUES:
            raise UserError(
                f"{where}: line {line}: more than {MOST_VALUES:,} values, as often as aliases repeat them; write fewer"
            )
    return unused


def _nodes(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield all nodes, each once: keys before their values, and in the order of the text."""
    seen, waiting = set(), [node]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if isinstance(part, yaml.MappingNode):
            waiting += [inner for pair in reversed(part.value) for inner in reversed(pair)]
        elif isinstance(part, yaml.SequenceNode):
            waiting += reversed(part.value)


def _no_key_twice(node: yaml.MappingNode, loader: Any, where: str) -> list[Any]:
    """Refuse a key that stands in a mapping twice; return the names of its keys."""
    lines: dict[Any, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise UserError(f"{where}: line {line}: a key is a list or a mapping; write a word")
        if key.tag == f"{_TAG}merge":
            name: Any = MERGE
        else:
            name = _number(key, where) if key.tag == f"{_TAG}int" else loader.construct_object(key)
        if name in lines:
            raise UserError(
                f"{where}: line {line}: the key {shown(key.value)} stands in line {lines[name]} already; "
                "put what belongs to it under one of them"
            )
        lines[name] = line
    return list(lines)


def _check_null(node: yaml.MappingNode, where: str) -> None:
    """Refuse to take a name for nothing, if a file or folder is called so."""
    for key, value in node.value:
        plain = isinstance(value, yaml.ScalarNode) and value.tag == f"{_TAG}null" and not value.style
        if plain and key.value in NAMES and value.value and os.path.lexists(value.value):
            raise UserError(
                f"{where}: line {value.start_mark.line + 1}: YAML takes {shown(value.value)} for null, but there is a "
                "file or folder of that name; put it in quotes, or leave the line out"
            )


def _marks(node: yaml.Node, text: str) -> str:
    """Return the anchors and tags before a value that is neither quoted nor a list or mapping."""
    if not isinstance(node, yaml.ScalarNode) or node.style:
        return ""
    found = _MARKS.match(text, node.start_mark.index, node.end_mark.index)
    return "" if found is None else found[0]


def _check_marks(node: yaml.Node, text: str, unused: Collection[int], where: str) -> None:
    """Refuse to drop what stands before a text, if it has no use: an anchor without an alias, a tag without a name."""
    marks = _marks(node, text)
    if "!" in marks.split() or (marks and node.tag == f"{_TAG}str" and node.start_mark.index in unused):
        line = node.start_mark.line + 1
        raise UserError(
            f"{where}: line {line}: YAML reads {shown(node.value)} and drops {shown(marks.strip())} before it; leave "
            "that out, or put the whole text in quotes"
        )


def _check_comment(node: yaml.ScalarNode, text: str, where: str) -> None:
    """Refuse to drop what stands behind a value, if a file is called by both: the folder `zz #2` beside `zz`."""
    found = None if node.style else _REST.match(text, node.end_mark.index)
    if found is None:
        return
    rest = found[0][:MOST_NAME]
    comments = [comment.start() for comment in re.finditer(r"[ \t]+#", rest)]
    for end in (*comments[1:], len(rest.rstrip()), len(rest)):
        whole = node.value + rest[:end]
        for name in (whole, whole.partition("=")[2]):
            if end and os.path.lexists(os.path.expanduser(name)):
                raise UserError(
                    f"{where}: line {node.end_mark.line + 1}: YAML reads {shown(node.value)} and drops the rest of the "
                    f"line, but there is a file or folder {shown(name)}: put the name in quotes, or write the comment "
                    "in a line of its own"
                )


def _check_value(node: yaml.Node, where: str) -> None:
    """Refuse what YAML would read as something that nobody means here: dates, octal numbers, numbers of base 60."""
    line = node.start_mark.line + 1
    if node.tag not in _PLAIN:
        kind = node.tag.removeprefix(_TAG)
        text = f"{shown(node.value)}: " if isinstance(node, yaml.ScalarNode) else ""
        raise UserError(f"{where}: line {line}: {text}YAML takes it for a {clean(kind)}; put it in quotes")
    if node.tag == f"{_TAG}int":
        _number(node, where)
    if node.tag == f"{_TAG}float" and ":" in node.value:
        raise UserError(f"{where}: line {line}: {shown(node.value)}: YAML counts it in sixties; put it in quotes")


def _number(node: yaml.Node, where: str) -> int:
    """Return the value of a whole number, which has to be decimal."""
    text, line = node.value, node.start_mark.line + 1
    digits = text.replace("_", "").lstrip("+-")
    if not digits.isdecimal() or (len(digits) > 1 and digits[0] == "0"):
        raise UserError(
            f"{where}: line {line}: {shown(text)}: YAML does not count it in tens; write a decimal number, or put it "
            "in quotes"
        )
    if len(digits) > MOST_DIGITS:
        raise UserError(f"{where}: line {line}: a number of {len(digits):,} digits; give at most {MOST_DIGITS}")
    return int(digits) * (-1 if text.startswith("-") else 1)
