#!/usr/bin/env python3
"""Checks the house of docs/design.md: every include goes down, no code past the families asks which
family a model is of, and a source includes its own header first, which shows that the header compiles
alone. Reads the sources alone; prints FILE:LINE: what is wrong, and ends with 1.

  ci/layering.py [ROOT]
"""

import pathlib
import re
import sys

FLOORS = {
    "base": 1,
    "model": 2, "trace": 2,
    "graph": 3, "fixtures": 3,
    "reference": 4, "candidates": 4,
    "compare": 5,
    "reports": 6,
    "cli": 7,
}
ANYTHING = ("tests", "bench", "fuzz")  # on no floor: they may include all, and nobody them

ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]*)[">]', re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]((\w+)/[^">]*)[">]')
MODEL_TYPE = re.compile(r'\.model_type\s*=\s*"([^"]+)"')
CONSTANT = re.compile(r'const Family (k\w+)')
COMPARISON = re.compile(r'\bmodel_type\s*[=!]=')


def refusal(source, target, header):
    """Why a file of folder `source` must not include `header` of folder `target`, or None."""
    if target in ANYTHING:
        return f"nobody includes {target}/"
    if source == target:
        return None
    if source == "reports":  # depends on results alone, so that a report can be made anywhere
        allowed = target == "base" or header == "compare/result.h"
        return None if allowed else "reports/ includes base/ and compare/result.h alone"
    if (source, target) == ("compare", "candidates"):
        return "compare/ sees a candidate as a source of traces (trace/recording.h)"
    if (source, target) == ("fixtures", "graph"):  # its neighbour: gains follow from the graph
        return None
    if FLOORS[target] >= FLOORS[source]:
        return f"an include goes down: {source}/ is on floor {FLOORS[source]}, {target}/ on {FLOORS[target]}"
    return None


def without_comments(text):
    """The text with comments blanked, line for line; strings are kept."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.S)
    keep = lambda m: m.group() if m.group()[0] == '"' else re.sub(r"[^\n]", " ", m.group())
    return pattern.sub(keep, text)


def families(root):
    """What names a family: the model types, and the constants of the registry."""
    types, constants = set(), set()
    for file in (root / "model" / "families").glob("*.cpp"):
        types.update(MODEL_TYPE.findall(file.read_text()))
        constants.update(CONSTANT.findall(file.read_text()))
    return types, constants


def own_header_late(root, path, text):
    """The line of the first include, where it is not the source's own header; else None."""
    own = path.with_suffix(".h")
    first = ANY_INCLUDE.search(text)
    if path.suffix != ".cpp" or not (root / own).is_file() or not first or first[1] == str(own):
        return None
    return text.count("\n", 0, first.start(1)) + 1


def faults(root):
    types, constants = families(root)
    named = re.compile("|".join(f'"{t}"' for t in sorted(types)) or r"(?!)")
    called = re.compile("|".join(rf"\b{c}\b" for c in sorted(constants)) or r"(?!)")
    for folder in (*FLOORS, *ANYTHING):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cpp"):
                continue
            path = file.relative_to(root)
            text = without_comments(file.read_text())
            late = own_header_late(root, path, text)
            if late:
                yield f"{path}:{late}: includes its own header first, so that it compiles alone"
            may_name = folder in ("fixtures", *ANYTHING) or path.parts[:2] == ("model", "families")
            for number, line in enumerate(text.splitlines(), 1):
                include = INCLUDE.match(line)
                if include and folder in FLOORS and include[2] in (*FLOORS, *ANYTHING):
                    why = refusal(folder, include[2], include[1])
                    if why:
                        yield f"{path}:{number}: {why}"
                if may_name:
                    continue
                if include and include[1].startswith("model/families/") and not include[1].endswith("/family.h"):
                    yield f"{path}:{number}: only model/families/ includes a family"
                if named.search(line) or called.search(line):
                    yield f"{path}:{number}: names a family; ask the Spec or the Graph instead"
                if COMPARISON.search(line):
                    yield f"{path}:{number}: asks for the model type; ask the Spec or the Graph instead"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    root = root if root.is_dir() else root.parent.parent
    missing = [folder for folder in ("base", "model/families", "cli") if not (root / folder).is_dir()]
    if missing:
        sys.exit(f"layering: {root} is no checkout: it has no {missing[0]}/")
    found = list(faults(root))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
