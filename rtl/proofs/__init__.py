"""Proofs of the RTL: queues, tokens, the dispatcher and what surrounds them, by temporal induction in Yosys."""
