"""The hardware: systems, networks, programs, and the golden and timing machines that run them. No PyTorch."""
