"""The ensemble: the trained members of one training function, one per seed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from pytest_mlspec.data.reading import refuse_training
from pytest_mlspec.training.fitting import Fitted, fit_each
from pytest_mlspec.training.identity import IdenticalMembersError, refuse_identical
from pytest_mlspec.training.kept import KeptFits, KeptOutputs
from pytest_mlspec.training.models import is_model
from pytest_mlspec.training.seeding import check_seeds

if TYPE_CHECKING:
    from pytest_mlspec.data.dataset import Dataset
    from pytest_mlspec.data.printing import Printer

__all__ = ["Ensemble", "IdenticalMembersError", "KeptFits", "KeptOutputs", "Output", "Progress"]

Output = Literal["probabilities", "logits", "values", "labels"]
Progress = Callable[[int, int, str, int, float], None]
"""Called after each member with (members done, members in all, ensemble, seed, seconds of this fit)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True, repr=False)
class Ensemble:
    """Hold the trained members of one training function; two ensembles are equal only when they are one object.

    Attributes:
        members: the trained models, one per seed.
        seeds: the seeds, in the order of `members`.
        name: how messages call the ensemble.
        output: what a torch module or a plain callable returns; None for models that say so themselves.
        classes: the classes in the order of the output's columns, where the model does not know them.
        trained_on: the datasets that the members were fitted on; judging on their rows is refused.
        declared: the number of members that was declared; more than `len(members)` is a development run.
        retrained: False for one given model: verdicts are about this model and not about retraining.
        durations: seconds of each fit, in the order of `members`; empty when nothing was fitted here.
        left_out: column and value of the rows that were left out of the training data; see `held_out`.
        known_apart: rows of other origin, by `data.reading.rows_key`, that came in the same `Splits` as the training
            data and were compared with them there.
        kept_outputs: finds predictions of these members that an earlier run has kept.
    """

    members: tuple[object, ...]
    seeds: tuple[int, ...]
    name: str
    output: Output | None = None
    classes: tuple[object, ...] | None = None
    trained_on: "tuple[Dataset, ...]" = ()
    declared: int
    retrained: bool
    durations: tuple[float, ...] = ()
    left_out: tuple[tuple[str, object], ...] = ()
    known_apart: tuple[str, ...] = ()
    kept_outputs: KeptOutputs | None = None

    @property
    def held_out(self) -> Mapping[str, object]:
        """What the members never saw, such as `{"hospital": "C"}`, for `street.test.where(**model.held_out)`."""
        return MappingProxyType(dict(self.left_out))

    def wrapped(self, members: tuple[object, ...], *, name: str, also_read: "Dataset") -> "Ensemble":
        """The same retrainings behind a correction that was fitted on further rows, which count as training rows."""
        return replace(
            self,
            members=members,
            name=name,
            output=None,
            classes=None,
            trained_on=(*self.trained_on, also_read),
            durations=(),
            kept_outputs=None,
        )

    @classmethod
    def fit(
        cls,
        function: Callable[[int], object],
        seeds: int | Sequence[int],
        *,
        name: str | None = None,
        output: Output | None = None,
        classes: Sequence[object] | None = None,
        trained_on: "Sequence[Dataset]" = (),
        may_read: "Sequence[Dataset]" = (),
        jobs: int = 1,
        threads: int | None = 1,
        progress: Progress | None = None,
        declared: int | None = None,
        held_out: Mapping[str, object] | None = None,
        kept: KeptFits | None = None,
    ) -> "Ensemble":
        """Train one member per seed with `function(seed)`, reproducibly.

        Python's, NumPy's and torch's generators are seeded for each fit and restored after it; a fit runs on one
        BLAS, OpenMP and torch thread unless `threads` says otherwise (None: leave them alone).

        Args:
            function: takes a seed and returns a trained model.
            seeds: the number of members (seeds 0, 1, ...), or the distinct seeds themselves.
            name: how messages call the ensemble; the function's name by default.
            output: what a torch module or a plain callable returns: "probabilities", "logits", "values", "labels".
            classes: the classes in the order of the output's columns.
            trained_on: the datasets that the function fits on.
            may_read: further parts of the same splits, which it can reach; those whose features it reads count as
                trained on, too.
            jobs: how many processes train at a time; the members are the same for every number.
            threads: BLAS, OpenMP and torch threads of one fit.
            progress: called after each member with (done, total, name, seed, seconds).
            declared: the number of members that was declared, when this is a shorter development run.
            held_out: column -> value of the rows that `trained_on` lacks; put down for those who ask, nothing more.
            kept: fits of the same function that earlier runs have kept; only the other seeds are trained.

        Returns:
            The ensemble of `len(seeds)` members.

        Raises:
            ValueError: the seeds are not distinct non-negative integers, or `output` is unknown.
            TypeError: the function returns something that is not a model.
            IdenticalMembersError: all members came out the same, so the seeds replicate nothing.

        Example:
            >>> from sklearn.datasets import load_iris
            >>> from sklearn.neural_network import MLPClassifier
            >>> X, y = load_iris(return_X_y=True)
            >>> Ensemble.fit(lambda seed: MLPClassifier(max_iter=5, tol=1, random_state=seed).fit(X, y), 3, name="iris")
            Ensemble('iris', 3 members of MLPClassifier, seeds 0-2)
        """
        numbers = check_seeds(seeds)
        if jobs < 1:
            raise ValueError(f"jobs={jobs}: expected at least 1")
        label = name if name is not None else _name_of(function)
        refuse_training(f"{len(numbers)} members of {label!r} would be fitted")
        checked_output = _checked_output(output)
        fits = _fits(function, numbers, label, jobs=jobs, threads=threads, progress=progress, kept=kept)
        members = [fits[seed].member for seed in numbers]
        read = {rows for fitted in fits.values() for rows in fitted.read}
        refuse_identical(members, numbers, label, learned=[fits[seed].learned for seed in numbers])
        fitted_on = (*trained_on, *_also_read(may_read, trained_on, read))
        return cls(
            members=tuple(members),
            seeds=numbers,
            name=label,
            output=checked_output,
            classes=None if classes is None else tuple(classes),
            trained_on=fitted_on,
            declared=len(members) if declared is None else declared,
            retrained=True,
            durations=tuple(fits[seed].seconds for seed in numbers),
            left_out=tuple((held_out or {}).items()),
            known_apart=_of_other_origin(may_read, fitted_on),
            kept_outputs=None if kept is None else kept.done(),
        )

    @classmethod
    def of(
        cls,
        model: object,
        *,
        name: str | None = None,
        output: Output | None = None,
        classes: Sequence[object] | None = None,
    ) -> "Ensemble":
        """Hold one trained model, or a list of retrainings, as an ensemble; an ensemble comes back as it is.

        Args:
            model: an estimator, a torch module, a callable, a list or tuple of them, or an ensemble.
            name: how messages call it; the model's class or function name by default.
            output: what a torch module or a plain callable returns: "probabilities", "logits", "values", "labels".
            classes: the classes in the order of the output's columns.

        Returns:
            The ensemble; of one model it says nothing about retraining (`retrained` is False).

        Raises:
            TypeError: `model` is not a model, or an ensemble together with other arguments.
            ValueError: the list is empty, or `output` is unknown.
            IdenticalMembersError: all models of the list are the same.
        """
        if isinstance(model, Ensemble):
            if (name, output, classes) != (None, None, None):
                raise TypeError(
                    f"{model!r} is an ensemble already: give name, output and classes where its members are trained"
                )
            return model
        members = tuple(model) if isinstance(model, (list, tuple)) else (model,)
        if not members:
            raise ValueError("expected at least one model, got an empty list")
        label = name if name is not None else _name_of(members[0])
        for index, member in enumerate(members):
            _refuse_non_model(member, label, index, given=True)
        seeds = tuple(range(len(members)))
        refuse_identical(members, seeds, label)
        return cls(
            members=members,
            seeds=seeds,
            name=label,
            output=_checked_output(output),
            classes=None if classes is None else tuple(classes),
            declared=len(members),
            retrained=len(members) > 1,
        )

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[object]:
        return iter(self.members)

    def __getitem__(self, index: int) -> object:
        return self.members[index]

    def __repr__(self) -> str:
        kind = _name_of(self.members[0], kind=True)
        if not self.retrained:
            return f"Ensemble({self.name!r}, one model: {kind})"
        word = "member" if len(self) == 1 else "members"
        missing = "" if len(self) == self.declared else f" of {self.declared} declared"
        return f"Ensemble({self.name!r}, {len(self)} {word}{missing} of {kind}, {_seeds_in_words(self.seeds)})"

    def _repr_pretty_(self, printer: "Printer", cycle: bool) -> None:
        # IPython and Hypothesis would print a dataclass field by field.
        printer.text(repr(self))


def _fits(
    function: Callable[[int], object],
    seeds: Sequence[int],
    name: str,
    *,
    jobs: int,
    threads: int | None,
    progress: Progress | None,
    kept: KeptFits | None,
) -> dict[int, Fitted]:
    """The fit of every seed: those that are known, and the others trained."""
    fits = {} if kept is None else kept.find(seeds)
    missing = tuple(seed for seed in seeds if seed not in fits)
    watched = None if kept is None else kept.watched
    trained = fit_each(function, missing, name=name, jobs=jobs, threads=threads, watched=watched)
    with _stored(kept):
        for seed, fitted in zip(missing, trained, strict=True):
            _refuse_non_model(fitted.member, name, seed)
            fits[seed] = fitted
            if kept is not None:
                kept.keep(seed, fitted)
            if progress is not None:
                progress(len(fits), len(seeds), name, seed, fitted.seconds)
    return fits


@contextmanager
def _stored(kept: KeptFits | None) -> Iterator[None]:
    """Store what was trained also when training ends early, by an error or by hand."""
    try:
        yield
    except BaseException:
        if kept is not None:
            kept.done()
        raise


def _checked_output(output: Output | None) -> Output | None:
    if output is not None and output not in get_args(Output):
        choices = ", ".join(repr(choice) for choice in get_args(Output))
        raise ValueError(f"output={output!r}: expected one of {choices}")
    return output


def _refuse_non_model(member: object, name: str, seed: int, *, given: bool = False) -> None:
    if is_model(member):
        return
    if isinstance(member, type):
        found, mend = f"the class {member.__name__}", f"give an instance: {member.__name__}(...)"
    elif member is None:
        found, mend = "None", "return the trained model" if not given else "give the trained model"
    else:
        found, mend = f"{type(member).__name__}", "a model has `predict` or can be called with X"
    source = f"model {seed} of {name!r} is" if given else f"the training function {name!r} returned, for seed {seed},"
    raise TypeError(f"{source} {found}, which is not a model: {mend}")


def _name_of(model: object, *, kind: bool = False) -> str:
    inner = getattr(model, "func", model) if not kind else model  # the function inside a functools.partial
    name = getattr(inner, "__name__", None)
    return name if isinstance(name, str) else type(inner).__name__


def _seeds_in_words(seeds: tuple[int, ...]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if seeds == tuple(range(seeds[0], seeds[0] + len(seeds))):
        return f"seeds {seeds[0]}-{seeds[-1]}"
    return "seeds " + ", ".join(map(str, seeds[:6])) + (", ..." if len(seeds) > 6 else "")


def _also_read(may_read: "Sequence[Dataset]", trained_on: "Sequence[Dataset]", read: set[str]) -> "list[Dataset]":
    """Which of the reachable datasets a fit read, without those that are known to have trained it."""
    from pytest_mlspec.data.reading import rows_key

    known = {id(data) for data in trained_on}
    return [data for data in may_read if id(data) not in known and rows_key(data) in read]


def _of_other_origin(may_read: "Sequence[Dataset]", trained_on: "Sequence[Dataset]") -> tuple[str, ...]:
    """Names of the rows that lineage says nothing about: those of parts that were not cut from the training data."""
    from pytest_mlspec.data.perturbing import shared_origin
    from pytest_mlspec.data.reading import rows_key

    return tuple(rows_key(part) for part in may_read if not any(shared_origin(part, train) for train in trained_on))
