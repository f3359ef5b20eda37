"""Runs the jobs in turn and prints a table; see run.sh, which calls this.

`--only check run` measures these jobs alone; the ratios that need others are left out.
"""

import argparse
import csv
import importlib.util
import json
import os
import platform
import shutil
import sys
from pathlib import Path

from measured import HERE, Run, measure, median, rostream, sink, versions

PEERS = ["polars", "duckdb", "chdb"]

# What is held against what, wall, and how much it may be.
LIMITS = [
    ("check", "polars", 0.20),
    ("check, with a key", "check", 1.2),
    ("check, narrow, with a key", "check, narrow", 2),
    ("check", "hand, {cores} threads, measuring", 1.10),
    ("check, NDJSON", "check", 1.25),
    ("check, JSON array", "check", 1.4),
    ("run", "polars", 0.52),
    ("run", "curl -T", 4.5),
    ("run, spooled", "polars", 0.45),
    ("run, gzip", "gzip -6", 0.4),
]


def by_hand(program, file, threads, **more):
    return measure([program], env={**os.environ, "HAND_FILE": str(file), "HAND_THREADS": str(threads), **more})


def measured_by_hand(program, file, threads, expected):
    run = by_hand(program, file, threads, HAND_MEASURE="1")
    if int(run.out) != expected:
        sys.exit(f"{program} wrote {expected} bytes and measures {int(run.out)}")
    return run


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


def narrow(rows, folder):
    """A file of two columns, the first of which is a key."""
    file = folder / f"narrow-{rows}.csv"
    if not file.exists():
        with open(f"{file}.new", "w") as out:
            out.write("Employee ID,Grade\n")
            out.writelines(f"{n:08},G{n % 13}\n" for n in range(rows))
        os.replace(f"{file}.new", file)
    return file


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rostream", required=True)
    parser.add_argument("--hand", required=True)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--narrow", type=int, default=6_000_000, help="rows of the narrow file")
    parser.add_argument("--only", nargs="+", metavar="JOB", help="these jobs and no others")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("file", type=Path)
    return parser.parse_args()


def jobs_of(args, file, command, narrowly, address):
    """Every job by its name."""
    cores, work = os.cpu_count(), args.work.resolve()
    lines, array = as_json(file, work)
    two = narrow(args.narrow, work)
    finished = work / "finished.json"
    by_hand(args.hand, file, cores, HAND_OUT=str(finished))
    size = finished.stat().st_size

    def sent(*settings):
        """Of a run, wall is what its report says up to the end of the upload."""
        done = command("run", file, *settings)
        return done._replace(wall=json.loads(done.out)["seconds"]["to_end_of_upload"])

    curl = ["curl", "--silent", "--fail", "-H", "Expect:", "-T", finished, f"{address}/upload"]
    python = lambda job: [sys.executable, HERE / job, file, os.devnull]
    jobs = {}
    for peer in PEERS:
        if importlib.util.find_spec(peer):
            jobs[peer] = lambda job=f"{peer}_job.py": measure(python(job))
        else:
            print(f"{peer} is not installed and left out", file=sys.stderr)
    jobs |= {
        "hand, 1 thread": lambda: by_hand(args.hand, file, 1, HAND_OUT=os.devnull),
        f"hand, {cores} threads": lambda: by_hand(args.hand, file, cores, HAND_OUT=os.devnull),
        f"hand, {cores} threads, measuring": lambda: measured_by_hand(args.hand, file, cores, size),
        "check": lambda: command("check", file),
        "check, with a key": lambda: command("check", file, "validate.key=employeeID"),
        "check, NDJSON": lambda: command("check", lines, "source.format=ndjson"),
        "check, JSON array": lambda: command("check", array, "source.format=json"),
        "check, narrow": lambda: narrowly("check", two),
        "check, narrow, with a key": lambda: narrowly("check", two, "validate.key=Employee ID"),
        "run": sent,
        "run, spooled": lambda: sent("upload.length=spooled"),
        "run, gzip": lambda: sent("upload.encoding=gzip"),
    }
    if shutil.which("curl"):
        jobs["curl -T"] = lambda: measure(curl)
    if shutil.which("gzip"):
        jobs["gzip -6"] = lambda: measure(["sh", "-c", 'exec gzip -6 -c "$0" > /dev/null', finished])
    if unknown := [name for name in args.only or [] if name not in jobs]:
        sys.exit(f"there is no job {unknown[0]!r}; there are: {'; '.join(jobs)}")
    return {name: job for name, job in jobs.items() if not args.only or name in args.only}, size


def in_turn(jobs, turns):
    times = {name: [] for name in jobs}
    for job in jobs.values():
        # Once without counting: the files are in memory from now on.
        job()
    for turn in range(turns):
        for name, job in jobs.items():
            times[name].append(job())
        print(f"turn {turn + 1} of {turns}", file=sys.stderr)
    return times


def main():
    args = arguments()
    file, cores = args.file.resolve(), os.cpu_count()
    two_columns = (HERE.parent / "narrow.yaml").read_text()
    with sink() as address, rostream(args.rostream, address) as command:
        with rostream(args.rostream, address, two_columns) as narrowly:
            jobs, body = jobs_of(args, file, command, narrowly, address)
            times = in_turn(jobs, args.times)

    print(f"{platform.system()} {platform.machine()}, {cores} cores; {file.stat().st_size / 1e6:.1f} MB", end=" ")
    print(f"of CSV, {body / 1e6:.1f} MB of JSON; {args.narrow:,} rows in the narrow file;", end=" ")
    print(f"medians of {args.times}, ratios pair by pair")
    own = (args.rostream, "--version")
    there = [peer for peer in PEERS if importlib.util.find_spec(peer)]
    peer = f"import {', '.join(there)}; print({', '.join(f'{name!r}, {name}.__version__' for name in there)})"
    print("; ".join(versions(own, (sys.executable, "-c", peer), ("curl", "--version"), ("gzip", "--version"))), "\n")

    def ratio(field, name, base):
        pairs = zip(times.get(name, ()), times.get(base, ()))
        return median([getattr(run, field) / getattr(other, field) for run, other in pairs] or [float("nan")])

    wide = max(map(len, times))
    print(f"| {'':<{wide}} | wall s | CPU s | CPU used of {cores} | peak MiB | wall / Polars | CPU / Polars |")
    print(f"|{'-' * (wide + 2)}|-------:|------:|--------------:|---------:|--------------:|-------------:|")
    for name, runs in times.items():
        middle = Run(*(median([run[at] for run in runs]) for at in range(3)), None)
        used = median([run.cpu / run.wall for run in runs])
        print(
            f"| {name:<{wide}} | {middle.wall:6.2f} | {middle.cpu:5.2f} | {used:13.2f} | {middle.peak / 2**20:8.1f}"
            f" | {ratio('wall', name, 'polars'):13.2f} | {ratio('cpu', name, 'polars'):12.2f} |"
        )
    print("\n| wall, paired | ratio | limit |\n|---|---:|---:|")
    for name, base, most in LIMITS:
        name, base = (text.format(cores=cores) for text in (name, base))
        if name in times and base in times:
            print(f"| {name} / {base} | {ratio('wall', name, base):.2f} | at most {most} |")
    if "check" in times:
        used = median([run.cpu / run.wall for run in times["check"]])
        print(f"| check, CPU used of {cores} | {used:.2f} | at least {0.95 * cores:.2f} |")


if __name__ == "__main__":
    main()
