#!/usr/bin/env python3
"""The config keys that transformers' model code reads, from its sources.

  ci/transformers_keys.py            writes model/transformers_keys.inc, tests/model/family_keys.inc
  ci/transformers_keys.py --check    compares, and fails where they differ

A key that stands in neither an attribute, a getattr, a dict's look-up nor an attribute_map of these
sources cannot change what a model computes. Beside a key stands the one default, if it is no null,
false or 0, that all config classes with that key share, and "!" where false or 0 is no neutral
value: some class has another real number for its default, or the code that models share takes true
where the key is absent.
"""

import argparse
import ast
import collections
import importlib.metadata
import importlib.util
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "model/transformers_keys.inc"
FAMILIES = ROOT / "tests/model/family_keys.inc"
SHARED = ("modeling_*.py", "masking_utils.py", "activations.py", "cache_utils.py",
          "configuration_utils.py", "core_model_loading.py", "conversion_mapping.py",
          "fusion_mapping.py", "pytorch_utils.py", "integrations/**/*.py", "quantizers/*.py")
OF_MODELS = ("modeling_*.py", "configuration_*.py")
HOLDER = re.compile(r"(config|cfg)$")
DICT = re.compile(r"(config|cfg|rope_parameters|rope_scaling)$")
DICT_OF_CONFIGS = re.compile(DICT.pattern + r"|(kwargs|params|_dict)$")
WIDTH = 96


def last_name(node):
    """b of a.b, a.b() and b."""
    if isinstance(node, ast.Call):
        return last_name(node.func)
    return getattr(node, "attr", getattr(node, "id", ""))


def text_of(node):
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


class Keys(ast.NodeVisitor):
    """What one file reads of configs, and the defaults of the fields that its config classes have."""

    def __init__(self, file):
        self.read, self.defaults, self.true_if_absent = set(), collections.defaultdict(set), set()
        self.of_configs = "configuration" in file.name or file.name == "modeling_rope_utils.py"
        self.dict = DICT_OF_CONFIGS if self.of_configs else DICT
        self.classes = 0
        self.visit(ast.parse(file.read_text()))

    def is_config(self, node):
        name = last_name(node)
        return bool(HOLDER.search(name)) or (self.of_configs and self.classes > 0 and name == "self")

    def visit_ClassDef(self, node):
        self.classes += 1
        for item in node.body if self.of_configs else ():
            if isinstance(item, ast.AnnAssign) and item.value is not None:
                self.add_default(item.target.id, item.value)
        self.generic_visit(node)
        self.classes -= 1

    def add_default(self, key, value):
        if isinstance(value, ast.Call):  # interval(min=0.0)(default=0.02)
            value = next((word.value for word in value.keywords if word.arg == "default"), value)
        try:
            self.defaults[key].add(json.dumps(ast.literal_eval(value)))
        except (ValueError, TypeError):
            self.defaults[key].add("?")

    def visit_Attribute(self, node):
        if isinstance(node.ctx, ast.Load) and self.is_config(node.value):
            self.read.add(node.attr)
        self.generic_visit(node)

    def visit_Call(self, node):
        named = node.args[1] if len(node.args) > 1 else None
        if last_name(node.func) in ("getattr", "hasattr") and text_of(named):
            if self.is_config(node.args[0]):
                self.read.add(text_of(named))
                if isinstance(node.args[-1], ast.Constant) and node.args[-1].value is True:
                    self.true_if_absent.add(text_of(named))
        if isinstance(node.func, ast.Attribute):
            looks_up = node.func.attr in ("get", "pop", "setdefault") and node.args
            if looks_up and text_of(node.args[0]) and self.dict.search(last_name(node.func.value)):
                self.read.add(text_of(node.args[0]))
            for part in [node.func.value, *node.args, *(word.value for word in node.keywords)]:
                self.visit(part)  # the method itself is no key
        else:
            self.generic_visit(node)

    def visit_Subscript(self, node):
        if isinstance(node.ctx, ast.Load) and self.dict.search(last_name(node.value)):
            self.read.add(text_of(node.slice))
        self.generic_visit(node)

    def visit_Compare(self, node):
        if isinstance(node.ops[0], (ast.In, ast.NotIn)) and self.dict.search(last_name(node.comparators[0])):
            self.read.add(text_of(node.left))
        self.generic_visit(node)

    def visit_Assign(self, node):
        self.add_map([last_name(target) for target in node.targets], node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node):
        self.add_map([last_name(node.target)], node.value)
        self.generic_visit(node)

    def add_map(self, names, value):
        if "attribute_map" in names and isinstance(value, ast.Dict):
            self.read.update(map(text_of, value.keys + value.values))


def is_key(name):
    return name is not None and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and not name.startswith("__")


def entry_of(key, defaults, true_if_absent):
    """key, key=default, key! or key!=default."""
    never_zero = true_if_absent or any("." in text and json.loads(text) != 0 for text in defaults
                     if re.fullmatch(r"-?[0-9.e-]+", text))
    usual = next(iter(defaults)) if len(defaults) == 1 else ""
    plain = re.fullmatch(r'-?[0-9.e-]+|true|"[a-z0-9_]+"', usual) and float(
        usual if usual[0] in "-0123456789" else 1) != 0
    return key + ("!" if never_zero else "") + ("=" + usual if plain else "")


def raw_text(title, words):
    lines, line = [], ""
    for word in words:
        if line and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    return title + 'R"keys(\n' + "\n".join(lines + [line]) + '\n)keys"'


def supported_families():
    source = "".join(file.read_text() for file in (ROOT / "model/families").glob("*.cpp"))
    return sorted(re.findall(r'\.model_type = "([a-z0-9_]+)"', source))


def folder_of(family, models):
    for name in (family, family.removesuffix("_text")):
        if name in models:
            return name
    return None


def generate():
    package = pathlib.Path(importlib.util.find_spec("transformers").origin).parent
    shared, defaults, true_if_absent = set(), collections.defaultdict(set), set()
    models = collections.defaultdict(set)
    for files, of_model in ((SHARED, False), (["models/*/" + name for name in OF_MODELS], True)):
        for file in sorted({file for glob in files for file in package.glob(glob)}):
            keys = Keys(file)
            (models[file.parent.name] if of_model else shared).update(filter(is_key, keys.read))
            if not of_model:
                true_if_absent |= keys.true_if_absent
            for key, values in keys.defaults.items():
                defaults[key] |= values
    version = importlib.metadata.version("transformers")
    head = f"// Written by ci/transformers_keys.py from transformers {version}.\n"
    every = sorted(shared.union(*models.values()))
    table = head + raw_text("", [entry_of(key, defaults[key], key in true_if_absent)
                                 for key in every]) + "\n"
    rows = [raw_text(f'{{"{family}", ', sorted(models[folder])) + "},"
            for family in supported_families() if (folder := folder_of(family, models))]
    return {TABLE: table, FAMILIES: head + "\n".join(rows) + "\n"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = [file for file, text in generate().items()
             if not file.exists() or file.read_text() != text]
    if check and stale:
        sys.exit("".join(f"{file.relative_to(ROOT)} is not what the sources say; run {sys.argv[0]}\n"
                         for file in stale))
    if not check:
        for file, text in generate().items():
            file.write_text(text)


main()
