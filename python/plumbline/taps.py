"""Records taps of a decoder by forward hooks on its modules.

The names are those of trace/tap.h (docs/formats.md, "Taps"); every tensor kept is [positions, ...] without
a batch axis; rows of a batch stand one after another. What families call the same module stands below.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

Module: TypeAlias = Any  # torch.nn.Module, whose attributes differ from family to family
Shape: TypeAlias = tuple[int, ...]

DECODERS = ("model.decoder", "model", "transformer", "gpt_neox", "gpt_neox_japanese", "biogpt")
LAYERS = ("layers", "blocks", "h")
FINAL_NORMS = ("norm", "embedding_norm", "norm_f", "ln_f", "final_norm", "final_layernorm", "final_layer_norm",
               "layer_norm", "layernorm")
MIXERS = ("self_attn", "linear_attn", "attention", "conv", "norm_attn_norm.attn", "attn.attention", "attn",
          "self_attention", "multi_head_attention")
FEED_FORWARDS = ("mlp", "block_sparse_moe", "feed_forward", "moe", "ffn", "fc2")
OUTPUTS = ("o_proj", "out_proj", "dense", "c_proj", "Wo")
GATES = ("gate_proj", "g_proj", "attn_sub_norm")
# Where a module does more than its branch: the part of it that gives the branch.
BRANCHES = {"BloomAttention": "dense", "BloomMLP": "dense_4h_to_h", "MptMLP": "down_proj"}
# Where the layer adds a bias that the module hands it: which of its outputs that is.
BIASES = {"GPTNeoXJapaneseAttention": 2}
QUERY_NORMS = ("q_norm", "q_layernorm", "query_layernorm")
KEY_NORMS = ("k_norm", "k_layernorm", "key_layernorm")
MLP_PARTS = {
    "ffn_gate": ("gate_proj", "w1"),
    "ffn_up": ("up_proj", "w3"),
    "ffn_act": ("ffn_sub_norm", "down_proj", "w2"),
}


def first_tensor(value: Any) -> torch.Tensor:
    return value if isinstance(value, torch.Tensor) else first_tensor(value[0])


def find(module: Module, names: Sequence[str]) -> Module | None:
    """The first part that the module has, by its path; None without any."""
    for name in names:
        part = module
        for step in name.split("."):
            part = getattr(part, step, None)
        if part is not None:
            return part
    return None


def child(module: Module, names: Sequence[str]) -> Module:
    part = find(module, names)
    if part is None:
        raise AttributeError(f"{type(module).__name__} has none of {', '.join(names)}")
    return part


def decoder_of(model: Module) -> Module:
    """The part that holds the layers: of a multimodal wrapper the language model's."""
    for path in ("model.language_model", "language_model.model", *DECODERS):
        part = find(model, (path,))
        if part is not None and find(part, LAYERS) is not None:
            return part
    return model


def knows(model: Module) -> bool:
    """Whether the taps of this model are found without a map."""
    decoder = decoder_of(model)
    layers = find(decoder, LAYERS)
    return layers is not None and len(layers) > 0 and all(
        find(layer, MIXERS) is not None and find(layer, FEED_FORWARDS) is not None for layer in layers)


class Recorder:
    """Use as a context around one forward; `taps` then holds float tensors by name. `fine`: the taps inside
    blocks too. `batch` (rows, positions) tells a batch axis from others where a tensor has no third one."""

    def __init__(self, model: Module, fine: bool = False, batch: tuple[int, int] | None = None) -> None:
        self.model = model
        self.fine = fine
        self.batch = batch
        self.taps: dict[str, torch.Tensor] = {}
        self._undo: list[Callable[[], Any]] = []
        self._mixer = ""  # prefix of the layer whose mixer runs

    def _keep(self, name: str, tensor: torch.Tensor, shape: Shape | None = None) -> None:
        tensor = tensor.detach()
        batched = self.batch is None or tuple(tensor.shape[:2]) == self.batch
        flat = self.batch is not None and tensor.shape[0] == self.batch[0] * self.batch[1]
        if tensor.dim() > 2 and (batched or not flat):
            tensor = tensor.flatten(0, 1)
        if shape:
            tensor = tensor.reshape(tensor.shape[0], *shape)
        self.taps[name] = tensor.clone()

    def _keep_heads(self, name: str, given: torch.Tensor, tensor: torch.Tensor, width: int) -> None:
        """Some families turn heads to the front before they normalise them; of as many heads as positions
        the strides tell: what was turned lies as before."""
        length = self.batch[1] if self.batch else len(self.taps["embed"])
        if tensor.dim() == 4:
            ambiguous = tensor.shape[1] == tensor.shape[2] == length
            if given.stride(1) < given.stride(2) if ambiguous else tensor.shape[1] != length:
                tensor = tensor.transpose(1, 2)
        self._keep(name, tensor, (-1, width))

    def _after(self, module: Module, name: str, shape: Shape | None = None) -> None:
        def hook(_module: Module, _args: Any, output: Any) -> None:
            self._keep(name, first_tensor(output), shape)

        self._undo.append(module.register_forward_hook(hook).remove)

    def _before(self, module: Module, name: str, shape: Shape | None = None) -> None:
        def hook(_module: Module, args: Any, kwargs: Any) -> None:
            self._keep(name, args[0] if args else kwargs["hidden_states"], shape)

        self._undo.append(module.register_forward_pre_hook(hook, with_kwargs=True).remove)

    def _after_branch(self, module: Module, name: str) -> None:
        kind = type(module).__name__
        if kind in BIASES:
            def hook(_module: Module, _args: Any, output: Any) -> None:
                bias = output[BIASES[kind]]
                self._keep(name, output[0] if bias is None else output[0] + bias)

            self._undo.append(module.register_forward_hook(hook).remove)
            return
        self._after(getattr(module, BRANCHES[kind]) if kind in BRANCHES else module, name)

    def __enter__(self) -> "Recorder":
        decoder = decoder_of(self.model)
        layers = child(decoder, LAYERS)
        self._before(layers[0], "embed")
        if find(decoder, FINAL_NORMS) is not None:
            self._after(find(decoder, FINAL_NORMS), "final_norm")
        for i, layer in enumerate(layers):
            prefix = f"layer.{i}."
            self._after_branch(child(layer, MIXERS), prefix + "mixer_out")
            self._hook_feed_forward_output(layer, prefix + "ffn_out")
            self._after(layer, prefix + "out")
            if self.fine:
                self._hook_inside(layer, prefix)
        if self.fine:
            self._wrap_functions(sys.modules[type(decoder).__module__])
        return self

    def __exit__(self, *_: object) -> None:
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    def _hook_feed_forward_output(self, layer: Module, name: str) -> None:
        """Some families have the shared expert beside the module, or a post-norm inside it."""
        feed_forward = child(layer, FEED_FORWARDS)
        if hasattr(feed_forward, "post_mlp_layernorm"):
            self._before(feed_forward.post_mlp_layernorm, name)
            return
        self._after_branch(feed_forward, name)
        if getattr(layer, "shared_mlp", None) is not None:
            def add(_module: Module, _args: Any, output: torch.Tensor) -> None:
                self.taps[name] += output.detach().flatten(0, 1)

            self._undo.append(layer.shared_mlp.register_forward_hook(add).remove)

    def _hook_inside(self, layer: Module, prefix: str) -> None:
        self._hook_mixer(child(layer, MIXERS), prefix)
        if hasattr(layer, "fc1"):  # no module for the two
            self._before(layer.fc1, prefix + "ffn_in")
            self._after(layer.fc1, prefix + "ffn_up")
            self._before(layer.fc2, prefix + "ffn_act")
        else:
            self._hook_feed_forward(child(layer, FEED_FORWARDS), prefix)

    def _hook_mixer(self, mixer: Module, prefix: str) -> None:
        self._before(mixer, prefix + "mixer_in")

        def enter(*_: Any) -> None:
            self._mixer = prefix

        self._undo.append(mixer.register_forward_pre_hook(enter).remove)
        if hasattr(mixer, "conv1d"):
            self._before(child(mixer, OUTPUTS), prefix + "gdn_norm")
        elif hasattr(mixer, "conv"):
            return
        elif hasattr(mixer, "kv_b_proj"):
            self._hook_latent(mixer, prefix)
        else:
            self._hook_projections(mixer, prefix)

    def _hook_projections(self, mixer: Module, prefix: str) -> None:
        out = child(mixer, OUTPUTS)
        if not hasattr(mixer, "k_proj"):  # one tensor for all three
            self._before(out, prefix + "attn")
            return
        width = getattr(mixer, "head_dim", None) or mixer.head_size
        self._after(mixer.k_proj, prefix + "k", (-1, width))
        self._after(mixer.v_proj, prefix + "v", (-1, getattr(mixer, "v_head_dim", width)))
        packed = mixer.q_proj.out_features == 2 * out.in_features  # each head's query, then its gate

        def split(_module: Module, _args: Any, output: torch.Tensor) -> None:
            heads = output.reshape(*output.shape[:2], -1, 2 * width if packed else width)
            self._keep(prefix + "q", heads[..., :width])

        self._undo.append(mixer.q_proj.register_forward_hook(split).remove)
        gated = packed or find(mixer, GATES) is not None
        self._before(out, prefix + ("attn_gated" if gated else "attn"))
        for tap, names in (("q_norm", QUERY_NORMS), ("k_norm", KEY_NORMS)):
            norm = find(mixer, names)
            if norm is not None:
                self._hook_head_norm(norm, prefix + tap, width)

    def _hook_head_norm(self, norm: Module, name: str, width: int) -> None:
        def hook(_module: Module, args: Any, output: torch.Tensor) -> None:
            self._keep_heads(name, args[0], output, width)

        self._undo.append(norm.register_forward_hook(hook).remove)

    def _hook_latent(self, mixer: Module, prefix: str) -> None:
        queries = mixer.q_proj if mixer.q_lora_rank is None else mixer.q_b_proj
        self._after(queries, prefix + "q", (-1, mixer.qk_head_dim))
        width = mixer.qk_nope_head_dim + mixer.v_head_dim

        def values(_module: Module, _args: Any, output: torch.Tensor) -> None:
            heads = output.reshape(1 if output.dim() == 2 else output.shape[0], -1, mixer.num_heads, width)
            if self.batch is not None and self.batch[0] == heads.shape[0]:
                heads = heads[:, -self.batch[1]:]  # the cache holds latents: what stood before is expanded again
            self._keep(prefix + "v", heads[..., mixer.qk_nope_head_dim:])

        self._undo.append(mixer.kv_b_proj.register_forward_hook(values).remove)
        self._before(mixer.o_proj, prefix + "attn")

    def _hook_feed_forward(self, feed_forward: Module, prefix: str) -> None:
        self._before(feed_forward, prefix + "ffn_in")
        for tap, names in MLP_PARTS.items():
            part = find(feed_forward, names)
            if part is not None:
                (self._before if tap == "ffn_act" else self._after)(part, prefix + tap)
        if hasattr(feed_forward, "experts"):
            def routed(_module: Module, _args: Any, output: Any) -> None:
                self._keep_routing(prefix, output)

            router = child(feed_forward, ("gate", "router"))
            self._undo.append(router.register_forward_hook(routed).remove)

    def _keep_routing(self, prefix: str, output: Any) -> None:
        if isinstance(output, torch.Tensor):  # the choice is made elsewhere
            self._keep(prefix + "router_logits", output)
            return
        logits, weights, ids = output
        self._keep(prefix + "router_logits", logits)
        self._keep(prefix + "router_weights", weights)
        self._keep(prefix + "router_ids", ids)

    def _wrap_functions(self, module: Any) -> None:
        """What no module of its own computes: the functions that the mixers call."""
        for name, keep in (("eager_attention_forward", self._keep_attention),
                           ("torch_chunk_gated_delta_rule", self._keep_delta_rule),
                           ("torch_recurrent_gated_delta_rule", self._keep_delta_rule)):
            if hasattr(module, name):
                self._replace(vars(module), name, self._recording(getattr(module, name), keep))
        chosen = str(getattr(getattr(self.model, "config", None), "_attn_implementation", None))
        interface = getattr(module, "ALL_ATTENTION_FUNCTIONS", {})
        if chosen in interface:  # sdpa and others stand in a table
            self._replace(interface, chosen, self._recording(interface[chosen], self._keep_attention))

    def _replace(self, table: Any, name: str, value: Any) -> None:
        plain = table[name]
        self._undo.append(lambda: table.__setitem__(name, plain))
        table[name] = value

    @staticmethod
    def _recording(plain: Callable[..., Any], keep: Callable[..., None]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            output = plain(*args, **kwargs)
            keep(output[0], *args, **kwargs)
            return output

        return run

    def _keep_attention(self, context: torch.Tensor, module: Module, query: torch.Tensor, key: torch.Tensor,
                        _value: torch.Tensor, *_args: Any, **kwargs: Any) -> None:
        if kwargs.get("scaling") == 1.0 and getattr(module, "scaling", 1.0) != 1.0:  # queries bring it along (opt)
            query = query / module.scaling
        self._keep(self._mixer + "q_rope", query.transpose(1, 2))
        self._keep(self._mixer + "k_rope", key[:, :, -query.shape[2]:].transpose(1, 2))  # the cache stands before
        self._keep(self._mixer + "attn", context.flatten(2))

    def _keep_delta_rule(self, core: torch.Tensor, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
                         g: torch.Tensor, beta: torch.Tensor, **_kwargs: Any) -> None:
        self._keep(self._mixer + "gdn_conv", torch.cat([x.flatten(2) for x in (query, key, value)], -1))
        self._keep(self._mixer + "gdn_decay", g)
        self._keep(self._mixer + "gdn_beta", beta)
        self._keep(self._mixer + "gdn_core", core)
