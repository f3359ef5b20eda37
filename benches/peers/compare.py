"""Runs the jobs in turn and prints a table; see run.sh, which calls this."""

import argparse
import csv
import json
import os
import platform
import shutil
import sys
from pathlib import Path

from measured import HERE, Run, measure, median, rostream, sink, versions


def by_hand(program, file, threads, out=os.devnull):
    env = {**os.environ, "HAND_FILE": str(file), "HAND_THREADS": str(threads), "HAND_OUT": str(out)}
    return measure([program], env=env)


def as_json(file, folder):
    """The same rows as NDJSON and as one JSON array."""
    lines, array = folder / f"{file.stem}.ndjson", folder / f"{file.stem}.json"
    if not array.exists():
        with open(file, newline="") as rows, open(lines, "w") as one, open(f"{array}.new", "w") as other:
            for at, row in enumerate(csv.DictReader(rows)):
                text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
                one.write(text + "\n")
                other.write(("," if at else "[") + "\n" + text)
            other.write("\n]\n")
        os.replace(f"{array}.new", array)
    return lines, array


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rostream", required=True)
    parser.add_argument("--hand", required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    file, cores = args.file.resolve(), os.cpu_count()
    lines, array = as_json(file, args.work.resolve())
    finished = args.work.resolve() / "finished.json"
    by_hand(args.hand, file, cores, finished)

    with sink() as address, rostream(args.rostream, address) as command:

        def sent(*settings):
            """Of a run, wall is what its report says up to the end of the upload."""
            done = command("run", file, *settings)
            return done._replace(wall=json.loads(done.out)["seconds"]["to_end_of_upload"])

        curl = ["curl", "--silent", "--fail", "-H", "Expect:", "-T", finished, f"{address}/upload"]
        python = lambda job: [sys.executable, HERE / job, file, os.devnull]
        jobs = {
            "polars": lambda: measure(python("polars_job.py")),
            "duckdb": lambda: measure(python("duckdb_job.py")),
            "hand, 1 thread": lambda: by_hand(args.hand, file, 1),
            f"hand, {cores} threads": lambda: by_hand(args.hand, file, cores),
            "check": lambda: command("check", file),
            "check, with a key": lambda: command("check", file, "validate.key=employeeID"),
            "check, NDJSON": lambda: command("check", lines, "source.format=ndjson"),
            "check, JSON array": lambda: command("check", array, "source.format=json"),
            "run": sent,
            "run, gzip": lambda: sent("upload.encoding=gzip"),
        }
        if shutil.which("curl"):
            jobs["curl -T"] = lambda: measure(curl)
        if shutil.which("gzip"):
            jobs["gzip -6"] = lambda: measure(["sh", "-c", 'exec gzip -6 -c "$0" > /dev/null', finished])
        times = {name: [] for name in jobs}
        for job in jobs.values():
            # Once without counting: the files are in memory from now on.
            job()
        for turn in range(args.times):
            for name, job in jobs.items():
                times[name].append(job())
            print(f"turn {turn + 1} of {args.times}", file=sys.stderr)

    size, body = file.stat().st_size / 1e6, finished.stat().st_size / 1e6
    print(f"{platform.system()} {platform.machine()}, {cores} cores; {size:.1f} MB of CSV, {body:.1f} MB of JSON; ", end="")
    print(f"medians of {args.times}, ratios pair by pair")
    own = (args.rostream, "--version")
    peer = "import polars, duckdb; print('polars', polars.__version__, 'duckdb', duckdb.__version__)"
    print("; ".join(versions(own, (sys.executable, "-c", peer), ("curl", "--version"), ("gzip", "--version"))), "\n")
    print(f"| {'':<18} | wall s | CPU s | peak MiB | wall / Polars | CPU / Polars |")
    print(f"|{'-' * 20}|-------:|------:|---------:|--------------:|-------------:|")

    def ratio(field, name, base):
        pairs = zip(times[name], times[base])
        return median([getattr(run, field) / getattr(other, field) for run, other in pairs])

    for name, runs in times.items():
        middle = Run(*(median([run[at] for run in runs]) for at in range(3)), None)
        print(
            f"| {name:<18} | {middle.wall:6.2f} | {middle.cpu:5.2f} | {middle.peak / 2**20:8.1f}"
            f" | {ratio('wall', name, 'polars'):13.2f} | {ratio('cpu', name, 'polars'):12.2f} |"
        )
    print("\n| wall, paired | ratio | at most |\n|---|---:|---:|")
    for name, base, most in [
        ("check, with a key", "polars", 0.45),
        ("check", f"hand, {cores} threads", 1.6),
        ("run", "polars", 0.8),
        ("run", "curl -T", 5),
        ("run, gzip", "gzip -6", 0.4),
        ("check, NDJSON", "check", 1.5),
        ("check, JSON array", "check", 1.5),
    ]:
        if name in times and base in times:
            print(f"| {name} / {base} | {ratio('wall', name, base):.2f} | {most} |")


if __name__ == "__main__":
    main()
