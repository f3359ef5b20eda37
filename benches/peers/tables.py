"""Measures workbooks and Parquet files beside Polars' reading of the same file, in turn, on this machine.

usage: benches/peers/tables.py --rostream BIN [--times 3] [--only JOB ...] --work FOLDER FILE

FILE is an extract as CSV, with the columns of `rostream sample`; the same rows are written as .xlsx (XlsxWriter) and .parquet
(Polars, Snappy) into FOLDER, every cell as text, unless they are there. The job is `rostream check` of hris.yaml, which
reads, renames, parses dates and numbers, and measures the body; Polars reads every row into memory and does no more.
BIN is built with `--features parquet`. Needs polars, fastexcel and xlsxwriter from a package index.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

from measured import measure, median, rostream, versions


def workbook(file, folder):
    import xlsxwriter

    made = folder / f"{file.stem}.xlsx"
    if not made.exists():
        new = folder / f"{file.stem}.new.xlsx"
        with open(file, newline="") as rows, xlsxwriter.Workbook(new, {"constant_memory": True}) as book:
            sheet = book.add_worksheet("Workers")
            for at, row in enumerate(csv.reader(rows)):
                for column, cell in enumerate(row):
                    if cell:
                        sheet.write_string(at, column, cell)
        os.replace(new, made)
    return made


def parquet(file, folder):
    import polars

    made = folder / f"{file.stem}.parquet"
    if not made.exists():
        new = folder / f"{file.stem}.new"
        polars.read_csv(file, infer_schema=False).fill_null("").write_parquet(new, compression="snappy")
        os.replace(new, made)
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rostream", required=True)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="JOB", help="these jobs and no others")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    book, columns = workbook(args.file, args.work), parquet(args.file, args.work)

    def polars(call):
        return lambda: measure([sys.executable, "-c", f"import polars; print({call}.height)"])

    with rostream(args.rostream) as command:
        jobs = {
            "polars.read_excel": polars(f"polars.read_excel({str(book)!r}, infer_schema_length=0)"),
            "check, xlsx": lambda: command("check", book, "source.format=xlsx"),
            "polars.read_parquet": polars(f"polars.read_parquet({str(columns)!r})"),
            "check, parquet": lambda: command("check", columns, "source.format=parquet"),
            "check, CSV": lambda: command("check", args.file),
        }
        names = [name for name in jobs if not args.only or name in args.only]
        runs = {name: [] for name in names}
        for _ in range(args.times):
            for name in names:
                runs[name].append(jobs[name]())
    for line in versions([args.rostream, "--version"]):
        print(line)
    print(f"{book.name}: {book.stat().st_size:,} bytes, {columns.name}: {columns.stat().st_size:,}; medians of {args.times}")
    print(f"{'':24}{'wall s':>8}{'CPU s':>8}{'peak MiB':>10}")
    for name, measured in runs.items():
        wall, cpu, peak = (median([run[at] for run in measured]) for at in range(3))
        print(f"{name:24}{wall:8.2f}{cpu:8.2f}{peak / 2**20:10.1f}")


if __name__ == "__main__":
    main()
