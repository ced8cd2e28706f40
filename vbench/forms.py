"""A user's TOML file becomes a frozen dataclass, or an error that names the file, the key and the nearest right name.

The dataclasses describe the file: their fields are its keys, `STRICT` refuses every other key, and a rule that types
cannot say stands in `__post_init__` and raises InputError. Lists are tuples and tables are dataclasses or Mappings.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from vbench import errors

Form = TypeVar("Form")
Loc = Sequence[int | str]

STRICT = {"extra": "forbid", "strict": True}  # the value of a form's __pydantic_config__
_EXTRA = "unexpected_keyword_argument"


def require(rule: bool, message: str, remedy: str) -> None:
    """Raise InputError with the sentence and the remedy unless the rule holds."""
    if not rule:
        raise errors.InputError(message, remedy)


def read(form: type[Form], text: str, path: str) -> Form:
    """Return the text of a TOML file as an instance of `form`; `path` only names the file in errors.

    Raises InputError: not TOML, an unknown or missing key, a wrong type or value, a broken rule of the form.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - costs more than a cheap command may take

    try:
        # By way of JSON, because only there does strict validation take arrays for tuples and tables for dataclasses.
        return TypeAdapter(form).validate_json(json.dumps(tomllib.loads(text), default=str))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise errors.InputError(f"'{path}' is not TOML: {error}.", "Mend it at the place named.") from error
    except errors.InputError as error:
        raise _within(path, error) from error
    except ValidationError as error:
        # A misspelt key is also a missing one: the misspelling is what the user wants to hear of.
        first = min(error.errors(), key=lambda detail: detail["type"] != _EXTRA)
        raise _within(path, _explain(form, first)) from None


def _within(path: str, error: errors.InputError) -> errors.InputError:
    return errors.InputError(f"In '{path}': {error.message}", error.remedy)


def _explain(form: type, detail: Mapping[str, Any]) -> errors.InputError:
    loc, where = detail["loc"], _dotted(detail["loc"])
    if detail["type"] == _EXTRA:
        return errors.unknown("key", where, [_dotted([*loc[:-1], key]) for key in _keys(form, loc[:-1])])
    if detail["type"] == "missing":
        return errors.InputError(f"The key '{where}' is missing.", f"Add '{loc[-1]}'.")
    message = detail["msg"].replace("Tuple", "Input")
    return errors.InputError(f"The key '{where}' holds {detail['input']!r:.60}.", f"{message}.")


def _dotted(loc: Loc) -> str:
    """Return a place as `metrics[0].unit`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _keys(form: Any, loc: Loc) -> list[str]:
    """Return the keys that the table at `loc` may have."""
    if get_origin(form) in {Union, UnionType}:
        form = next(kind for kind in get_args(form) if kind is not NoneType)
    if not loc:
        return [field.name for field in fields(form)]
    inner = get_type_hints(form)[str(loc[0])] if is_dataclass(form) else _item(form)
    return _keys(inner, loc[1:])


def _item(container: Any) -> Any:
    """Return what a tuple of one kind or a Mapping holds."""
    return next(kind for kind in reversed(get_args(container)) if kind is not ...)
