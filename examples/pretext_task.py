"""Write a pretext task, and check it by the contract that training relies on.

python examples/pretext_task.py
"""

import torch
from torch import Tensor, nn

from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.tasks.autoencoder import Autoencoder
from tiny_audio_ssl.testing import check_pretext


class BandLevels(Pretext):
    """Predict the mean level of each band of a slice from the slice at another level."""

    paper = "an example, from no paper"
    Config = Autoencoder.Config  # one hyper-parameter, `slice_ms`

    def __init__(self, config, encoder, frontend):
        super().__init__(config, encoder, frontend)
        self.head = nn.Linear(encoder.feature_dim, frontend.bands)

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """[B, 1, bands, frames] -> everything random of a step."""
        frames = self.config.slice_frames(self.frontend)
        start = int(torch.randint(clips.shape[3] - frames + 1, (), generator=rng))
        heard = clips[..., start : start + frames]
        level = 0.1 * torch.randn(len(clips), 1, 1, 1, generator=rng).to(clips.device)
        return {"heard": heard + level, "levels": heard.mean(dim=(1, 3))}

    def forward(self, encoder, **inputs: Tensor) -> dict[str, Tensor]:
        embedding = encoder(inputs["heard"])
        loss = (self.head(embedding) - inputs["levels"]).square().mean()
        return {"loss": loss, "embedding": embedding}


if __name__ == "__main__":
    check_pretext(BandLevels)
    print("BandLevels keeps the contract")
