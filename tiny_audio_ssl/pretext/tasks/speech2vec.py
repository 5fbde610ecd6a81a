"""Speech2Vec: predict the words around a spoken word from it, or vice versa."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.speech2vec import Speech2VecConfig
from tiny_audio_ssl.pretext.parts import spoken_words
from tiny_audio_ssl.pretext.parts.spoken_words import SequenceDecoder


class Speech2VecSkipGram(Pretext):
    """Mean (x_(n+k) - r(z_n))^2 over the neighbors x_(n+k) of a word x_n, its code z_n.

    Vectors of Speech2Vec tell how words sound, not what they mean: Chen et al. 2022 (arXiv
    2209.10791) could not reproduce the semantics that the paper reports, and none is claimed here.
    In short trainings on synthetic speech, they mostly distinguished voices, which neighbors share:
    the same word by two speakers was found less often than with random weights.

    Words are cut where the column `words` says, and stretched or squeezed to one length. The
    decoder r is recurrent, writes frame by frame, and is given the true length of the word. The
    paper's encoder is a recurrent network; here it is the encoder that ships, with a linear layer
    behind it. A word near the end of a clip has fewer neighbors, and the mean is over those.
    """

    paper = "Chung, Glass 2018, arXiv 1803.08976, section 2"
    hides = "frames"

    Config = Speech2VecConfig

    def __init__(
        self, config: Speech2VecConfig, encoder: Encoder, frontend: FrontendConfig
    ) -> None:
        super().__init__(config, encoder, frontend)
        self.slice_frames = config.slice_frames(frontend)
        self.project = nn.Linear(encoder.feature_dim, config.code)
        self.decoder = SequenceDecoder(config.code, config.hidden, frontend.bands)

    def draw(self, clips: Tensor, rng: torch.Generator, words: Tensor | None = None) -> Inputs:
        """Choose a word of each clip, and cut it and its neighbors.

        Returns:
            "slices" [B, 2 context + 1, 1, bands, slice_frames], with the chosen word in the middle;
            "seconds", the length of each word, and "present", 1 where there is one and 0 elsewhere,
            [B, 2 context + 1]. A clip with fewer than two words does not count: none is present.
        """
        frames = clips.shape[3]
        if words is None:
            found = spoken_words.pieces(len(clips), frames, self.slice_frames, rng)
        else:
            found = spoken_words.to_frames(words.cpu(), self.frontend, frames)
        around, present = spoken_words.neighborhoods(found, self.config.context, rng)
        seconds = (around[..., 1] - around[..., 0]) * self.frontend.hop_ms / 1000
        return {
            "slices": spoken_words.stretched(clips, around, self.slice_frames),
            "seconds": seconds.to(clips),
            "present": present.to(clips),
        }

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        features, found, wanted, present = self.decode(encoder, inputs)
        error = (found - wanted.to(found.dtype)).square().mean(dim=(1, 2))
        loss = (error * present).sum() / present.sum().clamp_min(1)
        return {"loss": loss, "embedding": features}

    def predictions(self, encoder: Encoder, **inputs: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
        _, found, wanted, present = self.decode(encoder, inputs)
        return [(found[present > 0], wanted[present > 0])]

    def decode(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return features of the encoded words, decoded words and what they should be [n, bands,
        slice_frames], and which of these are present [n]."""
        slices, middle = inputs["slices"], self.config.context
        features = encoder(slices[:, middle])
        codes = self.project(features).repeat_interleave(2 * middle, dim=0)
        seconds, present = self.around(inputs["seconds"]), self.around(inputs["present"])
        found = self.write(codes, seconds.flatten())
        return features, found, self.around(slices).reshape(found.shape), present.flatten()

    def around(self, words: Tensor) -> Tensor:
        """[B, 2 context + 1, ...] -> without the word in the middle [B, 2 context, ...]."""
        middle = self.config.context
        return torch.cat([words[:, :middle], words[:, middle + 1 :]], dim=1)

    def write(self, codes: Tensor, seconds: Tensor) -> Tensor:
        """Codes [n, code] and lengths [n] -> words [n, bands, slice_frames]."""
        written: Tensor = self.decoder(codes, seconds, self.slice_frames)
        return written.transpose(1, 2)


class Speech2VecCBoW(Speech2VecSkipGram):
    """Mean (x_n - r(sum of z_(n+k)))^2: the word in the middle from its neighbors' summed codes.

    Everything else is as in the skip-gram form; these vectors hold no semantics either.
    """

    def decode(self, encoder: Encoder, inputs: Inputs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        slices, middle = inputs["slices"], self.config.context
        features = encoder(self.around(slices).flatten(0, 1))
        present = self.around(inputs["present"])
        codes = self.project(features).unflatten(0, present.shape)
        summed = (codes * present[..., None]).sum(dim=1)
        found = self.write(summed, inputs["seconds"][:, middle])
        return features, found, slices[:, middle, 0], inputs["present"][:, middle]
