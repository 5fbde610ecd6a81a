"""Text as phone ids, and the probabilities of phone sequences in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tiny_audio_ssl.errors import UserError

EXAMPLE = "expected a sentence in each line, as phones separated by spaces, such as HH AH L OW"


@dataclass(frozen=True)
class PhoneText:
    """The phones of a text, one line after the other."""

    phones: tuple[str, ...]
    ids: Tensor  # int64 [n], places in `phones`; none if there is no text

    def pieces(self, count: int, length: int, rng: torch.Generator) -> Tensor:
        """Draw `count` pieces of `length` phones from anywhere in the text: int64 [count, length].

        Raises `UserError` if the text is shorter.
        """
        if len(self.ids) < length:
            raise UserError(
                f"the text has {len(self.ids)} phones; a piece takes {length}. Give a longer file "
                "with --pretext.text, or fewer --pretext.text-phones"
            )
        first = torch.randint(len(self.ids) - length + 1, (count, 1), generator=rng)
        return self.ids[first + torch.arange(length)]

    def pair_scores(self) -> Tensor:
        """Return the logarithm of the probability of each phone after each other, [V, V].

        Each pair counts once more than it occurs.
        """
        size = len(self.phones)
        counts = torch.ones(size * size)
        places = self.ids[:-1] * size + self.ids[1:]
        counts.index_add_(0, places, torch.ones(len(places)))
        pairs = counts.reshape(size, size)
        return (pairs / pairs.sum(dim=1, keepdim=True)).log()


def read_phones(path: str, phones: Sequence[str] = ()) -> PhoneText:
    """Read a text. Without `phones`, they are those that occur, sorted; without a path, it is
    empty.

    Raises `UserError`: it can't be read, holds fewer than two phones, or others than `phones`.
    """
    words: list[str] = []
    if path:
        try:
            words = Path(path).read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: can't be read ({error}); {EXAMPLE}") from error
    known = tuple(phones) or tuple(sorted(set(words)))
    if len(known) < 2:
        named = path or "no text was given (--pretext.text FILE)"
        raise UserError(f"{named}: {len(known)} different phones; {EXAMPLE}")
    if unknown := sorted(set(words) - set(known)):
        raise UserError(f"{path}: {', '.join(unknown[:5])} not among the phones {' '.join(known)}")
    place = {phone: number for number, phone in enumerate(known)}
    return PhoneText(known, torch.tensor([place[word] for word in words], dtype=torch.int64))
