"""Has `act`, which runs GitHub's workflows, read the golden file of `--format github`; `run.sh` beside it calls this.

The step of the workflow prints the file, as a step that runs `cargo lockdep report --format github` does. `act` runs it on this
machine, without a container, and tells what it understood as JSON lines.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from check import golden

WORKFLOW = """on: push
jobs:
  report:
    runs-on: here
    steps:
      - run: cat "$GOLDEN"
"""


def understood(act, text):
    """The annotations that `act` finds in what a step prints: command, properties, message."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        project = folder / "project"
        (project / ".github/workflows").mkdir(parents=True)
        (project / ".github/workflows/report.yml").write_text(WORKFLOW, encoding="utf-8")
        (folder / "golden").write_text(text, encoding="utf-8")
        git = ["git", "-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run([*git, "init", "--quiet"], cwd=project, check=True)
        subprocess.run([*git, "add", "."], cwd=project, check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", "workflow"], cwd=project, check=True)
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}
        done = subprocess.run(
            [act, "push", "--json", "-P", "here=-self-hosted", "--env", f"GOLDEN={folder / 'golden'}"],
            cwd=project, env={**os.environ, **home}, capture_output=True, text=True, timeout=120,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines() if line.startswith("{")]
    return [(one["command"], one["kvPairs"], one["arg"]) for one in lines if "command" in one]


def check_github(act):
    annotations = understood(act, golden("github"))
    assert [command for command, _, _ in annotations] == ["error", "notice", "notice", "notice"], annotations
    [_, main, message] = annotations[0]
    assert (main["file"], main["line"], main["col"]) == ("src/bank.rs", "11", "20"), main
    assert main["title"].startswith("LD0003 `journal` and `accounts`"), main
    assert "\nhelp: take `journal` before `accounts`" in message, message
    # What was escaped has come back: a property keeps its colon, and no message was cut.
    assert annotations[1][1]["title"] == "LD0003: the other side", annotations[1]
    assert not any("%" in text for _, pairs, arg in annotations for text in [*pairs.values(), arg]), annotations
    # It must be able to misunderstand, or what it says is nothing.
    assert understood(act, golden("github").replace("::error", ":error"))[0][0] == "notice"
    print(f"github: act reads it, {len(annotations)} annotations")


if __name__ == "__main__":
    check_github(sys.argv[1])
