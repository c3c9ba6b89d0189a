"""Records taps of a Hugging Face decoder by forward hooks.

The names are those of FORMATS (trace/tap.h); every tensor is [positions, ...] with no batch axis.
"""

import sys

import torch

# What families call the same module.
DECODERS = ("model.decoder", "model", "transformer", "gpt_neox", "gpt_neox_japanese", "biogpt")
LAYERS = ("layers", "blocks", "h")
FINAL_NORMS = ("norm", "embedding_norm", "norm_f", "ln_f", "final_norm", "final_layernorm",
               "final_layer_norm", "layer_norm", "layernorm")
MIXERS = ("self_attn", "linear_attn", "attention", "conv", "norm_attn_norm.attn", "attn.attention",
          "attn", "self_attention", "multi_head_attention")
FEED_FORWARDS = ("mlp", "block_sparse_moe", "feed_forward", "moe", "ffn", "fc2")
OUTPUTS = ("o_proj", "out_proj", "dense", "c_proj", "Wo")
GATES = ("gate_proj", "g_proj", "attn_sub_norm")
# Where a module does more than its branch: the part of it that gives the branch, or none.
BRANCHES = {"BloomAttention": "dense", "BloomMLP": "dense_4h_to_h", "MptMLP": "down_proj",
            "GPTNeoXJapaneseAttention": None}
QUERY_NORMS = ("q_norm", "q_layernorm", "query_layernorm")
KEY_NORMS = ("k_norm", "k_layernorm", "key_layernorm")
MLP_PARTS = {"ffn_gate": ("gate_proj", "w1"), "ffn_up": ("up_proj", "w3"), "ffn_act": ("ffn_sub_norm", "down_proj", "w2")}


def first_tensor(value):
    return value if isinstance(value, torch.Tensor) else first_tensor(value[0])


def find(module, names):
    """The first part that the module has, by its path; None without any."""
    for name in names:
        part = module
        for step in name.split("."):
            part = getattr(part, step, None)
        if part is not None:
            return part
    return None


def child(module, names):
    part = find(module, names)
    if part is None:
        raise AttributeError(f"{type(module).__name__} has none of {names}")
    return part


class Recorder:
    """Use as a context around one forward; `taps` then holds float tensors by name."""

    def __init__(self, model, fine=False):
        self.model = model
        self.fine = fine
        self.taps = {}
        self._undo = []
        self._mixer = ""  # prefix of the layer whose mixer runs

    def _keep(self, name, tensor, shape=None):
        tensor = tensor.detach()[0] if tensor.dim() > 2 else tensor.detach()
        if shape:
            tensor = tensor.reshape(tensor.shape[0], *shape)
        self.taps[name] = tensor.clone()

    def _keep_heads(self, name, tensor, width):
        """Some families turn heads to the front before they normalise them."""
        if tensor.dim() == 4 and tensor.shape[1] != len(self.taps["embed"]):
            tensor = tensor.transpose(1, 2)
        self._keep(name, tensor, (-1, width))

    def _after(self, module, name, shape=None):
        hook = lambda _m, _args, output: self._keep(name, first_tensor(output), shape)
        self._undo.append(module.register_forward_hook(hook).remove)

    def _before(self, module, name, shape=None):
        hook = lambda _m, args, kwargs: self._keep(
            name, args[0] if args else kwargs["hidden_states"], shape)
        self._undo.append(module.register_forward_pre_hook(hook, with_kwargs=True).remove)

    def _after_branch(self, module, name):
        branch = BRANCHES.get(type(module).__name__, "")
        if branch is not None:
            self._after(getattr(module, branch) if branch else module, name)

    def __enter__(self):
        decoder = find(self.model, DECODERS) or self.model
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

    def __exit__(self, *error):
        for undo in self._undo:
            undo()

    def _hook_feed_forward_output(self, layer, name):
        """Some families have the shared expert beside the module, or a post-norm inside it."""
        feed_forward = child(layer, FEED_FORWARDS)
        if hasattr(feed_forward, "post_mlp_layernorm"):
            self._before(feed_forward.post_mlp_layernorm, name)
            return
        self._after_branch(feed_forward, name)
        if getattr(layer, "shared_mlp", None) is not None:
            add = lambda _m, _args, output: self._keep(name, self.taps[name][None] + output)
            self._undo.append(layer.shared_mlp.register_forward_hook(add).remove)

    def _hook_inside(self, layer, prefix):
        self._hook_mixer(child(layer, MIXERS), prefix)
        if hasattr(layer, "fc1"):  # no module for the two
            self._before(layer.fc1, prefix + "ffn_in")
            self._after(layer.fc1, prefix + "ffn_up")
            self._before(layer.fc2, prefix + "ffn_act")
        else:
            self._hook_feed_forward(child(layer, FEED_FORWARDS), prefix)

    def _hook_mixer(self, mixer, prefix):
        self._before(mixer, prefix + "mixer_in")
        enter = lambda *_: setattr(self, "_mixer", prefix)
        self._undo.append(mixer.register_forward_pre_hook(enter).remove)
        if hasattr(mixer, "conv1d"):
            self._before(child(mixer, OUTPUTS), prefix + "gdn_norm")
        elif hasattr(mixer, "conv"):
            return
        elif hasattr(mixer, "kv_b_proj"):
            self._hook_latent(mixer, prefix)
        else:
            self._hook_projections(mixer, prefix)

    def _hook_projections(self, mixer, prefix):
        width = getattr(mixer, "head_dim", None) or getattr(mixer, "head_size", None)
        if not hasattr(mixer, "k_proj"):  # one tensor for all three
            self._before(child(mixer, OUTPUTS), prefix + "attn")
            return
        out = child(mixer, OUTPUTS)
        self._after(mixer.k_proj, prefix + "k", (-1, width))
        self._after(mixer.v_proj, prefix + "v", (-1, getattr(mixer, "v_head_dim", width)))
        doubled = mixer.q_proj.out_features == 2 * out.in_features
        split = lambda _m, _args, output: self._keep(
            prefix + "q", output.reshape(1, output.shape[1], -1, 2 * width if doubled else width)[..., :width])
        self._undo.append(mixer.q_proj.register_forward_hook(split).remove)
        gated = doubled or find(mixer, GATES) is not None
        self._before(out, prefix + ("attn_gated" if gated else "attn"))
        for name, norm in (("q_norm", find(mixer, QUERY_NORMS)), ("k_norm", find(mixer, KEY_NORMS))):
            if norm is not None:
                hook = lambda _m, _args, output, name=name: self._keep_heads(prefix + name, output, width)
                self._undo.append(norm.register_forward_hook(hook).remove)

    def _hook_latent(self, mixer, prefix):
        queries = mixer.q_proj if mixer.q_lora_rank is None else mixer.q_b_proj
        self._after(queries, prefix + "q", (-1, mixer.qk_head_dim))
        width = mixer.qk_nope_head_dim + mixer.v_head_dim
        values = lambda _m, _args, output: self._keep(
            prefix + "v", output.reshape(1, -1, mixer.num_heads, width)[..., mixer.qk_nope_head_dim:])
        self._undo.append(mixer.kv_b_proj.register_forward_hook(values).remove)
        self._before(mixer.o_proj, prefix + "attn")

    def _hook_feed_forward(self, feed_forward, prefix):
        self._before(feed_forward, prefix + "ffn_in")
        for tap, names in MLP_PARTS.items():
            part = find(feed_forward, names)
            if part is not None:
                (self._before if tap == "ffn_act" else self._after)(part, prefix + tap)
        if hasattr(feed_forward, "experts"):
            router = child(feed_forward, ("gate", "router"))
            self._undo.append(router.register_forward_hook(
                lambda _m, _args, output: self._keep_routing(prefix, output)).remove)

    def _keep_routing(self, prefix, output):
        if isinstance(output, torch.Tensor):  # the choice is made elsewhere
            self._keep(prefix + "router_logits", output)
            return
        logits, weights, ids = output
        self._keep(prefix + "router_logits", logits)
        self._keep(prefix + "router_weights", weights)
        self._keep(prefix + "router_ids", ids)

    def _wrap_functions(self, module):
        """What no module of its own computes: the functions that the mixers call."""
        for name, keep in (("eager_attention_forward", self._keep_attention),
                           ("torch_chunk_gated_delta_rule", self._keep_delta_rule)):
            if not hasattr(module, name):
                continue
            plain = getattr(module, name)
            self._undo.append(lambda name=name, plain=plain: setattr(module, name, plain))
            setattr(module, name, self._recording(plain, keep))

    @staticmethod
    def _recording(plain, keep):
        def run(*args, **kwargs):
            output = plain(*args, **kwargs)
            keep(output[0], *args, **kwargs)
            return output
        return run

    def _keep_attention(self, context, _module, query, key, _value, *_args, **_kwargs):
        self._keep(self._mixer + "q_rope", query.transpose(1, 2))
        self._keep(self._mixer + "k_rope", key.transpose(1, 2))
        self._keep(self._mixer + "attn", context.flatten(2))

    def _keep_delta_rule(self, core, query, key, value, g, beta, **_kwargs):
        self._keep(self._mixer + "gdn_conv", torch.cat([x.flatten(2) for x in (query, key, value)], -1))
        self._keep(self._mixer + "gdn_decay", g)
        self._keep(self._mixer + "gdn_beta", beta)
        self._keep(self._mixer + "gdn_core", core)
