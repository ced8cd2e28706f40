"""Text that came from users and targets, made safe for where it is printed."""

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#])")
_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # after \\ a bracket would be an optional argument
    "]": "{]}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": "{-}",  # two would be joined to a dash
}
_FORMULA = ("=", "+", "-", "@")


def printable(text: str) -> str:
    r"""Return text on one line with nothing in it that steers a terminal or turns the direction of reading.

    >>> printable("a\x1b[31mb\nc")
    'a?[31mb c'
    """
    line = " ".join(text.split())
    return "".join("?" if unicodedata.category(letter).startswith("C") else letter for letter in line)


def markdown(text: str) -> str:
    r"""Return text that GitHub's Markdown shows as it is, inside a table too.

    >>> markdown("<b>a|b</b>")
    '&lt;b&gt;a\\|b&lt;/b&gt;'
    """
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", plain)


def spreadsheet(text: str) -> str:
    """Return text that a spreadsheet does not take for a formula.

    >>> spreadsheet("=1+1"), spreadsheet("kvm")
    ("'=1+1", 'kvm')
    """
    plain = printable(text)
    return f"'{plain}" if plain.startswith(_FORMULA) else plain


def latex(text: str) -> str:
    r"""Return text that LaTeX prints as it is; what its fonts have no sign for is a question mark.

    >>> latex("50 % of a_b")
    '50 \\% of a\\_b'
    """
    plain = printable(text).encode("ascii", "replace").decode()
    return "".join(_LATEX.get(letter, letter) for letter in plain)
