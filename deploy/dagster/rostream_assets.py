"""Every tenant's data set in Orgvue as an asset that a pipeline materializes (Dagster 1.10 and later).

    dagster dev -f rostream_assets.py

`rostream` is on the PATH, and these variables are in the environment:

ROSTREAM_PIPELINES  a folder with a pipeline file for each tenant and data set; /etc/rostream

What the pipeline files read from the environment (tokens, folders) is there, too. The ledger is on a volume that
outlives the process.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

import dagster as dg

DONE, ROWS_REJECTED, JOB_STILL_RUNS = 0, 3, 6


def rostream(command: str, pipeline: Path, log) -> tuple[int, dict]:
    """The exit code and the run report. What the program says goes to the run's log."""
    call = ["rostream", command, str(pipeline), "--json", "--no-progress"]
    with (
        tempfile.TemporaryFile() as report,
        subprocess.Popen(call, stdout=report, stderr=subprocess.PIPE, text=True) as run,
    ):
        try:
            for line in run.stderr:
                log.info(line.rstrip())
        except BaseException:
            # The first SIGTERM stops a run cleanly, and it says where it stopped.
            run.terminate()
            log.info(run.stderr.read())
            raise
        code = run.wait()
        report.seek(0)
        text = report.read()
    return code, json.loads(text) if text.strip() else {}


def metadata_of(report: dict) -> dict:
    """Counts, and where rows at fault are; a report holds no values of people."""
    counts = {f"rows_{name}": count for name, count in (report.get("counts") or {}).items()}
    paths = {name: dg.MetadataValue.path(report[name]) for name in ("rejects_file", "results_file") if report.get(name)}
    texts = {name: report[name] for name in ("run_id", "outcome", "next") if report.get(name)}
    return counts | paths | texts


def asset_of(pipeline: Path) -> dg.AssetsDefinition:
    name = pipeline.stem

    # The pool's limit, which the deployment sets, is how many loads run side by side. Two loads of one data set never
    # meet, whatever it is: the second ends with `busy`, which is tried again.
    @dg.asset(
        name=name.replace("-", "_"),
        group_name="orgvue",
        kinds={"orgvue"},
        pool="rostream",
        check_specs=[dg.AssetCheckSpec("no_rejects", asset=name.replace("-", "_"))],
    )
    def load(context: dg.AssetExecutionContext):
        code, report = rostream("run", pipeline, context.log)
        if code == JOB_STILL_RUNS:
            # Without a run of its own, `run` has refused to start: an earlier run is to be settled first.
            refused = "run_id" not in report
            code, report = rostream("resume", pipeline, context.log)
            if refused and code in (DONE, ROWS_REJECTED):
                code, report = rostream("run", pipeline, context.log)
        metadata = metadata_of(report)
        if code in (DONE, ROWS_REJECTED):
            clean = dg.AssetCheckResult(passed=code == DONE, severity=dg.AssetCheckSeverity.WARN)
            return dg.MaterializeResult(metadata=metadata, check_results=[clean])
        error = report.get("error") or {}
        said = f"exit code {code}: {error.get('code')}: {error.get('message')}"
        failure = dg.Failure(said, metadata=metadata, allow_retries=False)
        if error.get("retryable") or code == JOB_STILL_RUNS or code < 0:
            raise dg.RetryRequested(max_retries=3, seconds_to_wait=600) from failure
        raise failure

    return load


def definitions() -> dg.Definitions:
    folder = Path(os.environ.get("ROSTREAM_PIPELINES", "/etc/rostream"))
    assets = [asset_of(path) for path in sorted(folder.glob("*.yaml"))]
    nightly = dg.define_asset_job("rostream_nightly", dg.AssetSelection.groups("orgvue"))
    schedule = dg.ScheduleDefinition(job=nightly, cron_schedule="0 2 * * *")
    return dg.Definitions(assets=assets, jobs=[nightly], schedules=[schedule])


defs = definitions()
