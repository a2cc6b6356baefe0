"""The tool: trace, quantize, lower, tile, place, encode and run. Importing it does not import PyTorch."""
