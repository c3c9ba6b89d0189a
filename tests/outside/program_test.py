"""exec: and py: programs that are right, and those that fail in every way that we could think of."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import scene
from scene import Outcome, Scene, is_refused, left_behind, read_trace, temporary_folders, write_trace


class ProgramTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Scene.make()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=Scene.folder))
        self.before = temporary_folders()

    def tearDown(self):
        self.assertEqual(temporary_folders(), self.before, "temporary files remain")

    def engine(self, script):
        """A program in sh: $1 is the request, $2 the trace; `right` writes what cpu-f32 gives."""
        file = self.folder / "engine.sh"
        file.write_text(f'right() {{ cp "{Scene.right}" "$1"; }}\n' + script)
        return f"exec:sh {file}"

    def check(self, script, *arguments):
        return Outcome(["--candidate", self.engine(script), *arguments])

    def test_a_right_one_passes(self):
        outcome = self.check('right "$2"')
        self.assertEqual((outcome.code, outcome.verdict), (0, "PASSED"), outcome.text)
        self.assertEqual(outcome.result["candidate"]["dtype"], "float32")

    def test_words_are_split_as_by_a_shell(self):
        name = self.folder / "a name with 'quotes'.sh"
        name.write_text('[ "$1" = "two words" ] && [ "$2" = \'$HOME\' ] && cp "%s" "$4"' % Scene.right)
        quoted = str(name).replace("'", "\\'").replace(" ", "\\ ")
        outcome = Outcome(["--candidate", f"""exec:sh {quoted} 'two words' "\\$HOME" """])
        self.assertEqual(outcome.verdict, "PASSED", outcome.text)
        is_refused(self, Outcome(["--candidate", "exec:sh 'never ends"]), "'")
        is_refused(self, Outcome(["--candidate", "exec:  "]), "names no program")

    def test_the_request_says_what_is_wanted(self):
        outcome = self.check(f'cp "$1" "{self.folder}/request"; right "$2"', "--dtype", "float32")
        request = json.loads((self.folder / "request").read_text())
        self.assertEqual(outcome.verdict, "PASSED", outcome.text)
        self.assertEqual(request["schema"], "plumbline.request/1")
        self.assertEqual(request["prompts"], scene.TOKENS)
        self.assertEqual(request["runs"], ["p0", "p1"])
        self.assertEqual((request["dtype"], request["greedy"]), ("float32", 8))
        self.assertEqual(request["checkpoint"], str(Scene.checkpoint))
        self.assertIn("layer.*.out", request["taps"])
        self.assertIn("logits", request["taps"])

    def bisected(self, change):
        """What bisect finds where the logits are change(i, value), and the taps that it asked for."""
        tensors, attributes = read_trace(Scene.right)
        for name, (values, _, _) in tensors.items():
            if name.endswith("/logits"):
                for i, value in enumerate(values):
                    values[i] = change(i, value)
        write_trace(self.folder / "wrong", tensors, attributes)
        script = f'cp "$1" "{self.folder}/request.$$"; cp "{self.folder}/wrong" "$2"'
        self.assertEqual(self.check(script).verdict, "FAILED")
        for request in self.folder.glob("request.*"):
            request.unlink()
        bisect = subprocess.run(
            [scene.PLUMB, "bisect", Scene.checkpoint, "--oracle", Scene.oracle, "--greedy", "8",
             "--candidate", self.engine(script), "--json", "-"], capture_output=True, text=True)
        result = json.loads(bisect.stdout)
        self.assertEqual(result["verdict"], "FAILED", bisect.stderr)
        return result, [json.loads(p.read_text())["taps"] for p in self.folder.glob("request.*")]

    def test_bisect_asks_again_for_finer_taps(self):
        result, asked = self.bisected(lambda i, value: value + 0.3 * (i % 7 == 3))
        self.assertEqual(result["diagnosis"], [])
        self.assertEqual(len(asked), 2)
        self.assertIn("layer.1.q_rope", max(asked, key=len))

    def test_bisect_asks_once_where_the_cause_is_found(self):
        result, asked = self.bisected(lambda i, value: 1.01 * value)
        self.assertTrue(result["diagnosis"])
        self.assertEqual(len(asked), 1)

    def test_bisect_needs_the_prompts_that_were_run(self):
        script = f'cp "{Scene.right}" "$2"'
        outcome = Outcome(["--candidate", self.engine(script)], verb="bisect", judged=False)
        is_refused(self, outcome, "prompts/p0")  # the default prompts are others

    def test_runs_in_pieces_are_asked_for_and_may_be_skipped(self):
        refuses = f'cp "$1" "{self.folder}/request.$$"; grep -q @ "$1" && exit 75; right "$2"'
        outcome = self.check(refuses, "--state")
        self.assertEqual(outcome.verdict, "PASSED", outcome.text)
        self.assertIn("SKIPPED", json.dumps(outcome.result["notes"]))
        self.assertEqual({cell["verdict"] for cell in outcome.result["state"]["cells"]}, {"SKIPPED"})
        runs = max((json.loads(p.read_text())["runs"] for p in self.folder.glob("request.*")), key=len)
        self.assertTrue({"p0", "p0@1x9", "p0@batch", "p0@reset", "p1@6+1x6"} <= set(runs), runs)

    def test_one_that_cannot_is_skipped(self):
        outcome = self.check("echo no such kernel >&2; exit 75")
        self.assertEqual((outcome.code, outcome.verdict), (0, "SKIPPED"), outcome.text)
        self.assertIn("no such kernel", json.dumps(outcome.result["reasons"]))

    def test_failures_are_one_line(self):
        half = self.folder / "half"
        half.write_bytes(Scene.right.read_bytes()[:-1000])
        for name, script, named in (
            ("exit", "echo first >&2; echo the cause >&2; exit 3", ["exit code 3", "the cause"]),
            ("a signal", "kill -SEGV $$", ["signal 11"]),
            ("no trace", "echo done", ["no trace", "done"]),
            ("an empty trace", ': > "$2"', ["cannot be read"]),
            ("half a trace", f'cp {half} "$2"', ["cannot be read"]),
            ("no trace at all", 'echo "I am no trace" > "$2"', ["cannot be read"]),
            ("a folder", 'mkdir "$2"', ["cannot be read"]),
            ("a device", 'ln -s /dev/zero "$2"', ["cannot be read"]),
            ("a flood of words", "yes | head -c 100000000; exit 1", ["exit code 1"]),
            ("no words of this world", "printf '\\377\\033[31m\\n' >&2; exit 4", ["exit code 4"]),
        ):
            with self.subTest(name):
                is_refused(self, self.check(script), "exec:sh", *named)

    def test_programs_that_cannot_be_started(self):
        is_refused(self, Outcome(["--candidate", "exec:/no/such/engine"]), "/no/such/engine", "No such file")
        is_refused(self, Outcome(["--candidate", f"exec:{self.folder}"]), "Permission denied")
        is_refused(self, Outcome(["--candidate", "py:no_such_module_anywhere"]), "no_such_module_anywhere")
        is_refused(self, Outcome(["--candidate", "py:no.such.module"]), "no.such.module")

    def test_traces_that_are_wrong(self):
        def changed(name, change):
            tensors, attributes = read_trace(Scene.right)
            change(tensors, attributes)
            write_trace(self.folder / name, tensors, attributes)
            return self.check(f'cp "{self.folder}/{name}" "$2"')

        def other_tokens(tensors, _):
            tensors["prompts/p0"][0][3] = 7

        def narrow(tensors, _):
            values, shape, dtype = tensors["float32/p0/logits"]
            tensors["float32/p0/logits"] = (values[: shape[0] * (shape[1] - 1)], [shape[0], shape[1] - 1], dtype)

        def several(tensors, _):
            tensors["bfloat16/p0/logits"] = tensors["float32/p0/logits"]

        is_refused(self, changed("tokens", other_tokens), "prompts/p0", "other tokens")
        is_refused(self, changed("prompt", lambda t, _: t.pop("prompts/p1")), "prompts/p1")
        is_refused(self, changed("narrow", narrow), "logits", "130")
        is_refused(self, changed("several", several), "float32", "bfloat16")
        is_refused(self, changed("sha", lambda _, a: a.update(checkpoint_sha256="ab")), "checkpoint_sha256")
        is_refused(self, changed("schema", lambda _, a: a.pop("schema")), "schema")
        is_refused(self, changed("contract", lambda _, a: a.update(contract="soft")), "soft")

    def test_a_nan_is_a_verdict(self):
        tensors, attributes = read_trace(Scene.right)
        tensors["float32/p0/logits"][0][5] = float("nan")
        write_trace(self.folder / "nan", tensors, attributes)
        outcome = self.check(f'cp "{self.folder}/nan" "$2"')
        self.assertEqual((outcome.code, outcome.verdict), (1, "FAILED"), outcome.text)

    def test_time_is_limited_and_children_end(self):
        for name, script in (
            ("it hangs", "sleep 7171"),
            ("a child hangs", "sleep 7171 & wait"),
            ("one that has left the group", "setsid sleep 7171 & sleep 7171"),
            ("one that hears nothing", "trap '' TERM; sleep 7171 & while :; do wait; done"),
            ("one that prints for ever", "sleep 7171 & while :; do echo again; done"),
        ):
            with self.subTest(name):
                outcome = self.check(script, "--timeout", "1")
                is_refused(self, outcome, "longer than 1 s", "--timeout")
                self.assertLess(outcome.seconds, 15)
                self.assertEqual(left_behind("sleep 7171"), [])

    def test_what_a_right_one_leaves_running_ends(self):
        outcome = self.check('setsid sleep 7272 & sleep 7272 & right "$2"')
        self.assertEqual(outcome.verdict, "PASSED", outcome.text)
        self.assertEqual(left_behind("sleep 7272"), [])

    def test_an_interrupt_leaves_nothing(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            plumb = subprocess.Popen([scene.PLUMB, "check", Scene.checkpoint, "--candidate",
                                      self.engine(f"touch {self.folder}/started; sleep 7373")],
                                     stderr=subprocess.PIPE)
            for _ in range(600):
                if (self.folder / "started").exists():
                    break
                time.sleep(0.1)
            plumb.send_signal(number)
            plumb.communicate(timeout=30)
            self.assertEqual(plumb.returncode, -number)
            self.assertEqual(left_behind("sleep 7373"), [])
            self.assertEqual(temporary_folders(), self.before)
            (self.folder / "started").unlink()

    def test_python_modules(self):
        (self.folder / "my_engine.py").write_text(
            f"import shutil, sys\nshutil.copy({str(Scene.right)!r}, sys.argv[2])\n")
        (self.folder / "package").mkdir()
        (self.folder / "package" / "engine.py").write_text((self.folder / "my_engine.py").read_text())
        for module in ("py:my_engine", "py:package.engine"):
            outcome = Outcome(["--candidate", module], env={"PYTHONPATH": str(self.folder)})
            self.assertEqual(outcome.verdict, "PASSED", outcome.text)


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        Scene.remove()
