"""A product of two square matrices: nothing but multiply-accumulates, to see what a machine makes of its array."""
