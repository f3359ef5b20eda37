#!/usr/bin/env python3
"""Shards at size: eight processes share 3,000,000 rows, beside one that has them all.

    ROSTREAM=target/release/rostream tests/field/shards.py [ROWS] [SHARDS]

Started by itself. It makes an extract with faults, checks and runs it as shards, all of them at once, against a sandbox in a
process of its own, and looks at what must be so: every row is in one upload, the rejects of all shards are those of the whole,
the counts add up, no import runs beside another, and a second go changes nothing. Then it prints seconds and memory. It ends
with 1 where something is not so.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from proof import ROSTREAM, Sandbox, failed, holds

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 3_000_000
SHARDS = int(sys.argv[2]) if len(sys.argv) > 2 else 8

PIPELINE = """version: 1
name: shards
source: {{ path: workers.csv }}
stages:
  - trim:
  - rename: {{ Employee ID: employeeID, Manager ID: managerID, Worker Status: status }}
  - filter: status != "Terminated"
validate:
  key: employeeID
  columns: {{ employeeID: {{ required: true, pattern: '^\\d{{8}}$' }} }}
  hierarchy: {{ parent: managerID }}
rejects: {{ path: out/rejects.csv, at_most: 10% }}
target:
  orgvue:
    base_url: http://127.0.0.1:{port}
    tenant: SANDBOX
    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2
    token: {{ file: shards.token }}
    identify_by: {{ id_key: employeeID }}
wait: {{ at_most: 30m }}
"""

def start(*args):
    return subprocess.Popen(
        [ROSTREAM, *args, "--no-progress", "--quiet"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def ended(process):
    _, said = process.communicate()
    if process.returncode not in (0, 3):
        print(said.decode(), file=sys.stderr)
    return process.returncode


def at_once(args_of):
    """What each shard's process ends with, and the seconds of all."""
    began = time.monotonic()
    processes = [start(*args_of(f"{i}/{SHARDS}")) for i in range(1, SHARDS + 1)]
    codes = [ended(process) for process in processes]
    return codes, time.monotonic() - began


def reports(name):
    return [json.loads(path.read_text()) for path in sorted((folder / name).glob("*.report.json"))]


def rejects(pattern):
    """Rows of rejects files, sorted; a record in quotes may have several lines, so whole texts are compared by size."""
    lines = []
    for path in folder.glob(pattern):
        lines += [line for line in path.read_bytes().split(b"\n")[1:] if line]
    return sorted(lines)


def measure():
    subprocess.run([ROSTREAM, "sample", "--rows", str(ROWS), "--errors", "1%", "-o", "workers.csv"], cwd=folder, check=True)
    began = time.monotonic()
    code = ended(start("check", "pipeline.yaml", "--report", "--set", "report.dir=whole"))
    alone = time.monotonic() - began
    [whole] = reports("whole")
    holds("one process checks all rows", code in (0, 3) and whole["counts"]["read"] >= ROWS)

    codes, checking = at_once(lambda shard: ["check", "pipeline.yaml", "--shard", shard, "--set", "report.dir=night"])
    holds("all shards are checked", set(codes) <= {0, 3})
    began = time.monotonic()
    merged = ended(start("report", "merge", "night", "-o", "plan.json"))
    merging = time.monotonic() - began
    holds("they are a plan", merged == 0 and (folder / "plan.json").stat().st_mode & 0o777 == 0o600)
    plan = json.loads((folder / "plan.json").read_text())
    counts = whole["counts"]
    rows = plan["content"]["rows"]
    for name, of in [("read",) * 2, ("rejected",) * 2, ("filtered",) * 2, ("superseded",) * 2, ("sent", "would_send")]:
        holds(f"the plan has the rows of the whole: {name}", rows[name] == counts[of])
    holds("the rejects of all are those of the whole", rejects("out/rejects.*-of-*.check.csv") == rejects("out/rejects.check.csv"))

    run = lambda shard: ["run", "pipeline.yaml", "--shard", shard, "--plan", "plan.json", "--set", "report.dir=runs"]
    codes, running = at_once(run)
    holds("all shards run", set(codes) <= {0, 3})
    total = subprocess.run([ROSTREAM, "report", "merge", "runs", "--json", "-q"], cwd=folder, stdout=subprocess.PIPE)
    total = json.loads(total.stdout)
    holds("their reports add up", total["adds_up"] and not total["missing"])
    holds("every row that was to go was accepted", total["counts"]["accepted"] == counts["would_send"])
    runs = reports("runs")
    others = sum(report["counts"]["other_shards"] for report in runs)
    holds("every row is in one shard", others == (SHARDS - 1) * counts["read"])
    codes, _ = at_once(run)
    holds("a second go is refused", set(codes) == {4})

    memory = max(report["peak_memory"] or 0 for report in runs) / 2**20
    print(f"{ROWS} rows, {SHARDS} shards, {os.cpu_count()} cores")
    print(f"check by one process   {alone:7.1f} s, {(whole['peak_memory'] or 0) / 2**20:.0f} MiB")
    print(f"check by all shards    {checking:7.1f} s")
    print(f"report merge           {merging:7.1f} s")
    print(f"run by all shards      {running:7.1f} s, {memory:.0f} MiB each at most")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU of all processes   {children.ru_utime + children.ru_stime:7.1f} s")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    with Sandbox(folder, "shards") as sandbox:
        (folder / "pipeline.yaml").write_text(PIPELINE.format(port=sandbox.port))
        measure()
sys.exit(1 if failed else 0)
