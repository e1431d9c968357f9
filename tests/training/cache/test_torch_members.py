"""Torch members: one stacked file, every bit back, tied where they were tied."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="the independent reader of the files")

from torch import nn  # noqa: E402  # after the import that may skip

from pytest_mlspec.training.cache.members import pack  # noqa: E402
from pytest_mlspec.training.cache.safetensors_file import RawTensor, read_tensors, tensor_file  # noqa: E402
from pytest_mlspec.training.cache.store import Store  # noqa: E402


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache", 10**9)


def all_found(store: Store, key: str, seeds: Any) -> dict[int, Any]:
    return {seed: kept.member for seed, kept in store.members(key, list(seeds), lambda facts: True).items()}


def round_trip(store: Store, *members: Any) -> list[Any]:
    assert store.keep("key", {seed: (member, 0.0, {}) for seed, member in enumerate(members)}) == "", store.notes
    found = all_found(store, "key", range(len(members)))
    return [found[seed] for seed in range(len(members))]


def network(seed: int, width: int = 16) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 3))


class Everything(nn.Module):
    """Every type of number, no dimension, no number, tied weights, views, strides, and plain attributes."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
            name = f"of_{dtype}".replace(".", "_")
            self.register_buffer(name, torch.randn(5, 3, generator=generator).to(dtype))
        for dtype in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool):
            name = f"of_{dtype}".replace(".", "_")
            self.register_buffer(name, torch.randint(0, 2, (7,), generator=generator).to(dtype))
        self.register_buffer("not_in_state", torch.randn(2, generator=generator), persistent=False)
        self.register_buffer("scalar", torch.tensor(float(seed)))
        self.register_buffer("nothing", torch.empty(0, 4))
        self.register_buffer("special", torch.tensor([float("nan"), -0.0, float("inf"), 1e-45]))
        self.weight = nn.Parameter(torch.randn(6, 4, generator=generator))
        self.tied = self.weight
        self.frozen = nn.Parameter(torch.randn(3, generator=generator), requires_grad=False)
        self.turned = nn.Parameter(torch.randn(4, 6, generator=generator).t())
        self.image = nn.Parameter(torch.randn(2, 3, 4, 4, generator=generator).to(memory_format=torch.channels_last))
        self.rows = self.weight.data[1:3]
        self.loose = torch.randn(3, generator=generator)
        self.sparse = torch.eye(3).to_sparse()
        self.wave = torch.randn(3, generator=generator) * 1j
        self.threshold = 0.25 + seed


def same(first: torch.Tensor, second: torch.Tensor) -> None:
    assert (first.dtype, first.shape, first.layout) == (second.dtype, second.shape, second.layout)
    if first.layout == torch.strided:
        assert first.stride() == second.stride() or first.numel() == 0
        first, second = first.detach().contiguous().reshape(-1), second.detach().contiguous().reshape(-1)
        if first.numel():
            assert torch.equal(first.view(torch.uint8), second.view(torch.uint8))
    else:
        assert torch.equal(first.to_dense(), second.to_dense())
    assert first.requires_grad == second.requires_grad


def test_everything_comes_back_bit_by_bit(store):
    originals = [Everything(seed).eval() for seed in range(3)]

    for original, again in zip(originals, round_trip(store, *originals), strict=True):
        named = {**dict(original.named_parameters()), **dict(original.named_buffers())}
        named |= {name: getattr(original, name) for name in ("rows", "loose", "sparse", "wave", "tied")}
        for name, tensor in named.items():
            same(getattr(again, name), tensor)
        assert again.tied is again.weight
        assert again.rows.untyped_storage().data_ptr() == again.weight.untyped_storage().data_ptr()
        again.weight.data[1, 0] = 99.0
        assert again.rows[0, 0] == 99.0, "a view is still one"
        assert [name for name, _ in again.named_parameters()] == [name for name, _ in original.named_parameters()]
        assert again.state_dict().keys() == original.state_dict().keys()
        assert isinstance(again.weight, nn.Parameter)
        assert again.frozen.requires_grad is False
        assert again.threshold == original.threshold


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_each_part_comes_back(store, training):
    model = network(0).train(training)
    model[1].eval()

    (again,) = round_trip(store, model)

    assert [part.training for part in again.modules()] == [part.training for part in model.modules()]


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(4, 3, num_layers=2),
        lambda: nn.TransformerEncoderLayer(8, 2, batch_first=True),
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.Flatten()),
        lambda: nn.Embedding(10, 4, padding_idx=0),
    ],
    ids=["lstm", "transformer", "convolution", "embedding"],
)
def test_the_layers_of_torch_predict_the_same(store, make):
    torch.manual_seed(0)
    model = make().eval()
    inputs = {
        nn.LSTM: torch.randn(5, 2, 4),
        nn.TransformerEncoderLayer: torch.randn(2, 5, 8),
        nn.Sequential: torch.randn(2, 1, 6, 6),
        nn.Embedding: torch.arange(10),
    }
    given = next((value for kind, value in inputs.items() if isinstance(model, kind)), torch.randn(2, 4))

    (again,) = round_trip(store, model)

    with torch.inference_mode():
        expected, got = model(given), again(given)
    assert torch.equal(got[0], expected[0]) if isinstance(expected, tuple) else torch.equal(got, expected)


def test_a_reloaded_member_can_be_trained_further_alone(store):
    first, second = round_trip(store, network(0), network(1))
    before = {name: value.clone() for name, value in second.state_dict().items()}

    optimiser = torch.optim.SGD(first.parameters(), lr=0.1)
    first(torch.randn(8, 4)).sum().backward()
    optimiser.step()

    assert all(torch.equal(before[name], value) for name, value in second.state_dict().items())
    assert all(p.is_leaf and not p._is_view() for p in first.parameters())
    weight = first[0].weight
    assert weight.untyped_storage().nbytes() == weight.numel() * 4, "no member drags the others' numbers along"


def test_training_on_after_keeping_does_not_reach_the_store(store):
    model = network(0)
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    store.keep("key", {0: (model, 0.0, {})})
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()

    again = all_found(store, "key", [0])[0]

    assert all(torch.equal(kept[name], value) for name, value in again.state_dict().items())


def test_all_members_lie_stacked_in_one_file_that_the_reference_reads(store, tmp_path):
    members = [network(seed) for seed in range(4)]
    for seed, member in enumerate(members):
        store.keep("key", {seed: (member, 0.0, {})})
    store.settle("key")

    (file,) = (tmp_path / "cache").rglob("*.safetensors")
    stacked = safetensors_torch.load_file(file)

    assert stacked.keys() == members[0].state_dict().keys()
    for name, values in stacked.items():
        assert torch.equal(values, torch.stack([member.state_dict()[name] for member in members]))
    listed = json.loads((file.parent / "manifest.json").read_text().splitlines()[1])["members"]
    assert len({tuple(one["skeleton"]) for one in listed}) == 1, "one skeleton for all"


def test_members_of_several_shapes_are_stacked_with_their_like(store, tmp_path):
    members = [network(seed, width) for seed, width in enumerate((16, 24, 16, 24, 8))]

    again = round_trip(store, *members)

    assert [part[0].out_features for part in again] == [16, 24, 16, 24, 8]
    assert all(torch.equal(a[0].weight, b[0].weight) for a, b in zip(again, members, strict=True))
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 3


def test_a_file_of_the_reference_is_read(tmp_path):
    tensors = {"a": torch.randn(3, 2, 5), "b": torch.randint(0, 9, (3,)), "c": torch.randn(3, 4).bfloat16()}
    tensors["d"] = torch.tensor([[True], [False], [True]])
    safetensors_torch.save_file(tensors, tmp_path / "file")

    found = read_tensors(np.fromfile(tmp_path / "file", np.uint8))

    assert found.keys() == tensors.keys()
    for name, members in found.items():
        for member, expected in zip(members, tensors[name], strict=True):
            assert (member.dtype, member.shape) == (str(expected.dtype)[6:], tuple(expected.shape))
            assert member.data.tobytes() == expected.reshape(-1).view(torch.uint8).numpy().tobytes()


def test_the_reference_reads_types_whose_size_is_odd():
    def raw(dtype: str, *values: int) -> RawTensor:
        data = np.frombuffer(bytes(values), np.uint8)
        return RawTensor(dtype=dtype, shape=(len(values) // {"bool": 1, "int16": 2}[dtype],), data=data)

    content = b"".join(
        piece.tobytes()
        for piece in tensor_file({"flags": [raw("bool", 1, 0, 1)] * 2, "whole": [raw("int16", 1, 0, 0, 1)] * 2})
    )

    found = safetensors_torch.load(content)
    assert found["flags"].tolist() == [[True, False, True]] * 2
    assert found["whole"].tolist() == [[1, 256]] * 2


def test_a_function_that_closes_over_a_module_and_tensors(store):
    model, shift = network(0).eval(), torch.arange(3.0)

    def member(X: Any) -> torch.Tensor:
        return model(torch.as_tensor(X)) + shift

    (again,) = round_trip(store, member)

    with torch.inference_mode():
        assert torch.equal(again(torch.ones(2, 4)), member(torch.ones(2, 4)))
    assert pack(member).tensors.keys(), "its tensors were taken out of the pickle"


class Net:
    """As skorch keeps it: a module beside settings."""

    def __init__(self, seed: int) -> None:
        self.module_ = network(seed).eval()
        self.history_ = [{"loss": 0.5}]

    def predict(self, X: Any) -> np.ndarray:
        return self.module_(torch.as_tensor(X)).argmax(1).numpy()


def test_a_net_of_skorch_s_shape(store):
    first, second = round_trip(store, Net(0), Net(1))

    assert np.array_equal(first.predict(torch.eye(4)), Net(0).predict(torch.eye(4)))
    assert torch.equal(second.module_[3].weight, Net(1).module_[3].weight)


class Counting(nn.Module):
    """Forgets a setting that its state does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.scale = 3.0

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "scale": 1.0}


def test_a_setting_that_changes_on_the_way_keeps_a_module_out(store):
    assert "another one comes back" in store.keep("key", {0: (Counting(), 0.0, {})})


def test_what_torch_itself_refuses_to_pickle_is_not_kept_and_said(store):
    reason = store.keep("key", {0: (nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)), 0.0, {})})

    assert reason.startswith("seed 0: it cannot be pickled (RuntimeError: Serialization of parametrized modules")
    assert "\n" not in reason


class Hooked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.layer.weight.note = "kept"

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.layer(X)


def test_a_parameter_with_attributes_of_its_own(store):
    (again,) = round_trip(store, Hooked())

    assert again.layer.weight.note == "kept"


def test_the_device_of_tensors_is_put_down(monkeypatch, store):
    """On the CPU alone the note says so; a device that is missing where a member is loaded leaves it on the CPU."""
    from pytest_mlspec.training.cache.torch_members import Given

    store.keep("key", {0: (network(0), 0.0, {})})
    assert store.members("key", [0], lambda facts: True)[0].device == "cpu"

    raw = RawTensor(dtype="float32", shape=(2,), data=np.array([1.0, 2.0], np.float32).view(np.uint8))
    ticket = (0, "w", (2,), (1,), 0, True, True, "cuda:7")
    tensor = Given({"w": raw}).tensor(ticket)
    assert (tensor.device.type, tensor.tolist()) == ("cpu", [1.0, 2.0])


def test_another_process_loads_the_module(tmp_path):
    work = """
import sys, torch
from pathlib import Path
from pytest_mlspec.training.cache.store import Store
store = Store(Path(sys.argv[1]), 10**9)
if sys.argv[2] == "keep":
    torch.manual_seed(0)
    assert store.keep("key", {0: (torch.nn.Sequential(torch.nn.Linear(3, 2)), 0.0, {})}) == ""
    del torch
print(store.members("key", [0], lambda facts: True)[0].member(__import__("torch").ones(3)).tolist())
"""
    answers = [
        subprocess.run(
            [sys.executable, "-c", work, str(tmp_path / "cache"), what], capture_output=True, text=True, check=True
        ).stdout
        for what in ("keep", "load")
    ]

    assert answers[0] == answers[1] != ""
