"""What a build shows while it runs."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import PROJECT

from customer_segmentation.dbt_command import INTERRUPTED, Progress, main, shown, wrong_encoding


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def starts(name: str, total: int) -> SimpleNamespace:
    node = SimpleNamespace(node_name=name)
    return SimpleNamespace(
        info=SimpleNamespace(name="LogStartLine", level="info"), data=SimpleNamespace(total=total, node_info=node)
    )


def event(name: str, level: str = "debug") -> SimpleNamespace:
    return SimpleNamespace(info=SimpleNamespace(name=name, level=level), data=None)


def test_a_short_build_into_a_file_shows_nothing():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock)
    clock.now = 9
    progress.see(starts("int_kmeans_sweep", 10))
    progress.clear()
    assert stream.getvalue() == ""


def test_a_long_build_into_a_file_shows_a_line_every_ten_seconds():
    stream, clock = io.StringIO(), Clock()
    progress = Progress(stream, clock)
    for second in range(1, 41):
        clock.now = second
        progress.see(starts(f"model_{second}", 80))
        progress.see(event("NodeFinished"))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "9 of 80, 10 s, about 79 s left: model_10"
    assert [line.split(": ")[1] for line in lines] == ["model_10", "model_20", "model_30", "model_40"]


def test_a_terminal_shows_one_line_and_clears_it_before_anything_else():
    stream, clock = Terminal(), Clock()
    progress = Progress(stream, clock)
    progress.see(starts("first", 20))
    progress.see(starts("second", 20))
    assert stream.getvalue().count("\n") == 0
    assert stream.getvalue().rstrip().endswith("0 of 20, 0 s: second")
    progress.see(event("LogTestResult", "error"))
    assert stream.getvalue().endswith(" \r")


def test_a_refused_setting_is_one_sentence():
    message = (
        "[ERROR]: Encountered an error:\nCompilation Error in model int_model_register (models/x.sql)\n"
        "  Setting 'k' is \"funf\"; it must be a whole number.\n  \n  > in macro refuse_setting (macros/settings.sql)\n"
        "  > called by macro setting (macros/settings.sql)"
    )
    assert shown(message) == "[ERROR]: Setting 'k' is \"funf\"; it must be a whole number."


def test_another_error_keeps_the_name_of_its_node():
    message = "Compilation Error in test t (t.yml)\n  Rule 'x' rejects 2 of 2 rows.\n  \n  > in macro m (m.sql)"
    assert shown(message) == "Compilation Error in test t (t.yml)\n  Rule 'x' rejects 2 of 2 rows."


def test_a_mistake_on_the_command_line_is_told_once(capfd: pytest.CaptureFixture):
    assert main(["build", "--nonsense"]) == 2
    output = capfd.readouterr()
    assert (output.out + output.err).count("--nonsense") == 1


def test_the_level_of_the_log_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBT_LOG_PATH", str(tmp_path))
    monkeypatch.setenv("DBT_PROFILES_DIR", str(PROJECT))
    assert main(["debug", "--config-dir", "--project-dir", str(PROJECT), "--log-level-file", "debug"]) == 0
    assert "[debug]" in (tmp_path / "dbt.log").read_text(encoding="utf-8")


def test_an_interrupted_run_is_told_in_a_sentence(capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dbt.task.list.ListTask.run", interrupt)
    monkeypatch.setenv("DBT_PROFILES_DIR", str(PROJECT))
    assert main(["list", "--project-dir", str(PROJECT)]) == INTERRUPTED
    output = capfd.readouterr()
    assert "Interrupted" in output.err
    assert "Traceback" not in output.out + output.err


def test_the_file_that_is_not_in_utf_8_is_named(tmp_path: Path):
    (tmp_path / "seeds").mkdir()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "good.sql").write_text("select 'ü'\n", encoding="utf-8")
    assert wrong_encoding(tmp_path) is None
    (tmp_path / "seeds" / "overrides.csv").write_bytes("customer_id,reason\nC1,Schlüssel\n".encode("windows-1252"))
    said = "seeds/overrides.csv is not in UTF-8: line 2 has the byte 0xFC. Save it as UTF-8"
    assert said in wrong_encoding(tmp_path)


def test_dbt_stops_at_a_seed_in_another_encoding_with_a_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: customer_segmentation\n")
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "overrides.csv").write_bytes(b"customer_id,reason\nC1,Schl\xfcssel\n")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(PROJECT))
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 2
    output = capfd.readouterr()
    assert "seeds/overrides.csv is not in UTF-8: line 2" in output.out
    assert "Traceback" not in output.out + output.err


def test_a_process_leaves_with_its_code_once_the_exit_functions_have_run():
    code = (
        "import atexit; from customer_segmentation.dbt_process import leave;"
        " atexit.register(print, 'closed'); print('built'); leave(3)"
    )
    left = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (left.returncode, left.stdout, left.stderr) == (3, "built\nclosed\n", "")
