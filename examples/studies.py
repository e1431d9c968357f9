"""Prints the tables of the case studies: every example that has a `report()`.

python examples/studies.py                           all of them
python examples/studies.py digits_corruptions        one
"""

import sys
from importlib import import_module
from pathlib import Path

EXAMPLES = Path(__file__).parent


def reports(names):
    """The reports of these studies by name; without names, of all."""
    known = {path.stem.removeprefix("test_"): path.stem for path in sorted(EXAMPLES.glob("test_*.py"))}
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"no such study: {', '.join(unknown)}; there are {', '.join(known)}")
    modules = {name: import_module(known[name]) for name in names or known}
    return {name: module.report for name, module in modules.items() if hasattr(module, "report")}


if __name__ == "__main__":
    for name, report in reports(sys.argv[1:]).items():
        print(f"### {name.replace('_', ' ')}\n", report(), sep="\n", flush=True)
