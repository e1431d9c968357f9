"""What one source file imports and defines, read once per content."""

import ast
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["Source", "Sources", "blind_names"]

_FORMAT = 2
_MOST_KEPT = 2_000
"""Contents that are kept; past this number only those of the present run stay."""
_DYNAMIC = {"import_module", "spec_from_file_location", "run_path", "run_module", "__import__"}
_EVALUATING = {"exec", "eval", "__import__"}
BLIND_PACKAGES = frozenset(
    {
        *("pyarrow", "h5py", "tables", "netCDF4", "h5netcdf", "xarray", "zarr", "cv2", "rasterio", "fiona", "pyogrio"),
        *("duckdb", "lmdb", "sentencepiece", "tokenizers", "safetensors", "decord", "datasets", "av", "soundfile"),
        *("torchaudio", "tensorflow", "onnxruntime", "SimpleITK", "openslide"),
    }
)
"""Packages that open files outside Python, where nothing can watch."""
BLIND_NAMES = frozenset(
    {
        *("read_parquet", "read_feather", "read_orc", "read_hdf", "read_ipc", "read_avro", "scan_parquet", "scan_csv"),
        *("scan_ipc", "scan_ndjson", "read_ndjson", "read_image", "read_video"),
    }
)
"""Functions of other packages that do so."""
_BLIND_IN: dict[str, tuple[str, ...]] = {
    "xgboost": ("load_model", "DMatrix"),
    "lightgbm": ("model_file",),
    "catboost": ("load_model", "Pool"),
    "keras": ("load_model", "load_weights"),
    "polars": ("read_csv", "read_json", "read_excel"),
}
"""Names that open files unseen where their package is imported; pandas opens a CSV in Python."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What matters of one file besides its bytes.

    Attributes:
        digest: hash of the whole content.
        imports: (module, level, names) of every import statement, in functions and branches too.
        dynamic: a call that imports or runs code by name; empty where there is none.
        blind: packages and functions it names that open files outside Python.
        rebound: module-level names that a ``global`` statement binds anew.
        classes: hash of every class statement without comments and places, by qualified name.
    """

    digest: str
    imports: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    dynamic: str = ""
    blind: tuple[str, ...] = ()
    rebound: tuple[str, ...] = ()
    classes: dict[str, str] = field(default_factory=dict)


class Sources:
    """Reads source files; what it found in a content is kept, here and in a file for later runs."""

    def __init__(self, kept: Path | None = None) -> None:
        self._kept = kept
        self._known, self._remembered = ({}, {}) if kept is None else _load(kept)
        self._changed = False
        self._by_path: dict[Path, Source | None] = {}

    def read(self, path: Path) -> Source | None:
        """What a file imports and defines; a compiled module counts by its bytes alone; None if it cannot be read."""
        if path not in self._by_path:
            self._by_path[path] = self._read(path)
        return self._by_path[path]

    def remember(self, name: str, state: str, work_out: Callable[[], str]) -> str:
        """What was worked out for a name while its state is still the same; worked out anew for another state."""
        if self._remembered.get(name, ("", ""))[0] != state:
            self._remembered[name] = (state, work_out())
            self._changed = True
        return self._remembered[name][1]

    def _read(self, path: Path) -> Source | None:
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest = hashlib.blake2b(content, digest_size=20).hexdigest()
        if digest not in self._known:
            self._changed = True
            if path.suffix != ".py":
                self._known[digest] = Source(digest=digest)
            else:
                try:
                    tree = ast.parse(content)
                except (SyntaxError, ValueError, RecursionError):
                    return None
                self._known[digest] = _read_tree(digest, tree)
        return self._known[digest]

    def save(self) -> None:
        """Keep what was found for later runs; a folder that cannot be written is no failure."""
        if self._kept is None or not self._changed or not self._kept.parent.is_dir():
            return
        used = [source for source in self._by_path.values() if source is not None]
        kept = used if len(self._known) > _MOST_KEPT else list(self._known.values())
        document = {"format": _FORMAT, "sources": [asdict(source) for source in kept]}
        document["remembered"] = self._remembered
        temporary = self._kept.with_name(f"{self._kept.name}.{os.getpid()}")
        with suppress(OSError):
            temporary.write_text(json.dumps(document), encoding="utf-8")
            os.replace(temporary, self._kept)
            self._changed = False


def _load(path: Path) -> tuple[dict[str, Source], dict[str, tuple[str, str]]]:
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != _FORMAT:
            return {}, {}
        sources = {record["digest"]: _source(record) for record in document["sources"]}
        return sources, {str(name): (str(state), str(value)) for name, (state, value) in document["remembered"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # half-written or of another version: read anew
        return {}, {}


def _source(record: dict[str, object]) -> Source:
    imports = [(str(module), int(level), tuple(map(str, names))) for module, level, names in record["imports"]]  # type: ignore[attr-defined]
    return Source(
        digest=str(record["digest"]),
        imports=tuple(imports),
        dynamic=str(record["dynamic"]),
        blind=tuple(map(str, record["blind"])),  # type: ignore[call-overload]
        rebound=tuple(map(str, record["rebound"])),  # type: ignore[call-overload]
        classes={str(name): str(digest) for name, digest in record["classes"].items()},  # type: ignore[attr-defined]
    )


def _read_tree(digest: str, tree: ast.Module) -> Source:
    imports: dict[tuple[str, int, tuple[str, ...]], None] = {}
    attributes: set[str] = set()
    rebound: set[str] = set()
    dynamic = ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update({(alias.name, 0, ()): None for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names if alias.name != "*")
            imports[(node.module or "", node.level, names)] = None
        elif isinstance(node, ast.Global):
            rebound.update(node.names)
        elif isinstance(node, ast.Call):
            dynamic = dynamic or _runs_by_name(node.func)
        attributes.update(_named(node))
    tops = [module.partition(".")[0] for module, level, _ in imports if not level]
    named = attributes.union(*(names for _, _, names in imports))
    return Source(
        digest=digest,
        imports=tuple(imports),
        dynamic=dynamic,
        blind=blind_names(tops, named),
        rebound=tuple(sorted(rebound)),
        classes=dict(_classes(tree, "")),
    )


def blind_names(packages: Iterable[str], named: Iterable[str]) -> tuple[str, ...]:
    """Which of the packages and of the names (attributes, arguments) open files outside Python."""
    tops, names = set(packages), set(named)
    in_packages = {name for top in tops for name in _BLIND_IN.get(top, ())}
    return tuple(sorted((tops & BLIND_PACKAGES) | (names & (BLIND_NAMES | in_packages))))


def _named(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    return (node.arg,) if isinstance(node, ast.keyword) and node.arg is not None else ()


def _runs_by_name(function: ast.expr) -> str:
    if isinstance(function, ast.Name) and function.id in _EVALUATING | _DYNAMIC:
        return function.id
    return function.attr if isinstance(function, ast.Attribute) and function.attr in _DYNAMIC else ""


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        inner = prefix
        if isinstance(child, ast.ClassDef):
            text = ast.dump(child, annotate_fields=False)
            yield (
                f"{prefix}{child.name}",
                hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
            )
            inner = f"{prefix}{child.name}."
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{prefix}{child.name}.<locals>."
        yield from _classes(child, inner)
