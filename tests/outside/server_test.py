"""http://: servers of every dialect that are right, and those that lie, stall and fall over."""

import json
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import scene
from scene import Outcome, Scene, is_refused
from server import Server

DIALECTS = ("vllm", "openai", "llama.cpp", "sglang", "tgi")
TEXT = ("openai", "tgi")  # that name tokens by text


class ServerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        Scene.make()
        vocabulary = {f"t{i}": i for i in range(scene.VOCABULARY)}
        tokenizer = {"model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "t0"}}
        (Scene.checkpoint / "tokenizer.json").write_text(json.dumps(tokenizer))

    def check(self, server, *arguments, env=None):
        return Outcome(["--candidate", server.address, "--dtype", "float32", *arguments], env=env)

    def test_each_dialect_passes_and_is_found(self):
        for dialect in DIALECTS:
            with self.subTest(dialect), Server(Scene.right, dialect) as server:
                outcome = self.check(server)
                self.assertEqual((outcome.code, outcome.verdict), (0, "PASSED"), outcome.text)
                self.assertIn(f"{dialect} server", outcome.result["candidate"]["producer"])
                self.assertIn("logprobs", {row["tap"] for row in outcome.result["taps"]})
                self.assertEqual(outcome.result["tokens"]["compared"], 21)
                self.assertEqual(outcome.result["tokens"]["greedy_compared"], 16)
                self.assertIn(f"asked as {dialect}", json.dumps(outcome.result["notes"]))

    def test_prompts_go_as_ids(self):
        for dialect in ("vllm", "openai", "llama.cpp"):
            with Server(Scene.right, dialect) as server:
                self.check(server, "--dialect", dialect)
                for _, body, _ in server.asked:
                    self.assertTrue(all(isinstance(i, int) for i in body["prompt"]))

    def test_a_wrong_engine_fails(self):
        for dialect in DIALECTS:
            with self.subTest(dialect), Server(Scene.right, dialect, "wrong") as server:
                outcome = self.check(server)
                self.assertEqual((outcome.code, outcome.verdict), (1, "FAILED"), outcome.text)
                self.assertEqual(outcome.result["first_divergence"]["tap"], "logprobs")

    def test_a_list_with_a_hole_fails(self):
        with Server(Scene.right, "llama.cpp", "skips") as server:
            outcome = self.check(server, "--top-logprobs", "20")
            self.assertEqual(outcome.verdict, "FAILED", outcome.text)
            self.assertIn("is not listed", json.dumps(outcome.result["reasons"]))

    def test_fewer_tokens_are_granted(self):
        for dialect, limit in (("vllm", 20), ("openai", 5), ("sglang", 20), ("tgi", 5)):
            with self.subTest(dialect), Server(Scene.right, dialect, limit=limit) as server:
                outcome = self.check(server)
                self.assertNotEqual(outcome.verdict, "FAILED", outcome.text)
                self.assertIn(f"{limit} are granted", json.dumps(outcome.result["notes"]))

    def test_digits_are_seen(self):
        with Server(Scene.right, "vllm", "four digits") as server:
            outcome = self.check(server)
            self.assertNotEqual(outcome.verdict, "FAILED", outcome.text)
            self.assertIn("steps of 0.0001", json.dumps(outcome.result["notes"]))

    def test_raw_logits_are_taken_as_such(self):
        with Server(Scene.right, "vllm", "raw") as server:
            outcome = self.check(server, "--top-logprobs", str(scene.VOCABULARY))
            self.assertEqual(outcome.verdict, "PASSED", outcome.text)
            self.assertIn("logits", {row["tap"] for row in outcome.result["taps"]})
            is_refused(self, self.check(server, "--top-logprobs", "20"), "above 0", "--logprobs-mode")

    def test_no_echo_is_a_sweep(self):
        with Server(Scene.right, "openai", "no echo") as server:
            outcome = self.check(server)
            self.assertEqual(outcome.verdict, "PASSED", outcome.text)
            self.assertIn("a request of its own", json.dumps(outcome.result["notes"]))

    def test_a_busy_server_is_asked_again(self):
        with Server(Scene.right, "vllm", "busy") as server:
            self.assertEqual(self.check(server).verdict, "PASSED")

    def test_the_key_is_sent_and_not_shown(self):
        with Server(Scene.right, "vllm", key="s3cret") as server:
            outcome = self.check(server, env={"PLUMB_API_KEY": "s3cret"})
            self.assertEqual(outcome.verdict, "PASSED", outcome.text)
            self.assertNotIn("s3cret", outcome.text)
            outcome = self.check(server, env={"PLUMB_API_KEY": "an0ther"})
            is_refused(self, outcome, "401", "PLUMB_API_KEY")
            self.assertNotIn("an0ther", outcome.text)

    def test_several_models_have_to_be_told_apart(self):
        with Server(Scene.right, "vllm", "several") as server:
            is_refused(self, self.check(server), "--served-model", "m, n")
            self.assertEqual(self.check(server, "--served-model", "m").verdict, "PASSED")
            self.assertTrue(all(body["model"] == "m" for _, body, _ in server.asked))

    def test_the_precision_is_the_config_s_or_asked_for(self):
        with Server(Scene.right, "vllm") as server:
            outcome = Outcome(["--candidate", server.address])
            self.assertIn("as the config states", json.dumps(outcome.result["notes"]))

    def test_pieces_are_skipped(self):
        with Server(Scene.right, "vllm") as server:
            outcome = self.check(server, "--state")
            self.assertEqual(outcome.verdict, "PASSED", outcome.text)
            self.assertIn("SKIPPED", json.dumps(outcome.result["notes"]))

    def test_lies_are_one_line(self):
        for lie, dialect, named in (
            ("not json", "vllm", ["JSON"]),
            ("empty", "vllm", ["JSON"]),
            ("nested", "vllm", ["JSON"]),
            ("nan", "vllm", ["JSON"]),
            ("null", "vllm", ["no number"]),
            ("nan", "llama.cpp", ["JSON"]),
            ("null", "llama.cpp", ["no number"]),
            ("half", "vllm", ["no whole answer"]),
            ("half", "llama.cpp", ["no whole answer"]),
            ("other ids", "llama.cpp", ["logprob_ids"]),
            ("other ids", "sglang", ["logprob_ids"]),
            ("other ids", "vllm", ["own token"]),
            ("not its own", "vllm", ["own token"]),
            ("short", "vllm", ["entries"]),
            ("adds a token", "vllm", ["has read"]),
            ("adds a token", "openai", ["has read"]),
            ("adds a token", "llama.cpp", ["has read"]),
            ("adds a token", "sglang", ["has read"]),
            ("adds a token", "tgi", ["has read"]),
            ("names", "openai", ["tokenizer.json"]),
            ("hot", "vllm", ["temperature"]),
            ("hot", "llama.cpp", ["temperature"]),
            ("gigantic", "vllm", ["256 MiB"]),
        ):
            with self.subTest(lie, dialect=dialect), Server(Scene.right, dialect, lie) as server:
                limit = ["--top-logprobs", "10"] if lie == "not its own" else []
                outcome = self.check(server, "--timeout", "60", "--dialect", dialect, *limit)
                is_refused(self, outcome, *named)

    def test_a_redirect_is_named(self):
        with Server(Scene.right, "vllm", "redirects") as server:
            is_refused(self, self.check(server), "redirects to http://127.0.0.1:1/elsewhere")

    def test_a_server_that_is_down(self):
        with Server(Scene.right, "vllm", "down") as server:
            is_refused(self, self.check(server), "503", "out of memory")
        is_refused(self, Outcome(["--candidate", "http://127.0.0.1:1"]), "no whole answer")
        is_refused(self, Outcome(["--candidate", "http://no.such.host.invalid"]), "no whole answer")
        is_refused(self, Outcome(["--candidate", "http://"]), "no address")
        is_refused(self, Outcome(["--candidate", "http://me:pass@127.0.0.1:1"]), "PLUMB_API_KEY")

    def test_time_is_limited(self):
        for lie in ("hangs", "drips"):
            with self.subTest(lie), Server(Scene.right, "vllm", lie) as server:
                outcome = self.check(server, "--timeout", "2")
                is_refused(self, outcome, "in time", "--timeout")
                self.assertLess(outcome.seconds, 15)

    def test_certificates_are_verified(self):
        if shutil.which("openssl") is None:
            self.skipTest("no openssl to make a certificate with")
        folder = pathlib.Path(tempfile.mkdtemp(dir=Scene.folder))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
                        folder / "key", "-out", folder / "cert", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert", folder / "key")
        with Server(Scene.right, "vllm") as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            address = server.address.replace("http:", "https:")
            is_refused(self, Outcome(["--candidate", address, "--dtype", "float32"]), "certificate")


if __name__ == "__main__":
    try:
        unittest.main()
    finally:
        Scene.remove()
