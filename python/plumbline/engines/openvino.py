"""OpenVINO on CPU, on torch's ONNX export of a transformers model: `--candidate py:openvino`.

INFERENCE_PRECISION_HINT is set to what is asked for, since the plug-in chooses bfloat16 by itself where the
machine has it. Taps: what each layer returns. Cannot: runs in pieces (the graph has no cache). Needs
openvino, onnx, onnxscript, torch, transformers.
"""

import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import openvino

from plumbline.engine import Engine, Request, Unsupported, serve
from plumbline.engines.onnx_export import export

PRECISIONS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}


class OpenVino(Engine):
    def __init__(self, request: Request) -> None:
        self.dtype = request.dtype or "float32"
        if self.dtype not in PRECISIONS:
            raise Unsupported(self.dtype)
        self.producer = f"openvino {version('openvino')}, exported by torch {version('torch')}"
        core = openvino.Core()
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "model.onnx"
            self.outputs = export(request.checkpoint, file)
            self.model = core.compile_model(core.read_model(str(file)), "CPU", {
                "INFERENCE_PRECISION_HINT": PRECISIONS[self.dtype], "INFERENCE_NUM_THREADS": request.threads})
        if self.model.get_property("INFERENCE_PRECISION_HINT").to_string() != PRECISIONS[self.dtype]:
            raise Unsupported(f"{self.dtype} on this machine")

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        result = self.model({"input_ids": np.array([tokens], dtype=np.int64)})
        return {name: result[name][0].copy() for name in self.outputs if name == "logits" or wanted(name)}


if __name__ == "__main__":
    serve(OpenVino)
