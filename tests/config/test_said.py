"""Names are what a user typed, not what YAML reads."""

import os
import sys

import pytest
from snakemake.cli import get_argument_parser

from drl.config.layers import assignments
from drl.config.profiles import check_files
from drl.config.said import FLAGS, WITH_VALUE, WITH_VALUES, check_command_line
from drl.config.words import as_typed, pairs, shell_quoted
from drl.errors import UserError

NAMES = ["zz #2", "2024_11", "007", "1e5", "no", "zz: 2", "[zz", "{zz}", "*zz", "it's", "!!int 3", "a,b", "$(touch x)"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_used_as_it_is_typed(name):
    assert as_typed({"dataset": "other", "seeds": 1}, [f"dataset={name}"]) == {"dataset": name, "seeds": 1}
    assert as_typed({}, [f"dataset='{name}'"]) == {"dataset": name}, "quotes around all of it are for YAML"
    assert assignments([f"dataset={name}"]) == {"dataset": name}


def test_no_name_is_none():
    assert as_typed({}, ["dataset="]) == assignments(["dataset=null"]) == {"dataset": None}


def test_a_folder_of_that_name_wins_over_what_yaml_means_by_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("null", "'zz'"):
        (tmp_path / name).mkdir()
        assert assignments([f"dataset={name}"]) == as_typed({}, [f"dataset={name}"]) == {"dataset": name}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dataset=#2"], "Snakemake takes it for a comment; write ./ before"),
        (["run={device: cpu} # slow"], "YAML takes '# slow' for a comment"),
        (["run={device: cpu, device: cuda}"], "the key 'device' stands in line 1 already"),
        (["dataset=a", "dataset=b"], "dataset is given twice"),
        (
            ["studies.probe.epochs=5"],
            "takes dataset=, scale= and seeds=; write other settings into a file, as `studies: ",
        ),
    ],
)
def test_words_that_snakemake_would_change_are_named(words, said):
    with pytest.raises(UserError, match=said):
        pairs(words)


@pytest.mark.parametrize("words", [["--config", "dataset=a"], ["--configfile", "a.yaml"]])
def test_an_option_of_which_snakemake_would_use_the_last_is_named(words):
    with pytest.raises(UserError, match=rf"{words[0]} is given 2 times, .* give all words after one {words[0]}"):
        check_command_line(["snakemake", *words, "figure_4", *words])


@pytest.mark.parametrize("words", [["-pC", "dataset=a"], ["-npC", "dataset=a"], ["-kq", "all", "-pC", "dataset=a"]])
def test_short_options_in_one_word_are_seen(words):
    with pytest.raises(UserError, match="--config is given 2 times"):
        check_command_line(["snakemake", "-c1", *words, "-C", "scale=demo"])


def test_snakemake_has_no_other_short_options():
    found = {"0": "", "*": "", "+": "", "None": ""}
    for action in get_argument_parser()._actions:
        for name in action.option_strings:
            if len(name) == 2 and name not in ("-C", "-s"):
                found[str(action.nargs)] += name[1]
    assert set(found["0"]) == set(FLAGS)
    assert set(found["*"] + found["+"]) == set(WITH_VALUES)
    assert set(found["None"]) == set(WITH_VALUE)


def test_files_are_checked_before_snakemake_reads_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles/mine").mkdir(parents=True)
    (tmp_path / "own.yaml").write_text("seeds: 1\nseeds: 2\n")
    (tmp_path / "fine.yaml").write_text("seeds: 1\n")
    (tmp_path / "empty.yaml").write_text("# seeds: 1\n")
    (tmp_path / "none.json").write_text("{}")
    check_command_line(["/bin/snakemake", "figure_4", "--configfile", "fine.yaml", "none.json"])
    with pytest.raises(UserError, match=r"empty.yaml: holds no setting; write one into it, or leave out --configfile"):
        check_command_line(["/bin/snakemake", "figure_4", "--configfile", "empty.yaml"])
    check_command_line(["pytest", "--configfile", "own.yaml"])
    for words in (["--configfile", "fine.yaml", "own.yaml"], ["--configfiles=own.yaml"]):
        with pytest.raises(UserError, match=r"own\.yaml: line 2: the key 'seeds'"):
            check_command_line(["/lib/snakemake/__main__.py", *words])
    profile = tmp_path / "profiles/mine/config.v9+.yaml"
    for text, said in (("cores: 1\ncores: 2\n", "line 2: the key 'cores'"), ("config: {dataset: 2024_11}", "quotes")):
        profile.write_text(text)
        with pytest.raises(UserError, match=said):
            check_command_line(["snakemake", "--workflow-profile", "mine"])
        with pytest.raises(UserError, match=said):
            check_command_line(["snakemake", "--profile", "profiles/mine"])


@pytest.fixture
def twice(tmp_path, monkeypatch):
    """A working folder with twice.yaml, which has a key twice, and no profiles of this computer."""
    monkeypatch.chdir(tmp_path)
    for name in ("SNAKEMAKE_PROFILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "twice.yaml").write_text("seeds: 1\nseeds: 2\n")
    return tmp_path


@pytest.mark.parametrize("main", ["config.yaml", "profile.yaml", "profile.v9+.yaml"])
@pytest.mark.parametrize(
    "text",
    [
        "configfile: [twice.yaml]",
        "configfiles: [fine.yaml, twice.yaml]",
        "configfile: twice.yaml",
        "--configfile: $HERE/twice.yaml",
        "configfile: inner.yaml",
    ],
)
def test_the_files_that_a_profile_names_are_checked(twice, monkeypatch, text, main):
    monkeypatch.setenv("HERE", str(twice))
    (twice / "mine").mkdir()
    (twice / "fine.yaml").write_text("seeds: 1\n")
    (twice / "mine" / "inner.yaml").write_text("seeds: 1\nseeds: 2\n")
    (twice / "mine" / main).write_text(f"{text}\n")
    for words in (["--profile", "mine"], ["--profile", f"mine/{main}"], ["--workflow-profile", "mine"]):
        with pytest.raises(UserError, match=r"(twice|inner)\.yaml: line 2: the key 'seeds'"):
            check_command_line(["snakemake", *words])
    for names in ("mine", '["mine"]'):
        monkeypatch.setenv("SNAKEMAKE_PROFILE", names)
        with pytest.raises(UserError, match=r"(twice|inner)\.yaml: line 2: the key 'seeds'"):
            check_command_line(["snakemake"])
    check_command_line(["snakemake", "--profile", "none"])


def test_a_profile_may_name_files_that_only_snakemake_finds(twice):
    (twice / "mine").mkdir()
    (twice / "mine" / "config.yaml").write_text("__use_yte__: true\nconfigfile: ?os.environ['MY_CONFIG']\n")
    check_command_line(["snakemake", "--profile", "mine"])
    with pytest.raises(UserError, match="the key 'seeds'"):
        check_files([twice / "twice.yaml"])


def test_a_file_of_a_profile_that_would_wait_forever_is_refused(twice):
    os.mkfifo(twice / "fifo")
    (twice / "config.yaml").write_text("configfile: [fifo]\n")
    with pytest.raises(UserError, match="fifo is a FIFO"):
        check_command_line(["snakemake", "--profile", "config.yaml"])


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("XDG_CONFIG_HOME", "xdg", "xdg/snakemake"),
        ("XDG_CONFIG_DIRS", "site", "site/snakemake"),
        ("", "", "home/.config/snakemake"),
    ],
)
def test_profiles_are_found_where_snakemake_looks_for_them(twice, monkeypatch, variable, value, folder):
    if sys.platform != "linux":
        pytest.skip("these are Linux's folders")
    if variable:
        monkeypatch.setenv(variable, str(twice / value))
    (twice / folder / "mine").mkdir(parents=True)
    (twice / folder / "mine" / "config.yaml").write_text("config: [a=1]\nconfig: [b=1]\n")
    with pytest.raises(UserError, match="line 2: the key 'config'"):
        check_command_line(["snakemake", "--profile", "mine"])


def test_a_word_of_a_profile_is_used_as_it_is_typed(twice):
    (twice / "mine").mkdir()
    (twice / "bmps #2").mkdir()
    (twice / "mine" / "config.yaml").write_text("config:\n  - dataset=bmps #2\n")
    with pytest.raises(UserError, match=r"mine/config.yaml: line 2: .* folder 'bmps #2': put the name in quotes"):
        check_command_line(["snakemake", "--profile", "mine"])
    (twice / "mine" / "config.yaml").write_text("config:\n  - 'dataset=bmps #2'\n")
    check_command_line(["snakemake", "--profile", "mine"])


def test_a_lone_tilde_is_named(twice):
    for word in ("datasets.digits.folder=~", "dataset=~"):
        with pytest.raises(UserError, match=f"--set {word}: YAML takes ~ for null; write null"):
            assignments([word])
    (twice / "~").mkdir()
    assert assignments(["dataset=~"]) == {"dataset": "~"}


def test_the_profile_beside_another_snakefile_is_checked(twice):
    (twice / "a/profiles/default").mkdir(parents=True)
    (twice / "a/profiles/default/config.yaml").write_text("cores: 1\ncores: 2\n")
    check_command_line(["snakemake"])
    for words in (["-s", "a/Snakefile"], ["--snakefile=a/Snakefile"]):
        with pytest.raises(UserError, match="line 2: the key 'cores'"):
            check_command_line(["snakemake", *words])


def test_a_submitted_job_s_shell_changes_no_word():
    assert shell_quoted(["dataset=it's $(touch x)", "seeds=1"]) == ["'dataset=it'\"'\"'s $(touch x)'", "seeds=1"]
    assert shell_quoted(None) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a: "</script><img src=x onerror=alert(11)>"', "</script>.*: < could run as a script in the report; write it"),
        ('a: "\\x3c/script>"', "< could run"),
        ("a: [1, fine, '<b>']", "< could run"),
        ("'<b>': 1", "< could run"),
        ('a: \'`x" autofocus="" onfocus="alert(1)`__\'', "` could run"),
        ("a: |\n  x__\n\n  __ java\\\\script:alert(1)\n", "_ could run"),
        ('a: say "yes"', '" could run'),
        ("a: '|x|'", r"\| could run"),
        ("a: 'a\\b'", r"\\ could run"),
        ("a: see javascript:alert(1)", "javascript: could run"),
        ("a: '.. raw:: html'", r"\.\. could run"),
        ("a: |\n  fine\n\n  .. include:: /etc/passwd\n", r"\.\. could run"),
        ("a: 1\na: 2", "line 2: the key 'a' stands in line 1 already"),
    ],
)
def test_no_text_for_the_report_runs_as_a_script(twice, text, said):
    (twice / "meta.yaml").write_text(text)
    (twice / "mine").mkdir()
    (twice / "mine" / "config.yaml").write_text("report-metadata: meta.yaml\n")
    for words in (
        ["--report", "r.html", "--report-metadata", "meta.yaml"],
        ["--report-metadata=meta.yaml"],
        ["--report-meta", "meta.yaml"],
        ["--profile", "mine"],
    ):
        with pytest.raises(UserError, match=rf"meta.yaml: .*{said}"):
            check_command_line(["snakemake", *words])


def test_plain_texts_for_the_report_are_left_alone(twice):
    text = "__use_yte__: true\ndate: 2024-11-29\nwho: Ada & Co, https://a.org/my_page, a_l@b.org\nwhen: ?f'{1 < 2}'\n"
    (twice / "meta.yaml").write_text(text + "list: [a..b, 'data: 1']\nmore: |\n  - one ...\n  - two\n")
    check_command_line(["snakemake", "--report", "r.html", "--report-metadata", "meta.yaml"])
    check_command_line(["snakemake", "--report", "meta.html"])


def profiles(folder, **texts):
    """Write profiles by name."""
    for name, text in texts.items():
        (folder / name).mkdir()
        (folder / name / "config.yaml").write_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("configfile: a.yaml\nconfigfiles: b.yaml\n", "configfile and configfiles are one option"),
        ("configfile: a.yaml\nconfigf: b.yaml\n", "configfile and configf are one option"),
        ("config: [scale=demo]\n--config: {dataset: zz}\n", "config and --config are one option"),
        ("report-stylesheet: a\nreport-s: b\n", "report-stylesheet and report-s are one option"),
        ("cores: 1\n--cores: 2\n", "cores and --cores are one option"),
    ],
)
def test_an_option_of_a_profile_under_two_spellings_is_named(twice, text, said):
    profiles(twice, mine=text)
    with pytest.raises(UserError, match=rf"mine/config.yaml: {said}.* give it once"):
        check_command_line(["snakemake", "--profile", "mine"])


@pytest.mark.parametrize("key", ["configf", "--configf", "configfiles"])
def test_what_a_short_key_of_a_profile_names_is_checked(twice, key):
    profiles(twice, mine=f"{key}: twice.yaml\n")
    with pytest.raises(UserError, match="the key 'seeds'"):
        check_command_line(["snakemake", "--profile", "mine"])


@pytest.mark.parametrize("words", [["--configfile", "own.yaml"], ["--profile", "mine"]])
def test_settings_are_not_computed(twice, words):
    """The example: of two branches that both set the dataset, the first was dropped."""
    (twice / "own.yaml").write_text("__use_yte__: true\n?if True:\n  dataset: a\n?if 1:\n  dataset: b\n")
    profiles(twice, mine="configfile: own.yaml\n")
    with pytest.raises(UserError, match=r"own\.yaml: __use_yte__: settings are not computed"):
        check_command_line(["snakemake", *words])


@pytest.mark.parametrize(
    "text", ["config: {dataset: pets, scale: demo}", "config: [dataset=pets]", "config: dataset=pets"]
)
def test_settings_of_a_profile_that_the_command_line_drops_are_named(twice, text):
    """The example: `--config seeds=3` with a profile that says which dataset planned another one."""
    profiles(twice, mine=text)
    for words in (["seeds=3", "scale=demo"], []):
        with pytest.raises(
            UserError, match=r"mine/config\.yaml: config: dataset would be lost, since the command line"
        ):
            check_command_line(["snakemake", "figure_4", "--profile", "mine", "--config", *words])
    check_command_line(["snakemake", "--profile", "mine", "--config", "scale=demo", "dataset=zz"])
    check_command_line(["snakemake", "--profile", "mine"])


def test_files_of_a_profile_that_the_command_line_drops_are_named(twice):
    for name in "ab":
        (twice / f"{name}.yaml").write_text("seeds: 1\n")
    profiles(twice, mine="configfile: a.yaml")
    with pytest.raises(UserError, match=r"mine/config\.yaml: configfile: a.yaml would be lost"):
        check_command_line(["snakemake", "--profile", "mine", "--configfile", "b.yaml"])
    check_command_line(["snakemake", "--profile", "mine", "--configfile", "b.yaml", "a.yaml"])


@pytest.mark.parametrize(
    ("first", "second", "lost"),
    [
        ("config: {dataset: pets}", "config: {scale: demo}", "config: dataset"),
        ("config: {dataset: pets}", "config: [dataset=zz]", "config: dataset"),
        ("configfile: a.yaml", "configfile: b.yaml", "configfile: a.yaml"),
    ],
)
def test_settings_of_two_profiles_are_named(twice, first, second, lost):
    profiles(twice, one=first, other=second, profiles="")
    for name in "ab":
        (twice / f"{name}.yaml").write_text("seeds: 1\n")
    for words in (["--profile", "one", "--profile", "other"], ["--profile", "one", "--workflow-profile", "other"]):
        with pytest.raises(UserError, match=f"one/config.yaml: {lost} would be lost, since other/config.yaml has"):
            check_command_line(["snakemake", *words])
    check_command_line(["snakemake", "--profile", "one", "--profile", "one"])
    check_command_line(
        [
            "snakemake",
            "--profile",
            "one",
            "--profile",
            "other",
            "--config",
            "dataset=a",
            "scale=demo",
            "--configfile",
            "a.yaml",
            "b.yaml",
        ]
    )


@pytest.mark.parametrize("name", ["Null", "null", "NULL", "~"])
@pytest.mark.parametrize("text", ["dataset: {}", "datasets: {{pets: {{folder: {} }}}}"])
def test_a_folder_s_name_is_not_taken_for_nothing(twice, name, text):
    (twice / "own.yaml").write_text(text.format(name))
    check_command_line(["snakemake", "--configfile", "own.yaml"])
    (twice / name).mkdir()
    with pytest.raises(
        UserError, match=rf"own\.yaml: line 1: YAML takes '{name}' for null, but there is a file or folder"
    ):
        check_command_line(["snakemake", "--configfile", "own.yaml"])
    (twice / "own.yaml").write_text(text.format(f"'{name}'"))
    check_command_line(["snakemake", "--configfile", "own.yaml"])
