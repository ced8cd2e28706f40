"""Sizes and numbers as people write and read them; inside, everything is in base units."""

import re

from vbench.errors import InputError

_BINARY = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def parse_size(text: str) -> int:
    """Return a size in bytes; the suffixes K, M, G and T are powers of 1024.

    >>> parse_size("512M")
    536870912
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise InputError(f"'{text}' is not a size.", "Write a whole number with K, M, G or T behind it, such as 512M.")
    return int(match[1]) * _BINARY[match[2].upper()]


def parse_share(text: str) -> float:
    """Return a share of 1 that is written as a percentage or as a number.

    >>> parse_share("3%"), parse_share("0.05")
    (0.03, 0.05)
    """
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise InputError(f"'{text}' is not a share between 0 and 1.", "Write it as 3% or 0.03.")
    return share


def format_value(value: float | None, unit: str, digits: int = 3) -> str:
    """Return a value with `digits` significant digits and an SI prefix before its base unit.

    >>> format_value(1234567.0, "B/s"), format_value(0.00021, "s"), format_value(4711.0, "1/s")
    ('1.23 MB/s', '210 us', '4.71 k/s')
    >>> format_value(999.6, "s"), format_value(4711.0, "1/s", digits=2)
    ('1.00 ks', '4.7 k/s')
    >>> format_value(0.0123, "1", digits=2), format_value(0.0, "1")  # a share is no thousandth of anything
    ('0.012', '0')
    """
    if value is None:
        return "-"
    size = float(f"{value:.{digits}g}")
    if unit == "1" and abs(size) < 1:
        return f"{size:.{digits}g}"
    bare = unit.removeprefix("1")
    if size and not _STEPS[-1][0] <= abs(size) < 1000 * _STEPS[0][0]:
        return f"{size:.{digits - 1}e} {bare}".rstrip()
    scale, prefix = next((step for step in _STEPS if abs(size) >= step[0]), (1.0, ""))
    whole = len(f"{abs(size / scale):.0f}")
    return f"{size / scale:.{max(0, digits - whole)}f} {prefix}{bare}".rstrip()


def format_duration(seconds: float) -> str:
    """Return a duration as people say it.

    >>> format_duration(12.3), format_duration(312.0), format_duration(7260)
    ('12 s', '5 min 12 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
