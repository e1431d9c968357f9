"""What names an ensemble in the cache: everything that a fit depends on, but its seed."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_mlspec.training.cache.code import Token, code_token
from pytest_mlspec.training.cache.source import Sources
from pytest_mlspec.training.cache.versions import machine, versions_of
from pytest_mlspec.training.cache.watching import file_digest
from pytest_mlspec.training.content import content_digest

__all__ = ["FitKey", "declared_inputs", "fit_key", "token_of"]

_FORMAT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FitKey:
    """The name of an ensemble in the cache.

    Attributes:
        text: equal in every process while nothing of what the fit depends on changes.
        unreadable: what cannot be read, so that there is no such name.
        unseen: why the fit may have inputs that the name says nothing of.
        files: the project's files that the name speaks of as they are on disk now.
        token: the part of the name that a fit could change.
    """

    text: str
    unreadable: tuple[str, ...]
    unseen: tuple[str, ...]
    files: tuple[Path, ...] = ()
    token: Token = field(default_factory=lambda: Token(text=""))

    def edited_since(self, started: int) -> str:
        """Which file was changed after this moment (nanoseconds since 1970): the code that runs is an older one."""
        for path in self.files:
            if path.exists() and path.stat().st_mtime_ns > started:
                return path.name
        return ""


def fit_key(
    function: Callable[..., object],
    arguments: Mapping[str, object],
    settings: Mapping[str, object],
    *,
    root: Path,
    sources: Sources,
    as_before: Callable[[str, str], str] | None = None,
) -> FitKey:
    """Name the fits of a training function by its code, its inputs, its settings and what it runs on.

    Args:
        function: the training function.
        arguments: what it is called with, besides the seed.
        settings: plain values that were said about the training: name, threads, output, classes, ...
        root: paths of files count relative to it.
        sources: what is known of source files already; kept for later runs.
        as_before: as for `code_token`.
    """
    token = token_of(function, arguments, root=root, sources=sources, as_before=as_before)
    versions = versions_of(token.packages, sources)
    said = content_digest(dict(settings))
    unreadable = (
        token.unreadable if said is not None else (*token.unreadable, "the content of its settings cannot be read")
    )
    parts = [_FORMAT, token.text, said, versions, machine(sources), _numbers(versions)]
    return FitKey(
        text=content_digest(parts) or "",
        unreadable=unreadable,
        unseen=tuple(dict.fromkeys(token.unseen)),
        files=token.files,
        token=token,
    )


def token_of(
    function: Callable[..., object],
    arguments: Mapping[str, object],
    *,
    root: Path,
    sources: Sources,
    as_before: Callable[[str, str], str] | None = None,
) -> Token:
    """The part of `fit_key` that a fit could change: its code, what that refers to, and its inputs."""
    content = {name: _content(value) for name, value in arguments.items()}
    return code_token(function, content, root=root, sources=sources, as_before=as_before)


def _content(value: object) -> object:
    """An ensemble without the seconds that its fits took; anything else as it is."""
    from pytest_mlspec.training.ensemble import Ensemble

    if not isinstance(value, Ensemble):
        return value
    return [value.name, value.seeds, value.members, value.output, value.classes]


def _numbers(versions: Mapping[str, str]) -> list[str]:
    """Global settings that change what comes out of the same code, where they are not the default, and the device."""
    found = []
    if "torch" in versions:
        try:
            import torch
        except ImportError:
            return ["torch cannot be imported"]
        found += [f"dtype {torch.get_default_dtype()}", f"deterministic {torch.are_deterministic_algorithms_enabled()}"]
        found += [f"benchmark {torch.backends.cudnn.benchmark}", f"matmul {torch.get_float32_matmul_precision()}"]
        found.append(_device(torch.cuda.is_available(), torch.backends.mps.is_available()))
    config = sys.modules.get("sklearn._config")
    if config is not None:
        default = getattr(config, "_global_config", {})
        found += [
            f"{name}={value!r}" for name, value in sorted(config.get_config().items()) if default.get(name) != value
        ]
    return found


def _device(cuda: bool, mps: bool) -> str:
    if not cuda:
        return "mps" if mps else "cpu"
    # Asked of torch, the name would start CUDA in a process that may never need it.
    lines = [
        line.partition(":")[2].strip()
        for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.startswith("Model")
    ]
    if lines:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        return f"cuda {lines} visible {visible}"
    import torch

    return f"cuda {[torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]}"


def declared_inputs(inputs: Iterable[object], root: Path) -> dict[str, object]:
    """Read what ``depends_on`` names: files and folders by their content, anything else as it is.

    Args:
        inputs: paths, relative to ``root`` or absolute, and other values.
        root: the root of the run.

    Raises:
        FileNotFoundError: a path that is not there; a text counts as a path where it has a separator or a suffix.
    """
    found: dict[str, object] = {}
    for number, given in enumerate(inputs):
        path = _as_path(given, root)
        if path is None:
            found[f"depends_on {number}"] = given
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
            found[f"depends_on {given}"] = [(str(file.relative_to(path)), file_digest(str(file))) for file in files]
        else:
            found[f"depends_on {given}"] = file_digest(str(path))
    return found


def _as_path(given: object, root: Path) -> Path | None:
    if not isinstance(given, str | os.PathLike):
        return None
    path = root / Path(given)
    if path.exists():
        return path
    looks = "/" in given or os.sep in given or Path(given).suffix[1:2].isalpha() if isinstance(given, str) else True
    if isinstance(given, str) and ("://" in given or not looks):
        return None
    raise FileNotFoundError(
        f"depends_on names {os.fspath(given)!r}, and there is no file or folder of that name in {root}: give a path "
        "from the root of the run, or an absolute one"
    )
