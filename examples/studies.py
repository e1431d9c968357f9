"""Prints the tables of the case studies: runs every example that prints something when it is run as a script.

python examples/studies.py                           all of them
python examples/studies.py digits_corruptions        one, as does python examples/test_digits_corruptions.py
"""

import runpy
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent
SCRIPT = 'if __name__ == "__main__":'


def studies(names=()):
    """The files of these studies by name; without names, of all.

    Raises:
        SystemExit: a name that is no study.
    """
    files = {path.stem.removeprefix("test_"): path for path in sorted(EXAMPLES.glob("test_*.py"))}
    known = {name: path for name, path in files.items() if SCRIPT in path.read_text(encoding="utf-8")}
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"no such study: {', '.join(unknown)}; there are {', '.join(known)}")
    return {name: known[name] for name in names or known}


if __name__ == "__main__":
    for name, path in studies(sys.argv[1:]).items():
        print(f"### {name.replace('_', ' ')}\n", flush=True)
        runpy.run_path(str(path), run_name="__main__")
        print()
