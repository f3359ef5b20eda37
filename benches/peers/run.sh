#!/usr/bin/env bash
# Pairs rostream with Polars on the same extract, on this machine.
#
# usage: benches/peers/run.sh [FILE|ROWS] [TIMES]
#
#   FILE   an extract with the columns of `rostream sample`; or
#   ROWS   how many rows to make (default 1000000)
#   TIMES  how many times each is run, in turn (default 5)
#
# Both read the extract, rename its twenty columns, want an employee, a first name and a readable date of
# birth, read three dates and two numbers, and make JSON of it:
#
#   polars   writes it to /dev/null (benches/peers/polars_job.py), and does no more
#   check    `rostream check`: the same, every rejected row noted with its line and reason, the body
#            measured and hashed
#   run      `rostream run` up to the end of the upload: that, and once more the same while the body goes
#            over a real socket to a server in a process of its own (benches/peers/sink.py), which reads it
#            and throws it away
#
# Wall and CPU seconds and peak memory are medians; the ratio is of wall seconds, pair by pair, to Polars.
# Of `run`, wall is what its report says up to the end of the upload, CPU is the whole process.
#
# Needs Rust, Python 3.9 or later and, the first time, a package index for `pip install polars`: the virtual
# environment is kept in target/peers. ROSTREAM and PYTHON name other programs to use.
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
if [[ -z ${PYTHON:-} ]]; then
    PYTHON=$work/venv/bin/python
    if ! "$PYTHON" -c 'import polars' 2>/dev/null; then
        python3 -m venv "$work/venv"
        "$work/venv/bin/pip" install --quiet --disable-pip-version-check polars
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
exec "$PYTHON" benches/peers/compare.py --rostream "$ROSTREAM" --times "$times" --work "$work" "$file"
