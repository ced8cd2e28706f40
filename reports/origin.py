"""Where a saved text came from: one line out of a reader's sight that `vbench verify` derives it again by."""

import json
import re
from collections.abc import Mapping
from typing import Any

Origin = Mapping[str, Any]
_LINE = re.compile(r"^(?:<!-- vbench (\{.*\}) -->|% vbench (\{.*\}))$", re.MULTILINE)


def comment(origin: Origin) -> str:
    """Return the line as a comment of HTML, which Markdown hides as well; no name in it can end the comment."""
    text = json.dumps(origin).replace(">", r"\u003e")
    return f"<!-- vbench {text} -->"


def remark(origin: Origin) -> str:
    """Return the line as a comment of LaTeX."""
    return f"% vbench {json.dumps(origin)}"


def commented(text: str) -> list[tuple[Origin, str]]:
    """Return the origins in a text, each with what follows up to the next; ValueError where one is no JSON object."""
    places = list(_LINE.finditer(text))
    ends = [*(place.start() for place in places[1:]), len(text)]
    return [
        (json.loads(place[1] or place[2]), text[place.start() : end]) for place, end in zip(places, ends, strict=True)
    ]
