"""ExecuTorch with XNNPACK on CPU: `--candidate py:executorch`.

A transformers model through torch.export, XNNPACK's partitioner and the runtime: one program a length of the
prompt, so greedy continuations are left out. Logits alone. Cannot: taps, runs in pieces, bfloat16. Needs
executorch, torch, transformers.
"""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime
from transformers import AutoModelForCausalLM

from plumbline.engine import Engine, Request, Unsupported, serve


class Logits(torch.nn.Module):
    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids, use_cache=False).logits


class ExecuTorch(Engine):
    dtype, contract = "float32", "float32"

    def __init__(self, request: Request) -> None:
        if request.dtype not in (None, "float32"):
            raise Unsupported(request.dtype or "")
        self.producer = f"executorch {importlib.metadata.version('executorch')}, XNNPACK, torch {torch.__version__}"
        self.model = Logits(AutoModelForCausalLM.from_pretrained(
            request.checkpoint, dtype=torch.float32, attn_implementation="eager",
            experts_implementation="eager")).eval()

    @torch.no_grad()
    def forward(self, tokens: Sequence[int], wanted: Callable[[str], bool]) -> Mapping[str, Any]:
        ids = torch.tensor([list(tokens)])
        program = to_edge_transform_and_lower(torch.export.export(self.model, (ids,)),
                                              partitioner=[XnnpackPartitioner()]).to_executorch()
        method = Runtime.get().load_program(program.buffer).load_method("forward")
        return {"logits": method.execute([ids])[0][0]}

    def greedy(self, tokens: Sequence[int], steps: int) -> Mapping[str, Any]:
        raise Unsupported("greedy continuations: each length is a program of its own")


if __name__ == "__main__":
    serve(ExecuTorch)
