"""Reading: which values facts have in a latent, by comparing it with what they could have. Knows the words of facts and
their latents; must not know actions, outcomes or memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wmagent.domain.types import Condition
from wmagent.model.places import Places
from wmagent.model.predictor import LatentChange, value_logits
from wmagent.model.vocabulary import Vocabulary


@dataclass(frozen=True)
class Readout:
    """The latents `candidates` (q, v, d) of the values that changing facts can take, of which `mask` (q, v) exist, and
    the `places` of their codes."""

    vocabulary: Vocabulary
    candidates: Tensor
    mask: Tensor
    places: Places
    _accepted: dict[Condition, tuple[int, Tensor]] = field(default_factory=dict)

    def likeliest(self, change: LatentChange, now: Tensor) -> Tensor:
        """Return the likeliest value codes (b, k, q) after a change of states with codes `now` (b, q): a value moves if
        that is likelier than what else may be."""
        scores = torch.einsum("bkqd,qvd->bkqv", change.latent, self.candidates) * self.candidates.shape[-1] ** -0.5
        scores = scores.masked_fill(~self.mask, -1e9)
        best, code = scores.max(-1)
        total, gate = scores.logsumexp(-1), change.gate.sigmoid()
        stay = now.unsqueeze(1).expand_as(code)
        place = self.places.now(stay).unsqueeze(-1)
        kept = 1 - gate + gate * (scores.gather(-1, place).squeeze(-1) - total).exp()
        return torch.where(gate * (best - total).exp() > kept, code, stay)

    def chances(self, change: LatentChange, now: Tensor) -> Tensor:
        """Return the probabilities (b, k, q, v) of all values; `now` (b, q, v) is one-hot of the values before."""
        read, gate = value_logits(change.latent, self.candidates, self.mask).exp(), change.gate.sigmoid().unsqueeze(-1)
        return (1 - gate) * now.unsqueeze(1) + gate * read

    def holds(self, codes: Tensor, conditions: Sequence[Condition]) -> Tensor:
        """Return (b,) bool: all conditions hold in states with codes (b, s) of all slots."""
        result = torch.ones(len(codes), dtype=torch.bool)
        for condition in conditions:
            slot, accepted = self._of(condition)
            result &= accepted[codes[:, slot]]
        return result

    def _of(self, condition: Condition) -> tuple[int, Tensor]:
        """Return a condition's slot and which of its values fulfil it, looked up again when values came to be known."""
        found = self._accepted.get(condition)
        if found is None or len(found[1]) != len(self.vocabulary.values[found[0]]):
            slot = self.vocabulary.slot_index(condition.key)
            found = self._accepted[condition] = slot, torch.tensor(self.vocabulary.accepted(condition))
        return found
