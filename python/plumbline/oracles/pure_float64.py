"""Runs torch code in float64 alone, and proves it.

Transformers casts to float32 inside norms, ropes, softmaxes and routers whatever the model's dtype.
`Promote` maps those casts to float64; `ProveFloat64` then fails on any lower-precision float that an
operation takes or gives. A float32 oracle hides errors of 1e-6; this one shows them at 1e-13.
"""

from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

LOWER = (torch.float32, torch.bfloat16, torch.float16)


def _promoted(value: torch.dtype) -> torch.dtype:
    return torch.float64 if value in LOWER else value


class Promote(TorchFunctionMode):
    """Every request for a lower float precision becomes one for float64."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = {k: _promoted(v) if isinstance(v, torch.dtype) else v for k, v in (kwargs or {}).items()}
        args = tuple(_promoted(v) if isinstance(v, torch.dtype) else v for v in args)
        if func in (torch.Tensor.float, torch.Tensor.half, torch.Tensor.bfloat16):
            return args[0].to(torch.float64)
        return func(*args, **kwargs)


class ProveFloat64(TorchDispatchMode):
    """Raises when an operation takes or gives a float tensor that is not float64."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for value in tree_flatten((args, kwargs, result))[0]:
            if isinstance(value, torch.Tensor) and value.dtype in LOWER:
                raise AssertionError(f"{func} saw {value.dtype}: the oracle is not pure float64")
        self.operations += 1
        return result


class PureFloat64:
    """with PureFloat64(): everything inside is float64, or fails."""

    def __enter__(self) -> ProveFloat64:
        self._default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        self._promote = Promote()
        self._proof = ProveFloat64()
        self._promote.__enter__()
        self._proof.__enter__()
        return self._proof

    def __exit__(self, *error: Any) -> None:
        self._proof.__exit__(*error)
        self._promote.__exit__(*error)
        torch.set_default_dtype(self._default)
