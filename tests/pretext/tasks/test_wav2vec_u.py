"""wav2vec-U: its four terms by hand, the reversed gradient, and the phones that it gives."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from support.tasks import FRONTEND, PHONES, logmels, make_task

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.parts.discriminator import with_gradient

SIZES = {"text": str(PHONES), "steps": 12, "size": 16, "hidden": 8, "text_phones": 6}


def make(**settings):
    task, encoder = make_task("wav2vec-u", **SIZES, **settings)
    return task.double(), encoder.double()


def drawn(task, clips: int = 3, seed: int = 0) -> dict[str, torch.Tensor]:
    logmel = logmels(clips, task.clip_frames + 3).double()
    return task.draw(logmel, torch.Generator().manual_seed(seed))


def same(signal: torch.Tensor, padded: torch.nn.Sequential) -> torch.Tensor:
    """A convolution over places [S, channels] that keeps their number, by loops."""
    layer = padded[1]
    weight, size = layer.weight, layer.weight.shape[2]
    before = (size - 1) // 2
    rows = []
    for place in range(len(signal)):
        total = torch.zeros(weight.shape[0]).double() if layer.bias is None else layer.bias.clone()
        for k in range(size):
            source = place + k - before
            if 0 <= source < len(signal):
                total = total + weight[:, :, k] @ signal[source]
        rows.append(total)
    return torch.stack(rows)


def score_by_hand(task, phones: torch.Tensor, count: int) -> torch.Tensor:
    """Mean logit over the first `count` places of [S, V]; the others are zeros."""
    first, _, second = task.discriminator.layers
    hidden = same(phones, first)
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    return same(hidden, second)[:count, 0].mean()


def joined_by_hand(phones: torch.Tensor) -> list[torch.Tensor]:
    ids = phones.argmax(dim=1).tolist()
    runs = itertools.groupby(range(len(ids)), key=ids.__getitem__)
    return [phones[list(run)].mean(dim=0) for _, run in runs]


def test_terms_by_hand():
    task, encoder = make()
    inputs = drawn(task)
    out = task(encoder, **inputs)
    phones = task.phones_of(task.encode(encoder, inputs["logmel"])).detach()
    count = phones.shape[2]
    game, penalty, change, perplexities = 0.0, 0.0, 0.0, []
    for b in range(3):
        text = torch.nn.functional.one_hot(inputs["text"][b], count).double()
        runs = joined_by_hand(phones[b])
        speech = torch.zeros(12, count).double()
        speech[: len(runs)] = torch.stack(runs)
        of_text, of_speech = score_by_hand(task, text, 6), score_by_hand(task, speech, len(runs))
        game -= math.log(1 / (1 + math.exp(-of_text.item()))) / 3
        game -= math.log(1 - 1 / (1 + math.exp(-of_speech.item()))) / 3
        between = (
            (speech[:6] + float(inputs["share"][b]) * (text - speech[:6])).clone().requires_grad_()
        )
        (gradient,) = torch.autograd.grad(score_by_hand(task, between, 6), between)
        penalty += (float(gradient.square().sum()) ** 0.5 - 1) ** 2 / 3
        change += sum(float((phones[b, t] - phones[b, t + 1]).square().sum()) for t in range(11))
        ids = [int(run.argmax()) for run in runs]
        perplexities += [float(task.pair_scores[i, j]) for i, j in itertools.pairwise(ids)]
    change /= 3 * 11
    mean = phones.mean(dim=(0, 1))
    entropy = -sum(float(p) * math.log(float(p) + 1e-7) for p in mean)
    for name, value in (("game", game), ("penalty", penalty), ("change", change)):
        assert out[name].item() == pytest.approx(value, rel=1e-6), name
    assert out["used_phones"].item() == pytest.approx(math.exp(entropy), rel=1e-6)
    expected = math.exp(-sum(perplexities) / len(perplexities)) if perplexities else 1
    assert out["text_perplexity"].item() == pytest.approx(expected, rel=1e-5)
    loss = game + 1.5 * penalty + 0.5 * change - 2 * entropy
    assert out["loss"].item() == pytest.approx(loss, rel=1e-6)


def test_gradient_changes_its_sign_between_discriminator_and_generator():
    """The discriminator lowers the game, and the generator raises it."""
    task, encoder = make(penalty=0, smoothness=0, diversity=0)
    inputs = drawn(task)
    task(encoder, **inputs)["loss"].backward()
    reversed_ = task.generator[1].weight.grad.clone()
    of_discriminator = task.discriminator.layers[0][1].weight.grad.clone()
    task.zero_grad()
    phones = task.phones_of(task.encode(encoder, inputs["logmel"]))
    text = torch.nn.functional.one_hot(inputs["text"], phones.shape[2]).double()
    total = 0.0
    for b in range(3):
        runs = torch.stack(joined_by_hand(phones[b]))
        speech = torch.cat([runs, runs.new_zeros(12 - len(runs), runs.shape[1])])
        of_text = score_by_hand(task, text[b], 6)
        of_speech = score_by_hand(task, speech, len(runs))
        total = total - torch.sigmoid(of_text).log() / 3 - (1 - torch.sigmoid(of_speech)).log() / 3
    total.backward()
    torch.testing.assert_close(reversed_, -task.generator[1].weight.grad)
    torch.testing.assert_close(of_discriminator, task.discriminator.layers[0][1].weight.grad)


def test_scaled_gradient_leaves_the_values():
    values = torch.randn(5, requires_grad=True)
    found = with_gradient(values, 0.1)
    assert torch.equal(found, values)
    found.sum().backward()
    torch.testing.assert_close(values.grad, torch.full((5,), 0.1))


def test_frozen_encoder_has_no_gradient():
    task, encoder = make(encoder_gradient=0.0)
    task(encoder, **drawn(task))["loss"].backward()
    assert not any(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_loss_is_known_in_validation_too():
    task, encoder = make()
    inputs = drawn(task)
    with torch.no_grad():
        loss = task(encoder, **inputs)["loss"]
    assert loss.item() == pytest.approx(task(encoder, **inputs)["loss"].item(), rel=1e-9)


def test_product_gives_phones_and_can_be_built_without_the_text():
    task, encoder = make()
    logmel = logmels(2, task.clip_frames).double()
    product = task.product(LogMel(FRONTEND), encoder)
    with torch.no_grad():
        found = product.module(logmel)
        expected = task.phones_of(task.encode(encoder, logmel))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(found.sum(dim=2), torch.ones(2, 12).double())
    assert product.config.text == "" and product.config.phones == task.text.phones
    again = PRETEXTS["wav2vec-u"](product.config, encoder, FRONTEND)
    again.load_state_dict(task.state_dict())
    with pytest.raises(UserError, match="the text has 0 phones"):
        again.draw(logmel, torch.Generator())


def test_text_is_no_part_of_the_state():
    task, _ = make()
    assert not any("text" in name or "pair" in name for name in task.state_dict())


@pytest.mark.parametrize(
    "settings", [{"text_phones": 1}, {"penalty": -1.0}, {"phones": ("A", "A")}]
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(UserError, match=next(iter(settings))):
        PRETEXTS["wav2vec-u"].Config(**settings)
