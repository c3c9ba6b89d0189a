"""Records the forward of any torch module as a trace: `plumbline.record`.

    model = AutoModelForCausalLM.from_pretrained("checkpoint/", dtype="float32")
    trace = plumbline.record(model, {"p0": [3, 4, 5]}, pieces="2+1", greedy=16)
    assert plumbline.check("checkpoint/", trace).passed

The model stays on its device, in its precision and with its attention (eager, sdpa, flash). Of a compiled
model only logits are seen: hooks do not reach inside it.
"""

import collections
import functools
import importlib.metadata
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from plumbline.engine import Engine, Request, Unsupported, answer
from plumbline.prompts import Prompts, as_prompts, runs_of
from plumbline.tap_map import MappedRecorder, TapMap
from plumbline.taps import LAYERS, Module, child, decoder_of, knows
from plumbline.trace import DTYPES, Trace

Wanted: TypeAlias = Callable[[str], bool]
Call: TypeAlias = Callable[[torch.Tensor, Any], tuple[Any, Any]]  # (ids [1, T], state) -> (logits, state)

INSIDE = ("mixer_in", "q", "k", "v", "q_norm", "k_norm", "q_rope", "k_rope", "attn", "attn_gated", "ffn_in", "ffn_gate",
          "ffn_up", "ffn_act", "router_logits", "router_ids", "router_weights", "gdn_conv", "gdn_beta", "gdn_decay",
          "gdn_core", "gdn_norm")
COARSE = ("embed", "layer.*.mixer_out", "layer.*.ffn_out", "layer.*.out", "final_norm", "logits")


def is_compiled(model: Module) -> bool:
    return hasattr(model, "_orig_mod") or getattr(model, "_compiled_call_impl", None) is not None


def is_of_transformers(model: Module) -> bool:
    inner = getattr(model, "_orig_mod", model)
    return any(kind.__name__ == "PreTrainedModel" for kind in type(inner).__mro__)


def dtype_of(model: Module) -> str:
    """The precision of most of the parameters. Raises ValueError where that is none of a trace's."""
    count: collections.Counter[str] = collections.Counter()
    for parameter in model.parameters():
        count[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    most = count.most_common(1)[0][0] if count else "float32"
    if most not in DTYPES:
        raise ValueError(f"most parameters are {most}; name the precision that the model computes in: dtype=")
    return most


class TorchEngine(Engine):
    """A torch module as an engine. `places`: a map of taps (plumbline.tap_map). `call`: how the module is
    called, (ids [1, T], state) -> (logits [1, T, V], state), where it is none of transformers'; state is
    None at a prompt's first call, and None returned means that there are no calls in pieces."""

    def __init__(self, model: Module, dtype: str | None = None, places: TapMap | None = None,
                 call: Call | None = None, producer: str | None = None) -> None:
        self.model, self.places, self.call = model, places or {}, call
        self.dtype = dtype or dtype_of(model)
        self.producer = producer or f"{type(model).__name__}, torch {torch.__version__}"
        first = next(iter(model.parameters()), None)
        self.device = torch.device("cpu") if first is None else first.device
        self.hooks = not is_compiled(model) and (bool(self.places) or knows(model))
        if is_compiled(model) and self.places:
            raise ValueError("hooks do not reach inside a compiled model: record it without map=")
        self.fine = True

    def _asks_inside(self, wanted: Wanted) -> bool:
        """Whether a tap is wanted that stands inside a block."""
        layers = range(len(child(decoder_of(self.model), LAYERS))) if self.fine and knows(self.model) else ()
        return any(wanted(f"layer.{layer}.{leaf}") for layer in layers for leaf in INSIDE)

    def _recorder(self, ids: torch.Tensor, wanted: Wanted) -> MappedRecorder:
        batch = (ids.shape[0], ids.shape[1])
        if self._asks_inside(wanted):
            try:
                return MappedRecorder(self.model, self.places, True, batch).__enter__()
            except AttributeError as error:
                warnings.warn(f"taps inside blocks are not found: {error}; those at their ends are recorded",
                              stacklevel=2)
                self.fine = False
        return MappedRecorder(self.model, self.places, False, batch).__enter__()

    @torch.no_grad()
    def _run(self, ids: torch.Tensor, wanted: Wanted, call: Callable[[], Any]) -> tuple[dict[str, torch.Tensor], Any]:
        """Taps [rows x positions, ...] and what the call returns beside the logits."""
        training = self.model.training
        self.model.eval()
        recorder = self._recorder(ids, wanted) if self.hooks else None
        try:
            logits, rest = call()
        finally:
            if recorder is not None:
                recorder.__exit__()
            self.model.train(training)
        taps = {} if recorder is None else recorder.taps
        values = {tap: value for tap, value in taps.items() if wanted(tap)}
        return {**values, "logits": logits.reshape(ids.numel(), -1)}, rest

    def _ids(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor([list(row) for row in rows], device=self.device)

    def _call(self, ids: torch.Tensor, state: Any, keep: bool, **options: Any) -> tuple[torch.Tensor, Any]:
        """Logits, and the state after the call, for transformers, `call`, and modules that take ids alone."""
        if self.call is not None:
            return self.call(ids, state)
        if is_of_transformers(self.model):
            output = self.model(ids, past_key_values=state, use_cache=keep, **options)
            return output.logits, output.past_key_values if keep else None
        output = self.model(ids)
        logits = getattr(output, "logits", output)
        return logits if isinstance(logits, torch.Tensor) else logits[0], None

    def forward(self, tokens: Sequence[int], wanted: Wanted) -> Mapping[str, Any]:
        ids = self._ids([tokens])
        return self._run(ids, wanted, lambda: self._call(ids, None, False))[0]

    def forward_in_pieces(self, pieces: Sequence[Sequence[int]], wanted: Wanted) -> Mapping[str, Any]:
        parts: dict[str, list[torch.Tensor]] = {}
        state = None
        for number, piece in enumerate(pieces):
            ids = self._ids([piece])
            values, state = self._run(ids, wanted, functools.partial(self._call, ids, state, True))
            if state is None and number + 1 < len(pieces):
                raise Unsupported("runs in pieces: the model keeps no state between calls")
            for tap, value in values.items():
                parts.setdefault(tap, []).append(value)
        return {tap: torch.cat(part) for tap, part in parts.items() if len(part) == len(pieces)}

    def forward_after(self, other: Sequence[int], tokens: Sequence[int], wanted: Wanted) -> Mapping[str, Any]:
        self.forward(other, wanted)
        return self.forward(tokens, wanted)

    def forward_batch(self, prompts: Mapping[str, Sequence[int]], wanted: Wanted) -> Mapping[str, Mapping[str, Any]]:
        if not is_of_transformers(self.model) or self.call is not None:
            raise Unsupported("ragged batches of a module that is none of transformers'")
        length = max(map(len, prompts.values()))
        ids = self._ids([[0] * (length - len(row)) + list(row) for row in prompts.values()])
        mask = self._ids([[0] * (length - len(row)) + [1] * len(row) for row in prompts.values()])
        options = {"attention_mask": mask, "position_ids": (mask.cumsum(-1) - 1).clamp(min=0)}
        values, _ = self._run(ids, wanted, lambda: self._call(ids, None, False, **options))
        split = {tap: value.reshape(len(prompts), length, *value.shape[1:]) for tap, value in values.items()
                 if len(value) == ids.numel()}
        return {name: {tap: value[row, length - len(row_ids):] for tap, value in split.items()}
                for row, (name, row_ids) in enumerate(prompts.items())}


def producer_of(model: Module) -> str:
    """Library, versions and the attention in use."""
    if not is_of_transformers(model):
        return f"{type(model).__name__}, torch {torch.__version__}"
    attention = getattr(model.config, "_attn_implementation", "eager")
    compiled = ", compiled" if is_compiled(model) else ""
    library = f"transformers {importlib.metadata.version('transformers')}"
    return f"{library}, torch {torch.__version__}, {attention}{compiled}"


def record(model: Module, prompts: Prompts, *, taps: "Sequence[str] | str | None" = None, map: TapMap | None = None,
           dtype: str | None = None, pieces: "Sequence[str] | str" = (), batch: bool = False, reset: bool = False,
           greedy: int = 0, call: Call | None = None, producer: str | None = None) -> Trace:
    """Runs `model` on `prompts` and gives the trace.

    `prompts`: token ids [T] by name, a list of them, one, or a Trace whose prompts are taken. `taps`: names
    and globs; None: those at the ends of blocks and those of `map`; "all": what can be seen. `map`: taps of
    a module that transformers does not have (plumbline.tap_map). `dtype`: the precision that it computes
    in, where it is not that of its parameters. `pieces`: `7+1x30` and the like, through the model's cache;
    `batch`: all prompts as one ragged batch, padded on the left; `reset`: each once more after another.
    `greedy`: tokens that continue each prompt. `call`: see TorchEngine. Raises ValueError where pieces or
    map do not fit, engine.Unsupported where the model cannot do what was asked.
    """
    by_name = as_prompts(prompts)
    engine = TorchEngine(model, dtype, map, call, producer or producer_of(model))
    wishes = ("*",) if taps == "all" else (taps,) if isinstance(taps, str) else taps
    if wishes is None:
        wishes = (*COARSE, *(map or {}))
    cuts = [pieces] if isinstance(pieces, str) else list(pieces)
    request = Request.of(by_name, runs_of(by_name, cuts, batch, reset), taps=tuple(wishes), greedy=greedy)
    trace, left_out = answer(engine, request)
    if left_out:
        raise Unsupported("; ".join(left_out))
    return trace
