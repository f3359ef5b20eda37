"""The job of benches/hris.yaml as a user of Polars would write it, with its streaming engine.

usage: polars_job.py EXTRACT.csv OUT.ndjson
"""

import sys

import polars as pl

TEXT = {
    "Employee ID": "employeeID",
    "Legal First Name": "firstName",
    "Legal Last Name": "lastName",
    "Work Email": "email",
    "Position ID": "positionID",
    "Position Title": "positionTitle",
    "Grade": "grade",
    "Currency": "currency",
    "Manager ID": "managerID",
    "Location": "location",
    "Department": "department",
    "Cost Center": "costCenter",
    "Employment Type": "employmentType",
    "Worker Status": "workerStatus",
    "Comments": "comments",
}
DATES = {"Date of Birth": "dob", "Hire Date": "hireDate", "Termination Date": "terminationDate"}
NUMBERS = {"Annual Salary": "salary", "FTE": "fte"}


def number(column):
    return pl.col(column).str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)


def job(source):
    columns = [pl.lit("create").alias("_action")]
    columns += [pl.col(old).alias(new) for old, new in TEXT.items()]
    columns += [number(old).alias(new) for old, new in NUMBERS.items()]
    columns += [pl.col(old).str.to_date("%d/%m/%Y", strict=False).alias(new) for old, new in DATES.items()]
    needed = ("employeeID", "firstName", "dob")
    there = pl.all_horizontal(pl.col(name).is_not_null() for name in needed)
    # Everything is read as text: identifiers keep their leading zeros.
    return pl.scan_csv(source, infer_schema=False).select(columns).filter(there)


if __name__ == "__main__":
    source, target = sys.argv[1:]
    job(source).sink_ndjson(target)
