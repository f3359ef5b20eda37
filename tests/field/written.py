#!/usr/bin/env python3
"""Random tables, written by other programs' writers, must come out of rostream's upload as they went in.

    cargo build --release
    python3 tests/field/written.py                          # 200 tables
    python3 tests/field/written.py --tables 2000 --ways 4   # each in four of the ways that there are, not in all

Needs Python 3.11 or later and nothing else. Where they are installed, Polars, DuckDB and pandas write, too; what is not
there is said. The server is a few lines of its own. Ends with 1 where a cell differs, or where a row did not go out.
"""

import argparse
import collections
import concurrent.futures
import csv
import http.server
import importlib
import io
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ["id", "naïve", "Straße, Nr.", 'the "big" one', "o'clock", "a;b", "x|y", "名前", "tab\there", "c:\\temp"]


class Server(http.server.ThreadingHTTPServer):
    """Takes every import and keeps what was uploaded, by the tenant."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        self.uploads = {}
        super().__init__(("127.0.0.1", 0), Requests)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that hung up tries again, and says itself what came of it."""


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        tenant = next((part for part in path.split("/") if part.startswith("T_")), "")
        link = lambda name: {"method": "GET", "url": f"{self.server.base}/{name}/{tenant}"}
        ticket = {"jobStatus": "completed", "_links": {"self": link("ticket"), "result": link("results")}}
        answer, status = {}, 200
        if path.endswith("/files/generate"):
            answer = {"put": link("upload")["url"], "get": link("upload")["url"]}
        elif path.endswith("/items/import"):
            answer, status = ticket, 202
        elif path.startswith("/ticket"):
            answer = ticket
        elif path.startswith("/results"):
            answer = []
        elif self.command == "PUT":
            self.server.uploads[tenant] = body
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = handle_any


# Tables: what is refused is left out, and nothing else.


def is_refused(code):
    """Control characters but tab and line ends, which no row may send, and surrogates, which are no text."""
    return code < 0x20 and code not in (9, 10, 13) or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF


def character(chance):
    kind = chance.random()
    if kind < 0.45:
        return chance.choice("abcXYZ019")
    if kind < 0.75:
        return chance.choice(',;|\t"\'\\\n\r \\"')
    limit = 0x180 if kind < 0.8 else 0x10000 if kind < 0.9 else 0x110000
    while is_refused(code := chance.randrange(limit)):
        pass
    return chr(code)


def cell(chance):
    return "".join(character(chance) for _ in range(chance.choice((0, 0, 1, 1, 2, 3, 5, 8, 13))))


def table(chance):
    names = NAMES[:1] + chance.sample(NAMES[1:], chance.randint(1, 5))
    rows = [[f"{at}" + cell(chance)] + [cell(chance) for _ in names[1:]] for at in range(chance.randint(1, 30))]
    return names, rows


def values(rows, chance):
    """The same cells with numbers, truth values and nulls among them, for JSON."""
    others = [None, True, False, 0, -7, 12345678901234567890123, 1.5, -0.001, 2.5e-7]
    return [row[:1] + [chance.choice(others) if chance.random() < 0.2 else cell for cell in row[1:]] for row in rows]


# Writers: each gives the bytes of a file and what a pipeline says of it.


def python_csv(delimiter, quoting, terminator="\n", quote='"', escape=None):
    def write(names, rows):
        out = io.StringIO(newline="")
        writer = csv.writer(
            out, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=terminator,
            doublequote=escape is None, escapechar=escape,
        )
        writer.writerows([names, *rows])
        settings = {"delimiter": "tab" if delimiter == "\t" else delimiter, "quote": quote, "escape": escape or "none"}
        return out.getvalue().encode(), {"format": "csv", "csv": settings}

    # Python itself does not read back a carriage return that it left without quotes.
    write.returns = terminator == "\r\n" or quoting in (csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)
    return write


def python_json(layout, ascii_only):
    def write(names, rows):
        dump = lambda value, **more: json.dumps(value, ensure_ascii=ascii_only, **more)
        records = [dict(zip(names, row)) for row in rows]
        source = {"format": "json"}
        if layout == "array":
            text = dump(records, separators=(",", ":"))
        elif layout == "indented":
            text = dump(records, indent=2)
        elif layout == "ndjson":
            text, source["format"] = "".join(dump(record) + "\n" for record in records), "ndjson"
        elif layout == "wrapped":
            text = dump({"count": len(records), "d": {"results": records}, "next": None}, indent=1)
            source["json"] = {"path": "$.d.results"}
        else:
            half = len(records) // 2
            text = "\n".join([dump(records[:half]), *(dump(record, indent=1) for record in records[half:])])
        return text.encode(), source

    write.is_json = True
    return write


def polars_csv(style):
    def write(names, rows):
        polars = importlib.import_module("polars")
        frame = polars.DataFrame(dict(zip(names, map(list, zip(*rows)))), schema={name: polars.String for name in names})
        return frame.write_csv(quote_style=style).encode(), {"format": "csv"}

    write.returns = style in ("always", "non_numeric")
    return write


def polars_ndjson(names, rows):
    polars = importlib.import_module("polars")
    frame = polars.DataFrame(dict(zip(names, map(list, zip(*rows)))), schema={name: polars.String for name in names})
    return frame.write_ndjson().encode(), {"format": "ndjson"}


def duckdb_copy(options, source):
    def write(names, rows):
        duckdb = importlib.import_module("duckdb")
        connection = duckdb.connect()
        connection.execute("SET threads = 1")
        columns = ", ".join('"' + name.replace('"', '""') + '" VARCHAR' for name in names)
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", rows)
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/t"
            connection.execute(f"COPY t TO '{path}' ({options})")
            return pathlib.Path(path).read_bytes(), source

    return write


def pandas_csv(names, rows):
    pandas = importlib.import_module("pandas")
    return pandas.DataFrame(rows, columns=names, dtype=str).to_csv(index=False, lineterminator="\r\n").encode(), {
        "format": "csv"
    }


WRITERS = {
    "Python csv: , minimal CRLF": python_csv(",", csv.QUOTE_MINIMAL, "\r\n"),
    "Python csv: , minimal LF": python_csv(",", csv.QUOTE_MINIMAL),
    "Python csv: , all LF": python_csv(",", csv.QUOTE_ALL),
    "Python csv: ; nonnumeric CRLF": python_csv(";", csv.QUOTE_NONNUMERIC, "\r\n"),
    "Python csv: tab minimal CRLF": python_csv("\t", csv.QUOTE_MINIMAL, "\r\n"),
    "Python csv: | all CRLF ' quotes": python_csv("|", csv.QUOTE_ALL, "\r\n", quote="'"),
    "Python csv: ; minimal CRLF ' quotes": python_csv(";", csv.QUOTE_MINIMAL, "\r\n", quote="'"),
    "Python csv: , minimal CRLF \\ escapes": python_csv(",", csv.QUOTE_MINIMAL, "\r\n", escape="\\"),
    "Python csv: | all LF \\ escapes": python_csv("|", csv.QUOTE_ALL, escape="\\"),
    "Python csv: tab none CRLF \\ escapes": python_csv("\t", csv.QUOTE_NONE, "\r\n", escape="\\"),
    **{
        f"Python json: {layout}{', ASCII' if ascii_only else ''}": python_json(layout, ascii_only)
        for layout in ("array", "indented", "ndjson", "wrapped", "documents")
        for ascii_only in (False, True)
    },
}
OTHERS = {
    "polars": {
        "Polars: necessary": polars_csv("necessary"),
        "Polars: always": polars_csv("always"),
        "Polars: NDJSON": polars_ndjson,
    },
    "duckdb": {
        "DuckDB: CSV": duckdb_copy("FORMAT csv, HEADER", {"format": "csv"}),
        "DuckDB: CSV, all quoted": duckdb_copy("FORMAT csv, HEADER, FORCE_QUOTE *", {"format": "csv"}),
        "DuckDB: JSON array": duckdb_copy("FORMAT json, ARRAY true", {"format": "json"}),
    },
    "pandas": {"pandas: CSV": pandas_csv},
}


def load(rostream, server, folder, tenant, text, source):
    """What a run uploads of a file: the exit code, the items unless nothing was sent, and what it said."""
    folder = pathlib.Path(folder)
    (folder / "in").write_bytes(text)
    (folder / "token").write_text("eyJhbGciOiJIUzI1NiJ9.e30.c2ln")
    (folder / "token").chmod(0o600)
    pipeline = {
        "version": 1,
        "source": {"path": "in", **source},
        "rejects": {"path": "rejects", "at_most": "100%"},
        "target": {
            "orgvue": {
                "base_url": server.base,
                "tenant": tenant,
                "dataset": "6586F21B-AD4D-4D06-A309-712AF47184A2",
                "token": {"file": "token"},
                "identify_by": {"auto_id": True},
                "action": "createOrReplace",
                "empty": "keep",
            }
        },
    }
    (folder / "p.yaml").write_text(json.dumps(pipeline))
    command = [rostream, "run", "p.yaml", "--no-progress", "--workers", "1"]
    run = subprocess.run(command, cwd=folder, capture_output=True, env={"TMPDIR": str(folder), "HOME": str(folder)})
    body = server.uploads.pop(tenant, None)
    return run.returncode, json.loads(body) if body is not None else None, run.stderr.decode("utf-8", "replace")


def check(rostream, server, at, seed, ways, writers):
    chance = random.Random(f"{seed} {at}")
    names, rows = table(chance)
    for way, (name, write) in enumerate(chance.sample(list(writers.items()), min(ways, len(writers)))):
        cells = rows
        if getattr(write, "is_json", False):
            cells = values(rows, chance)
        elif not getattr(write, "returns", True):
            cells = [[cell.replace("\r", "") for cell in row] for row in rows]
        text, source = write(names, cells)
        with tempfile.TemporaryDirectory() as folder:
            code, items, said = load(rostream, server, folder, f"T_{at}_{way}", text, source)
        found = [[item.get(name) for name in names] for item in items or []]
        extra = [set(item) - {*names, "_action"} for item in items or []]
        # The server has no results to give, so that the run ends with 3.
        equal = code == 3 and found == cells and not any(extra)
        yield name, len(cells), None if equal else (code, names, cells, found, text, said)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--tables", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--ways", type=int, default=len(WRITERS) + 99, help="how often each table is written")
    arguments.add_argument("--only", default="", help="a part of the writers' names")
    arguments.add_argument("--rostream", default=str(ROOT / "target/release/rostream"))
    arguments = arguments.parse_args()
    writers = dict(WRITERS)
    for package, more in OTHERS.items():
        try:
            importlib.import_module(package)
            writers.update(more)
        except ImportError:
            print(f"SKIP {', '.join(more)}: {package} is not installed", flush=True)
    writers = {name: write for name, write in writers.items() if arguments.only in name}
    server = Server()
    files, rows, wrong = collections.Counter(), collections.Counter(), collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        work = lambda at: list(check(arguments.rostream, server, at, arguments.seed, arguments.ways, writers))
        for at, found in enumerate(threads.map(work, range(arguments.tables))):
            for name, count, difference in found:
                files[name] += 1
                rows[name] += count
                if difference is not None:
                    wrong[name] += 1
                    if wrong[name] <= 3:
                        code, names, cells, back, text, said = difference
                        print(f"FAIL {name}, table {at}: exit {code}\n  wrote {names} {cells}\n  found {back}\n  file  {text!r}\n  {said}")
    for name in writers:
        print(f"{'FAIL' if wrong[name] else 'PASS'} {name}: {files[name]} files, {rows[name]} rows, {wrong[name]} differ")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
