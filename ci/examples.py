#!/usr/bin/env python3
"""Runs the worked example of README.md and compares what it prints with what stands there.

  ci/examples.py           numbers may differ by a factor of two: another machine rounds otherwise
  ci/examples.py --write   puts what was printed into README.md

Wants build/release/plumb, and the environment of ci/record.sh.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PLUMB = ROOT / "build" / "release" / "plumb"
PYTHON = ROOT / "build" / "venv" / "bin" / "python"

SECTION = re.compile(r"^## A worked example\n.*?(?=^## )", re.M | re.S)
SCRIPT = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
FAULT = re.compile(r"`(model\.model\.layers\S* \*= \S+)`")
OUTPUT = re.compile(r"^```\n\$ build/release/(plumb check [^\n]*)\n(.*?)^```", re.M | re.S)
NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.]*\w)")


def run(command, folder, codes=(0,)):
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if ran.returncode not in codes:
        sys.exit(f"examples: {' '.join(map(str, command))} ended with {ran.returncode}: {ran.stderr.strip()}")
    return ran.stdout


def printed(section, folder):
    """What the calls of the section print, in a folder of their own that stands for /tmp."""
    here = lambda text: text.replace("/tmp/", f"{folder}/")
    script = SCRIPT.search(section)[1]
    loaded, rest = script.split("\ntokens", 1)
    broken = loaded + "\n" + FAULT.search(section)[1] + "\ntokens" + rest
    run([PLUMB, "synth", "qwen3", "--seed", "7", "-o", f"{folder}/qwen3"], folder)
    outputs = []
    for call, source in zip(OUTPUT.finditer(section), (script, broken), strict=True):
        run([PYTHON, "-c", here(source)], folder)
        words = here(call[1]).split()[1:]
        text = run([PLUMB, *words], folder, codes=(0, 1))
        padding = " " * (len(folder) - len("/tmp"))  # of the table's column
        outputs.append(text.replace(f"{folder}/", "/tmp/").replace("candidate" + padding, "candidate", 1))
    return outputs


def without_padding(text):
    return re.sub(r" +", " ", text)


def differs(stated, now):
    """Whether texts differ in more than numbers, or these by more than a factor of two."""
    if NUMBER.sub("#", without_padding(stated)) != NUMBER.sub("#", without_padding(now)):
        return True
    pairs = zip(map(float, NUMBER.findall(stated)), map(float, NUMBER.findall(now)))
    return any(a != b and not 0.5 <= (a / b if b else 0.0) <= 2.0 for a, b in pairs)


def main():
    text = README.read_text()
    section = SECTION.search(text)[0]
    with tempfile.TemporaryDirectory() as folder:
        now = printed(section, folder)
    stated = [match[2] for match in OUTPUT.finditer(section)]
    if sys.argv[1:] == ["--write"]:
        for before, after in zip(stated, now):
            text = text.replace(before, after)
        README.write_text(text)
        return 0
    wrong = [(before, after) for before, after in zip(stated, now) if differs(before, after)]
    for before, after in wrong:
        print(f"examples: README.md has\n{before}now it is\n{after}", end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
