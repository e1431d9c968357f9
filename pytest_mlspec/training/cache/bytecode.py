"""Code objects as plain values: what they compute, and which names they read."""

import dis
from types import CodeType

__all__ = ["constants", "names_in"]

_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS"}


def constants(code: CodeType) -> tuple[object, ...]:
    """A code object as plain values, without places, comments and names of files."""
    sizes = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    values = tuple(_constant(value) for value in code.co_consts)
    return "code", code.co_code, getattr(code, "co_exceptiontable", b""), sizes, names, values


def _constant(value: object) -> object:
    if isinstance(value, CodeType):
        return constants(value)
    if isinstance(value, frozenset):  # in the order of their text: sets of strings change theirs with every process
        return "frozenset", tuple(sorted(repr(item) for item in value))
    return tuple(map(_constant, value)) if isinstance(value, tuple) else value


def names_in(code: CodeType) -> tuple[set[str], set[str], set[str]]:
    """Global names, attributes and names of arguments, and imported packages in a function and those within it."""
    names: set[str] = set()
    attributes: set[str] = set()
    imported: set[str] = set()
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        if instruction.opname in _LOADS:
            names.add(str(value))
        elif instruction.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            attributes.add(str(value))
        elif instruction.opname == "IMPORT_NAME":
            imported.add(str(value).partition(".")[0])
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = names_in(constant)
            names |= inner[0]
            attributes |= inner[1]
            imported |= inner[2]
        elif isinstance(constant, tuple):
            attributes.update(item for item in constant if isinstance(item, str))
    return names, attributes, imported
