"""Records taps of a Hugging Face decoder by forward hooks.

The names are those of FORMATS (trace/tap.h); every tensor is [positions, ...] with no batch axis.
"""

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
        self._handles = []

    def _keep(self, name, tensor, shape=None):
        tensor = tensor.detach()[0] if tensor.dim() > 2 else tensor.detach()
        if shape:
            tensor = tensor.reshape(tensor.shape[0], *shape)
        self.taps[name] = tensor.clone()

    def _after(self, module, name, shape=None):
        hook = lambda _m, _args, output: self._keep(name, first_tensor(output), shape)
        self._handles.append(module.register_forward_hook(hook))

    def _before(self, module, name, shape=None):
        hook = lambda _m, args, kwargs: self._keep(
            name, args[0] if args else kwargs["hidden_states"], shape)
        self._handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

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
        return self

    def _hook_inside(self, layer, prefix):
        """What plain modules show: rotated q and k have no module of their own."""
        attention = child(layer, MIXERS)
        head_dim = getattr(attention, "head_dim", None)
        self._before(attention, prefix + "mixer_in")
        for name in ("q", "k", "v"):
            if hasattr(attention, name + "_proj"):
                self._after(getattr(attention, name + "_proj"), prefix + name, (-1, head_dim))
        if hasattr(attention, "o_proj"):
            self._before(attention.o_proj, prefix + "attn")
        feed_forward = child(layer, FEED_FORWARDS)
        self._before(feed_forward, prefix + "ffn_in")
        for module, tap in (("gate_proj", "ffn_gate"), ("up_proj", "ffn_up")):
            if hasattr(feed_forward, module):
                self._after(getattr(feed_forward, module), prefix + tap)
        if hasattr(feed_forward, "down_proj"):
            self._before(feed_forward.down_proj, prefix + "ffn_act")

    def __exit__(self, *error):
        for handle in self._handles:
            handle.remove()
