"""What a `lookup` in a large table costs: before the first row, for every row, and in memory.

usage: lookup.py ROSTREAM [ROWS] [TABLE] [TURNS]        (default 1000000 1000000 5)

The job is that of benches/hris.yaml; every employee is looked up in a table that has TABLE of them in another order,
and two columns are taken. Before the first row: wall, for an extract of one row, with the lookup less without. A row:
CPU, for an extract of ROWS rows, with less without, less what the table took. Polars and DuckDB do the same job to
/dev/null, and join. All run in turn.
"""

import importlib.util
import os
import random
import sys
import tempfile
from pathlib import Path

from measured import PIPELINE, measure, median, rostream, sample

FIRST = 1_000_000


def table(rows, file):
    """Employees as `rostream sample` numbers them."""
    numbers = list(range(rows))
    random.Random(7).shuffle(numbers)
    with file.open("w") as out:
        out.write("ID,Division,Site\n")
        out.writelines(f"{FIRST + n:08},Division {n // 40},Site {n % 1000}\n" for n in numbers)
    return file


def looked_up(file):
    stage = f"lookup: {{ file: '{file}', allow_outside: true, key: {{ column: employeeID, in: ID }}, "
    stage += "take: { Division: division, Site: site } }"
    return PIPELINE.read_text().replace("validate:\n", f"  - {stage}\nvalidate:\n")


def in_polars(source, other):
    import polars as pl
    from polars_job import job

    people = job(source)
    if other:
        people = people.join(pl.scan_csv(other, infer_schema=False), left_on="employeeID", right_on="ID", how="left")
    people.sink_ndjson(os.devnull)


def in_duckdb(source, other):
    import duckdb
    from duckdb_job import job

    table = f" left join read_csv('{other}', all_varchar=true, header=true) as other on \"Employee ID\" = other.ID"
    joined = (["other.Division as division", "other.Site as site"], table)
    duckdb.connect().execute(job(source, os.devnull, *(joined if other else ())))


PEERS = {"polars": in_polars, "duckdb": in_duckdb}


def main():
    program, *rest = sys.argv[1:]
    rows, size, turns = (int(n) for n in [*rest, *("1000000", "1000000", "5")[len(rest) :]])
    with tempfile.TemporaryDirectory() as folder:
        other = table(size, Path(folder) / "table.csv")
        one, many = (sample(program, n, Path(folder) / f"extract-{n}.csv") for n in (1, rows))
        with rostream(program) as without, rostream(program, text=looked_up(other)) as command:
            bare, full = (lambda file, on=on: on("check", file, good=(0,)) for on in (without, command))
            jobs = {"rostream check": (bare, full)}
            for name in PEERS:
                if importlib.util.find_spec(name):
                    alone = [sys.executable, __file__, "--in", name]
                    jobs[name] = (
                        lambda file, alone=alone: measure([*alone, file]),
                        lambda file, alone=alone: measure([*alone, file, other]),
                    )
            runs = {name: [] for name in jobs}
            for turn in range(turns + 1):
                for name, (off, on) in jobs.items():
                    # The first turn brings the files into memory.
                    runs[name][: turn == 1] = []
                    runs[name].append([job(file) for file in (one, many) for job in (off, on)])
        megabytes = other.stat().st_size / 1e6
    print(f"a table of {size:,} rows, {megabytes:.1f} MB; {rows:,} rows; medians of {turns} turns\n")
    print("| | before the first row, s | CPU ns a row | peak MiB | without | wall s of all rows | without |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, of in runs.items():
        first = median([on.wall - off.wall for off, on, _, _ in of])
        each = median([(on.cpu - off.cpu) - (loaded.cpu - bare.cpu) for bare, loaded, off, on in of]) / rows * 1e9
        peaks = [max(turn[at].peak for turn in of) / 2**20 for at in (3, 2)]
        walls = [median([turn[at].wall for turn in of]) for at in (3, 2)]
        cells = [f"{value:.1f}" for value in peaks] + [f"{value:.3f}" for value in walls]
        print(f"| {name} | {first:.3f} | {each:.0f} | {' | '.join(cells)} |")
    print("\nrostream before the first row: at most 0.20 s, aim 0.10 s")


if __name__ == "__main__":
    if sys.argv[1] == "--in":
        _, _, name, source, *other = sys.argv
        PEERS[name](source, other[0] if other else None)
    else:
        main()
