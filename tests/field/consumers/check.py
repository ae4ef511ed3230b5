"""Has real consumers read the golden files of the interchange formats; `run.sh` beside it calls this.

The golden files are compared with what `cargo lockdep report` prints by `cargo test -p cargo-lockdep render`, so what is read
here is what users get.
"""

import json
import pathlib
import sys
import tempfile

import jsonschema
from junitparser import Failure, JUnitXml
from sarif.loader import load_sarif_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
SNAPSHOTS = ROOT / "instrument/cargo-lockdep/src/render/snapshots"


def golden(name):
    """The text of a snapshot, without insta's head."""
    text = (SNAPSHOTS / f"cargo_lockdep__render__tests__{name}.snap").read_text(encoding="utf-8")
    return text.split("---\n", 2)[2]


def check_sarif(schema_path):
    schema = json.loads(pathlib.Path(schema_path).read_text(encoding="utf-8"))
    assert schema["$id"].endswith("sarif-schema-2.1.0.json"), schema["$id"]
    validator = jsonschema.validators.validator_for(schema)(schema, format_checker=jsonschema.FormatChecker())
    document = json.loads(golden("sarif"))
    errors = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert not errors, "\n".join(errors)
    # The validator must be able to object, or its silence says nothing.
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert list(validator.iter_errors(document)), "the schema accepts anything"
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "golden.sarif"
        path.write_text(golden("sarif"), encoding="utf-8")
        results = load_sarif_file(str(path)).get_results()
    assert [(one["ruleId"], one["level"]) for one in results] == [("LD0003", "error")], results
    print("sarif: valid against the 2.1.0 schema; sarif-tools reads it")


def check_json():
    reports = [json.loads(line) for line in golden("json").splitlines() if line]
    assert [(one["schema"], one["code"], len(one["cycle"])) for one in reports] == [(1, "LD0003", 2)], reports
    print("json: one object a line")


def check_junit():
    suites = JUnitXml.fromstring(golden("junit").encode())
    assert (suites.tests, suites.failures, suites.errors) == (1, 1, 0), suites
    [case] = [case for suite in suites for case in suite]
    assert "LD0003" in case.name and isinstance(case.result[0], Failure), case
    print("junit: junitparser reads it")


if __name__ == "__main__":
    check_sarif(sys.argv[1])
    check_junit()
    check_json()
