"""Which oracle a family has: transformers' own modules, where no other is named here."""

import importlib

import huggingface
import renamed

ELSEWHERE = {"baichuan_m1": "baichuan_m1", "rlformers": "executorch_llama"}


def oracle_of(family):
    """The subclass of oracle.Oracle. Imports late: ExecuTorch is needed for its own family alone."""
    if family in ELSEWHERE:
        return importlib.import_module(ELSEWHERE[family]).Oracle
    return renamed.ORACLES.get(family, huggingface.Oracle)
