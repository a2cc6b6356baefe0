"""Numbers as people read them: three or four digits, thousands apart, always a unit."""

_BYTE_STEPS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))
_SI_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def digits(value: float, significant: int = 4) -> str:
    """``value`` with so many significant digits, never in powers of ten: 0.2601, 12.5, 52,025."""
    if value == 0:
        return "0"
    whole = f"{abs(value):.{significant - 1}e}"
    exponent = int(whole.partition("e")[2])
    text = f"{value:,.{max(0, significant - 1 - exponent)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def metric(value: float) -> str:
    """A number without a unit: like ``digits``, but for those close to 0: 1.4e-07."""
    return f"{value:.1e}" if 0 < abs(value) < 1e-4 else digits(value)


def count(value: float, unit: str = "") -> str:
    """A count in k, M or G: "12.5 M MACs". Below 10,000 exact."""
    for step, letter in _SI_STEPS:
        if abs(value) >= step and abs(value) >= 10_000:
            return f"{digits(value / step)} {letter} {unit}".rstrip()
    return f"{digits(value, 5)} {unit}".rstrip()


def size(value_bytes: float) -> str:
    """Bytes in binary steps: 80.6 KiB."""
    for step, name in _BYTE_STEPS:
        if abs(value_bytes) >= step:
            return f"{digits(value_bytes / step)} {name}"
    return f"{digits(value_bytes)} B"


def duration(milliseconds: float) -> str:
    """A time in the unit that keeps one to three digits before the point."""
    for step, name in ((1e3, "s"), (1.0, "ms"), (1e-3, "µs")):
        if abs(milliseconds) >= step:
            return f"{digits(milliseconds / step)} {name}"
    return f"{digits(milliseconds * 1e6)} ns"


def energy(microjoules: float) -> str:
    """An energy in the unit that keeps one to three digits before the point."""
    for step, name in ((1e6, "J"), (1e3, "mJ"), (1.0, "µJ"), (1e-3, "nJ")):
        if abs(microjoules) >= step:
            return f"{digits(microjoules / step)} {name}"
    return f"{digits(microjoules * 1e6)} pJ"


def share(part: float, whole: float) -> str:
    """A part in percent of the whole; a dash where there is no whole."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def shorten(name: str, length: int) -> str:
    """``name`` with its middle left out where it is longer than ``length``: the end tells siblings apart."""
    if len(name) <= length:
        return name
    head = (length - 1) // 3
    return f"{name[:head]}…{name[head + 1 - length :]}"
