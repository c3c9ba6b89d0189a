"""CTranslate2 on CPU: `--candidate py:ctranslate2`.

Its converter reads the checkpoint (a tokenizer of one word per token is added in a copy); logits alone.
Cannot: taps, runs in pieces, families without a converter. Needs ctranslate2, torch, transformers.
"""

import json
import pathlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.converters import TransformersConverter

from plumbline.engine import Engine, Request, Unsupported, serve
from plumbline.scratch import TOKEN, Scratch, text_of


def name_special_tokens(file: pathlib.Path) -> None:
    """The engine's config has no place for a tokenizer without them; nothing here makes it add any."""
    settings = json.loads(file.read_text())
    if not file.is_symlink():  # ours, not the checkpoint's
        file.write_text(json.dumps({**settings, "bos_token": f"{TOKEN}1", "eos_token": f"{TOKEN}2",
                                    "pad_token": f"{TOKEN}0"}))


class CTranslate2(Engine):
    def __init__(self, request: Request) -> None:
        self.dtype = request.dtype or "float32"
        if self.dtype not in ctranslate2.get_supported_compute_types("cpu"):
            raise Unsupported(f"{self.dtype} on this machine")
        self.producer = f"ctranslate2 {version('ctranslate2')}"
        with tempfile.TemporaryDirectory() as folder, Scratch(request.checkpoint) as source:
            target = pathlib.Path(folder) / "model"
            name_special_tokens(source / "tokenizer_config.json")
            try:
                TransformersConverter(str(source)).convert(str(target))
            except ValueError as error:  # "No conversion is registered for the model configuration ..."
                raise Unsupported(str(error).splitlines()[0]) from error
            self.generator = ctranslate2.Generator(str(target), device="cpu", compute_type=self.dtype,
                                                   inter_threads=1, intra_threads=request.threads)

    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        words = text_of(list(tokens)).split()
        logits = self.generator.forward_batch([words])
        return {"logits": np.array(logits.to(ctranslate2.DataType.float32))[0]}


if __name__ == "__main__":
    serve(CTranslate2)
