"""FIFOs, devices and links to them in place of files that are read: no command waits, and none fills the memory."""

import ast
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import drl
from drl.cli.main import cli
from drl.costs.book import Book
from drl.data.splits import read_label_list
from drl.data.store import ImageStore
from drl.errors import UserError
from drl.files import remove_folder, sweep
from drl.jobs.completion import KEPT, JobFiles, forget, sole_job
from drl.jobs.failures import last_words
from drl.pipeline.folder_facts import read_folder
from drl.records.inputs import check_inputs
from drl.records.metrics import MOST_BYTES, read_csv
from drl.training.state import facts_of, load_state

SECONDS = 20
SPECIAL = ["fifo", "link", "zero"]
# Modules that read files in other ways, all of their own package or checked before.
MAY_READ = {
    "data/regular.py": "the functions that check",
    "data/tensors.py": "checks first",
    "files.py": "its own temporary file; sha256 checks first",
    "data/store.py": "load_file, after open_tensors",
    "models/convert.py": "checks first",
    "evaluation/features.py": "checks first",
    "jobs/device.py": "/proc/cpuinfo",
    "jobs/preloaded_server.py": "/proc",
    "records/code_digest.py": "files of the package",
    "records/run_card.py": "files of the package",
    "reporting/paper_values.py": "a file of the package",
    "costs/items_table.py": "a file of the project",
    "data/sources/mnist5k.py": "np.loadtxt of lines that were read",
}
READERS = {"open", "read_text", "read_bytes", "safe_open", "load_file", "memmap", "fromfile", "loadtxt", "genfromtxt"}
OF_MODULES = {("pd", "read_csv"), ("pd", "read_json"), ("np", "load"), ("torch", "load"), ("np", "memmap")}
IN_MEMORY = {"BytesIO", "StringIO"}


class Late(BaseException):
    """No code that is tested catches it, as it might catch TimeoutError."""


@pytest.fixture(autouse=True)
def in_time():
    """A test that waits fails."""

    def late(*_):
        raise Late(f"waited for {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS, SECONDS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=SPECIAL)
def special(request, tmp_path):
    """A function that puts a FIFO, a link to one, or a link to /dev/zero in a place."""

    def put(*parts):
        path = tmp_path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        if request.param == "zero":
            path.symlink_to("/dev/zero")
        elif request.param == "fifo":
            os.mkfifo(path)
        else:
            os.mkfifo(tmp_path / "the fifo")
            path.symlink_to(tmp_path / "the fifo")
        return path

    return put


def refused(call, *arguments):
    with pytest.raises(UserError, match=r"is a (FIFO|device) and not a file") as raised:
        call(*arguments)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "words",
    [
        ["figure", "4"],
        ["figure", "theory"],
        ["table", "6"],
        ["table", "1"],
        ["study", "few_shot", "--dataset", "digits"],
    ],
)
def test_given_to_figures_tables_and_studies(special, monkeypatch, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(cli, [*words, str(special("m.csv")), "--scale", "demo"])
    with pytest.raises(UserError, match=r"is a (FIFO|device) and not a file"):
        raise run.exception or AssertionError(run.output)


def test_given_as_other_inputs(special, tmp_path):
    path = special("x.csv")
    refused(check_inputs, [path])
    refused(read_csv, path, (), "is odd")
    refused(read_label_list, path, {}, ())
    refused(ImageStore.open, path)
    refused(load_state, path, {})
    refused(facts_of, path)
    assert last_words(path) == []
    (tmp_path / "job.log").symlink_to(path)
    log = tmp_path / "snakemake.log"
    log.write_text(f"    log: {tmp_path / 'job.log'} (check log file(s) for error details)\n")
    assert last_words(log)[2:3] == ["    it left no message"]


def test_in_place_of_what_a_killed_process_left(special):
    dead = subprocess.Popen(["true"])
    dead.wait()
    path = special("a", f".x.npy.{socket.gethostname()}-{dead.pid}-abc.part")
    sweep(path.parent)
    remove_folder(path)
    assert path.is_fifo() or path.is_symlink()


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("parts", [(), (KEPT,), ("old.safetensors",)])
def test_in_place_of_a_state_and_what_it_keeps(special, tmp_path, monkeypatch, parts, ordered):
    """The example: `finished` was a FIFO, and shutil.rmtree waited for somebody to open it."""
    if ordered:
        monkeypatch.setenv("DRL_ORDERED", "1")
    path = special("states", "0123456789abcdef0123", *parts)
    forget(tmp_path / "states")
    state = tmp_path / "states" / "0123456789abcdef0123"
    files = JobFiles("probe drl", tmp_path / "out" / "a.csv", state, {}, "", {}, {}, {})
    if path.is_symlink() and parts != ("old.safetensors",):
        with pytest.raises(UserError, match="is a link"), sole_job(files):
            pass
        return
    with sole_job(files) as done:
        assert not done


def test_only_one_function_removes_folders():
    root = Path(drl.__file__).parent
    found = [path.relative_to(root).as_posix() for path in root.rglob("*.py") if "rmtree(" in path.read_text()]
    assert found == ["files.py"]
    assert (root / "files.py").read_text().count("rmtree(") == 1


def test_a_cache_counts_as_empty(special, tmp_path, monkeypatch, capsys):
    rates = Book(special("rates.json"))
    assert rates.entries == {}
    assert rates.put(1.0, "a") == 1.0
    for name in ("a", "b"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "pets" / name / "1.png")
    monkeypatch.setattr("drl.pipeline.folder_facts.fingerprint", lambda *_: "same")
    (tmp_path / "folders").mkdir()
    (tmp_path / "rates.json").rename(tmp_path / "folders" / "same.json")
    assert read_folder(tmp_path / "pets", tmp_path).train == (1, 1)


def test_metrics_for_a_model_card(special, monkeypatch, tmp_path):
    from drl.models.model_facts import _probes

    refused(_probes, [special("m.csv")], None, True)


def test_benchmark_files(special):
    from drl.costs.spent import _benchmark

    assert _benchmark(special("seed0.tsv")) == {}


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "m.csv").open("wb") as stream:
        stream.truncate(MOST_BYTES + 1)
    with pytest.raises(UserError, match="needs 33,554,432 at most"):
        read_csv(tmp_path / "m.csv", (), "is odd")


def _reads(call):
    """Whether a call opens a file to read it."""
    function = call.func
    if isinstance(function, ast.Name):
        name, of = function.id, ""
    elif isinstance(function, ast.Attribute):
        name, of = function.attr, function.value.id if isinstance(function.value, ast.Name) else ""
    else:
        return False
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Call) and getattr(first.func, "attr", "") in IN_MEMORY:
        return False
    if name == "open":
        modes = [
            word.value
            for word in [*call.args, *(part.value for part in call.keywords)]
            if isinstance(word, ast.Constant)
        ]
        checked = of == "ImageStore" or (of == "Image" and getattr(first, "id", "") in ("stream", "source"))
        return not checked and not any(mode in ("w", "wb", "x", "xb") for mode in modes)
    return name in READERS or (of, name) in OF_MODULES


def test_no_module_opens_what_it_did_not_check():
    root = Path(drl.__file__).parent
    found = {}
    for path in root.rglob("*.py"):
        name = path.relative_to(root).as_posix()
        calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        lines = [call.lineno for call in calls if _reads(call)]
        if lines and not name.startswith("docs/"):
            found[name] = lines
    unknown = {name: lines for name, lines in found.items() if name not in MAY_READ}
    assert not unknown, f"use open_regular, read_regular or open_tensors there: {unknown}"
    assert set(found) == set(MAY_READ), "a module of the list reads no file any more"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("path.open()", True),
        ("open(path, 'rb')", True),
        ("path.open('w')", False),
        ("pd.read_csv(path)", True),
        ("pd.read_csv(io.BytesIO(x))", False),
        ("read_csv(path)", False),
        ("np.load(path)", True),
        ("safe_open(path, framework='pt')", True),
        ("Image.open(path)", True),
        ("path.read_text()", True),
    ],
)
def test_what_counts_as_reading(text, reads):
    assert _reads(ast.parse(text).body[0].value) == reads
