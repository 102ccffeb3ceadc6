import time

import pytest

from drl.config.yaml_text import MOST_BYTES, load, read_value, read_yaml
from drl.errors import UserError

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds: 1\nrun: {}\nseeds: 2\n", "line 3: the key 'seeds' stands in line 1 already"),
        ("recipes:\n  drl: {iterations: 1, iterations: 2}\n", "line 2: the key 'iterations' stands in line 2 already"),
        ("1: a\n1.0: b\n", "line 2: the key '1.0' stands in line 1 already"),
        (LAUGHS, "line 5: more than 50,000 values"),
        ("a: &a [*a]", r"line 1: \*a stands inside itself"),
        ("a: &a {<<: *a}", r"line 1: \*a stands inside itself"),
        ("[" * 500 + "]" * 500, "line 1: nested 40 deep"),
        ("[" * 200_000, "line 1: nested 40 deep"),
        ("- x\n" * 60_000, "more than 50,000 values"),
        ("seeds: " + "9" * 5000, "a number of 5,000 digits; give at most 18"),
        ("seeds: 010", "'010': YAML does not count it in tens"),
        ("title: 1:30", "'1:30': YAML does not count it in tens"),
        ("title: 2024-11-29", "YAML takes it for a timestamp; put it in quotes"),
        ("a: !!python/object:os.system {}", "put it in quotes"),
        ("? !!binary aGk=\n: y", "YAML takes it for a binary; put it in quotes"),
        ("a: !!bool x", "is not YAML"),
        ("? [a]\n: b", "a key is a list or a mapping"),
        ("a: [1", "is not YAML: line 2"),
        ("a: *b", "is not YAML: line 1: found undefined alias"),
    ],
)
def test_bad_text_is_one_short_line_within_a_second(text, said):
    started = time.perf_counter()
    with pytest.raises(UserError, match=said) as caught:
        load(text, "own.yaml")
    assert time.perf_counter() - started < 1
    assert str(caught.value).startswith("own.yaml: ")
    assert len(str(caught.value)) < 400


def test_aliases_and_merges_are_read():
    assert load("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n", "") == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("seeds: 1".encode("utf-16"), "save it as UTF-8"),
        ("seeds: 1".encode("utf-16-le"), "save it as UTF-8"),
        (b"\xff", "save it as UTF-8"),
        (b"x" * (MOST_BYTES + 1), "500,001 bytes"),
        (b"- a", "must hold 'key: value' lines"),
    ],
)
def test_bad_files_are_named(tmp_path, content, said):
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        read_yaml(file)
    assert str(file) in str(caught.value)


def test_json_of_other_software_is_read(tmp_path):
    file = tmp_path / "own.json"
    file.write_text('\ufeff{"title": "\\ud83d\\ude00", "n": [1, null]}', encoding="utf-8")
    assert read_yaml(file) == {"title": "😀", "n": [1, None]}


def test_what_yaml_would_leave_out_of_a_value_is_named():
    assert read_value("'zz #2'", "--set a=…") == "zz #2"
    assert read_value("{a: [1, 2]} ", "--set a=…") == {"a": [1, 2]}
    for text in ("zz #2", "[1, 2] # two", "# nothing"):
        with pytest.raises(UserError, match="for a comment; put the value in quotes"):
            read_value(text, "--set a=…")


DROPPED = [
    ("dataset: zz #2\n", "zz #2"),
    ("é: ü\ndatasets: {own: {folder: zz   #2\n}}\n", "zz   #2"),
    ("dataset: zz #2 # my birds", "zz #2"),
    ("config:\n  - scale=demo\n  - dataset=zz #2\n", "zz #2"),
    ("dataset: zz \n", "zz "),
    ("dataset: ~/zz #2\n", "home/zz #2"),
    ("dataset: 2024 #1\r\nscale: demo\r\n", "2024 #1"),
]


@pytest.mark.parametrize(("text", "name"), DROPPED)
@pytest.mark.parametrize("strict", [True, False])
def test_a_comment_that_is_a_part_of_a_name_is_refused(tmp_path, monkeypatch, text, name, strict):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "zz").mkdir()
    (tmp_path / "own.yaml").write_bytes(text.encode())
    before = read_yaml(tmp_path / "own.yaml", strict)
    (tmp_path / name).mkdir(parents=True)
    with pytest.raises(
        UserError, match=rf"own.yaml: line \d: .* there is a file or folder '.*{name[-2:]}': put the name"
    ):
        read_yaml(tmp_path / "own.yaml", strict)
    assert before, "without such a folder it is a comment"


def test_a_name_in_quotes_may_have_a_comment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zz #2").mkdir()
    assert load("dataset: 'zz #2'  # birds\nscale: demo # zz #2\n", "") == {"dataset": "zz #2", "scale": "demo"}


def test_many_comments_take_no_time():
    started = time.perf_counter()
    load("a: b" + " #" * 200_000, "")
    load("[" + "a ," * 10_000 + "]", "")
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize("text", ["~", "{folder: ~}", "[~]"])
def test_a_lone_tilde_on_a_command_line_is_no_folder_and_no_null(text):
    with pytest.raises(UserError, match=r"--set a: YAML takes ~ for null; write null, or the path of your home"):
        read_value(text, "--set a")
    assert read_value("[null, ~/a, '~']", "") == [None, "~/a", "~"]


MARKED = ["&x zz", "! zz", "!  zz", "&x ! zz", "! &x zz"]


@pytest.mark.parametrize("value", [*MARKED, "--- zz", "!!str zz", "--- &x zz", "%YAML 1.1\n--- zz", "--- {a: 1}"])
def test_what_yaml_would_drop_before_a_value_is_named(value):
    with pytest.raises(UserError, match=r"^--set a: (line 1: YAML reads 'zz' and|YAML) drops '.*' before "):
        read_value(value, "--set a")
    assert read_value(f"'{value}'" if "\n" not in value else "'zz'", "") in (value, "zz")


@pytest.mark.parametrize("value", MARKED)
@pytest.mark.parametrize("text", ["a: 1\nfolder: {}\n", "a: {{b: {}}}", "- a\n-   {} # c", "é: [{} , b]", "{}: a"])
@pytest.mark.parametrize("strict", [True, False])
def test_what_yaml_would_drop_before_a_text_of_a_file_is_named(value, text, strict):
    with pytest.raises(
        UserError, match=r"^own.yaml: line \d: YAML reads 'zz' and drops '[&!].*' before it; leave that"
    ):
        load(text.format(value), "own.yaml", strict)


def test_anchors_that_are_used_and_tags_with_a_name_are_read():
    text = "a: &x zz\nb: *x\nc: &n 5\nd: &m {e: 1}\nf: !!str 2024\ni: '! zz'\nj: &q 'a'\nk: R&D ! x"
    assert load(text, "") == {
        **{"a": "zz", "b": "zz", "c": 5, "d": {"e": 1}, "f": "2024"},
        **{"i": "! zz", "j": "a", "k": "R&D ! x"},
    }
    assert read_value("{a: &x zz, b: *x}", "") == {"a": "zz", "b": "zz"}


@pytest.mark.parametrize("text", [" zz", "'zz'", '"zz"', " ~/zz"])
def test_a_file_that_is_called_by_the_whole_of_a_value_is_named(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    before = read_value(text, "--set a")
    (tmp_path / text).mkdir(parents=True)
    with pytest.raises(
        UserError, match=r"--set a: YAML reads '.*zz', but there is a file or folder '.*'; put the value"
    ):
        read_value(text, "--set a")
    assert before.endswith("zz"), "without such a folder it is YAML"
