"""The DAG and the assets of deploy/, in the real packages, with a program that ends in every way: scheduled.py
airflow|dagster DEPLOY. Dagster loads for real, too."""

import json
import os
import sys
import tempfile
from pathlib import Path

tool, deploy = sys.argv[1], Path(sys.argv[2])
sys.path.insert(0, str(deploy / tool))

# Answers `run` and `resume` in turn, as FAKE says: an exit code and a report each.
FAKE = """#!/usr/bin/env python3
import json, os, sys
path = os.environ["FAKE"]
answers = json.load(open(path))
command, code, report = answers.pop(0)
json.dump(answers, open(path, "w"))
assert sys.argv[1] == command, (sys.argv, command)
if report is not None:
    print(json.dumps(report))
print("said", file=sys.stderr)
sys.exit(code)
"""

DONE = {"run_id": "a", "outcome": "succeeded", "counts": {"read": 1}, "error": None}


def error(code: str, retryable: bool, **more) -> dict:
    return {"error": {"code": code, "message": code, "retryable": retryable}} | more


REFUSED = error("import_running", False)
WAITED = error("import_running", False, run_id="a")

# What the program answers, and what the scheduler is to make of it.
CASES = [
    ([("run", 0, DONE)], "done"),
    ([("run", 3, DONE)], "done"),
    ([("run", 1, error("network", True))], "again"),
    ([("run", 1, error("token", False))], "failed"),
    ([("run", 2, None)], "failed"),
    ([("run", 4, error("too_few_rows", False, run_id="a"))], "failed"),
    ([("run", 5, error("import_failed", False, run_id="a"))], "failed"),
    ([("run", 6, WAITED), ("resume", 0, DONE)], "done"),
    ([("run", 6, WAITED), ("resume", 6, WAITED)], "again"),
    ([("run", 6, REFUSED), ("resume", 0, DONE), ("run", 0, DONE)], "done"),
    ([("run", 6, REFUSED), ("resume", 5, error("import_failed", False, run_id="b"))], "failed"),
    ([("run", 7, error("import_unknown", False))], "failed"),
]


def of_airflow():
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 2
        from airflow.models import DagBag
    bag = DagBag(os.path.join(os.environ["AIRFLOW_HOME"], "dags"))
    assert not bag.import_errors, bag.import_errors
    assert bag.dags["rostream_nightly"].task_ids == ["pipelines", "load"], bag.dags
    import rostream_dag

    def outcome() -> str:
        try:
            rostream_dag.loaded("acme.yaml")
        except rostream_dag.AirflowFailException:
            return "failed"
        except rostream_dag.AirflowException:
            return "again"
        return "done"

    return outcome


def of_dagster():
    import dagster as dg
    import rostream_assets

    dg.Definitions.validate_loadable(rostream_assets.defs)
    night = rostream_assets.defs.resolve_job_def("rostream_nightly").execute_in_process()
    assert night.success

    asset = rostream_assets.asset_of(Path("acme.yaml"))

    def outcome() -> str:
        try:
            asset(dg.build_asset_context())
        except dg.RetryRequested:
            return "again"
        except dg.Failure:
            return "failed"
        return "done"

    return outcome


outcome = {"airflow": of_airflow, "dagster": of_dagster}[tool]()
with tempfile.TemporaryDirectory() as folder:
    fake = Path(folder, "rostream")
    fake.write_text(FAKE)
    fake.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    os.environ["FAKE"] = str(Path(folder, "answers.json"))
    wrong = 0
    for answers, expected in CASES:
        Path(os.environ["FAKE"]).write_text(json.dumps(answers))
        got, left = outcome(), json.loads(Path(os.environ["FAKE"]).read_text())
        if got != expected or left:
            wrong += 1
            print("wrong:", answers, "expected", expected, "got", got, "not asked for", left)
print(len(CASES), "ends,", wrong, "wrong")
sys.exit(wrong > 0)
