"""Style sheets and Snakemake's records bring no script into the report."""

import base64
import json
import os

import pytest

from drl.config import report_files
from drl.config.report_files import check_records, check_stylesheets
from drl.config.said import check_command_line
from drl.errors import UserError
from drl.files import Below

SCRIPT = "</script><script>alert(1)</script>"
GOOD = {"rule": "pretrain", "conda_env": None, "container_img_url": None, "params": ["'<'"], "starttime": 1.0}
CODE = "!!python/object/apply:os.system ['touch /tmp/pwned']"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project's folder with one good record, and no profiles of this computer."""
    monkeypatch.chdir(tmp_path)
    for name in ("SNAKEMAKE_PROFILE", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / ".snakemake/metadata/@long").mkdir(parents=True)
    (tmp_path / ".snakemake/metadata/Z29vZA==").write_text(json.dumps(GOOD))
    (tmp_path / "mine").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        {"rule": SCRIPT},
        {"rule": 3},
        {"container_img_url": SCRIPT},
        {"conda_env": encoded(f"name: '{SCRIPT}'")},
        {"conda_env": encoded('name: "\\x3c/script>"')},
        {"conda_env": encoded(CODE)},
        {"conda_env": "é"},
        {"conda_env": {"name": SCRIPT}},
    ],
)
def test_records_of_others_are_refused_for_a_report(project, change):
    """The example: a copied project brings .snakemake along; Snakemake would even run code that a record names."""
    (project / ".snakemake/metadata/@long/eA==").write_text(json.dumps(GOOD | change))
    (project / "mine" / "config.yaml").write_text("report: r.html\n")
    if all(isinstance(value, str) for value in change.values()):
        check_command_line(["snakemake", "figure_4"])  # harmless without a report
    for words in (
        ["--report"],
        ["--report=r.html"],
        ["--report", "r.zip"],
        ["--reporter", "html"],
        ["--profile", "mine"],
    ):
        with pytest.raises(UserError, match=r"eA==: is (no|a damaged) record .*remove (it|this file)"):
            check_command_line(["snakemake", *words])


@pytest.mark.parametrize(
    "change",
    [
        {"starttime": "x"},
        {"endtime": [1]},
        {"job_hash": {}},
        {"job_hash": 1.5},
        {"record_format_version": None},
        {"input": "a.csv"},
        {"log": [1]},
        {"params": {"a": 1}},
        {"shellcmd": 1},
        {"code": []},
        {"software_stack_hash": 1},
        {"external_jobid": 12},
        {"incomplete": "perhaps"},
        {"input_checksums": []},
    ],
)
def test_damaged_records_are_named_before_any_work(project, change):
    """The example: Snakemake answers one wrong value with a traceback of 70 lines."""
    record = project / ".snakemake/metadata/@long/eA=="
    record.write_text(json.dumps(GOOD | change))
    for words in (["figure_4"], ["-n"], ["--report"], ["--unlock"]):
        with pytest.raises(UserError, match=r"eA==: is a damaged record of Snakemake; remove this file: Snakemake"):
            check_command_line(["snakemake", *words])
    record.unlink()
    check_command_line(["snakemake", "figure_4"])


DIGITS = b'{"job_hash": ' + b"9" * 5000 + b"}"


@pytest.mark.parametrize("text", [b"[1]", b"3", b'"a"', b"\xff", b"[" * 100_000, DIGITS])
@pytest.mark.parametrize("folder", ["metadata", "incomplete"])
def test_what_is_no_record_at_all_is_named(project, text, folder):
    (project / ".snakemake/incomplete").mkdir()
    (project / ".snakemake" / folder / "eA==").write_bytes(text)
    with pytest.raises(UserError, match=r"eA==: is a damaged (record|note) of Snakemake.* remove.* this file"):
        check_command_line(["snakemake", "figure_4"])


@pytest.mark.parametrize("value", [{}, 1, ["a"]])
def test_damaged_notes_of_unfinished_work_are_named(project, value):
    (project / ".snakemake/incomplete").mkdir()
    note = project / ".snakemake/incomplete/eA=="
    note.write_text(json.dumps({"external_jobid": "7"}))
    check_command_line(["snakemake", "figure_4"])
    note.write_text(json.dumps({"external_jobid": value}))
    with pytest.raises(UserError, match="eA==: is a damaged note of Snakemake about unfinished work"):
        check_command_line(["snakemake", "figure_4"])


def test_a_note_may_go_while_notes_are_read(project, monkeypatch):
    gone = Below([project / ".snakemake/incomplete/eA=="], [])
    monkeypatch.setattr(report_files, "below", lambda folder: gone if folder.name != "metadata" else Below([], []))
    check_command_line(["snakemake", "figure_4"])


def test_records_of_ours_are_left_alone(project):
    more = GOOD | {
        "rule": "figure_4",
        "container_img_url": "docker://a/b:1",
        "conda_env": encoded("name: drl\nchannels: [a]"),
    }
    (project / ".snakemake/metadata/@long/eA==").write_text(json.dumps(more))
    (project / ".snakemake/metadata/begun").write_text("")
    (project / ".snakemake/metadata/cut").write_text(json.dumps(GOOD)[:-9])
    check_command_line(["snakemake", "--report", "r.html"])
    check_records(folder=project / "none" / "metadata")


def test_no_record_makes_a_report_wait(project):
    os.mkfifo(project / ".snakemake/metadata/eA==")
    with pytest.raises(UserError, match="eA== is a FIFO and not a file"):
        check_command_line(["snakemake", "--report"])
    with pytest.raises(UserError, match="eA== is a FIFO and not a file"):
        check_command_line(["snakemake", "figure_4"])


@pytest.mark.parametrize("folder", ["incomplete", "locks"])
def test_no_lock_or_note_makes_snakemake_wait(project, folder):
    (project / ".snakemake" / folder).mkdir()
    os.mkfifo(project / ".snakemake" / folder / "0.input.lock")
    with pytest.raises(UserError, match=r"0.input.lock is a FIFO and not a file"):
        check_command_line(["snakemake", "figure_4"])


@pytest.mark.parametrize("words", [["--persistence-backend", "db"], ["--profile", "mine"]])
def test_a_report_is_made_from_records_in_files(project, words):
    (project / "mine" / "config.yaml").write_text("persistence-backend: db\nreport: r.html\n")
    with pytest.raises(UserError, match="db: only records in files are checked for a report"):
        check_command_line(["snakemake", "--report", *words])


@pytest.mark.parametrize("option", ["report-stylesheet", "report-html-stylesheet-path"])
@pytest.mark.parametrize("text", ["</style><script>alert(1)</script>", "a {}\n</STYLE>", None])
def test_style_sheets_hold_no_script(project, option, text):
    if text is None:
        os.mkfifo(project / "x.css")
    else:
        (project / "x.css").write_text(text)
    said = "x.css is a FIFO" if text is None else "x.css: holds </, with which a script could begin"
    (project / "mine" / "config.yaml").write_text(f"{option}: x.css\n")
    (project / "mine" / "profile.yaml").write_text(f"--{option}: x.css\n")
    for words in (["--report", f"--{option}", "x.css"], [f"--{option}=x.css"], ["--profile", "mine"]):
        with pytest.raises(UserError, match=said):
            check_command_line(["snakemake", *words])


def test_plain_style_sheets_are_left_alone(project):
    (project / "x.css").write_text("a > b { background: url('data:image/svg+xml,%3Csvg/>'); }")
    check_command_line(["snakemake", "--report", "--report-stylesheet", "x.css"])
    check_stylesheets([])
