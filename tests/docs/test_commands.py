"""Commands that pages print can be typed."""

import re
import shlex

import pytest
from snakemake.cli import get_argument_parser

from drl.cli.main import cli
from tests.docs.conftest import DOCS, PAGES, ROOT, blocks
from tests.job_settings import BUILT

RULES = {
    name
    for file in [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]
    for name in re.findall(r"^rule (\w+):", file.read_text(), flags=re.M)
}
# ITEM stands for any; the last one is made on the page that names it.
TARGETS = {*BUILT, *RULES, "ITEM", "code_norm"}


def typed(page):
    """Return the lines of shell on a page, and code in the text that is a command of several words."""
    lines = [line for block in blocks(page) if block.language in ("sh", "") for line in block.text.splitlines()]
    lines += re.findall(r"(?<!`)`((?:snakemake|drl) [^`]+)`", page.read_text())
    # What stands for something else is no command: dots, and names that the reader replaces.
    return [
        words for line in lines if "…" not in line and (words := shlex.split(" ".join(line.split()), comments=True))
    ]


def commands(*program):
    """Return the words that follow a program on all pages, each list with the page in its id."""
    return [
        pytest.param(words[len(program) :], id=f"{page.relative_to(ROOT)}: {' '.join(words)}")
        for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
        for words in typed(page)
        if words[: len(program)] == [*program]
    ]


# `drl run` hands its words to Snakemake.
@pytest.mark.parametrize("words", commands("snakemake") + commands("drl", "run"))
def test_snakemake_understands_it(words):
    """Snakemake takes all words behind --config and --configfile for values of these, targets too."""
    parser = get_argument_parser()
    arguments = parser.parse_args(words)
    assert all("=" in setting for setting in arguments.config or []), "a target stands behind --config"
    assert all(str(file).endswith((".yaml", ".yml")) for file in arguments.configfile or []), "…behind --configfile"
    assert all(target in TARGETS or "/" in target for target in arguments.targets or ())


@pytest.mark.parametrize("words", commands("drl"))
def test_drl_has_the_command_and_its_options(words):
    assert words[0] in {*cli.commands, "code-norm"} or words[0].startswith("-") or words[0].isupper()
    options = {name for option in getattr(cli.commands.get(words[0]), "params", []) for name in option.opts}
    for word in words[1:] if words[0] != "run" else ():
        if word.startswith("--"):
            assert word.partition("=")[0] in options | {"--help"}, word


def test_quick_start_says_what_the_readme_and_the_page_of_commands_say():
    readme = (ROOT / "README.md").read_text() + (DOCS / "commands.md").read_text()
    for words in typed(DOCS / "quick_start.md"):
        if words[0] in ("make", "drl", "."):
            command = " ".join(words)
            assert re.search(re.escape(" ".join(words[:2])), re.sub(r"(?<=\w) +", " ", readme)), command


def test_make_has_every_target_that_pages_name():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {words[1] for page in [ROOT / "CONTRIBUTING.md", *PAGES] for words in typed(page) if words[0] == "make"}
    assert named <= targets
