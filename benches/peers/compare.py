"""Runs the jobs in turn and prints a table; see run.sh, which calls this."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PIPELINE = HERE.parent / "hris.yaml"


def measure(command, good, **more):
    """Wall and CPU seconds, peak memory in bytes, and what it wrote to stdout."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, **more)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in good:
            sys.exit(f"{command[0]} ended with {process.returncode}: {err.read().decode(errors='replace')}")
        # The system counts in KiB on Linux, and in bytes on macOS.
        unit = 1 if sys.platform == "darwin" else 1024
        return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, out.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rostream", required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    rostream, file = os.path.abspath(args.rostream), args.file.resolve()

    sink = subprocess.Popen([sys.executable, HERE / "sink.py"], stdout=subprocess.PIPE, text=True)
    port = sink.stdout.readline().strip()
    with tempfile.TemporaryDirectory(dir=args.work.resolve()) as out:
        # The job of hris.yaml, with another target.
        text = PIPELINE.read_text().replace(
            "target: { sandbox: { action: create } }",
            "target: { orgvue: { base_url: '${SINK}', tenant: SINK, action: create, token: { env: TOKEN },"
            " dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2 } }",
        )
        pipeline = Path(out) / "sink.yaml"
        pipeline.write_text(text)
        common = [str(pipeline), "--json", "-q", "--set", f"source.path={file}", "--set", f"rejects.path={out}/r.csv"]
        environment = {**os.environ, "SINK": f"http://127.0.0.1:{port}", "TOKEN": "none"}
        more = {"cwd": out, "env": environment}

        def polars():
            return measure([sys.executable, HERE / "polars_job.py", file, os.devnull], [0])[:3]

        def check():
            # Rejected rows are no failure here.
            return measure([rostream, "check", *common], [0, 3], **more)[:3]

        def run():
            _, cpu, memory, report = measure([rostream, "run", *common], [0, 3], **more)
            return json.loads(report)["seconds"]["to_end_of_upload"], cpu, memory

        jobs = {"polars": polars, "check": check, "run": run}
        times = {name: [] for name in jobs}
        try:
            for job in jobs.values():
                # Once without counting: the file is in memory from now on.
                job()
            for turn in range(args.times):
                for name, job in jobs.items():
                    times[name].append(job())
                print(f"turn {turn + 1} of {args.times}", file=sys.stderr)
        finally:
            sink.terminate()
            sink.wait()

    print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB, {os.cpu_count()} CPUs, medians of {args.times}\n")
    print(f"{'':<8}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'MB/s':>9}{'ratio':>8}{'min':>8}{'max':>8}")
    for name, measured in times.items():
        walls, cpus, peaks = zip(*measured)
        ratios = [wall / base[0] for wall, base in zip(walls, times["polars"])]
        wall = statistics.median(walls)
        print(
            f"{name:<8}{wall:>9.3f}{statistics.median(cpus):>9.3f}{statistics.median(peaks) / 2**20:>10.1f}"
            f"{file.stat().st_size / 1e6 / wall:>9.1f}"
            f"{statistics.median(ratios):>8.3f}{min(ratios):>8.3f}{max(ratios):>8.3f}"
        )


if __name__ == "__main__":
    main()
