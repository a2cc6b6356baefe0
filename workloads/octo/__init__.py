"""Octo: training in 8-bit integers with loss-aware compensation (LAC) and parametrised range clipping (PRC)."""
