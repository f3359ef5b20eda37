"""What rejected rows cost: `rostream check` where no row, every second one and every row has ten faults.

usage: rejects.py ROSTREAM [ROWS] [TURNS]        (default 1000000 5)

The job is that of benches/hris.yaml with four more rules, and its rejects file is written: every row as it was, with
its faults. All run in turn, and ratios are of each turn, to the job without these rules on the rows without faults.
"""

import csv
import os
import sys
import tempfile
from pathlib import Path

from measured import PIPELINE, median, rostream, sample

# What is wrong with a row: of the job itself six faults, and four of the rules below.
WRONG = {
    "Legal First Name": "",
    "Date of Birth": "31/02/1990",
    "Hire Date": "1 May",
    "Termination Date": "never",
    "Annual Salary": "TBC",
    "FTE": "half",
    "Currency": "XXX",
    "Grade": "none",
    "Employment Type": "?",
    "Worker Status": "Gone",
}
RULES = """\
    currency: { one_of: [GBP, EUR, USD] }
    grade: { pattern: '^G[0-9]+$' }
    employmentType: { one_of: [Regular, Temporary, Contractor] }
    workerStatus: { one_of: [Active, On Leave, Terminated] }
"""


def spoiled(file, every):
    """The same rows, every so manieth with ten faults."""
    target = file.with_name(f"every-{every}.csv")
    with file.open(newline="") as rows, target.open("w", newline="") as out:
        reader = csv.DictReader(rows)
        writer = csv.DictWriter(out, reader.fieldnames, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **WRONG} if at % every == 0 else row for at, row in enumerate(reader))
    return target


def main():
    program, *rest = sys.argv[1:]
    rows, turns = (int(n) for n in [*rest, *("1000000", "5")[len(rest) :]])
    with tempfile.TemporaryDirectory() as folder, rostream(program) as without:
        with rostream(program, text=PIPELINE.read_text().replace("  columns:\n", "  columns:\n" + RULES)) as command:
            clean = sample(program, rows, Path(folder) / "extract.csv")
            half, all_of_them = spoiled(clean, 2), spoiled(clean, 1)
            jobs = {
                "without these rules": lambda: without("check", clean, good=(0,)),
                "none rejected": lambda: command("check", clean, good=(0,)),
                "50 % rejected": lambda: command("check", half, good=(3,)),
                # Nothing is left to send.
                "100 % rejected": lambda: command("check", all_of_them, good=(4,)),
            }
            runs = {name: [] for name in jobs}
            for job in jobs.values():
                job()
            for _ in range(turns):
                for name, job in jobs.items():
                    runs[name].append(job())
    cores = os.cpu_count()
    print(f"{rows:,} rows, medians of {turns}, ratios pair by pair\n")
    print(f"| check | wall s | CPU s | CPU used of {cores} | peak MiB | wall, to without | CPU, to without |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    base = runs["without these rules"]
    for name, of in runs.items():
        wall, cpu = median([run.wall for run in of]), median([run.cpu for run in of])
        used, peak = median([run.cpu / run.wall for run in of]), max(run.peak for run in of) / 2**20
        longer = median([run.wall / one.wall for run, one in zip(of, base)])
        more = median([run.cpu / one.cpu for run, one in zip(of, base)])
        print(f"| {name} | {wall:.3f} | {cpu:.3f} | {used:.2f} | {peak:.1f} | {longer:.2f} | {more:.2f} |")


if __name__ == "__main__":
    main()
