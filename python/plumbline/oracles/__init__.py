"""Oracles: a checkpoint's forward in float64 alone, from its authors' code or transformers' own, as traces.

    python -m plumbline oracle CHECKPOINT -o oracle.h5
    plumb check CHECKPOINT --candidate cpu-f32 --oracle oracle.h5

Needs torch and transformers. oracles/record.py of the repository records its case catalogue with these.
"""
