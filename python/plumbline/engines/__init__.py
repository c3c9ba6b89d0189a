"""Adapters: `py:NAME` is `plumbline.engines.NAME`. Each reads like an example of plumbline.engine."""
