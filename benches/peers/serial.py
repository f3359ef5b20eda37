"""How much of `rostream check` one thread must do after the other, and what Amdahl's law makes of it.

usage: serial.py ROSTREAM [ROWS]        (default 100000)

Counted in instructions, by valgrind's callgrind with one worker, so that nothing depends on what else the machine does.
Serial is what the worker does while it holds the lock (reading and cutting the next block: Blocks::next) and what the
thread does that takes blocks in, in order. What an extract of one row costs is taken off: it is the program's start.
What the system does is not counted: it copies what is read, under the lock too, which is 4 % of the CPU time of a
check of CSV, and 8 % of JSON. And instructions are not time: what waits for memory, as a key does that is looked for
among millions, takes longer than it counts.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measured import rostream, sample

LOCKED = "engine::blocks::Blocks::next"

# The job, its settings, the format of its extract, and how much may be serial.
JOBS = [
    ("check", [], "csv", 8),
    ("check, with a key", ["validate.key=employeeID"], "csv", 12),
    ("check, JSON array", ["source.format=json"], "json", 14),
    ("check, NDJSON", ["source.format=ndjson"], "ndjson", None),
]


def inclusive(profile):
    """Instructions under the lock, with all that is called from there."""
    annotate = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", profile]
    said = subprocess.run(annotate, capture_output=True, text=True, check=True).stdout
    found = re.findall(rf"^\s*([\d,]+) .*{LOCKED}", said, re.MULTILINE)
    return max((int(number.replace(",", "")) for number in found), default=0)


def counted(command, file, settings):
    """Instructions of all threads, of the one that takes blocks in, and under the lock."""
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={folder}/thread"]
        command("check", file, *settings, before=valgrind, more=("--workers", "1"))
        threads = sorted(Path(folder).glob("thread-*"))
        totals = [int(re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE)[1]) for path in threads]
        return sum(totals), totals[0], sum(inclusive(path) for path in threads[1:])


def main():
    program, *rest = sys.argv[1:]
    rows = int(rest[0]) if rest else 100_000
    if not shutil.which("valgrind"):
        sys.exit("valgrind is not here: `apt-get install valgrind`, or the package of your system")
    print(f"{rows:,} rows, millions of instructions\n")
    print("| | all | under the lock | taken in | serial | at most | 8 cores | 64 cores |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, rostream(program) as command:
        for name, settings, suffix, most in JOBS:
            one, many = (sample(program, n, Path(folder) / f"extract-{n}.{suffix}") for n in (1, rows))
            pair = zip(counted(command, many, settings), counted(command, one, settings))
            every, taking, locked = (with_rows - start for with_rows, start in pair)
            if not locked:
                sys.exit(f"there is no {LOCKED} in the profile: it has another name by now, or the program no symbols")
            serial = (taking + locked) / every
            faster = [1 / (serial + (1 - serial) / cores) for cores in (8, 64)]
            cells = [f"{n / 1e6:.1f}" for n in (every, locked, taking)]
            cells += [f"{serial:.1%}", f"{most} %" if most else "", *(f"{times:.1f}x" for times in faster)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
