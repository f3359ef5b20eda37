#!/usr/bin/env bash
# Measures rostream beside what would be used instead, on the same extract, in turn, on this machine.
#
# usage: benches/peers/run.sh [FILE|ROWS] [TIMES] [--only JOB ...] [--narrow ROWS]
#
#   FILE   an extract with the columns of `rostream sample`; or
#   ROWS   how many rows to make (default 1000000)
#   TIMES  how many times each is run, in turn (default 5)
#   --only JOB ...  these rows of the table and no others, by their names: --only polars check "run, spooled"
#   --narrow ROWS   how many rows the narrow file has (default 6000000)
#
# All read the extract, rename its twenty columns, want an employee, a first name and a readable date of
# birth, read three dates and two numbers, and make JSON of it:
#
#   polars, duckdb,  write it to /dev/null (polars_job.py, duckdb_job.py, chdb_job.py), and do no more. What
#   chdb             can't be installed is left out
#   hand             the loop of benches/by_hand, written for this one job: the limit; "measuring", it only sums up how
#                    long the JSON would be, as `check` does
#   check            `rostream check`: the same, every rejected row noted with its line and reason, the body
#                    measured; with a key, every key is looked for among all others too; and the same rows from NDJSON
#                    and from one JSON array
#   narrow           `rostream check` of a file of two columns, where a key is half of what there is to do
#   run              `rostream run` up to the end of the upload: check, and once more the same while the body
#                    goes over a real socket to a server in a process of its own (sink.py), which reads it
#                    and throws it away; spooled, the body is made once and kept in a file meanwhile; with
#                    `encoding: gzip`, compressed on the way
#   curl, gzip       send, and compress, the finished JSON
#
# Wall and CPU seconds and peak memory are medians. Of `run`, wall is what its report says up to the end of the
# upload, CPU is the whole process.
#
# Needs Rust, Python 3.9 or later and, the first time, a package index for `pip install polars duckdb`: the
# virtual environment is kept in target/peers. ROSTREAM, HAND and PYTHON name other programs to use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

input=${1:-1000000}
times=${2:-5}
work=target/peers
mkdir -p "$work"

if [[ -z ${ROSTREAM:-} ]]; then
    cargo build --release --quiet
    ROSTREAM=${CARGO_TARGET_DIR:-target}/release/rostream
fi
if [[ -z ${HAND:-} ]]; then
    HAND=$(cargo bench --bench hand --no-run --message-format=json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*hand-[^"]*\)".*/\1/p' | tail -n 1)
fi
if [[ -z ${PYTHON:-} ]]; then
    PYTHON=$work/venv/bin/python
    if ! "$PYTHON" -c 'import duckdb, polars' 2>/dev/null; then
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install --quiet --disable-pip-version-check duckdb polars
        # Not for every system; the comparison does without it.
        "$work/venv/bin/pip" install --quiet --disable-pip-version-check chdb || true
    fi
fi
if [[ $input =~ ^[0-9]+$ ]]; then
    file=$work/hris-$input.csv
    # Made under another name, so that one that is cut off is not taken for whole.
    if [[ ! -e $file ]]; then
        "$ROSTREAM" sample --rows "$input" -o "$file.new"
        mv "$file.new" "$file"
    fi
else
    file=$input
fi
exec "$PYTHON" benches/peers/compare.py \
    --rostream "$ROSTREAM" --hand "$HAND" --times "$times" --work "$work" "$file" "${@:3}"
