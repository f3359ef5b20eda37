"""Every tenant's pipeline, every night, as one mapped task each (Airflow 2.10 and later, and 3).

Copy this file into the DAGs folder. The worker has `rostream`, and these variables in its environment:

ROSTREAM_PIPELINES  a folder with a pipeline file for each tenant and data set; /etc/rostream
ROSTREAM_POOL       an Airflow pool with as many slots as loads may run side by side; default_pool

What the pipeline files read from the environment (tokens, folders) is there, too. The ledger is on a volume that all
workers mount, so that a try on another worker knows what the one before it did.
"""

import json
import logging
import os
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

try:
    from airflow.sdk import dag, get_current_context, task
except ImportError:  # Airflow 2
    from airflow.decorators import dag, task
    from airflow.operators.python import get_current_context
try:
    from airflow.sdk.exceptions import AirflowException, AirflowFailException
except ImportError:  # before 3.2
    from airflow.exceptions import AirflowException, AirflowFailException

log = logging.getLogger(__name__)

DONE, ROWS_REJECTED, JOB_STILL_RUNS = 0, 3, 6


def rostream(command: str, pipeline: str) -> tuple[int, dict]:
    """The exit code and the run report. What the program says goes to the task's log."""
    call = ["rostream", command, pipeline, "--json", "--no-progress"]
    with (
        tempfile.TemporaryFile() as report,
        subprocess.Popen(call, stdout=report, stderr=subprocess.PIPE, text=True) as run,
    ):
        try:
            for line in run.stderr:
                log.info(line.rstrip())
        except BaseException:
            # The task timed out or was cleared. The first SIGTERM stops a run cleanly, and it says where it stopped.
            run.terminate()
            log.info(run.stderr.read())
            raise
        code = run.wait()
        report.seek(0)
        text = report.read()
    return code, json.loads(text) if text.strip() else {}


def loaded(pipeline: str) -> dict:
    """What the run says of itself, or the exception that makes Airflow try again or not."""
    code, report = rostream("run", pipeline)
    if code == JOB_STILL_RUNS:
        # Without a run of its own, `run` has refused to start: an earlier run is to be settled first.
        refused = "run_id" not in report
        code, report = rostream("resume", pipeline)
        if refused and code in (DONE, ROWS_REJECTED):
            code, report = rostream("run", pipeline)
    if code in (DONE, ROWS_REJECTED):
        if code == ROWS_REJECTED:
            log.warning("rows were rejected: see %s", report.get("rejects_file"))
        return {key: report.get(key) for key in ("run_id", "outcome", "counts", "rejects_file")}
    error = report.get("error") or {}
    said = f"exit code {code}: {error.get('code')}: {error.get('message')}"
    if error.get("retryable") or code == JOB_STILL_RUNS or code < 0:
        raise AirflowException(said)
    raise AirflowFailException(said)


@dag(
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=10)},
    tags=["hr"],
)
def rostream_nightly():
    @task
    def pipelines() -> list[str]:
        folder = Path(os.environ.get("ROSTREAM_PIPELINES", "/etc/rostream"))
        return sorted(str(path) for path in folder.glob("*.yaml"))

    # The pool limits loads to what the machine and the API bear. Two loads of one data set never meet, whatever the
    # pool allows: the second ends with `busy`, which is tried again.
    @task(
        pool=os.environ.get("ROSTREAM_POOL", "default_pool"),
        execution_timeout=timedelta(hours=4),
        map_index_template="{{ tenant }}",
    )
    def load(pipeline: str) -> dict:
        get_current_context()["tenant"] = Path(pipeline).stem
        return loaded(pipeline)

    load.expand(pipeline=pipelines())


rostream_nightly()
