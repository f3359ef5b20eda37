"""The job of benches/hris.yaml as a user of DuckDB would write it.

usage: duckdb_job.py EXTRACT.csv OUT.json
"""

import sys

import duckdb

from polars_job import DATES, NUMBERS, TEXT


def day(column):
    return f"try_strptime(\"{column}\", '%d/%m/%Y')::date"


def job(source, target, more=(), join=""):
    columns = ["'create' as _action"]
    columns += [f'"{old}" as "{new}"' for old, new in TEXT.items()]
    columns += [f"try_cast(replace(\"{old}\", ',', '') as double) as \"{new}\"" for old, new in NUMBERS.items()]
    columns += [f'{day(old)} as "{new}"' for old, new in DATES.items()]
    columns += more
    needed = ['"Employee ID" is not null', '"Legal First Name" is not null', f"{day('Date of Birth')} is not null"]
    return (
        f"copy (select {', '.join(columns)} from read_csv('{source}', all_varchar=true, header=true){join}"
        f" where {' and '.join(needed)}) to '{target}' (format json, array true)"
    )


if __name__ == "__main__":
    duckdb.connect().execute(job(*sys.argv[1:]))
