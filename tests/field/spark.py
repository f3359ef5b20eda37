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
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
HOME = Path(__file__).resolve().parent.parent.parent
os.environ["ROSTREAM"] = str(Path(os.environ.get("ROSTREAM", HOME / "target/release/rostream")).resolve())
ROSTREAM = os.environ["ROSTREAM"]
os.environ["PYTHONPATH"] = os.pathsep.join([str(HOME / "python/src"), os.environ.get("PYTHONPATH", "")])
os.environ["PYSPARK_PYTHON"] = sys.executable
sys.path.insert(0, str(HOME / "python/src"))

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

failed = []


def holds(what, is_so):
    print(f"{'PASS' if is_so else 'FAIL'} {what}", flush=True)
    if not is_so:
        failed.append(what)


class Sandbox:
    """An imitation of Orgvue in a process of its own, whose uploads stay on the disk."""

    def __init__(self, folder, name):
        with socket.socket() as own:
            own.bind(("127.0.0.1", 0))
            self.port = own.getsockname()[1]
        self.storage = folder / f"{name}.storage"
        self.storage.mkdir()
        token = folder / f"{name}.token"
        args = ["sandbox", "--port", str(self.port), "--token-file", str(token), "--folder", str(self.storage)]
        args += ["--file-life", "2h", "--url-life", "2h"]
        self.process = subprocess.Popen([ROSTREAM, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not token.exists():
            time.sleep(0.05)

    def items(self):
        """What was uploaded, by key."""
        # Results lie there as well, and are shorter.
        body = max((path for path in self.storage.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
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


def rejected(path, line):
    """Lines of the source and codes of rejected rows; of NDJSON, too."""
    if not path.exists():
        path = path.with_suffix(".ndjson")
    if not path.exists():
        return set()
    if path.suffix == ".ndjson":
        rows = [json.loads(text) for text in path.read_text().splitlines()]
    else:
        rows = list(csv.DictReader(path.open(newline="", encoding="utf-8")))
    return {(int(row[line]), row["_column"], row["_code"]) for row in rows}


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


def main(folder):
    (folder / "out").mkdir()
    subprocess.run(
        [ROSTREAM, "sample", "--rows", str(ROWS), "--seed", "7", "--errors", "1%", "--format", "ndjson", "-o", "people.ndjson"],
        cwd=folder, check=True, stderr=subprocess.DEVNULL,
    )
    as_parquet(folder)
    one, spark_box = Sandbox(folder, "one"), Sandbox(folder, "spark")
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
    expected, found = one.items(), spark_box.items()
    wanted = rejected(folder / "out/one.csv", "_line")
    apart = set()
    for path in (folder / "out").glob("rejects-*"):
        apart |= rejected(path, LINE)
    whole = rejected(folder / "out/spark.csv", LINE)
    duplicates = {line for line, _, code in wanted if code == "key_duplicate"}
    meant = {item: found[item] for item in found.keys() - expected.keys()}
    holds("no one is missing", not expected.keys() - found.keys())
    unlike = {(name, type(item.get(name)), type(found[key].get(name))) for key, item in expected.items() if key in found
              for name in item.keys() | found[key].keys() if item.get(name) != found[key].get(name)}
    print(f"properties that differ: {sorted(map(str, unlike))}" if unlike else "all properties are compared")
    holds("everybody's properties are the same", all(found[key] == item for key, item in expected.items()))
    by_rule = {reject for reject in wanted if reject[2] != "key_duplicate"}
    holds("rows at fault are those of one machine, once", {r for r in apart if r[2] != "key_duplicate"} >= {
        r for r in by_rule if "; " not in r[2]})
    holds("keys that stand twice are those of one machine, but for those of which a task has rejected a row",
          {line for line, _, _ in whole} <= duplicates)
    left = duplicates - {line for line, _, _ in whole}
    at_fault = {line for line, _, _ in apart}
    holds("who is imported in addition is the other row of such a key", len(meant) <= len(left) and bool(left & at_fault) >= bool(meant))
    print(f"{ROWS} rows, {PARTITIONS} partitions, {os.cpu_count()} cores; accepted {report['counts']['accepted']} and "
          f"{imported['counts']['accepted']}, {len(meant)} of them as described above")
    print(f"one machine, all of it        {machine:7.1f} s")
    print(f"Spark, with the killed task   {sparked:7.1f} s")
    print(f"the run that imports          {importing:7.1f} s")
    for sandbox in (one, spark_box):
        sandbox.process.terminate()
        sandbox.process.wait()


with tempfile.TemporaryDirectory() as name:
    main(Path(name))
sys.exit(1 if failed else 0)
