"""The gates in common use: what they make of final logits beside the float64 truth."""

import subprocess

import h5py
import numpy as np


def true_logits(plumb, checkpoint, prompts, folder):
    """By prompt; as plumb's reference has them, which meets Hugging Face's in pure float64 at 1e-12."""
    with h5py.File(folder / "prompts.h5", "w") as file:
        file.attrs["schema"] = "plumbline.trace/1"
        for name, tokens in prompts.items():
            file[f"prompts/{name}"] = np.array(tokens, np.int64)
    target = folder / "truth.h5"
    subprocess.run([plumb, "run", checkpoint, "--engine", "reference", "--prompts", folder / "prompts.h5",
                    "--taps", "logits", "-o", target], check=True, capture_output=True)
    with h5py.File(target) as file:
        return {name: file[f"float64/{name}/logits"][()] for name in prompts}


def cosine(a, b):
    """Of the worst position."""
    return ((a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))).min()


def drift(logits, truth):
    return max(np.abs(logits[name] - truth[name]).max() for name in truth)


def verdicts(logits, truth, clean_drift):
    """What each gate says of a run, True where it passes; `clean_drift`: of a clean run of the same dtype."""
    pairs = [(logits[name], truth[name]) for name in truth]
    return {
        "atol 1e-2": drift(logits, truth) <= 1e-2,
        "same argmax": all((a.argmax(-1) == b.argmax(-1)).all() for a, b in pairs),
        "cosine > .999": all(cosine(a, b) > 0.999 for a, b in pairs),
        "NMSE < 1e-4": all(((a - b) ** 2).sum() / (b ** 2).sum() < 1e-4 for a, b in pairs),
        "3 x clean drift": drift(logits, truth) <= 3 * clean_drift,
    }
