"""The settings of wav2vec-U."""

from __future__ import annotations

from dataclasses import dataclass

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.pretext.configs.steps import StepsConfig
from tiny_audio_ssl.utils.ranges import COUNT, NOT_NEGATIVE, SHARE, Range, check_numbers


@dataclass(frozen=True)
class Wav2vecUConfig(StepsConfig):
    """Hyper-parameters of wav2vec-U."""

    text: str = ""
    """Text file with one sentence per line, as phones separated by spaces. The text need not be
    what is said in the recordings."""
    phones: tuple[str, ...] = ()
    """Ordered list of phones. Default: those in the text."""
    size: int = 128
    """Size of the vectors from which phones are generated."""
    text_phones: int = 10
    """Length of the pieces of text in phones, about as many as are spoken in a clip."""
    hidden: int = 64
    """Channels of the discriminator; the paper has 384."""
    penalty: float = 1.5
    """Weight of the penalty on the discriminator's gradient."""
    smoothness: float = 0.5
    """Weight of the penalty on phone changes from one step to the next."""
    diversity: float = 2.0
    """Weight of the negative entropy of the phones in a batch."""
    encoder_gradient: float = 0.1
    """Share of the gradient that reaches the encoder; 0 freezes it, as in the paper."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_numbers(
            self,
            text_phones=Range(2, COUNT.high, whole=True),
            hidden=COUNT,
            penalty=NOT_NEGATIVE,
            smoothness=NOT_NEGATIVE,
            diversity=NOT_NEGATIVE,
            encoder_gradient=SHARE,
        )
        if not isinstance(self.text, str):
            raise UserError(f"text is {self.text!r}; expected the name of a text file")
        if not isinstance(self.phones, list | tuple) or len({*self.phones}) < len(self.phones):
            raise UserError(f"phones is {self.phones!r}; expected different phones, or none")
        object.__setattr__(self, "phones", tuple(self.phones))
