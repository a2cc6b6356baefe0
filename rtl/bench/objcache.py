"""Compiles one C++ file, or copies the result of the same command from a cache; called by make as OBJCACHE.

Usage: objcache.py CACHE COMPILER ARGUMENT...    with `-c -o OBJECT SOURCE` at the end, as verilated.mk writes it.

Verilator's own run-time files (verilated*.cpp) are the same in every build and cost ten times what a small block
does. Only they are cached, by the whole command; CACHE must change with the compiler and Verilator. Runs without
site-packages, so it imports the standard library alone.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def main(cache: Path, command: list[str]) -> int:
    """Make OBJECT and its .d file; return the compiler's exit status."""
    source = Path(command[-1])
    if not source.name.startswith("verilated") or command[-4:-2] != ["-c", "-o"]:
        return subprocess.call(command)
    entry = cache / hashlib.sha256("\0".join(command).encode()).hexdigest()[:16]
    target = Path(command[-2])
    products = [target, target.with_suffix(".d")]
    if entry.is_dir():
        for product in products:
            shutil.copyfile(entry / product.name, product)  # not its times: make wants it newer than the makefile
        return 0
    status = subprocess.call(command)
    if status == 0:
        _keep(entry, products)
    return status


def _keep(entry: Path, products: list[Path]) -> None:
    """Add an entry whole or not at all, whoever else adds the same."""
    draft = entry.with_name(f"{entry.name}-draft-{os.getpid()}")
    draft.mkdir(parents=True)
    for product in products:
        shutil.copyfile(product, draft / product.name)
    try:
        draft.rename(entry)
    except OSError:  # another build was first
        shutil.rmtree(draft)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
