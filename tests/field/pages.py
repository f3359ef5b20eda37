#!/usr/bin/env python3
"""Pages in a browser: reports, a plan and a description as the program writes them, on a phone, on a desk and on paper,
light and dark. Fails where axe finds something serious, where a page is wider than its window, loads anything, or says
anything on the console, and where the keyboard does not reach what can be reached.

    pip install playwright axe-playwright-python; apt-get install chromium
    cargo build && tests/field/pages.py [FOLDER FOR SCREENSHOTS]
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("ROSTREAM", str(ROOT / "target/debug/rostream"))
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
SERIOUS = ("serious", "critical")
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}}

PIPELINE = """
version: 1
name: workday-nightly
time_zone: Europe/London
source: { path: workers.csv }
report: { html: true, dir: out }
state: { dir: state }
stages:
  - rename: { Employee ID: employeeID, Date of Birth: dob, Manager ID: managerID, Annual Salary: salary }
  - filter: Status != "Terminated"
validate:
  key: employeeID
  columns:
    dob: { type: date, format: YYYY-MM-DD }
    salary: { type: number, min: 0 }
    grade: { one_of: [G1, G2, G3, G4, G5, G6] }
  hierarchy: { parent: managerID, orphans: { rejected: ignore, filtered: ignore, absent: warn } }
rejects: { path: out/rejects.csv, at_most: AT_MOST }
guard: { min_rows: 100 }
target: TARGET
"""


def extract(rows, faulty, seed):
    """An extract of so many people, some rows of which are at fault."""
    at = random.Random(seed)
    lines = ["Employee ID,Name,Date of Birth,Manager ID,Annual Salary,grade,Status,A column with a name that is rather long"]
    for n in range(1, rows + 1):
        wrong = at.random() < faulty
        boss = "" if n == 1 else f"{at.randrange(n // 9, n // 5 + 1) or 1:08}"
        dob = f"{at.randrange(1955, 2004)}-{at.randrange(1, 13):02}-{at.randrange(1, 29):02}"
        if wrong and at.random() < 0.6:
            dob = "31.12.1999"
        salary = "n/a" if wrong and at.random() < 0.4 else at.randrange(20_000, 150_000)
        grade = "X9" if wrong and at.random() < 0.5 else f"G{at.randrange(1, 7)}"
        status = "Terminated" if at.random() < 0.04 else "Active"
        lines.append(f"{n:08},Person {n},{dob},{boss},{salary},{grade},{status},{'x' * at.randrange(1, 30)}")
    return "\n".join(lines) + "\n"


def make(folder):
    """The pages, by a name of each."""

    def rostream(*args, codes=(0,)):
        done = subprocess.run([PROGRAM, "--no-progress", *args], cwd=folder, capture_output=True, text=True)
        assert done.returncode in codes, (args, done.returncode, done.stderr)
        return done

    def pipeline(name, target="{ sandbox: {} }", at_most="10%"):
        text = PIPELINE.replace("TARGET", target).replace("AT_MOST", at_most)
        (folder / name).write_text(text)

    def newest():
        reports = sorted((folder / "out").glob("run-*.report.html"), key=lambda path: path.stat().st_mtime_ns)
        return reports[-1]

    pages = {}
    (folder / "workers.csv").write_text(extract(60_000, 0.02, 1))
    pipeline("p.yaml")
    rostream("run", "p.yaml", codes=(3,))
    pages["run"] = newest()
    (folder / "workers.csv").write_text(extract(3_000, 0.0, 2))
    rostream("check", "p.yaml", codes=(0,))
    pages["check"] = newest()
    (folder / "workers.csv").write_text(extract(3_000, 0.3, 3))
    pipeline("strict.yaml", at_most="1%")
    rostream("run", "strict.yaml", codes=(4,))
    pages["stopped"] = newest()
    (folder / "workers.csv").write_text("Employee ID\n1\n")
    rostream("run", "p.yaml", codes=(1, 2))
    pages["failed"] = newest()
    (folder / "workers.csv").write_text(extract(2_000, 0.05, 4))
    rostream("plan", "p.yaml", "-o", "plan.json", "--html", "plan.html", codes=(0, 3))
    pages["plan"] = folder / "plan.html"
    rostream("describe", "workers.csv", "--html", "describe.html")
    pages["describe"] = folder / "describe.html"
    for path in pages.values():
        assert path.stat().st_mode & 0o777 == 0o600, path
    return pages


def look(browser, name, path, shots):
    """What is wrong with a page."""
    wrong = []
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
            tab = context.new_page()
            where = f"{name}, {size}, {scheme}"
            tab.on("console", lambda said: wrong.append(f"{where}: console: {said.text}"))
            asked = []
            tab.on("request", lambda request: asked.append(request.url))
            tab.goto(path.as_uri())
            if len(asked) != 1:
                wrong.append(f"{where}: it loads {asked[1:]}")
            wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wide > 0:
                wrong.append(f"{where}: it is {wide} pixels wider than the window")
            found = Axe().run(tab, options=RULES).response["violations"]
            for violation in found:
                nodes = [node["html"][:160] for node in violation["nodes"][:3]]
                text = f"{where}: axe: {violation['impact']}: {violation['id']}: {violation['help']}: {nodes}"
                if violation["impact"] in SERIOUS:
                    wrong.append(text)
                else:
                    print("note:", text)
            tab.screenshot(path=shots / f"{name}-{size}-{scheme}.png", full_page=True)
            if scheme == "light":
                wrong += [f"{where}: {what}" for what in keyboard(tab)]
            if (size, scheme) == ("desk", "dark"):
                tab.emulate_media(media="print")
                tab.pdf(path=shots / f"{name}.pdf", format="A4")
            context.close()
    return wrong


def keyboard(tab):
    """Everything that can be reached is reached by Tab, and is seen to be."""
    reachable = tab.evaluate("document.querySelectorAll('a[href],summary,[tabindex=\"0\"]').length")
    for nth in range(reachable):
        tab.keyboard.press("Tab")
        seen = tab.evaluate("""() => {
            const at = document.activeElement, style = getComputedStyle(at);
            return at !== document.body && style.outlineStyle !== 'none';
        }""")
        # What is in a closed `details` is not reached.
        if not seen:
            open_ones = tab.evaluate("[...document.querySelectorAll('details:not([open]) [tabindex=\"0\"]')].length")
            if nth < reachable - open_ones:
                return [f"stop {nth + 1} of Tab is not seen to have the focus"]
            break
    return []


def main():
    shots = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target/pages"
    shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        pages = make(Path(folder))
        chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        wrong = [what for name, path in pages.items() for what in look(browser, name, path, shots)]
        browser.close()
    for what in wrong:
        print("FAIL", what)
    print(json.dumps({"pages": len(pages), "wrong": len(wrong), "screenshots": str(shots)}))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
