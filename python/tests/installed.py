"""Run with an installed wheel alone: makes a checkpoint, judges the engine inside, and an engine in Python."""

import json
import pathlib
import subprocess
import sys
import tempfile

import plumbline


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        checkpoint = folder / "checkpoint"
        plumb = [sys.executable, "-m", "plumbline"]
        subprocess.run([*plumb, "synth", "qwen3", "-o", str(checkpoint), "--seed", "7"], check=True)
        result = plumbline.check(checkpoint, "cpu-f32")
        assert result.passed, result.story
        assert result.ratio is not None and 0.1 < result.ratio < 1.3, result.ratio
        config = json.loads((checkpoint / "config.json").read_text())
        try:
            plumbline.check(checkpoint, "trace:missing.h5")
        except plumbline.CallError as error:
            assert "missing.h5" in str(error), error
        else:
            raise AssertionError("a missing trace is no error")
        print(f"installed: {config['model_type']} {result.verdict}, ratio {result.ratio:.3f}")


if __name__ == "__main__":
    main()
