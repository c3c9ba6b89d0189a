"""Apple's MLX, on any machine that its wheel supports: `--candidate py:mlx` (mlx, mlx-lm).

The checkpoint's weights turned into the precision asked for (float32 otherwise), whole prompts and runs in
pieces through mlx-lm's cache. Taps by modules whose class is replaced by one that keeps what it returns.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import mlx.core as mx
import numpy as np
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model

from plumbline.engine import Engine, Request, serve

Wanted = Callable[[str], bool]


class Mlx(Engine):
    def __init__(self, request: Request) -> None:
        self.dtype = request.dtype or "float32"
        self.producer = f"mlx {version('mlx')}, mlx-lm {version('mlx-lm')}"
        mx.set_default_device(mx.cpu)
        self.model, _ = load_model(request.checkpoint)
        self.model.set_dtype(getattr(mx, self.dtype))
        self.taps: dict[str, Any] = {}
        inner = getattr(self.model, "model", self.model)
        self._keep(inner.norm, "final_norm")
        for i, layer in enumerate(inner.layers):
            self._keep(layer, f"layer.{i}.out")
            for names, tap in ((("self_attn", "linear_attn"), "mixer_out"), (("mlp", "block_sparse_moe"), "ffn_out")):
                block = next((layer[name] for name in names if name in layer), None)
                if block is not None:
                    self._keep(block, f"layer.{i}.{tap}")

    def _keep(self, module: Any, tap: str) -> None:
        plain, taps = type(module), self.taps

        def call(this: Any, *args: Any, **kwargs: Any) -> Any:
            value = plain.__call__(this, *args, **kwargs)
            taps[tap] = value[0] if isinstance(value, tuple) else value
            return value

        module.__class__ = type(plain.__name__, (plain,), {"__call__": call})

    def _run(self, tokens: Sequence[int], wanted: Wanted, cache: Any) -> dict[str, np.ndarray[Any, Any]]:
        self.taps.clear()
        logits = self.model(mx.array([list(tokens)]), cache=cache)
        values = {tap: value for tap, value in self.taps.items() if wanted(tap)} | {"logits": logits}
        mx.eval(values)
        return {tap: np.array(value.astype(mx.float32)).reshape(len(tokens), -1) for tap, value in values.items()}

    def forward(self, tokens: Sequence[int], wanted: Wanted) -> Mapping[str, Any]:
        return self._run(tokens, wanted, None)

    def forward_in_pieces(self, pieces: Sequence[Sequence[int]], wanted: Wanted) -> Mapping[str, Any]:
        cache = make_prompt_cache(self.model)
        parts = [self._run(piece, wanted, cache) for piece in pieces]
        return {tap: np.concatenate([part[tap] for part in parts]) for tap in parts[0]}

    def forward_after(self, other: Sequence[int], tokens: Sequence[int], wanted: Wanted) -> Mapping[str, Any]:
        self.forward(other, wanted)
        return self.forward(tokens, wanted)


if __name__ == "__main__":
    serve(Mlx)
