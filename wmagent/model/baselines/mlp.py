"""Copy-gated MLP: one-hot facts and action in, per fact a change mask and a new value out, copied where unmasked.
Knows torch and one-hot codes; knows no text, no latent and no planner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from wmagent.domain.types import Action, Facts, Transition, Value
from wmagent.errors import InputError
from wmagent.model.baselines.base import Branching, FactProbabilities, apply_changes
from wmagent.model.baselines.onehot import OneHot


class CopyGatedMLP:
    """A two-layer MLP over one-hot fields: the usual strong baseline for tabular next states.

    The mask says per fact whether it changes; where it does, the value head names the new value (never the old
    one); everything else is copied. Facts are independent given state and action, so it has one outcome.
    """

    name = "copy_gated_mlp"

    def __init__(
        self,
        width: int = 256,
        epochs: int = 40,
        batch: int = 128,
        rate: float = 2e-3,
        weight_decay: float = 1e-4,
        least: int = 400,
    ) -> None:
        """`width` of both hidden layers; `epochs` over the rows, and at least `least` steps, in batches of `batch`
        at peak learning rate `rate`."""
        self.width = width
        self.epochs = epochs
        self.batch = batch
        self.rate = rate
        self.weight_decay = weight_decay
        self.least = least
        self._codes: OneHot | None = None
        self._net: _Net | None = None

    def fit(self, transitions: Sequence[Transition], seed: int = 0) -> CopyGatedMLP:
        """Train on the transitions; the same seed gives the same weights on the same machine."""
        if not transitions:
            raise InputError("the copy-gated MLP needs at least one transition to fit")
        codes = OneHot.of(transitions)
        self._codes = codes
        before = [row.before.facts for row in transitions]
        inputs = torch.from_numpy(codes.inputs(before, [row.action for row in transitions]))
        targets = list(codes.targets)
        old = torch.from_numpy(codes.codes(before)[:, targets])
        new = torch.from_numpy(codes.codes([row.after.facts for row in transitions])[:, targets])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._net = _Net(codes.width, self.width, [len(codes.values[i]) for i in targets] or [1])
            accepted = torch.tensor([float(row.error is None) for row in transitions])
            self._train(self._net, inputs, old, new, accepted)
        return self

    def _train(self, net: _Net, inputs: Tensor, old: Tensor, new: Tensor, accepted: Tensor) -> None:
        batches = -(-len(inputs) // self.batch)
        epochs = max(self.epochs, -(-self.least // batches))
        steps = epochs * batches
        optimizer = torch.optim.AdamW(net.parameters(), lr=self.rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=self.rate, total_steps=steps)
        for _ in range(epochs):
            for rows in torch.randperm(len(inputs)).split(self.batch):
                said = net.accepted(inputs[rows])
                loss = functional.binary_cross_entropy_with_logits(said, accepted[rows], reduction="sum")
                gate, values = net(inputs[rows])
                changed = old[rows] != new[rows]
                if changed.shape[1]:
                    gates = functional.binary_cross_entropy_with_logits(gate, changed.float(), reduction="sum")
                    loss = loss + gates
                if bool(changed.any()):
                    logits = _without(values, old[rows])
                    loss = loss + functional.cross_entropy(logits[changed], new[rows][changed], reduction="sum")
                optimizer.zero_grad()
                (loss / len(rows)).backward()
                optimizer.step()
                schedule.step()

    def _probabilities(
        self, facts: Sequence[Facts], actions: Sequence[Action]
    ) -> tuple[OneHot, np.ndarray, np.ndarray]:
        """Return the codes, (b, f) change probabilities and (b, f, v) probabilities of the value after a change."""
        codes, net = self._fitted()
        old = torch.from_numpy(codes.codes(facts)[:, list(codes.targets)])
        with torch.no_grad():
            gate, values = net(torch.from_numpy(codes.inputs(facts, actions)))
            return codes, gate.sigmoid().numpy(), _without(values, old).softmax(-1).numpy()

    def predict(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[dict[str, Value]]:
        """Return the facts with the likeliest new value wherever the mask says that a fact changes."""
        codes, gate, values = self._probabilities(facts, actions)
        result = []
        for row, state in enumerate(facts):
            new = [
                (codes.keys[place], codes.values[place][int(values[row, column].argmax())])
                for column, place in enumerate(codes.targets)
                if gate[row, column] > 0.5
            ]
            result.append(apply_changes(state, new))
        return result

    def fact_probabilities(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[FactProbabilities]:
        """Return for each fact that may change: the old value with what the mask leaves, new values with the rest."""
        codes, gate, values = self._probabilities(facts, actions)
        result: list[FactProbabilities] = []
        for row, state in enumerate(facts):
            shares: FactProbabilities = {}
            for column, place in enumerate(codes.targets):
                key = codes.keys[place]
                change = float(gate[row, column])
                options = zip(codes.values[place], values[row, column], strict=False)
                fact = {value: change * float(p) for value, p in options if p > 1e-6}
                fact[state.get(key)] = fact.get(state.get(key), 0.0) + 1.0 - change
                shares[key] = fact
            result.append(shares)
        return result

    def outcomes(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[tuple[Branching, ...]]:
        """Return the predicted next facts as the only outcome (the MLP has no joint distribution)."""
        return [(Branching(1.0, state),) for state in self.predict(facts, actions)]

    def legality(self, facts: Sequence[Facts], actions: Sequence[Action]) -> list[float]:
        """Return the probability that each attempt is accepted in its state."""
        codes, net = self._fitted()
        with torch.no_grad():
            return net.accepted(torch.from_numpy(codes.inputs(facts, actions))).sigmoid().tolist()

    def _fitted(self) -> tuple[OneHot, _Net]:
        if self._codes is None or self._net is None:
            raise InputError("the copy-gated MLP has not been fitted; call fit(transitions) first")
        return self._codes, self._net


class _Net(nn.Module):
    """Two hidden layers, then per fact one mask logit (b, f) and padded value logits (b, f, v), and acceptance."""

    valid: Tensor

    def __init__(self, inputs: int, width: int, sizes: list[int]) -> None:
        super().__init__()
        self.shape = (len(sizes), max(sizes, default=1))
        self.body = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.accept = nn.Sequential(nn.Linear(inputs, width // 4), nn.ReLU(), nn.Linear(width // 4, 1))
        self.gate = nn.Linear(width, len(sizes))
        self.value = nn.Linear(width, self.shape[0] * self.shape[1])
        valid = torch.arange(self.shape[1])[None, :] < torch.tensor(sizes, dtype=torch.int64)[:, None]
        self.register_buffer("valid", valid)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.body(inputs)
        values = self.value(hidden).view(-1, *self.shape).masked_fill(~self.valid, -1e9)
        return self.gate(hidden), values

    def accepted(self, inputs: Tensor) -> Tensor:
        """Return (b,) logits of acceptance, from a small network of its own."""
        return self.accept(inputs).squeeze(-1)


def _without(values: Tensor, old: Tensor) -> Tensor:
    """Return value logits (b, f, v) with the old value (b, f; -1 where unknown) ruled out."""
    blocked = functional.one_hot(old.clamp(min=0), values.shape[-1]).bool() & (old >= 0)[..., None]
    return values.masked_fill(blocked, -1e9)
