#!/usr/bin/env python3
"""Thirty nights of an organisation that figurant makes up, loaded one after the other.

    cargo build --release
    pip install figurant==0.1.2
    python3 tests/field/nights.py                    # both ways of deleting, with seed 1
    python3 tests/field/nights.py --mode delta --seed 7 --size 3000

figurant writes what an HR system holds week after week: engagements with their
history, people who join, move, leave and come back, and beside it the key of what it put wrong: blanks behind keys and
names, birth dates that are none, two engagements that are both the main one, or none that is, dates put right later,
extracts that are empty or cut short. Here an extract also comes late (last night's once more) or with every row twice,
and every third run or so is killed (SIGKILL) at a random moment, taken up, and started once more.

The server is a few lines of its own. After each night what it holds must be what the organisation is without the dirt,
worked out here; where an extract is not whole, it must be what it was. Ends with 1 where it is not.
"""

import argparse
import collections
import csv
import http.server
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATASET = "6586F21B-AD4D-4D06-A309-712AF47184A2"
KEY = "personnelNumber"
COLUMNS = ["givenNames", "familyName", "birthDate", "jobTitle", "unit", "costCentre", "hours", "from", "to"]
NIGHTS, STRIDE, REFERENCE = 30, 7, "2026-10-12"
# Blanks and placeholders, which a pipeline can mend.
DIRT = {"whitespace": 60, "key_whitespace": 40, "code_whitespace": 100, "placeholder_date": 25}
PLACEHOLDERS = ["1900-01-01", "1970-01-01"]
FAULTS = {"primary_overlap": 20, "primary_missing": 15}
EDITS = {"end_later": 40, "end_yesterday": 10, "start_earlier": 20, "cancel": 5}
# The share of the rows that come.
DELIVERIES = {8: 0, 17: 1 / 2, 23: 0, 26: 2 / 3}
LATE, TWICE = {13, 21}, {9, 18}


class Server(http.server.ThreadingHTTPServer):
    """A data set in memory, and the import API as far as a run needs it."""

    daemon_threads = True

    def __init__(self):
        self.items, self.files, self.imports, self.lock = {}, {}, 0, threading.Lock()
        super().__init__(("127.0.0.1", 0), Requests)
        self.base = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        """A client that was killed."""

    def load(self, body, query):
        """Does what an upload says; its results, which come in another order."""
        clear, named, results = query.get("clearToken", ["\0"]), set(), []
        for item in json.loads(body):
            action, key = item.pop("_action"), item[KEY]
            named.add(key)
            exists, error = key in self.items, None
            if action == "create" and exists or action in ("update", "delete") and not exists:
                error = ("409000", "ItemExists") if exists else ("404000", "ItemNotFound")
            elif action == "delete":
                del self.items[key]
            elif action != "noop":
                held = self.items.setdefault(key, {})
                held.update((name, value) for name, value in item.items() if value not in clear)
                for name in [name for name, value in item.items() if value in clear]:
                    held.pop(name, None)
            status = {"_status": "failed", "errors": [dict(zip(("code", "name"), error))]} if error else {"_status": "success"}
            results.append({KEY: key, "_action": action, **status})
        if query.get("implicitDelete") == ["true"]:
            self.items = {key: item for key, item in self.items.items() if key in named}
        self.imports += 1
        return results[::-1]


class Requests(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        link = lambda name: {"method": "GET", "url": f"{self.server.base}/{name}"}
        answer, status = {}, 200
        with self.server.lock:
            if path.endswith("/files/generate"):
                url = link(f"file/{len(self.server.files)}-{time.monotonic_ns()}")["url"]
                answer = {"put": url, "get": url}
            elif path.endswith("/items/import"):
                of = json.loads(body)["importLocation"]["url"].rsplit("/", 1)[1]
                results = self.server.load(self.server.files[of], urllib.parse.parse_qs(query))
                self.server.files[f"{of}.results"] = json.dumps(results).encode()
                answer, status = self.ticket(link, of), 202
            elif path.startswith("/ticket/"):
                answer = self.ticket(link, path.rsplit("/", 1)[1])
            elif path.startswith("/file/") and self.command == "PUT":
                self.server.files[path.rsplit("/", 1)[1]] = body
            elif path.startswith("/file/"):
                answer = self.server.files[path.rsplit("/", 1)[1]]
            else:
                status = 404
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    @staticmethod
    def ticket(link, of):
        return {"jobStatus": "completed", "_links": {"self": link(f"ticket/{of}"), "result": link(f"file/{of}.results")}}

    do_GET = do_POST = do_PUT = handle_any


# The organisation.


def declare(folder, size, seed, dirty):
    """figurant's declarations: a step a night. The clean one differs in nothing but the dirt."""
    base = f'version = "s1"\nname = "nights{seed}"\n[set]\nname = "nights{seed}"\nsize = {size}\nreference = "{REFERENCE}"\n'
    base += 'history = 3\nrehire = 150\ntype = "installer"\n'
    table = lambda name, rates: f"[step.{name}]\n" + "".join(f"{kind} = {rate}\n" for kind, rate in rates.items())
    off = lambda rates: dict.fromkeys(rates, 0)
    loop = f'version = "m1"\nname = "nights"\n[simulation]\nscenario = "base.toml"\nstride = {STRIDE}\nretain_days = 21\nrelease_days = 14\n'
    for night in range(NIGHTS):
        loop += f'[[step]]\nlabel = "night {night}"\n'
        if dirty and night in DELIVERIES:
            rows = int(size * DELIVERIES[night])
            loop += f'delivery = {{ kind = "rows", limit = {rows} }}\n' if rows else 'delivery = { kind = "empty" }\n'
        if dirty and night in (4, 15, 20):
            loop += table("dirt", off(DIRT) if night == 15 else DIRT)
        if night in (10, 19):
            loop += table("faults", off(FAULTS) if night == 19 else FAULTS)
        if night == 12:
            loop += table("edits", EDITS)
    folder.mkdir()
    (folder / "base.toml").write_text(base)
    (folder / "loop.toml").write_text(loop)
    return folder


def tables(folder, night):
    """A night's engagements, each with its person and its unit: what an HR system's report shows."""
    command = ["--simulation", "loop.toml", "--run", "run", "--reference", REFERENCE, "--step", str(night)]
    done = subprocess.run([sys.executable, "-m", "figurant", *command], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    held = {}
    for name in ("person", "unit", "affiliation"):
        pages = sorted((folder / "run" / "current" / "json" / name).glob("page-[0-9]*.json"))
        held[name] = [item for page in pages for item in json.loads(page.read_text())["items"]]
    people = {person["person_id"]: person for person in held["person"]}
    units = {unit["unit_id"]: unit for unit in held["unit"]}
    rows = []
    for row in held["affiliation"]:
        person, unit = people.get(row["person_id"]), units.get(row["unit_id"])
        if person and unit:
            rows.append({
                "person": row["person_id"], KEY: row["personnel_number"], "givenNames": person["given_names"], "familyName": person["family_name"],
                "birthDate": person["birth_ordinal"], "jobTitle": row["job_title"], "unit": unit["function"],
                "costCentre": row["cost_centre"], "hours": str(row["contract_hours_per_mille"] or ""),
                "from": row["primary_lower"] or "", "to": row["primary_upper"] or "",
            })
    record = json.loads((folder / "run" / "simulation.json").read_text())
    return rows, record["step"]["as_of"]


def planted(folder):
    """The key of the dirt: what was planted, and in whose row."""
    with open(folder / "run" / "key" / "rows" / "dirt.csv", newline="") as file:
        return [(row["kind"].removeprefix("dirt:"), row["subject_person"]) for row in csv.DictReader(file)]


def extract(dirty, control, night):
    """What is delivered in a night, what it should have been, and its day. Behind a placeholder the birth date is not known;
    nor is it of somebody who was born on such a day."""
    delivered, day = tables(dirty, night)
    clean, _ = tables(control, night)
    key = planted(dirty)
    unborn = {person for kind, person in key if kind == "placeholder_date"}
    for row in clean:
        row["from"] = row["from"] or "9999-12-31"
        if str(row["person"]) in unborn or row["birthDate"] in PLACEHOLDERS:
            row["birthDate"] = ""
    return (delivered, clean, day), collections.Counter(kind for kind, _ in key)


def in_force(rows, day):
    """Who is there on a day, by the rows that hold then; and the keys of which two hold that nothing tells apart."""
    mine = collections.defaultdict(list)
    for row in rows:
        if row["from"] <= day and (not row["to"] or day < row["to"]):
            mine[row[KEY]].append(row)
    found, ties = {}, set()
    for key, held in mine.items():
        newest = max(row["from"] for row in held)
        last = [row for row in held if row["from"] == newest]
        values = [{name: row[name] for name in COLUMNS if row[name]} for row in last]
        if any(value != values[0] for value in values):
            ties.add(key)
        else:
            found[key] = {KEY: key, **values[0]}
    return found, ties


# The runs.

PIPELINE = """version: 1
name: nights
source: {{ path: extract.csv }}
stages:
  - normalize:
  - trim:
  - replace: {{ columns: [givenNames, familyName, unit], pattern: ' +', with: ' ' }}
  - empty: {{ columns: [birthDate], values: ["1900-01-01", "1970-01-01"] }}
  - filter: from != ""
as_of: {{ key: {key}, from: from, to: to, ends: exclusive, at: {day} }}
validate: {{ key: {key}, columns: {{ birthDate: {{ type: date }}, hours: {{ type: number, min: 0 }} }} }}
rejects: {{ at_most: 5% }}
guard: {{ min_rows: {{ first: 10 }}, max_delete: 10% }}
preflight: off
target:
  orgvue:
    base_url: {base}
    tenant: SANDBOX
    dataset: {dataset}
    token: {{ env: TOKEN }}
    identify_by: {{ id_key: {key} }}
    clear: [{columns}]
    clear_token: "#clear"
    {how}
"""
MODES = {"delta": "action: { delta: store }", "implicit": "implicit_delete: true"}


class Rig:
    def __init__(self, folder, mode, chance):
        self.folder, self.mode, self.chance, self.server = folder, mode, chance, Server()
        self.program = os.environ.get("ROSTREAM", str(ROOT / "target" / "release" / "rostream"))
        self.seen = collections.Counter()

    def write(self, rows, day, twice):
        text = lambda rows: [[row[name] for name in (KEY, *COLUMNS)] for row in rows]
        with open(self.folder / "extract.csv", "w", newline="") as file:
            csv.writer(file).writerows([[KEY, *COLUMNS], *text(rows), *(text(rows) if twice else [])])
        how = MODES[self.mode]
        (self.folder / "pipeline.yaml").write_text(PIPELINE.format(
            key=KEY, day=day, base=self.server.base, dataset=DATASET, columns=", ".join(COLUMNS), how=how
        ))

    def call(self, *args, seconds=None):
        """Runs the program, to its end or to the moment at which it is killed."""
        env = {"PATH": os.environ["PATH"], "TOKEN": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"}
        process = subprocess.Popen([self.program, *args], cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            _, said = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None, ""
        return process.returncode, said.decode()

    def killed(self):
        """A run that is killed at some moment, and taken up."""
        code, said = self.call("run", "pipeline.yaml", seconds=self.chance.uniform(0.005, self.took * 1.1))
        self.seen["runs killed"] += code is None
        for _ in range(5):
            code, said = self.call("resume", "pipeline.yaml")
            if code == 7:
                self.seen["imports of unknown fate"] += 1
                code, said = self.call("resume", "pipeline.yaml", self.chance.choice(["--retry-import", "--abandon"]))
            if code != 6:
                break
        if code not in (0, 1, 3, 4):
            raise SystemExit(f"resume ended with {code}: {said}")

    def run(self):
        began = time.monotonic()
        code, said = self.call("run", "pipeline.yaml")
        self.took = time.monotonic() - began
        return code, said


def play(folder, mode, extracts, seed):
    """All nights into one data set; how often what happened."""
    chance, before = random.Random(seed), {}
    folder.mkdir()
    rig = Rig(folder, mode, chance)
    for night, (delivered, clean, day) in enumerate(extracts):
        if night in LATE:
            delivered, clean, day = extracts[night - 1]
        rig.write(delivered, day, night in TWICE)
        if night > 0 and chance.random() < 0.4:
            rig.killed()
        code, said = rig.run()
        stopped = night in DELIVERIES
        after, ties = (before, set()) if stopped else in_force(clean, day)
        # Whose rows contradict each other stays as before; and with `implicit_delete` so does everybody else then.
        stays = set(before) if ties and mode == "implicit" else ties
        after = {**{key: before[key] for key in stays if key in before}, **after}
        expected = (1, 4) if stopped else (3,) if ties else (0,)
        held = rig.server.items
        if code not in expected or held != after:
            wrong = [key for key in {*held, *after} if held.get(key) != after.get(key)]
            shown = "".join(f"\n  {key}: {held.get(key)}\n    not {after.get(key)}" for key in sorted(wrong)[:3])
            raise SystemExit(f"{mode}, night {night}: exit {code}, {len(wrong)} of {len(after)} differ{shown}\n{said}")
        count = rig.seen
        count["people hired"] += len(after.keys() - before.keys())
        count["people gone"] += len(before.keys() - after.keys())
        count["people changed"] += sum(before[key] != after[key] for key in before.keys() & after.keys())
        count["nights"] += 1
        count["nights stopped"] += stopped
        count["ties"] += len(ties)
        before = {key: dict(item) for key, item in after.items()}
    rig.seen["imports"] = rig.server.imports
    rig.seen["people at the end"] = len(before)
    return rig.seen


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=[*MODES], action="append")
    parser.add_argument("--size", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rostream-nights-") as name:
        folder, dirt = pathlib.Path(name), collections.Counter()
        dirty = declare(folder / "dirty", asked.size, asked.seed, True)
        control = declare(folder / "clean", asked.size, asked.seed, False)
        extracts = []
        for night in range(NIGHTS):
            held, found = extract(dirty, control, night)
            extracts.append(held)
            dirt += found
        rows = sum(len(delivered) for delivered, _, _ in extracts)
        planted = ", ".join(f"{count} {kind}" for kind, count in sorted(dirt.items()))
        print(f"{NIGHTS} nights, {rows} rows; planted: {planted}")
        for mode in asked.mode or MODES:
            seen = play(folder / mode, mode, extracts, asked.seed)
            print(f"{mode}: the data set is the organisation's after every night; " + ", ".join(f"{n} {what}" for what, n in seen.items()))


if __name__ == "__main__":
    main()
