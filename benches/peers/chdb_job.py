"""The job of benches/hris.yaml as a user of chDB (ClickHouse in a process) would write it.

usage: chdb_job.py EXTRACT.csv OUT.json
"""

import sys

import chdb

from polars_job import DATES, NUMBERS, TEXT


def day(column):
    # Its other functions know no day before 1970, or take the 31st of February for one in March.
    return f"toDate32(parseDateTime64OrNull(\"{column}\", '%d/%m/%Y'))"


def job(source, target):
    columns = ["'create' as _action"]
    columns += [f"nullIf(\"{old}\", '') as \"{new}\"" for old, new in TEXT.items()]
    columns += [f"toFloat64OrNull(replaceAll(\"{old}\", ',', '')) as \"{new}\"" for old, new in NUMBERS.items()]
    columns += [f'{day(old)} as "{new}"' for old, new in DATES.items()]
    needed = ["\"Employee ID\" != ''", "\"Legal First Name\" != ''", f"{day('Date of Birth')} is not null"]
    types = ", ".join(f'"{column}" String' for column in [*TEXT, *NUMBERS, *DATES])
    return (
        f"insert into function file('{target}', 'JSONEachRow')"
        f" select {', '.join(columns)} from file('{source}', 'CSVWithNames', '{types}')"
        f" where {' and '.join(needed)} settings output_format_json_array_of_rows = 1"
    )


if __name__ == "__main__":
    chdb.query(job(*sys.argv[1:]))
