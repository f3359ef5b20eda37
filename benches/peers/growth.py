"""Time and memory against the number of rows: `rostream check` and `rostream run` of more and more rows.

usage: growth.py ROSTREAM [ROWS ...]        (default 100000 1000000 3000000 10000000)

The extracts are made anew, once each; 10,000,000 rows are 1.8 GB. Of `run`, the body goes to a sink in a process
of its own, and no result comes back.
"""

import os
import subprocess
import sys
import tempfile

from measured import median, rostream, sink

TIMES = 3


def main():
    program, *rows = sys.argv[1:]
    rows = [int(n) for n in rows] or [100_000, 1_000_000, 3_000_000, 10_000_000]
    print("| rows | job | s per million rows | peak MiB |\n|---:|---|---:|---:|")
    with sink() as address, rostream(program, address) as command, tempfile.TemporaryDirectory() as folder:
        for count in rows:
            file = os.path.join(folder, "extract.csv")
            subprocess.run([program, "sample", "--rows", str(count), "-o", file], check=True)
            for name, what, settings in [
                ("check", "check", []),
                ("check, with a key", "check", ["validate.key=employeeID"]),
                ("run", "run", []),
            ]:
                runs = [command(what, file, *settings) for _ in range(TIMES)]
                wall, peak = median([run.wall for run in runs]), max(run.peak for run in runs)
                print(f"| {count:,} | {name} | {wall / count * 1e6:.3f} | {peak / 2**20:.1f} |", flush=True)


if __name__ == "__main__":
    main()
