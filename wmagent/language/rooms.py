"""The language of Two-Room as it is kept with a model from pixels: the world's words and who reads sentences.
Knows the world's words, the adapter and files; must not know planning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from wmagent.adapters.goal_text import GoalText
from wmagent.errors import CheckpointError, InputError
from wmagent.language.pixel_goals import learn_words
from wmagent.model.files import read_json, write_json
from wmagent.pixels.world_model import PixelModel
from wmagent.worlds.two_room import TwoRoom, Words

WORLD = "world.json"


@dataclass(frozen=True)
class RoomLanguage:
    """What a model of Two-Room understands and tells: `PixelModel.language`, which is saved and loaded with it."""

    words: Words
    reader: GoalText

    @property
    def name(self) -> str:
        """Its short name in the registry."""
        return "two-room"

    @classmethod
    def learn(
        cls, model: PixelModel, world: TwoRoom, seed: int = 0, said: Callable[[int, int, float], None] | None = None
    ) -> RoomLanguage:
        """Return the language for a model's latents; `said` is told (step, steps, loss). InputError as `lessons`."""
        return cls(Words(world), learn_words(model, world, seed, said=said))

    def save(self, folder: Path) -> None:
        """Write the reader and the world's settings into a folder, made if needed."""
        self.reader.save(folder)
        write_json(folder / WORLD, asdict(self.words.world))

    @classmethod
    def load(cls, folder: Path, width: int) -> RoomLanguage:
        """Read what `save` wrote; CheckpointError where it is damaged or reads latents of another width."""
        reader = GoalText.load(folder)
        if reader.width != width:
            raise CheckpointError(f"{folder}: reads latents of {reader.width} numbers; the model's have {width}")
        try:
            world = TwoRoom(**read_json(folder / WORLD))
        except (TypeError, InputError) as error:
            raise CheckpointError(f"{folder / WORLD}: no settings of Two-Room ({error})") from error
        return cls(Words(world), reader)
