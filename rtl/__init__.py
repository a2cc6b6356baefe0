"""SystemVerilog sources, and in `rtl.bench` the Python that builds and runs them."""
