"""Context networks: what an output depends on, and shared layers."""

from __future__ import annotations

import pytest
import torch

from tiny_audio_ssl.models.encoders import parameter_count
from tiny_audio_ssl.pretext.parts.context import (
    CausalConvolutions,
    Recurrent,
    Transformer,
    sinusoids,
)

CAUSAL = {
    "gru": lambda: Recurrent(16),
    "lstm": lambda: Recurrent(16, layers=2, kind="lstm"),
    "convolutions": lambda: CausalConvolutions(16),
    "transformer": lambda: Transformer(16, causal=True),
}


def reach(network, steps: int, output: int) -> list[int]:
    """Return the steps that an output depends on."""
    torch.manual_seed(0)
    x = torch.randn(2, steps, 16, requires_grad=True)
    network(x)[1, output].pow(2).sum().backward()
    assert not x.grad[0].any()
    return x.grad[1].abs().sum(dim=1).nonzero().flatten().tolist()


@pytest.mark.parametrize("name", CAUSAL)
def test_causal_network_sees_the_present_and_the_past(name):
    assert reach(CAUSAL[name](), 9, 6) == list(range(7))


def test_transformer_sees_every_step():
    assert reach(Transformer(16), 9, 6) == list(range(9))


def test_convolutions_see_as_far_as_their_kernels():
    assert reach(CausalConvolutions(16, (2, 3)), 9, 6) == [3, 4, 5, 6]


def test_shared_layers_cost_one_layer_and_equal_copies_of_it():
    torch.manual_seed(0)
    shared = Transformer(16, 3, shared=True)
    apart = Transformer(16, 3)
    for block in apart.blocks:
        block.load_state_dict(shared.blocks[0].state_dict())
    x = torch.randn(2, 5, 16)
    assert torch.equal(shared(x), apart(x))
    assert parameter_count(shared) == parameter_count(Transformer(16, 1))


def test_positions_are_those_of_the_paper():
    table = sinusoids(5, 6)
    for place in range(5):
        for i in range(3):
            angle = torch.tensor(place / 10_000 ** (2 * i / 6))
            torch.testing.assert_close(table[place, 2 * i], angle.sin())
            torch.testing.assert_close(table[place, 2 * i + 1], angle.cos())
