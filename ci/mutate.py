#!/usr/bin/env python3
"""A check of the checks: plants one small change at a time where a verdict is made, and counts which of
them the tests notice.

  ci/mutate.sh [--count 220] [--seed 1] [--folder compare/measure ...] [--json FILE] [--markdown FILE]

All changes are built at once into a copy under build/mutants and chosen at run time (mutation/places.py),
so that only what was touched is compiled. A first run of every test tells which places it reaches; then
each change runs the tests that reach it, the quickest first, until one fails.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from mutation.places import Place, overlap, places, planted

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutants"
FOLDERS = ("compare", "reference", "model")
ATTEMPTS = 12


def choose(count, seed, folders):
    """`count` places of `folders`, spread over files and kinds, none inside another."""
    listed = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    files = [name for name in listed.stdout.split("\0") if name.endswith((".cpp", ".h"))]
    found = [place for file in files for place in places(ROOT, file)]
    dice = random.Random(seed)
    dice.shuffle(found)
    by_file_kind, chosen = collections.Counter(), collections.defaultdict(list)
    # Rare kinds and files first, so that constants and returns are not drowned by sums.
    found.sort(key=lambda p: by_file_kind.update([(p.file, p.kind)]) or by_file_kind[p.file, p.kind])
    total = 0
    for place in found:
        if total == count:
            break
        if not any(overlap(place, other) for other in chosen[place.file]):
            chosen[place.file].append(place)
            total += 1
    return dict(enumerate(place for group in chosen.values() for place in group))


def copy_tree():
    """The tracked files; those that are as they were keep their time, and are not compiled again."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, COPY / name
        if source.is_file() and (not target.is_file() or source.read_bytes() != target.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def write_sources(chosen):
    include = b'#include "ci/mutation/mutant.h"\n#line 1\n'
    for file in {place.file for place in chosen.values()}:
        here = {number: place for number, place in chosen.items() if place.file == file}
        source = planted((ROOT / file).read_bytes(), here)
        after_pragma = source.partition(b"#pragma once\n")
        if after_pragma[1]:
            line = source[:len(after_pragma[0])].count(b"\n") + 2
            source = after_pragma[0] + after_pragma[1] + include.replace(b"1", str(line).encode()) + after_pragma[2]
        else:
            source = include + source
        if (COPY / file).read_bytes() != source:
            (COPY / file).write_bytes(source)


def build(chosen, jobs):
    """Builds all changes at once. A place that does not compile (a type that knows no minus) is left out."""
    subprocess.run(["cmake", "--preset", "release", "-DCMAKE_CXX_FLAGS=-w", "-DPLUMB_BENCH=OFF",
                    "--log-level=WARNING"], cwd=COPY, check=True)
    for _ in range(ATTEMPTS):
        write_sources(chosen)
        done = subprocess.run(["cmake", "--build", "--preset", "release", f"-j{jobs}", "--", "-k", "0"],
                              cwd=COPY, capture_output=True, text=True)
        if done.returncode == 0:
            return chosen
        lines = {(os.path.relpath(file, COPY), int(line)) for file, line in
                 re.findall(r"^(\S+?):(\d+):\d+: (?:fatal )?error:", done.stdout, re.M)}
        bad = {n for n, p in chosen.items() if any(f == p.file and abs(l - p.line) <= 1 for f, l in lines)}
        # An error elsewhere comes of a header's constant that something else needs as one.
        bad = bad or {n for n, p in chosen.items() if p.file.endswith(".h") and p.kind == "constant"}
        if not bad:
            sys.exit(f"mutate: the planted sources do not build\n{done.stdout[-3000:]}")
        for file in {chosen[n].file for n in bad}:
            shutil.copy(ROOT / file, COPY / file)
        chosen = {n: p for n, p in chosen.items() if n not in bad}
    sys.exit("mutate: the planted sources do not build")


def tests():
    """Name and command of each test but the slow ones."""
    shown = subprocess.run(["ctest", "--preset", "release", "--label-exclude", "slow", "--show-only=json-v1"],
                           cwd=COPY, capture_output=True, text=True, check=True)
    return {test["name"]: test["command"] for test in json.loads(shown.stdout)["tests"] if "command" in test}


def run(command, seconds, **variables):
    """Passed, and how long it took."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=COPY / "build/release", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "TMPDIR": folder, **variables}, start_new_session=True)
        try:
            passed = process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            passed = False
    return passed, time.monotonic() - start


def reach(name, command):
    """Which places a test reaches; None where it does not even pass unchanged."""
    with tempfile.NamedTemporaryFile("r") as log:
        passed, seconds = run(command, 600, PLUMB_MUTANT_LOG=log.name)
        return name, passed, seconds, {int(line) for line in log.read().split()}


def hunt(number, reached_by, commands, seconds):
    """The test that notices a change, or None."""
    for name in sorted(reached_by, key=seconds.get):
        passed, _ = run(commands[name], 20 + 10 * seconds[name], PLUMB_MUTANT=str(number))
        if not passed:
            return number, name
    return number, None


def survey(chosen, jobs):
    """Who notices each change: {number: name of a test or None}, and by how many tests it is reached."""
    commands = tests()
    reached, seconds = collections.defaultdict(set), {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, passed, took, numbers in pool.map(lambda item: reach(*item), commands.items()):
            if not passed:
                print(f"mutate: {name} fails with nothing changed and is left out", file=sys.stderr)
                continue
            seconds[name] = took
            for number in numbers:
                reached[number].add(name)
        noticed = {}
        for number, name in pool.map(lambda n: hunt(n, reached[n], commands, seconds), chosen):
            noticed[number] = name
            print(f"{len(noticed)}/{len(chosen)} {chosen[number].file}:{chosen[number].line} "
                  f"{chosen[number].kind} {name or 'SURVIVED'}", file=sys.stderr, flush=True)
    return noticed, {number: len(names) for number, names in reached.items()}


def markdown(chosen, noticed, reached, reasons):
    by_folder = collections.defaultdict(list)
    for number, place in chosen.items():
        by_folder[str(pathlib.Path(place.file).parent)].append(noticed[number] is not None)
    yield "| folder | planted | noticed |"
    yield "|---|---|---|"
    for folder, seen in sorted(by_folder.items()):
        yield f"| {folder} | {len(seen)} | {sum(seen)} |"
    yield f"| all | {len(chosen)} | {sum(name is not None for name in noticed.values())} |"
    yield ""
    yield "| survivor | change | reached by | why no test sees it |"
    yield "|---|---|---|---|"
    for number, place in chosen.items():
        if noticed[number] is None:
            why = reasons.get(f"{place.file}: {place.before} -> {place.after}", "not explained yet")
            shown = place.shown().replace("|", "\\|")
            yield f"| {place.file}:{place.line} | {shown} | {reached.get(number, 0)} | {why} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--count", type=int, default=220)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", action="append")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--least", type=float, default=0.0, help="ends with 1 where a smaller share is noticed")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path)
    options = parser.parse_args()
    copy_tree()
    # Some places will not compile: a few more are planted than are wanted.
    chosen = build(choose(options.count + options.count // 5, options.seed, options.folder or FOLDERS), options.jobs)
    chosen = dict(list(chosen.items()))
    noticed, reached = survey(chosen, options.jobs)
    reasons = json.loads((ROOT / "ci/mutation/survivors.json").read_text())
    table = "\n".join(markdown(chosen, noticed, reached, reasons)) + "\n"
    if options.markdown:
        options.markdown.write_text(table)
    if options.json:
        options.json.write_text(json.dumps([
            {"file": p.file, "line": p.line, "kind": p.kind, "before": p.before, "after": p.after,
             "noticed_by": noticed[n], "reached_by": reached.get(n, 0)} for n, p in chosen.items()], indent=1))
    print(table)
    share = sum(name is not None for name in noticed.values()) / max(len(noticed), 1)
    return 1 if share < options.least else 0


if __name__ == "__main__":
    sys.exit(main())
