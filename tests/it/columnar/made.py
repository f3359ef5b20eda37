"""The files beside this: the same three people, as pyarrow, Polars and DuckDB write them.

    pip install pyarrow polars duckdb && python made.py
"""

import datetime as dt
from decimal import Decimal as D

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

people = pa.table({
    "id": pa.array(["00012003", "00012004", "00012005"]),
    "name": pa.array(["Zoë \"Ng\"", "a\nb\\", ""]),
    "grade": pa.array(["G1", "G2", "G1"]).dictionary_encode(),
    "salary": pa.array([D("52000.50"), D("0.05"), None], pa.decimal128(10, 2)),
    "share": pa.array([0.1, 1.0, None]),
    "number": pa.array([2**40, -1, None]),
    "active": pa.array([True, False, None]),
    "hired": pa.array([dt.date(2026, 11, 27), dt.date(9999, 12, 31), None]),
    "seen": pa.array([dt.datetime(2026, 11, 27, 8, 30), dt.datetime(9999, 12, 31), None], pa.timestamp("us")),
    "changed": pa.array([dt.datetime(2026, 11, 27, 8, 30), dt.datetime(2026, 1, 1), None], pa.timestamp("us", "UTC")),
    "skills": pa.array([["SQL", "Dutch"], [], None]),
    "manager": pa.array([{"id": "1"}, {"id": None}, None]),
})
pq.write_table(people, "pyarrow.parquet", compression="snappy")
pq.write_table(people, "pyarrow_v2.parquet", data_page_version="2.0", compression="brotli", use_dictionary=False,
               row_group_size=2, store_schema=False)
pq.write_table(people.drop_columns(["changed"]), "pyarrow_int96.parquet", use_deprecated_int96_timestamps=True,
               compression="gzip")
with pa.OSFile("pyarrow.arrow", "wb") as file, pa.ipc.new_file(file, people.schema) as writer:
    writer.write_table(people)
with pa.OSFile("pyarrow.arrows", "wb") as file, pa.ipc.new_stream(
        file, people.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
    writer.write_table(people, max_chunksize=2)
frame = pl.from_arrow(people)
frame.write_parquet("polars.parquet", compression="lz4")
frame.write_ipc("polars.arrow", compression="zstd")
frame.write_ipc_stream("polars.arrows")
duckdb.sql("copy people to 'duckdb.parquet' (compression zstd)")
