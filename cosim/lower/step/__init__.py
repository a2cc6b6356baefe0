"""Lowering of a traced training step of Octo's operators: integers as they are written, every node somewhere.

Nodes become units (``patterns``, and ``calls`` for what is left), which are put in order (``order``) and written as
operators (``operators``) on tensors (``tensors``) whose stored axes ``layout`` decides.
"""

from .lowering import lower_step

__all__ = ["lower_step"]
