"""plugin: libraries with the C interface of plumbline/engine.h, right and wrong."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import scene
from scene import Outcome, Scene, is_refused, left_behind

BUILT = pathlib.Path(os.environ["PLUMB_PLUGINS"])  # where the examples and faulty.so are


class PluginTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Scene.make()

    def faulty(self, how, *arguments):
        return Outcome(["--candidate", f"plugin:{BUILT}/faulty.so:{how}", *arguments])

    def test_the_example_in_c_passes(self):
        outcome = Outcome(["--candidate", f"plugin:{BUILT}/example_llama.so"])
        self.assertEqual((outcome.code, outcome.verdict), (0, "PASSED"), outcome.text)
        self.assertEqual(outcome.result["candidate"]["producer"], "examples/llama.c")
        self.assertEqual(outcome.result["tokens"]["greedy_compared"], 16)
        taps = {row["tap"] for row in outcome.result["taps"]}
        self.assertTrue({"layer.0.mixer_out", "layer.1.out", "logits"} <= taps, taps)

    def test_its_state_passes(self):
        outcome = Outcome(["--candidate", f"plugin:{BUILT}/example_llama.so", "--state"])
        self.assertEqual(outcome.verdict, "PASSED", outcome.text)
        runs = {cell["run"] for cell in outcome.result["state"]["cells"]}
        self.assertTrue({"1x9", "5+1x4", "reset"} <= runs, runs)
        self.assertIn("p0@batch", json.dumps(outcome.result["notes"]))

    def test_the_example_in_cpp_makes_its_mistake(self):
        right = Outcome(["--candidate", f"plugin:{BUILT}/example_wrapper.so:{BUILT}/example_llama.so:1"])
        self.assertEqual(right.verdict, "PASSED", right.text)
        wrong = Outcome(["--candidate", f"plugin:{BUILT}/example_wrapper.so:{BUILT}/example_llama.so:1.001"])
        self.assertEqual(wrong.verdict, "FAILED", wrong.text)
        self.assertEqual(wrong.result["first_divergence"]["tap"], "logits")

    def test_what_is_no_plugin(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=Scene.folder))
        (folder / "text.so").write_text("hello")
        is_refused(self, Outcome(["--candidate", "plugin:/no/such.so"]), "/no/such.so", "no file")
        is_refused(self, Outcome(["--candidate", f"plugin:{folder}"]), "no file")
        is_refused(self, Outcome(["--candidate", f"plugin:{folder}/text.so"]), "cannot be loaded")
        is_refused(self, Outcome(["--candidate", f"plugin:{scene.PLUMB}"]), "cannot be loaded")

    def test_failures_are_one_line(self):
        for how, named in (
            ("open fails", ["no kernel for this machine"]),
            ("open fails without a word", ["without a word"]),
            ("open crashes", ["signal 11"]),
            ("run crashes", ["signal 11"]),
            ("run aborts", ["signal 6"]),
            ("run exits", ["no trace"]),
            ("run fails", ["out of memory"]),
            ("close crashes", ["signal 11"]),
            ("no dtype", ["dtype"]),
            ("odd dtype", ["int3"]),
            ("short", ["logits"]),
            ("narrow", ["130"]),
            ("vast", ["logits"]),
            ("negative", ["logits"]),
            ("null", ["logits"]),
            ("rank", ["logits"]),
        ):
            with self.subTest(how):
                is_refused(self, self.faulty(how), "faulty.so", *named)

    def test_wrong_numbers_and_no_numbers(self):
        self.assertEqual(self.faulty("").verdict, "FAILED")
        is_refused(self, self.faulty("no taps"), "faulty.so", "no recorded tap")
        is_refused(self, self.faulty("odd contract"), "contract", "soft")
        skipped = self.faulty("run cannot")
        self.assertEqual((skipped.code, skipped.verdict), (0, "SKIPPED"), skipped.text)

    def test_one_that_hangs_is_ended(self):
        outcome = self.faulty("run hangs", "--timeout", "1")
        is_refused(self, outcome, "longer than 1 s")
        self.assertEqual(left_behind("run hangs"), [])


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        Scene.remove()
