"""The product of a 256x256 matrix with a constant one: the GEMM that accelerators are compared by."""

import torch
from torch import nn

SIZE = 256
_SEED = 256


class Product(nn.Module):
    """(n, 256, 256) float32 -> (n, 256, 256): every matrix times the same generated one, without a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.product = nn.Linear(SIZE, SIZE, bias=False)
        generator = torch.Generator().manual_seed(_SEED)
        with torch.no_grad():
            self.product.weight.copy_(torch.randn(SIZE, SIZE, generator=generator) / SIZE**0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = self.product(x)
        return product
