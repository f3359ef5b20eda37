"""What the rules that look at the whole file cost beside `rostream check` without them: time, and memory.

usage: whole.py ROSTREAM [ROWS] [TIMES]        (default 1000000 5)

All jobs run in turn, so that what disturbs one disturbs the others. The difference is checked against a store that one
run into rostream's own sandbox has filled; in the changed extract one value of every hundredth row is another.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from measured import PIPELINE, measure, median

DATASET = "6586F21B-AD4D-4D06-A309-712AF47184A2"

JOBS = {
    "check": {},
    "check, key": {"key": True},
    "key, hierarchy by key": {"key": True, "validate": "hierarchy: { parent: managerID }"},
    "key, hierarchy by another column": {"by": "email", "validate": "hierarchy: { parent: managerID, parent_by: employeeID }"},
    "key, two hierarchies": {
        "key": True,
        "validate": "hierarchy: [{ parent: managerID }, { name: matrix, parent: positionID, cycles: ignore, orphans: ignore }]",
    },
    "as_of": {"top": "as_of: { key: employeeID, from: hireDate, ends: inclusive, to: terminationDate, at: 2020-01-01 }\n"},
    "key, column guards": {"key": True, "top": "guard: { max_change: { salary: 5%, grade: 5% }, max_emptied: 1% }\n", "real": True},
    "key, difference": {"key": True, "store": True},
    "key, difference, 1 % changed": {"key": True, "store": True, "changed": True},
}


def pipeline(folder, address, job):
    text = PIPELINE.read_text()
    if key := job.get("by", "employeeID" if job.get("key") else None):
        rule = job.get("validate")
        text = text.replace("validate:\n", f"validate:\n  key: {key}\n" + (f"  {rule}\n" if rule else ""))
    action = f"{{ delta: {folder}/store }}, identify_by: {{ id_key: employeeID }}" if job.get("store") else "create"
    if job.get("store") or job.get("real"):
        text = text.replace(
            "target: { sandbox: { action: create } }",
            f"target: {{ orgvue: {{ base_url: '{address}', tenant: SANDBOX, dataset: {DATASET}, "
            f"token: {{ file: {folder}/token }}, action: {action} }} }}",
        )
    text = text.replace("rejects: {", f"state: {{ dir: {folder}/state }}\nrejects: {{ path: {folder}/rejects.csv,")
    return text + job.get("top", "")


@contextmanager
def sandbox(program, folder):
    """rostream's own imitation of Orgvue, in a process of its own; yields its address."""
    command = [program, "sandbox", "--port", "0", "--token-file", f"{folder}/token", "--folder", folder, "-q", "--no-progress"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder)
    try:
        yield next(word.strip() for line in process.stdout for word in line.split() if word.startswith("http://"))
    finally:
        process.terminate()
        process.wait()


def extract(program, folder, rows):
    path = Path(folder) / "extract.csv"
    subprocess.run([program, "sample", "--rows", str(rows), "-o", path], check=True)
    changed = Path(folder) / "changed.csv"
    with path.open() as lines, changed.open("w") as out:
        for at, line in enumerate(lines):
            out.write(line.replace(",Regular,", ",Temporary,") if at and at % 100 == 0 else line)
    return path, changed


def main():
    program, *rest = sys.argv[1:]
    program = os.path.abspath(program)
    rows, times = (int(n) for n in [*rest, *("1000000", "5")[len(rest) :]])
    with tempfile.TemporaryDirectory() as folder, sandbox(program, folder) as address:
        path, changed = extract(program, folder, rows)

        def command(what, name):
            job = JOBS[name]
            file = Path(folder) / "job.yaml"
            file.write_text(pipeline(folder, address, job))
            source = changed if job.get("changed") else path
            arguments = [str(file), "--json", "-q", "--set", f"source.path={source}"]
            return measure([program, what, *arguments], (0, 3), cwd=folder)

        began = time.perf_counter()
        command("run", "key, difference")
        command("run", "key, column guards")
        print(f"first runs: {time.perf_counter() - began:.1f} s", file=sys.stderr)
        runs = {name: [] for name in JOBS}
        for _ in range(times):
            for name in JOBS:
                runs[name].append(command("check", name))
    print(f"{rows:,} rows, medians of {times}\n")
    print("| job | wall s | CPU s | peak MiB | wall, to check with a key | CPU | MiB more |\n|---|---:|---:|---:|---:|---:|---:|")
    keyed = runs["check, key"]
    for name, of in runs.items():
        wall = median([run.wall / key.wall for run, key in zip(of, keyed)])
        cpu = median([run.cpu / key.cpu for run, key in zip(of, keyed)])
        peak, base = (max(run.peak for run in some) / 2**20 for some in (of, keyed))
        print(
            f"| {name} | {median([r.wall for r in of]):.3f} | {median([r.cpu for r in of]):.3f} | {peak:.1f}"
            f" | {wall:.2f} | {cpu:.2f} | {peak - base:+.1f} |"
        )


if __name__ == "__main__":
    main()
