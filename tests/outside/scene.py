"""A checkpoint, a right recording of it, and calls of `plumb` on engines outside of it."""

import array
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

PLUMB = os.environ["PLUMB"]
EXAMPLES = os.environ.get("PLUMB_EXAMPLES", "")
VOCABULARY = 131  # of the preset
TOKENS = {"p0": [3, 14, 15, 92, 65, 35, 89, 79, 32], "p1": [38, 46, 26, 43, 38, 32, 79, 50, 28, 84, 19, 71]}


def read_trace(path):
    """The tensors of a safetensors trace: lists of numbers and shapes, and its attributes."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    attributes = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = array.array({"F32": "f", "F64": "d", "I64": "q"}[entry["dtype"]])
        values.frombytes(data[8 + length + begin : 8 + length + end])
        tensors[name] = (values, entry["shape"], entry["dtype"])
    return tensors, attributes


def write_trace(path, tensors, attributes):
    header, data = {"__metadata__": attributes}, b""
    for name, (values, shape, dtype) in tensors.items():
        raw = array.array({"F32": "f", "F64": "d", "I64": "q"}[dtype], values).tobytes()
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


class Scene:
    """Made once; every test gets a folder of its own."""

    folder = pathlib.Path(tempfile.mkdtemp(prefix="plumb-outside-"))
    checkpoint = folder / "ckpt"
    oracle = folder / "oracle.safetensors"  # float64, says which prompts
    right = folder / "right.safetensors"  # of cpu-f32

    @classmethod
    def make(cls):
        if cls.right.exists():
            return
        quietly = dict(check=True, stdout=subprocess.DEVNULL)
        subprocess.run([PLUMB, "synth", "llama", "--seed", "5", "-o", cls.checkpoint,
                        "--set", "num_hidden_layers=2"], **quietly)
        prompts = {"prompts/" + name: (ids, [len(ids)], "I64") for name, ids in TOKENS.items()}
        asked = cls.folder / "prompts.safetensors"
        write_trace(asked, prompts, {"schema": "plumbline.trace/1"})
        for engine, file in (("reference", cls.oracle), ("cpu-f32", cls.right)):
            subprocess.run([PLUMB, "run", cls.checkpoint, "--engine", engine, "--prompts", asked,
                            "--taps", "logits", "--greedy", "8", "-o", file], **quietly)

    @classmethod
    def remove(cls):
        shutil.rmtree(cls.folder, ignore_errors=True)


class Outcome:
    def __init__(self, arguments, env=None, verb="check", judged=True):
        start = time.monotonic()
        words = [PLUMB, verb, str(Scene.checkpoint)]
        if judged:
            words += ["--oracle", str(Scene.oracle), "--greedy", "8"]
        self.run = subprocess.run(
            words + ["--json", "-"] + [str(a) for a in arguments],
            capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})})
        self.seconds = time.monotonic() - start
        self.code, self.err = self.run.returncode, self.run.stderr
        self.result = json.loads(self.run.stdout) if self.run.stdout.strip() else None

    @property
    def verdict(self):
        return self.result and self.result["verdict"]

    @property
    def text(self):
        return self.run.stdout + self.err


def is_refused(test, outcome, *named):
    """Exit 2 and one line that names what is wrong."""
    test.assertEqual(outcome.code, 2, outcome.text)
    test.assertEqual(outcome.run.stdout, "")
    test.assertEqual(outcome.err.count("\n"), 1, outcome.err)
    test.assertTrue(outcome.err.startswith("plumb: "), outcome.err)
    for name in named:
        test.assertIn(name, outcome.err)


def left_behind(mark):
    """The processes whose command line has `mark`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except OSError:
                continue
            if mark in line and state != "Z":
                found.append(line)
    return found


def temporary_folders():
    return {p for p in pathlib.Path(tempfile.gettempdir()).glob("plumb-??????")}
