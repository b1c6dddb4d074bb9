"""The world model from pixels that people hold: encode frames, imagine actions, tell distances, be surprised.
Knows its network and readouts; must not know worlds, planners or words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from wmagent.domain.progress import Report
from wmagent.errors import InputError, checked_seed
from wmagent.latent.protocols import Latent
from wmagent.pixels.config import PixelConfig, preset
from wmagent.pixels.decoder import Decoder
from wmagent.pixels.memory import Memory
from wmagent.pixels.network import PixelNetwork
from wmagent.pixels.probe import Probe
from wmagent.pixels.reach import Reach
from wmagent.pixels.recording import Recording, Scale, check_frames

if TYPE_CHECKING:
    from wmagent.pixels.goals import Language

AT_ONCE = 256  # frames that are encoded together


@dataclass
class PixelModel:
    """Made by `learn` or `load`. Satisfies `wmagent.planning.ContinuousDynamics`; an action is a z-scored block.

    A `Latent` of it has a slot (d + a wide) per remembered frame: the frame's latent, and the block that was done
    there, zeros in the last slot until it is imagined. `usual` (m,) are the sorted surprises of held-out blocks.
    `language`, where one was learned, is what goals in words are understood by; it is saved with the model.
    """

    config: PixelConfig
    network: PixelNetwork
    scale: Scale
    reach: Reach
    probe: Probe | None
    memory: Memory
    usual: Tensor
    decoder: Decoder | None = None
    seed: int = 0
    card: dict[str, Any] = field(default_factory=dict)
    language: Language | None = None

    def __post_init__(self) -> None:
        self.network.eval().requires_grad_(False)
        self.action_bounds: tuple[Tensor, Tensor] | None = self.scale.bounds(self.config.block)

    @classmethod
    def learn(
        cls,
        recording: Recording,
        preset_or_config: str | PixelConfig = "tiny",
        seed: int = 0,
        *,
        draws: bool = True,
        resume: str | Path | None = None,
        report: Report | None = None,
    ) -> PixelModel:
        """Learn from recorded episodes of frames and actions, a tenth of which are held out for measuring.

        With `draws` a decoder is trained afterwards, so that imagined frames can be looked at. `resume` is a folder for
        snapshots: a killed run started again ends with the same model. Where the recording has `positions` (rows, p), a
        linear probe to them is fitted. InputError where episodes are too short or too few.
        """
        from wmagent.pixels.learning import learn

        config = preset(preset_or_config) if isinstance(preset_or_config, str) else preset_or_config
        return learn(recording, config, checked_seed(seed), Path(resume) if resume else None, report, draws)

    @classmethod
    def load(cls, path: str | Path) -> PixelModel:
        """Load a saved model; raises CheckpointError when it is missing, foreign, damaged or tampered with."""
        from wmagent.pixels.checkpoint import load

        return load(Path(path))

    def save(self, path: str | Path) -> None:
        """Save as a folder of safetensors and JSON; atomic."""
        from wmagent.pixels.checkpoint import save

        save(self, Path(path))

    def card_markdown(self) -> str:
        """Return the model card as Markdown."""
        from wmagent.pixels.card import markdown

        return markdown(self)

    # --- latents -----------------------------------------------------------------------------------------------

    @property
    def width(self) -> int:
        """Latent width d."""
        return self.config.width

    @property
    def action_width(self) -> int:
        """Numbers of one block: steps in a block x numbers of an action."""
        return self.config.block * len(self.scale.mean)

    @torch.inference_mode()
    def encode(self, frames: ArrayLike) -> Tensor:
        """Return latents (n, d) of frames (n, s, s, 3) uint8; InputError for another size, shape or type."""
        given = torch.from_numpy(np.array(check_frames(np.asarray(frames), self.config.size), order="C"))  # writable
        parts = [self.network.encoder(part) for part in given.split(AT_ONCE)]
        return torch.cat(parts) if parts else torch.zeros(0, self.width)

    def observe(self, frames: ArrayLike, actions: ArrayLike | None = None) -> Latent:
        """Return one remembered history as a latent of one row.

        `frames` (t, s, s, 3) are one block apart, the last is now; `actions` (t - 1, block, a) lie between them, in the
        environment's units. Only as many as the predictor's history are used.
        """
        z = self.encode(frames)
        if not len(z):
            raise InputError("observe at least one frame")
        width = len(self.scale.mean)
        done = torch.zeros(0, self.config.block, width) if actions is None else torch.as_tensor(np.asarray(actions))
        if done.shape != (len(z) - 1, self.config.block, width):
            raise InputError(
                f"{len(z)} frames have actions of shape {(len(z) - 1, self.config.block, width)} between them; "
                f"given {tuple(done.shape)}"
            )
        if not done.isfinite().all():
            raise InputError("actions are finite numbers")
        blocks = torch.cat([self.scale.blocks(done.float()), torch.zeros(1, self.action_width)])
        return self.latent(torch.cat([z, blocks], -1)[None, -self.config.history :])

    def observe_last(self, frames: Sequence[np.ndarray], actions: Sequence[np.ndarray] | None = None) -> Latent:
        """Return as much of a history as the predictor looks at, as `observe` does; the rest is neither encoded nor
        checked. Without a history nothing is asked about the actions."""
        past = self.config.history - 1
        done = None if actions is None or not past or not len(actions) else np.asarray(actions[-past:])
        return self.observe(np.asarray(frames[-past - 1 :]), done)

    def latent(self, slots: Tensor) -> Latent:
        """Return the latent of slots (b, n, d + a)."""
        return Latent(slots, torch.zeros(len(slots), 0, dtype=torch.int64))

    def now(self, latent: Latent) -> Tensor:
        """Return the latents (b, d) of the last frames, seen or imagined."""
        return latent.z[:, -1, : self.width]

    @torch.inference_mode()
    def imagine_continuous(self, latent: Latent, vectors: Tensor) -> Latent:
        """Imagine one block for b histories and (b, a) z-scored blocks."""
        z, blocks = latent.z[..., : self.width], latent.z[..., self.width :]
        blocks = torch.cat([blocks[:, :-1], vectors[:, None]], 1)
        following = self.network.predictor(z, blocks)[:, -1:]
        slots = torch.cat([z, blocks], -1)
        last = torch.cat([following, torch.zeros_like(vectors)[:, None]], -1)
        return self.latent(torch.cat([slots, last], 1)[:, -self.config.history :])

    @torch.inference_mode()
    def imagine(self, start: Latent, blocks: Tensor) -> Tensor:
        """Return the latents (t + 1, d) of one course of z-scored blocks (t, a) from one row, the start's first."""
        path, latent = [self.now(start)], start
        for block in blocks:
            latent = self.imagine_continuous(latent, block[None])
            path.append(self.now(latent))
        return torch.cat(path)

    @torch.inference_mode()
    def distance(self, z: Tensor, goal: Tensor) -> Tensor:
        """Return how many blocks behaviour needs from latents (..., d) to goals (..., d), as far as was learned."""
        return self.reach(z, goal)

    # --- surprise ----------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def surprise(self, frames: ArrayLike, actions: ArrayLike) -> Tensor:
        """Return by how much the last frame of histories differs from what was imagined: mean squared error (b,).

        `frames` (b, t, s, s, 3), one block apart; `actions` (b, t - 1, block, a) between them.
        """
        seen, done = np.asarray(frames), torch.as_tensor(np.asarray(actions)).float()
        if seen.ndim != 5 or done.shape[:2] != (len(seen), seen.shape[1] - 1) or seen.shape[1] < 2:
            raise InputError(f"frames (b, t, s, s, 3) and actions (b, t - 1, ...); given {seen.shape}, {done.shape}")
        b, t = seen.shape[:2]
        z = self.encode(seen.reshape(b * t, *seen.shape[2:])).view(b, t, -1)
        h = min(self.config.history, t - 1)
        imagined = self.network.predictor(z[:, -h - 1 : -1], self.scale.blocks(done)[:, -h:])[:, -1]
        return (imagined - z[:, -1]).square().mean(-1)

    def p_value(self, surprises: Tensor) -> Tensor:
        """Return the share of held-out blocks at least as surprising, counting the one itself: conformal p (b,)."""
        below = torch.searchsorted(self.usual, surprises.contiguous())
        return (len(self.usual) - below + 1) / (len(self.usual) + 1)
