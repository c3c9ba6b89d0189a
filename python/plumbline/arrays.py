"""Arrays of any library as numpy's, without importing the library."""

from typing import Any

import numpy as np
import numpy.typing as npt

WIDE = ("float64", "float32")


def _of_torch(value: Any) -> Any:
    """A tensor on any device, with or without a gradient; what numpy lacks (bfloat16, fp8) as float32."""
    value = value.detach()
    if hasattr(value, "full_tensor"):  # one that is spread over devices
        value = value.full_tensor()
    if value.is_floating_point() and str(value.dtype).removeprefix("torch.") not in WIDE:
        value = value.float()
    return value.cpu().resolve_neg().numpy()


def _of_mlx(value: Any) -> Any:
    import mlx.core as mx

    return np.array(value.astype(mx.float32) if value.dtype == mx.bfloat16 else value)


def as_numpy(value: Any) -> npt.NDArray[Any]:
    """`value` as a numpy array of the same numbers: numpy, lists, torch (CUDA, bfloat16), mlx, jax, and what
    has `__array__` or `__dlpack__`. Floats narrower than float32 come as the float32 that they equal.
    Raises TypeError where `value` is no array of numbers."""
    home = type(value).__module__.partition(".")[0]
    if home == "torch" or hasattr(value, "detach"):
        array = _of_torch(value)
    elif home == "mlx":
        array = _of_mlx(value)
    elif hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        array = np.from_dlpack(value)
    else:
        array = np.asarray(value)
    if array.dtype.kind in "biu":
        return np.asarray(array)
    if array.dtype.kind == "f" and array.dtype.itemsize >= 4:
        return np.asarray(array)
    if array.dtype.kind == "f" or array.dtype.name.startswith(("bfloat16", "float8")):  # ml_dtypes: kind V
        return np.asarray(array.astype(np.float32))
    raise TypeError(f"{type(value).__name__} of {array.dtype} is no array of numbers")
