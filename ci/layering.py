#!/usr/bin/env python3
"""Checks the house of docs/design.md: every include goes down and meets a room that the CMakeLists.txt
of its own room uses; inside a room no two units include one another; no code past the families asks
which family a model is of; and a source includes its own header first, which shows that the header
compiles alone. Reads the sources alone; prints FILE:LINE: what is wrong, and ends with 1.

  ci/layering.py [ROOT]

A room is a folder with a CMake target; a unit is a header with its source.
"""

import functools
import pathlib
import re
import sys

TIERS = (  # from below; rooms of one tier do not see each other
    ("base",),
    ("model", "trace", "result"),
    ("graph",),
    ("fixtures", "reference", "candidates/cpu/simd"),
    ("compare/measure", "candidates/cpu/products"),
    ("compare/evidence", "candidates/cpu/call"),
    ("compare/library", "candidates/cpu/ops"),
    ("compare/diagnose", "candidates/cpu/attention", "candidates/cpu/delta"),
    ("compare/power", "candidates/cpu/engine"),
    ("compare/verdict", "candidates"),
    ("reports",),
    ("cli",),
)
TIER = {room: tier for tier, rooms in enumerate(TIERS, 1) for room in rooms}
FOLDERS = sorted({room.split("/")[0] for room in TIER})
ANYTHING = ("tests", "bench", "studies")  # on no tier: they may include all, and nobody them

ANY_INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]*)[">]', re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]((\w+)/[^">]*)[">]')
MODEL_TYPE = re.compile(r'\.model_type\s*=\s*"([^"]+)"')
CONSTANT = re.compile(r'const Family (k\w+)')
TARGET = re.compile(r'(?:plumb_room\((\w+)|add_executable\((plumb)\b)(.*)', re.S)
LINKED = re.compile(r'\bplumb_(\w+)')
COMPARISON = re.compile(r'\bmodel_type\s*[=!]=')


def room_of(path):
    """The room of a file, given by its path or as an include; None where it is in none."""
    parts = pathlib.PurePath(path).parts
    for length in range(len(parts) - 1, 0, -1):
        room = "/".join(parts[:length])
        if room in TIER or room in ANYTHING:
            return room
    return None


def uses(root):
    """What each room may include: those whose targets its own links, and what these link in turn."""
    rooms, links = {}, {}
    for room in TIER:
        script = root / room / "CMakeLists.txt"
        found = TARGET.search(script.read_text()) if script.is_file() else None
        if found:
            rooms[found[1] or found[2]] = room
            links[room] = set(LINKED.findall(found[3]))
    direct = {room: {rooms[n] for n in names if n in rooms} - {room} for room, names in links.items()}
    closed = {}

    def close(room):
        if room not in closed:
            closed[room] = set(direct[room])
            closed[room].update(*(close(below) for below in direct[room] if TIER[below] < TIER[room]))
        return closed[room]

    for room in direct:
        close(room)
    return direct, closed


def link_faults(direct):
    for room, below in sorted(direct.items()):
        for other in sorted(below):
            if TIER[other] >= TIER[room]:
                yield f"{room}/CMakeLists.txt:1: a link goes down: {room}/ is on tier {TIER[room]}, {other}/ on {TIER[other]}"


def refusal(source, target, closed):
    """Why a file of room `source` must not include one of room `target`, or None."""
    if target in ANYTHING:
        return f"nobody includes {target}/"
    if source == target:
        return None
    if TIER[target] >= TIER[source]:
        return f"an include goes down: {source}/ is on tier {TIER[source]}, {target}/ on {TIER[target]}"
    if target not in closed.get(source, ()):
        return f"{source}/ does not use {target}/ (its CMakeLists.txt)"
    return None


def knots(arrows):
    """Each set of units that include one another, by its first arrow; `arrows`: unit to {unit: (file, line)}."""
    def reaches(start, goal):
        seen, stack = set(), [start]
        while stack:
            unit = stack.pop()
            if unit == goal:
                return True
            if unit not in seen:
                seen.add(unit)
                stack.extend(arrows.get(unit, ()))
        return False

    told = set()
    for unit in sorted(arrows):
        for other, (file, line) in sorted(arrows[unit].items()):
            if unit not in told and other not in told and reaches(other, unit):
                told.update((unit, other))
                yield f"{file}:{line}: a knot: {unit} and {other} include one another"


@functools.cache
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
    direct, closed = uses(root)
    yield from link_faults(direct)
    named = re.compile("|".join(f'"{t}"' for t in sorted(types)) or r"(?!)")
    called = re.compile("|".join(rf"\b{c}\b" for c in sorted(constants)) or r"(?!)")
    arrows = {}
    for folder in (*FOLDERS, *ANYTHING):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix not in (".h", ".cpp"):
                continue
            path = file.relative_to(root)
            room = room_of(path)
            if room is None:
                yield f"{path}:1: stands in no room"
                continue
            text = without_comments(file.read_text())
            late = own_header_late(root, path, text)
            if late:
                yield f"{path}:{late}: includes its own header first, so that it compiles alone"
            may_name = folder in ("fixtures", *ANYTHING) or path.parts[:2] == ("model", "families")
            for number, line in enumerate(text.splitlines(), 1):
                include = INCLUDE.match(line)
                target = room_of(include[1]) if include else None
                if target and folder not in ANYTHING:
                    why = refusal(room, target, closed)
                    if why:
                        yield f"{path}:{number}: {why}"
                    unit, other = str(path.with_suffix("")), include[1].rsplit(".", 1)[0]
                    if room == target and unit != other:
                        arrows.setdefault(unit, {}).setdefault(other, (path, number))
                if may_name:
                    continue
                if include and include[1].startswith("model/families/") and not include[1].endswith("/family.h"):
                    yield f"{path}:{number}: only model/families/ includes a family"
                if named.search(line) or called.search(line):
                    yield f"{path}:{number}: names a family; ask the Spec or the Graph instead"
                if COMPARISON.search(line):
                    yield f"{path}:{number}: asks for the model type; ask the Spec or the Graph instead"
    yield from knots(arrows)


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
