#!/usr/bin/env python3
"""The layering check passes on the tree and fails on every arrow that is planted in a copy of it."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDERS = ("base", "model", "trace", "graph", "fixtures", "reference", "candidates", "compare",
           "result", "reports", "cli", "tests", "bench", "studies")

# A file of the copy, a line planted in it, and a word of the complaint.
FORBIDDEN = [
    ("base/json.h", '#include "model/spec.h"', "goes down"),
    ("base/json.cpp", '  #  include "cli/common.h"', "goes down"),
    ("base/json.cpp", "#include <graph/graph.h>", "goes down"),
    ("model/spec.h", '#include "trace/tap.h"', "goes down"),
    ("trace/tap.h", '#include "model/spec.h"', "goes down"),
    ("graph/graph.h", '#include "fixtures/synth.h"', "goes down"),
    ("graph/graph.h", '#include "reference/run.h"', "goes down"),
    ("reference/run.h", '#include "candidates/candidate.h"', "goes down"),
    ("candidates/planted.h", '#include "reference/run.h"', "does not use reference/"),
    ("candidates/cpu/simd/planted.h", '#include "compare/measure/gates.h"', "goes down"),
    ("candidates/cpu/planted.h", '#include "result/result.h"', "does not use result/"),
    ("result/result.h", '#include "trace/tap.h"', "goes down"),
    ("compare/measure/gates.h", '#include "candidates/candidate.h"', "goes down"),
    ("compare/measure/gates.h", '#include "compare/evidence/truth.h"', "goes down"),
    ("compare/library/fault.h", '#include "compare/diagnose/trial.h"', "goes down"),
    ("compare/diagnose/trial.h", '#include "compare/power/power.h"', "goes down"),
    ("compare/power/power.h", '#include "compare/verdict/judge.h"', "goes down"),
    ("compare/verdict/judge.h", '#include "candidates/candidate.h"', "goes down"),
    ("compare/verdict/judge.h", '#include "fixtures/synth.h"', "does not use fixtures/"),
    ("compare/verdict/judge.h", '#include "reports/report.h"', "goes down"),
    ("compare/planted.h", "", "stands in no room"),
    ("reports/planted.h", '#include "graph/graph.h"', "does not use graph/"),
    ("reports/planted.h", '#include "compare/verdict/judge.h"', "does not use compare/verdict/"),
    ("reports/planted.h", '#include "cli/common.h"', "goes down"),
    ("cli/common.h", '#include "tests/support/files.h"', "nobody"),
    ("model/model.cpp", '#include "model/families/gemma_parts.h"', "only model/families/"),
    ("graph/builder.cpp", 'const bool odd = spec.name == "llama";', "names a family"),
    ("reference/run.cpp", "const auto& odd = model::kLlama;", "names a family"),
    ("result/result.cpp", "if (spec.model_type == x) return;", "asks for the model type"),
]
ALLOWED = [
    ("fixtures/synth.h", '#include "graph/graph.h"'),
    ("fixtures/presets.cpp", 'const auto odd = "llama";'),
    ("model/families/llama.cpp", '#include "model/families/gemma_parts.h"'),
    ("compare/measure/gates.h", '#include "reference/run.h"'),
    ("compare/measure/bits.h", '#include "compare/measure/gates.h"'),
    ("compare/verdict/judge.h", '#include "compare/measure/gates.h"'),
    ("compare/verdict/judge.h", '#include "model/spec.h"'),
    ("reports/planted.h", '#include "result/result.h"'),
    ("reports/planted.h", '#include "base/json.h"'),
    ("cli/common.h", '#include "candidates/candidate.h"'),
    ("tests/planted.h", '#include "cli/common.h"'),
    ("bench/planted.cpp", 'const auto odd = "llama";'),
    ("base/json.h", '// once: #include "model/spec.h"'),
    ("base/json.h", '/* "llama"\n#include "model/spec.h" */'),
    ("graph/builder.cpp", "// as in Llama, kLlama"),
    ("graph/builder.cpp", 'const auto odd = "llama3";'),
    ("base/json.cpp", "#include <cstdint>"),
]


SCRIPT = ROOT / "ci/layering.py"
_spec = importlib.util.spec_from_file_location("layering", SCRIPT)
layering = importlib.util.module_from_spec(_spec)
sys.dont_write_bytecode = True
_spec.loader.exec_module(layering)


def check(root):
    return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)


class LayeringTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.copy = pathlib.Path(self._folder.name)
        for folder in FOLDERS:
            if (ROOT / folder).is_dir():
                shutil.copytree(ROOT / folder, self.copy / folder,
                                ignore=lambda _, names: [n for n in names if n == "goldens"])

    def plant(self, file, line):
        path = self.copy / file
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((before or "#pragma once\n") + line + "\n")
        found = list(layering.faults(self.copy))
        path.write_text(before) if before is not None else path.unlink()
        return found

    def test_tree_is_clean(self):
        run = check(ROOT)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))

    def test_planted_include_fails_the_check(self):
        path = self.copy / "base/json.h"
        path.write_text(path.read_text() + '#include "cli/common.h"\n')
        run = check(self.copy)
        self.assertEqual(run.returncode, 1)
        self.assertIn("base/json.h:", run.stdout)

    def test_own_header_comes_first(self):
        path = self.copy / "base/json.cpp"
        path.write_text("// what it is\n#include <vector>\n" + path.read_text())
        found = list(layering.faults(self.copy))
        self.assertEqual(len(found), 1, found)
        self.assertIn("base/json.cpp:2: includes its own header first", found[0])

    def test_forbidden_lines_are_found(self):
        for file, line, word in FORBIDDEN:
            with self.subTest(file=file, line=line):
                found = self.plant(file, line)
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{file}:"), found)
                self.assertIn(word, found[0])

    def test_allowed_lines_pass(self):
        for file, line in ALLOWED:
            with self.subTest(file=file, line=line):
                self.assertEqual(self.plant(file, line), [])

    def test_knot_inside_a_room_is_found(self):
        for lower, upper in (("gates", "bits"), ("statistics", "recognise")):
            with self.subTest(lower=lower, upper=upper):
                found = self.plant(f"compare/measure/{lower}.h", f'#include "compare/measure/{upper}.h"')
                self.assertEqual(len(found), 1, found)
                self.assertIn("a knot: ", found[0])
                self.assertIn(f"compare/measure/{upper}", found[0])

    def test_link_that_goes_up_is_found(self):
        script = self.copy / "compare/measure/CMakeLists.txt"
        script.write_text(script.read_text().replace("plumb_reference", "plumb_reference plumb_verdict"))
        found = list(layering.faults(self.copy))
        self.assertEqual(len(found), 1, found)
        self.assertIn("compare/measure/CMakeLists.txt:1: a link goes down", found[0])

    def test_who_does_not_know_whom(self):
        _, closed = layering.uses(ROOT)
        self.assertEqual(closed["reports"], {"base", "result"})
        self.assertNotIn("reference", closed["candidates"])
        self.assertNotIn("candidates", closed["compare/verdict"])

    def test_what_is_no_checkout_is_refused(self):
        with tempfile.TemporaryDirectory() as empty:
            self.assertNotEqual(check(empty).returncode, 0)


if __name__ == "__main__":
    unittest.main()
