"""Who is right where: rostream's `describe`, DuckDB's sniffer, Polars' scan and `qsv sniff` on the extracts of
tests/it/infer, whose truths were written before any of them saw the files.

usage: infer.py ROSTREAM [QSV]        (duckdb and polars in the Python that runs it)

A decision is right, wrong, or left open: a column of dates or decimals that stays text is open. Dates and decimals are
right where every value is read as the truth says. Tables in JSON are left out: the others are not asked about them.
"""

import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import polars

EXTRACTS = Path(__file__).resolve().parents[2] / "tests/it/infer"
PARTS = [("YYYY", "%Y"), ("YY", "%y"), ("MMM", "%b"), ("MM", "%m"), ("M", "%m"), ("DD", "%d"), ("D", "%d")]
TIMES = [("HH", "%H"), ("H", "%H"), ("hh", "%I"), ("h", "%I"), ("mm", "%M"), ("ss", "%S"), ("a", "%p")]


def extracts():
    for folder in sorted(EXTRACTS.iterdir()):
        truths = json.loads((folder / "truths.json").read_text())
        elsewhere = truths.get("extract")
        others = sorted(p for p in folder.iterdir() if p.name not in ("truths.json", "LICENSE"))
        file = folder / elsewhere if elsewhere else others[0]
        if truths["file"]["format"] == "csv":
            yield folder.name, file, truths


def pattern(stated):
    """The format of a date as Python writes it."""
    out, rest = "", stated
    while rest:
        for word, code in PARTS + TIMES:
            if rest.startswith(word):
                out, rest = out + code, rest[len(word) :]
                break
        else:
            out, rest = out + rest[0], rest[1:]
    return out


def day(text, stated):
    try:
        return datetime.strptime(text.strip(), pattern(stated)).date()
    except ValueError:
        return None


def number(text, truth):
    text = "".join(c for c in text.strip() if c.isdigit() or c in ".,-'")
    between = truth.get("thousands")
    text = text.replace(between, "") if between else text
    try:
        return Decimal(text.replace(truth.get("decimal") or ".", "."))
    except InvalidOperation:
        return None


def typed(truth, texts, values):
    """Whether a column of the others is what it is: their values beside its texts."""
    kinds = truth["type"] if isinstance(truth["type"], list) else [truth["type"]]
    is_text = all(value is None or isinstance(value, str) for value in values)
    sentinels = set(truth.get("sentinels", []))
    pairs = [(t, v) for t, v in zip(texts, values) if t and t not in sentinels and v is not None]
    if kinds == ["undecided"]:
        return "undecided", "right" if is_text else "wrong"
    if "identifier" in kinds:
        same = all(str(value) == text for text, value in pairs)
        return "identifier", "right" if is_text or same else "wrong"
    if "date" in kinds and truth.get("from"):
        days = [(day(t, truth["from"]), getattr(v, "date", lambda v=v: v)()) for t, v in pairs if not isinstance(v, str)]
        return "date", "open" if is_text else "right" if all(a == b for a, b in days) else "wrong"
    if "decimal" in kinds:
        if is_text:
            return "decimal", "open"
        numbers = [(number(t, truth), v) for t, v in pairs]
        fits = all(a is not None and isinstance(v, (int, float, Decimal)) and abs(float(a) - float(v)) < 1e-6 for a, v in numbers)
        return "decimal", "right" if fits else "wrong"
    return None, None


def columns(score, truths, texts, values):
    for name, truth in truths["columns"].items():
        if name not in texts:
            kind, _ = typed(truth, [], [])
            score[kind, "not found"] += 1 if kind else 0
            continue
        kind, outcome = typed(truth, texts[name], values[name])
        if kind:
            score[kind, outcome] += 1


def all_missing(score, truths, words):
    for word in words:
        score[word, "failed"] += 1
    columns(score, truths, {}, {})


def with_duckdb(file, truths, score):
    words = ["delimiter", "encoding", "header"]
    try:
        found = duckdb.sql(f"select delimiter, skiprows, hasheader from sniff_csv('{file}')").fetchall()[0]
        texts = duckdb.sql(f"from read_csv('{file}', all_varchar = true)").pl().to_dict(as_series=False)
        values = duckdb.sql(f"from read_csv('{file}')").pl().to_dict(as_series=False)
    except duckdb.Error:
        return all_missing(score, truths, words)
    told = truths["file"]
    right = {
        "delimiter": found[0] == {"tab": "\t"}.get(told.get("delimiter"), told.get("delimiter")),
        "encoding": told.get("encoding") is None,
        "header": (found[1], found[2]) == (told.get("skip_lines", 0), told.get("header", 1) > 0),
    }
    for word in words:
        score[word, "right" if right[word] else "wrong"] += 1
    columns(score, truths, texts, values)


def with_polars(file, truths, score):
    words = ["delimiter", "encoding", "header"]
    try:
        texts = polars.scan_csv(file, infer_schema_length=0).collect().to_dict(as_series=False)
        values = polars.scan_csv(file, try_parse_dates=True, infer_schema_length=None).collect().to_dict(as_series=False)
    except Exception:
        return all_missing(score, truths, words)
    told = truths["file"]
    score["delimiter", "right" if told.get("delimiter") == "," else "wrong"] += 1
    score["encoding", "right" if told.get("encoding") is None else "wrong"] += 1
    header = told.get("skip_lines", 0) == 0 and told.get("header", 1) == 1
    score["header", "right" if header else "wrong"] += 1
    columns(score, truths, texts, values)


def with_qsv(program, file, truths, score):
    """qsv says which columns are dates, and not in which order: they stay open."""
    words = ["delimiter", "encoding", "header"]
    done = subprocess.run([program, "sniff", "--json", file], capture_output=True)
    found = json.loads(done.stdout or "{}")
    if "fields" not in found:
        return all_missing(score, truths, words)
    told, delimiter = truths["file"], found["delimiter_char"]
    right = {
        "delimiter": delimiter == {"tab": "\t"}.get(told.get("delimiter"), told.get("delimiter")),
        "encoding": found["is_utf8"] and told.get("encoding") is None,
        "header": (found["preamble_rows"], found["header_row"]) == (told.get("skip_lines", 0), told.get("header", 1) > 0),
    }
    for word in words:
        score[word, "right" if right[word] else "wrong"] += 1
    with file.open(newline="", encoding="utf-8-sig", errors="replace") as lines:
        rows = list(csv.reader(lines, delimiter=delimiter))[found["preamble_rows"] + found["header_row"] :]
    read = {"Unsigned": int, "Signed": int, "Float": float}
    texts, values = {}, {}
    for at, (name, kind) in enumerate(zip(found["fields"], found["types"])):
        texts[name] = [row[at] if at < len(row) else "" for row in rows]
        try:
            values[name] = [read.get(kind, str)(text) if text else None for text in texts[name]]
        except ValueError:
            values[name] = texts[name]
    columns(score, truths, texts, values)


def with_rostream(program, file, truths, score):
    done = subprocess.run([program, "describe", file, "--json"], capture_output=True, check=True)
    found = json.loads(done.stdout)
    told, written = truths["file"], found["written"]
    right = {
        "delimiter": written["delimiter"] == told.get("delimiter"),
        "encoding": found["encoding"] == told.get("encoding"),
        "header": (written["skip_lines"], written["header"]) == (told.get("skip_lines", 0), told.get("header", 1)),
    }
    for word, is_right in right.items():
        score[word, "right" if is_right else "wrong"] += 1
    by_name = {column["name"]: column for column in found["columns"]}
    for name, truth in truths["columns"].items():
        kind, _ = typed(truth, [], [])
        if not kind:
            continue
        column = by_name.get(name)
        kinds = truth["type"] if isinstance(truth["type"], list) else [truth["type"]]
        if column is None:
            outcome = "not found"
        elif kind == "undecided":
            outcome = "right" if column["type"] == "undecided" else "wrong"
        elif column["type"] == "undecided":
            outcome = "open"
        else:
            is_right = column["type"] in kinds
            is_right &= kind != "date" or column.get("from") == [truth["from"]]
            is_right &= kind != "decimal" or column.get("decimal") == truth.get("decimal", column.get("decimal"))
            outcome = "right" if is_right else "wrong"
        score[kind, outcome] += 1
    keys = [k for k in found["relations"]["keys"] if k["likely"] and k["empty"] + k["repeated"] == 0]
    key = keys[0]["column"] if keys else None
    score["key", "right" if key == told.get("key") else "wrong"] += 1


def main():
    scores = {"rostream": Counter(), "duckdb": Counter(), "polars": Counter(), "qsv": Counter()}
    with tempfile.TemporaryDirectory() as folder:
        for name, file, truths in extracts():
            here = Path(folder) / f"{name}{file.suffix}"
            here.write_bytes(file.read_bytes())
            with_rostream(sys.argv[1], here, truths, scores["rostream"])
            with_duckdb(here, truths, scores["duckdb"])
            with_polars(here, truths, scores["polars"])
            if len(sys.argv) > 2:
                with_qsv(sys.argv[2], here, truths, scores["qsv"])
    print(f"duckdb {duckdb.__version__}, polars {polars.__version__}, {len(list(extracts()))} extracts\n")
    rows = ["delimiter", "encoding", "header", "identifier", "date", "undecided", "decimal", "key"]
    print("| what | of | " + " | ".join(scores) + " |")
    print("|---|---:|" + "---|" * len(scores))
    for row in rows:
        of = sum(n for (what, _), n in scores["rostream"].items() if what == row)
        cells = []
        for score in scores.values():
            parts = [f"{score[row, o]} {o}" for o in ("right", "wrong", "open", "not found", "failed") if score[row, o]]
            cells.append(", ".join(parts) or "-")
        print(f"| {row} | {of} | " + " | ".join(cells) + " |")


main()
