"""Style sheets and Snakemake's records bring no script into the report."""

import base64
import json
import os

import pytest

from drl.config.report_files import check_records, check_stylesheets
from drl.config.said import check_command_line
from drl.errors import UserError

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
    check_command_line(["snakemake", "figure_4"])
    for words in (
        ["--report"],
        ["--report=r.html"],
        ["--report", "r.zip"],
        ["--reporter", "html"],
        ["--profile", "mine"],
    ):
        with pytest.raises(
            UserError, match=r"eA==: is no record that Snakemake made of this project's rules.*remove it"
        ):
            check_command_line(["snakemake", *words])


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
    check_records(project / "none")


def test_no_record_makes_a_report_wait(project):
    os.mkfifo(project / ".snakemake/metadata/eA==")
    with pytest.raises(UserError, match="eA== is a FIFO and not a file"):
        check_command_line(["snakemake", "--report"])


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
