#!/usr/bin/env python3
"""The engine inside of Spark: four partitions, a task that is killed and done again, beside one machine.

    pip install pyspark pyarrow; a JVM; cargo build --release --features parquet
    ROSTREAM=target/release/rostream tests/field/spark.py [ROWS]

Started by itself. It makes an extract with faults. One machine runs it against a sandbox. Spark sends the same rows through
`rostream.transform`, task by task, of which one is killed at its first attempt; it writes Parquet, which one run imports into
another sandbox, with the rules of the whole file. Then data sets and rejects must be the same. Ends with 1 where they are not.

One difference is meant, and counted: rules of the whole file don't see what a task has rejected. Of two rows with one key of which
a task rejects one, the run imports the other, where one machine rejects both.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from proof import ROSTREAM, Sandbox, failed, holds
from rig import ROOT

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
os.environ["ROSTREAM"] = ROSTREAM
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "python/src"), os.environ.get("PYTHONPATH", "")])
os.environ["PYSPARK_PYTHON"] = sys.executable
sys.path.insert(0, str(ROOT / "python/src"))

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

import rostream

PARTITIONS = 4
# The column that tells on which line of the extract a row stands.
LINE = "source_line"

HEAD = """version: 1
name: {name}
source: {{ path: {path} }}
"""
STAGES = """stages:
  - trim:
  - rename: {{ Employee ID: employeeID, Manager ID: managerID, Worker Status: status, Date of Birth: dob, Annual Salary: salary, Currency: currency }}
  - filter: status != "Terminated"
  - date: {{ columns: [dob], from: DD/MM/YYYY }}
  - number: {{ columns: [salary], thousands: "," }}
"""
RULES = """validate:
  key: employeeID
  columns:
    employeeID: {{ required: true, pattern: '^\\d{{8}}$' }}
    Legal First Name: {{ required: true }}
    currency: {{ one_of: [EUR, USD, GBP, INR, PLN, CHF, SEK, CAD, JPY, AUD, SGD, BRL] }}
"""
# All cells of Arrow are text: what is to go out as a number is read as one again.
AGAIN = f"""stages:
  - drop: [{LINE}]
  - number: {{{{ columns: [salary] }}}}
"""
KEY = """validate:
  key: employeeID
"""
REST = """rejects: {{ path: out/{name}.csv, at_most: 10% }}
report: {{ dir: out }}
target:
  orgvue:
    base_url: http://127.0.0.1:{port}
    tenant: SANDBOX
    dataset: 6586F21B-AD4D-4D06-A309-712AF47184A2
    token: {{ file: {name}.token }}
    identify_by: {{ id_key: employeeID }}
wait: {{ at_most: 30m }}
"""

def items(sandbox):
    """What was uploaded, by key."""
    # Results lie there as well, and are shorter.
    body = max((path for path in sandbox.storage.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    items = {}
    for item in json.loads(body.read_bytes()):
        # By which a run knows its rows again: another one for every run.
        item.pop("_id", None)
        items[item["employeeID"]] = item
    return items


def pipeline(folder, name, path, parts, port):
    text = "".join(parts).format(name=name, path=path, port=port)
    (folder / f"{name}.yaml").write_text(text)
    return folder / f"{name}.yaml"


# What only the whole file knows.
TWICE = "key_duplicate"


def rejected(path, line):
    """The faults of rejected rows, columns with their codes, by the line of the extract; of NDJSON, too."""
    if not path.exists():
        path = path.with_suffix(".ndjson")
    if not path.exists():
        return {}
    if path.suffix == ".ndjson":
        rows = [json.loads(text) for text in path.read_text().splitlines()]
    else:
        rows = list(csv.DictReader(path.open(newline="", encoding="utf-8")))
    faults = {}
    for row in rows:
        at = int(row[line])
        assert at not in faults, "a row stands in the rejects twice"
        faults[at] = sorted(zip(row["_column"].split("; "), row["_code"].split("; "), strict=True))
    return faults


def of_rows(faults):
    """Without what only the whole file knows."""
    alone = {line: [fault for fault in all if fault[1] != TWICE] for line, all in faults.items()}
    return {line: all for line, all in alone.items() if all}


def twice(faults):
    return {line for line, all in faults.items() if any(code == TWICE for _, code in all)}


def keys_of(folder, lines):
    """The keys on these lines of the extract."""
    with (folder / "people.ndjson").open(encoding="utf-8") as people:
        return {at: json.loads(text)["Employee ID"].strip() for at, text in enumerate(people, 1) if at in lines}


def as_parquet(folder):
    """The extract as a lake would have it: all cells text, with the line that each row stands on."""
    names = None
    at = 0
    (folder / "lake").mkdir()
    for part, text in enumerate(pieces((folder / "people.ndjson").open(encoding="utf-8"), -(-ROWS // 8))):
        rows = [json.loads(line) for line in text]
        # Not every record has all members: those of rows with a cell too many come later.
        names = names or list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
        columns[LINE] = pa.array([str(at + n + 1) for n in range(len(rows))], pa.string())
        at += len(rows)
        pq.write_table(pa.table(columns), folder / f"lake/part-{part}.parquet")


def pieces(lines, size):
    piece = []
    for line in lines:
        piece.append(line)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece


def tasks(file, out):
    """What every task does. One of them is killed when it has given its first batches."""

    def work(batches):
        from pyspark import TaskContext

        context = TaskContext.get()
        rejects = Path(out) / f"rejects-{context.partitionId()}.csv"
        is_first = context.attemptNumber() == 0
        Path(out, f"attempt-{context.partitionId()}-{context.attemptNumber()}").touch()
        for n, batch in enumerate(rostream.transform(batches, file, rejects=rejects)):
            if context.partitionId() == 2 and is_first and n == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    return work


def main(folder, one, spark_box):
    (folder / "out").mkdir()
    subprocess.run(
        [ROSTREAM, "sample", "--rows", str(ROWS), "--seed", "7", "--errors", "1%", "--format", "ndjson", "-o", "people.ndjson"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )
    as_parquet(folder)
    alone = pipeline(folder, "one", "people.ndjson", [HEAD, STAGES, RULES, REST], one.port)
    began = time.monotonic()
    report = rostream.run(alone)
    machine = time.monotonic() - began

    session = SparkSession.builder.master(f"local[{os.cpu_count()},4]").appName("rostream")
    session = session.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", PARTITIONS)
    session = session.config("spark.driver.memory", "4g").config("spark.driver.host", "127.0.0.1")
    session = session.config("spark.driver.bindAddress", "127.0.0.1").config("spark.python.worker.reuse", "false")
    spark = session.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    task = pipeline(folder, "task", '"-"', [HEAD, STAGES, RULES, REST], 9)
    # Spark wants to know the columns before it begins: those of the first rows, transformed.
    some = pq.ParquetFile(folder / "lake/part-0.parquet").iter_batches(batch_size=10)
    first = next(rostream.transform([next(some)], task, rejects=folder / "out/first.csv"))
    schema = StructType([StructField(name, StringType()) for name in first.schema.names])
    began = time.monotonic()
    people = spark.read.parquet(str(folder / "lake")).repartition(PARTITIONS)
    people.mapInArrow(tasks(str(task), str(folder / "out")), schema).write.parquet(str(folder / "parts"))
    sparked = time.monotonic() - began
    spark.stop()
    last = pipeline(folder, "spark", "parts/*.parquet", [HEAD, AGAIN, KEY, REST], spark_box.port)
    began = time.monotonic()
    imported = rostream.run(last)
    importing = time.monotonic() - began

    tries = sorted(path.name for path in (folder / "out").glob("attempt-*"))
    print(f"{len(list((folder / 'parts').glob('*.parquet')))} parts")
    holds("one task was killed, and done again", "attempt-2-1" in tries and len(tries) == PARTITIONS + 1)
    expected, found = items(one), items(spark_box)
    unlike = {(name, type(item.get(name)), type(found[key].get(name))) for key, item in expected.items() if key in found
              for name in item.keys() | found[key].keys() if item.get(name) != found[key].get(name)}
    print(f"properties that differ: {sorted(map(str, unlike))}" if unlike else "all properties are compared")
    holds("everybody is there with the same properties", all(found.get(key) == item for key, item in expected.items()))

    wanted, whole = rejected(folder / "out/one.csv", "_line"), rejected(folder / "out/spark.csv", LINE)
    apart = {}
    for path in (folder / "out").glob("rejects-*"):
        of_task = rejected(path, LINE)
        holds(f"no other task has rejected the rows of {path.name}", not of_task.keys() & apart.keys())
        apart |= of_task
    holds(f"{len(apart)} rows are at fault in tasks, each with the faults that one machine finds", apart == of_rows(wanted))
    # Of these the run never hears, so another row with their key stands alone there.
    left = keys_of(folder, twice(wanted) - apart.keys())
    counts = Counter(left.values())
    alone = {key for key, rows in counts.items() if rows == 1}
    holds(f"{len(whole)} rows have a key twice, and these are the ones of one machine that no task has rejected",
          whole.keys() == twice(whole) == {line for line, key in left.items() if counts[key] > 1})
    meant = found.keys() - expected.keys()
    holds(f"{len(meant)} people are imported in addition: those whose other row a task has rejected", meant == alone)
    print(f"{ROWS} rows, {PARTITIONS} partitions, {os.cpu_count()} cores; accepted {report['counts']['accepted']} and "
          f"{imported['counts']['accepted']}, {len(meant)} of them as described above")
    print(f"one machine, all of it        {machine:7.1f} s")
    print(f"Spark, with the killed task   {sparked:7.1f} s")
    print(f"the run that imports          {importing:7.1f} s")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    with Sandbox(folder, "one") as one, Sandbox(folder, "spark") as spark_box:
        main(folder, one, spark_box)
sys.exit(1 if failed else 0)
