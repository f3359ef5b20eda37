"""What an expression costs a row, beside the same expression in Polars and DuckDB.

usage: expressions.py ROSTREAM [ROWS] [TURNS]        (default 100000 3)

What is compared is the expression and not a job. All have the same number of threads, and CPU is counted.

    rostream         `check` of benches/hris.yaml with the expression, less `check` without it, in pairs. What gives a
                     text or a number is a `set`: the new column is made as text, and its length is measured. What
                     gives true or false is a `filter` that keeps every row
    Polars, DuckDB   the columns are in memory, as text, as rostream has them: days are YYYY-MM-DD, and where an
                     expression asks for numbers or days, it reads them. What comes of it is put into memory, as a
                     frame or a table. In the rows called "typed", which are not in the first mean, they have numbers
                     and days ready

Ten of a kind are evaluated at once, each a little different (# is a number), and a tenth of that is what one costs; of
rules, a row states how many there are, and the cost of all of them. A figure is the lowest of the turns' medians. To
read and to plan what is asked for is among it. The rows are as clean as `rostream sample` makes them, and every rule
holds.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from measured import PIPELINE, median, rostream, sample
from polars_job import DATES, NUMBERS, TEXT

THREADS = os.cpu_count()
PAIRS, COPIES = 5, 10

# A kind, and how it is written for each. In Polars, c is a column and day one that is read; ## has two digits.
Kind = namedtuple("Kind", "name cel polars duckdb")

GRADES = ", ".join(f'"G{n}"' for n in range(1, 10))

# What gives a value.
VALUES = [
    Kind(
        "concat of two texts",
        'firstName + " # " + lastName',
        'pl.concat_str(c("firstName"), pl.lit(" # "), c("lastName"))',
        "firstName || ' # ' || lastName",
    ),
    Kind(
        "ternary on equality",
        'grade == "G#" ? "junior" : "senior"',
        'pl.when(c("grade") == "G#").then(pl.lit("junior")).otherwise(pl.lit("senior"))',
        "case when grade = 'G#' then 'junior' else 'senior' end",
    ),
    Kind(
        "arithmetic",
        "double(salary) * #.1 + 5.0",
        'c("salary").cast(pl.Float64) * #.1 + 5.0',
        "salary::double * #.1::double + 5.0::double",
    ),
    Kind(
        "arithmetic (typed)",
        "double(salary) * #.1 + 5.0",
        'c("salaryNumber") * #.1 + 5.0',
        "salaryNumber * #.1::double + 5.0::double",
    ),
]

# What gives true, of every row.
PLACES = "London;München;New York;Paris, La Défense;São Paulo;Bengaluru;Sydney;Tokyo;Oslo;X#".split(";")
PLACES = ", ".join(f'"{place}"' for place in PLACES)
TRUTHS = [
    Kind(
        "in a list of 10",
        f"location in [{PLACES}]",
        f'c("location").is_in([{PLACES}])',
        f"location in ({PLACES})".replace('"', "'"),
    ),
    Kind(
        "matches",
        'matches(costCenter, "^(CC|X#)-[0-9]+$")',
        'c("costCenter").str.contains("^(CC|X#)-[0-9]+$")',
        "regexp_matches(costCenter, '^(CC|X#)-[0-9]+$')",
    ),
    Kind(
        "startsWith",
        '!costCenter.startsWith("X#")',
        '~c("costCenter").str.starts_with("X#")',
        "not starts_with(costCenter, 'X#')",
    ),
    Kind(
        "endsWith",
        '!costCenter.endsWith("#X")',
        '~c("costCenter").str.ends_with("#X")',
        "not ends_with(costCenter, '#X')",
    ),
    Kind(
        "contains",
        '!email.contains("@#x")',
        '~c("email").str.contains("@#x", literal=True)',
        "not contains(email, '@#x')",
    ),
    Kind(
        "size",
        "size(lastName) < 5#",
        'c("lastName").str.len_chars() < 5#',
        "length(lastName) < 5#",
    ),
    Kind(
        "a day, as text",
        'hireDate >= "19##-01-01"',
        'c("hireDate") >= "19##-01-01"',
        "hireDate >= '19##-01-01'",
    ),
    Kind(
        "days, with date()",
        "date(hireDate) - days(#) > date(dob)",
        'day("hireDate") - timedelta(days=#) > day("dob")',
        "hireDate::date - # > dob::date",
    ),
    Kind(
        "days, with date() (typed)",
        "date(hireDate) - days(#) > date(dob)",
        'c("hireDay") - timedelta(days=#) > c("birthDay")',
        "hireDay - # > birthDay",
    ),
    Kind(
        "&& and ||",
        '(workerStatus == "Active" || grade != "H#") && currency != "C#"',
        '((c("workerStatus") == "Active") | (c("grade") != "H#")) & (c("currency") != "C#")',
        "(workerStatus = 'Active' or grade != 'H#') and currency != 'C#'",
    ),
    Kind(
        "filter of 2 terms",
        'workerStatus != "Left" && grade != "H#"',
        '(c("workerStatus") != "Left") & (c("grade") != "H#")',
        "workerStatus != 'Left' and grade != 'H#'",
    ),
]

# Rules as people write them; the next ten are of the same kinds with other numbers.
RULES = [
    Kind(
        "required if",
        'workerStatus != "Terminated" || terminationDate != "" || location == "Site #"',
        '(c("workerStatus") != "Terminated") | (c("terminationDate") != "") | (c("location") == "Site #")',
        "workerStatus != 'Terminated' or terminationDate != '' or location = 'Site #'",
    ),
    Kind(
        "one of three",
        'currency == "GBP" || currency == "USD" || currency == "EUR" || department == "Dept 9#9"',
        '(c("currency") == "GBP") | (c("currency") == "USD") | (c("currency") == "EUR")'
        ' | (c("department") == "Dept 9#9")',
        "currency = 'GBP' or currency = 'USD' or currency = 'EUR' or department = 'Dept 9#9'",
    ),
    Kind(
        "not equal",
        'department != "Dept 9#9"',
        'c("department") != "Dept 9#9"',
        "department != 'Dept 9#9'",
    ),
    Kind(
        "in a list",
        f'grade in [{GRADES}, "G10", "G11", "G12", "X#"]',
        f'c("grade").is_in([{GRADES}, "G10", "G11", "G12", "X#"])',
        f"grade in ({GRADES}, \"G10\", \"G11\", \"G12\", \"X#\")".replace('"', "'"),
    ),
    Kind(
        "pattern",
        'matches(costCenter, "^(CC|X#)-[0-9]{4}$")',
        'c("costCenter").str.contains("^(CC|X#)-[0-9]{4}$")',
        "regexp_matches(costCenter, '^(CC|X#)-[0-9]{4}$')",
    ),
    Kind(
        "days in order",
        'terminationDate == "" || date(hireDate) <= date(terminationDate) - days(#)',
        '(c("terminationDate") == "") | (day("hireDate") <= day("terminationDate") - timedelta(days=#))',
        "terminationDate = '' or hireDate::date <= try_cast(terminationDate as date) - #",
    ),
    Kind(
        "days in order, as text",
        'dob < hireDate && hireDate > "19##-01-01"',
        '(c("dob") < c("hireDate")) & (c("hireDate") > "19##-01-01")',
        "dob < hireDate and hireDate > '19##-01-01'",
    ),
    Kind(
        "a least number",
        'employmentType == "Contractor" || salary > 100# || fte > 0.9',
        '(c("employmentType") == "Contractor") | (c("salary").cast(pl.Float64) > 100#)'
        ' | (c("fte").cast(pl.Float64) > 0.9)',
        "employmentType = 'Contractor' or salary::double > 100# or fte::double > 0.9",
    ),
    Kind(
        "size",
        "size(positionID) == 8 || size(positionID) == 1#",
        '(c("positionID").str.len_chars() == 8) | (c("positionID").str.len_chars() == 1#)',
        "length(positionID) = 8 or length(positionID) = 1#",
    ),
    Kind(
        "beginning and end",
        'email.contains("@") && email.endsWith(".com") && !email.startsWith("#")',
        'c("email").str.contains("@", literal=True) & c("email").str.ends_with(".com")'
        ' & ~c("email").str.starts_with("#")',
        "contains(email, '@') and ends_with(email, '.com') and not starts_with(email, '#')",
    ),
]


def numbered(text, n):
    return text.replace("##", f"{n:02}").replace("#", str(n))


def copies(kind, way):
    return [numbered(getattr(kind, way), n) for n in range(1, COPIES + 1)]


def rules(count, way):
    return [numbered(getattr(RULES[n % len(RULES)], way), n // len(RULES) + 1) for n in range(count)]


def stages(lines):
    """The pipeline with more stages behind its own."""
    return PIPELINE.read_text().replace("validate:\n", "".join(f"  - {line}\n" for line in lines) + "validate:\n")


def with_set(expressions):
    return stages([f"set: {json.dumps({f'made{n}': text for n, text in enumerate(expressions)})}"])


def with_filters(expressions):
    return stages([f"filter: {json.dumps(text)}" for text in expressions])


def with_rules(expressions):
    lines = [f"    - {json.dumps({'assert': text, 'code': f'rule_{n}'})}\n" for n, text in enumerate(expressions)]
    return PIPELINE.read_text().replace("validate:\n", "validate:\n  rows:\n" + "".join(lines))


def table():
    """Of every row: its name, by how much it is divided, its expressions by way of writing, and the pipeline."""
    ways = ("cel", "polars", "duckdb")
    for kinds, stage in ((VALUES, with_set), (TRUTHS, with_filters)):
        for kind in kinds:
            yield kind.name, COPIES, {way: copies(kind, way) for way in ways}, stage
    for count, name in ((1, "1 row rule"), (10, "10 row rules"), (200, "200 row rules")):
        yield name, 1, {way: rules(count, way) for way in ways}, with_rules


def cpu(job):
    """Nanoseconds, the median of five."""
    job()
    spent = []
    for _ in range(5):
        before = time.process_time_ns()
        job()
        spent.append(time.process_time_ns() - before)
    return median(spent)


def in_polars(file):
    from datetime import timedelta

    import polars as pl
    from polars_job import number

    as_day = lambda column: pl.col(column).str.to_date("%d/%m/%Y", strict=False)
    columns = [pl.col(old).alias(new) for old, new in TEXT.items()]
    columns += [pl.col(old).str.replace_all(",", "", literal=True).alias(new) for old, new in NUMBERS.items()]
    columns += [as_day(old).cast(pl.String).alias(new) for old, new in DATES.items()]
    typed = [number("Annual Salary").alias("salaryNumber")]
    typed += [as_day("Hire Date").alias("hireDay"), as_day("Date of Birth").alias("birthDay")]
    columns = [column.fill_null("") for column in columns]
    people = pl.read_csv(file, infer_schema=False).select(columns + typed).rechunk()
    day = lambda column: pl.col(column).str.to_date("%Y-%m-%d", strict=False)
    names = {"pl": pl, "c": pl.col, "day": day, "timedelta": timedelta}
    for name, _, ways, _ in table():
        made = [eval(text, names).alias(f"made{n}") for n, text in enumerate(ways["polars"])]
        yield name, cpu(lambda: people.select(made)) / len(people)


def in_duckdb(file):
    import duckdb
    from duckdb_job import day

    text = lambda value, new: f"coalesce({value}, '') as {new}"
    number = lambda column: f"replace(\"{column}\", ',', '')"
    columns = [text(f'"{old}"', new) for old, new in TEXT.items()]
    columns += [text(number(old), new) for old, new in NUMBERS.items()]
    columns += [text(f"{day(old)}::varchar", new) for old, new in DATES.items()]
    columns += [f"{number('Annual Salary')}::double as salaryNumber"]
    columns += [f"{day('Hire Date')} as hireDay", f"{day('Date of Birth')} as birthDay"]
    base = duckdb.connect(config={"threads": THREADS})
    # What several of the expressions have in common is computed for each, as by the others.
    base.execute("set disabled_optimizers = 'common_subexpressions'")
    source = f"read_csv('{file}', all_varchar=true, header=true)"
    base.execute(f"create table people as select {', '.join(columns)} from {source}")
    rows = base.execute("select count(*) from people").fetchone()[0]
    for name, _, ways, _ in table():
        made = ", ".join(f"{text} as made{n}" for n, text in enumerate(ways["duckdb"]))
        yield name, cpu(lambda: base.execute(f"create or replace temp table made as select {made} from people")) / rows


def peer(name, file):
    """A turn of Polars or DuckDB in a process of its own: nanoseconds a row by expression."""
    environment = {**os.environ, "POLARS_MAX_THREADS": str(THREADS)}
    command = [sys.executable, __file__, "--in", name, file]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)


def pairs(program, pipeline, without, file):
    """Of every pair, the run with and the run without."""
    more = ("--workers", str(THREADS))
    with rostream(program, text=pipeline) as command:
        command("check", file, more=more)
        # Of a million rows, a dozen break a rule.
        return [(command("check", file, more=more, good=(0, 3)), without("check", file, more=more)) for _ in range(PAIRS)]


def main():
    program, *rest = sys.argv[1:]
    rows, turns = (int(n) for n in [*rest, *("100000", "3")[len(rest) :]])
    rates = {name: [] for name, *_ in table()}
    peers = {"polars": [], "duckdb": []}
    walls = []
    with tempfile.TemporaryDirectory() as folder, rostream(program) as without:
        file = sample(program, rows, Path(folder) / "extract.csv")
        for turn in range(turns):
            for name, seen in peers.items():
                seen.append(peer(name, file))
            for name, divided, ways, pipeline in table():
                runs = pairs(program, pipeline(ways["cel"]), without, file)
                rates[name].append(median([on.cpu - off.cpu for on, off in runs]) / rows / divided * 1e9)
                if name == "200 row rules":
                    walls += [on.wall / off.wall for on, off in runs]
            print(f"turn {turn + 1} of {turns}", file=sys.stderr)

    print(f"{rows:,} rows, {THREADS} threads, CPU ns a row; the lowest of {turns} turns' medians\n")
    print("| | rostream | Polars | DuckDB | to Polars | to DuckDB |\n|---|---:|---:|---:|---:|---:|")
    ratios = {}
    for name, divided, *_ in table():
        own = min(rates[name])
        others = [min(turn[name] for turn in seen) / divided for seen in peers.values()]
        ratios[name] = [own / other for other in others]
        cells = [f"{value:.1f}" for value in (own, *others)] + [f"{ratio:.2f}" for ratio in ratios[name]]
        print(f"| {name} | {' | '.join(cells)} |")
    for said, among in [
        ("mean (to Polars at most 3, aim 1)", [pair for name, pair in ratios.items() if "typed" not in name]),
        ("mean, typed rows too", ratios.values()),
    ]:
        means = [sum(column) / len(column) for column in zip(*among)]
        print(f"| {said} | | | | {means[0]:.2f} | {means[1]:.2f} |")
    print(f"\n200 row rules / check without, wall: {median(walls):.2f} (at most 5, aim 3)")


if __name__ == "__main__":
    if sys.argv[1] == "--in":
        print(json.dumps(dict({"polars": in_polars, "duckdb": in_duckdb}[sys.argv[2]](sys.argv[3]))))
    else:
        main()
