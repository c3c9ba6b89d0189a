"""Records taps of a Hugging Face decoder by forward hooks.

The names are those of FORMATS (trace/tap.h); every tensor is [positions, ...] with no batch axis.
"""

import sys

import torch

MIXERS = ("self_attn", "linear_attn", "attention")
FEED_FORWARDS = ("mlp", "block_sparse_moe", "feed_forward", "moe")


def first_tensor(value):
    return value if isinstance(value, torch.Tensor) else first_tensor(value[0])


def child(module, names):
    for name in names:
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(f"{type(module).__name__} has none of {names}")


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

    def __enter__(self):
        decoder = getattr(self.model, "model", self.model)
        self._before(decoder.layers[0], "embed")
        self._after(decoder.norm, "final_norm")
        for i, layer in enumerate(decoder.layers):
            prefix = f"layer.{i}."
            self._after(child(layer, MIXERS), prefix + "mixer_out")
            self._after(child(layer, FEED_FORWARDS), prefix + "ffn_out")
            self._after(layer, prefix + "out")
            if self.fine:
                self._hook_inside(layer, prefix)
        if self.fine:
            self._wrap_functions(sys.modules[type(decoder).__module__])
        return self

    def __exit__(self, *error):
        for undo in self._undo:
            undo()

    def _hook_inside(self, layer, prefix):
        self._hook_mixer(child(layer, MIXERS), prefix)
        self._hook_feed_forward(child(layer, FEED_FORWARDS), prefix)

    def _hook_mixer(self, mixer, prefix):
        self._before(mixer, prefix + "mixer_in")
        enter = lambda *_: setattr(self, "_mixer", prefix)
        self._undo.append(mixer.register_forward_pre_hook(enter).remove)
        if hasattr(mixer, "conv1d"):
            self._before(mixer.out_proj, prefix + "gdn_norm")
        elif hasattr(mixer, "kv_b_proj"):
            self._hook_latent(mixer, prefix)
        else:
            self._hook_projections(mixer, prefix)

    def _hook_projections(self, mixer, prefix):
        width = mixer.head_dim
        if not hasattr(mixer, "k_proj"):  # one tensor for all three
            self._before(mixer.o_proj, prefix + "attn")
            return
        for name in ("k_proj", "v_proj"):
            self._after(getattr(mixer, name), prefix + name[0], (-1, width))
        gated = mixer.q_proj.out_features == 2 * mixer.o_proj.in_features
        split = lambda _m, _args, output: self._keep(
            prefix + "q", output.reshape(1, output.shape[1], -1, 2 * width if gated else width)[..., :width])
        self._undo.append(mixer.q_proj.register_forward_hook(split).remove)
        self._before(mixer.o_proj, prefix + ("attn_gated" if gated else "attn"))
        for name in ("q_norm", "k_norm"):
            if hasattr(mixer, name):
                hook = lambda _m, _args, output, name=name: self._keep_heads(prefix + name, output, width)
                self._undo.append(getattr(mixer, name).register_forward_hook(hook).remove)

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
        for module, tap in (("gate_proj", "ffn_gate"), ("up_proj", "ffn_up")):
            if hasattr(feed_forward, module):
                self._after(getattr(feed_forward, module), prefix + tap)
        if hasattr(feed_forward, "down_proj"):
            self._before(feed_forward.down_proj, prefix + "ffn_act")
        if hasattr(feed_forward, "experts"):
            router = child(feed_forward, ("gate", "router"))
            self._undo.append(router.register_forward_hook(
                lambda _m, _args, output: self._keep_routing(prefix, *output)).remove)

    def _keep_routing(self, prefix, logits, weights, ids):
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
