"""llama.cpp through llama-cpp-python: `--candidate py:llama_cpp`.

CHECKPOINT may be a .gguf file; of a folder one is written first, in float32 (or bfloat16, float16, as asked).
$PLUMB_LLAMA_CPP=default leaves its settings alone; else the cache is float32 and flash attention off, which
is the contract llama.cpp-f32-kv. Logits of all positions; runs in pieces and after a reset. Cannot: taps
(llama-cpp-python does not hand on cb_eval), batches. Needs llama-cpp-python; written from the source of 0.3.36.
"""

import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import llama_cpp
import numpy as np

from plumbline.engine import Engine, Request, Unsupported, serve
from plumbline.program import call

FORMS = {"float32": "gguf:F32", "bfloat16": "gguf:BF16", "float16": "gguf:F16"}
F32 = 0  # ggml_type of the cache


class LlamaCpp(Engine):
    dtype = "float32"  # activations are float32 whatever the weights' type

    def __init__(self, request: Request) -> None:
        plain = os.environ.get("PLUMB_LLAMA_CPP") == "default"
        self.contract = "llama.cpp" if plain else "llama.cpp-f32-kv"
        self.producer = f"llama-cpp-python {version('llama-cpp-python')}"
        settings: dict[str, Any] = {} if plain else {"type_k": F32, "type_v": F32, "flash_attn": False}
        longest = max(map(len, request.prompts.values())) + request.greedy
        with tempfile.TemporaryDirectory() as folder:
            file = self._file(request, pathlib.Path(folder))
            self.model = llama_cpp.Llama(str(file), n_ctx=longest, n_batch=longest, n_ubatch=longest, logits_all=True,
                                         n_threads=request.threads, n_threads_batch=request.threads, n_gpu_layers=0,
                                         verbose=False, **settings)

    @staticmethod
    def _file(request: Request, folder: pathlib.Path) -> pathlib.Path:
        if request.checkpoint.suffix == ".gguf":
            return request.checkpoint
        if (request.dtype or "float32") not in FORMS:
            raise Unsupported(f"weights in {request.dtype}")
        call(["convert", str(request.checkpoint), "-o", str(folder / "model.gguf"), "--quantize",
              FORMS[request.dtype or "float32"]])
        return folder / "model.gguf"

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        return self.forward_in_pieces([tokens], wanted)

    def forward_in_pieces(self, pieces: Sequence[Sequence[int]], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        self.model.reset()
        for piece in pieces:
            self.model.eval(list(piece))
        return {"logits": np.array(self.model.scores[:sum(map(len, pieces))], dtype=np.float32)}

    def forward_after(self, other: Sequence[int], tokens: Sequence[int],
                      wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        self.forward(other, wanted)
        return self.forward(tokens, wanted)


if __name__ == "__main__":
    serve(LlamaCpp)
