"""Interface adapters made afterwards: another language model learns to speak the latents of a frozen world model, so
that the LLM can be exchanged and the world stays. Knows world models and language models; knows no planner."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wmagent.adapters.hidden_states import HiddenStates
from wmagent.adapters.silence import quiet
from wmagent.errors import CheckpointError, InputError
from wmagent.model.files import read_json, read_tensors, write_json, write_tensors
from wmagent.model.outcomes import Codebook
from wmagent.model.predictor import Interface
from wmagent.model.tables import Embed, FactTable
from wmagent.model.world_model import WorldModel
from wmagent.registry import resolve

WEIGHTS, CONFIG, LORA = "interface.safetensors", "interface.json", "lora"


@dataclass(frozen=True)
class LoRA:
    """Low-rank weights trained inside the language model beside the adapter (through peft)."""

    rank: int = 8
    alpha: int = 16
    rate: float = 2e-3
    steps: int = 60


@dataclass(frozen=True)
class InterfaceFitting:
    """How an adapter is trained: full-batch steps on all known words, and their peak rate."""

    steps: int = 1_500
    rate: float = 1e-2


@dataclass
class InterfaceAdapter:
    """From one text backend's vectors (width w) to the latents (width d) of one frozen world model.

    `text` names the backend (a language model's hidden states, `lm:FOLDER@LAYER`), `error` is the mean distance of
    the words' latents from the world model's own, relative to those latents' spread.
    """

    text: str
    interface: Interface
    error: float
    embed: Embed | None = None

    def attach(self, model: WorldModel) -> WorldModel:
        """Return the same world model, read and asked through this adapter; `model` stays as it is.

        InputError where the adapter was made for latents of another width.
        """
        width = self.interface.key.weight.shape[0]
        if width != model.config.width:
            raise InputError(f"the adapter speaks latents of width {width}, the model has width {model.config.width}")
        embed = self.embed or resolve("text-source", "auto")(self.text).embed
        network = copy.deepcopy(model.network)
        network.interface = copy.deepcopy(self.interface)
        return _other(model, network, FactTable.build(model.vocabulary, embed), self.text, embed)

    def save(self, folder: str | Path) -> None:
        """Write the adapter's weights and the name of its text backend; LoRA weights were saved when it was made."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_tensors(folder / WEIGHTS, dict(self.interface.state_dict()))
        sizes = [self.interface.key.weight.shape[1], self.interface.key.weight.shape[0]]
        write_json(
            folder / CONFIG,
            {"format": 1, "kind": "wmagent.interface", "text": self.text, "sizes": sizes, "error": self.error},
        )

    @classmethod
    def load(cls, folder: str | Path) -> InterfaceAdapter:
        """Read a saved adapter; CheckpointError where it is missing, foreign or damaged."""
        folder = Path(folder)
        try:
            said = read_json(folder / CONFIG)
            if not isinstance(said, dict) or said.get("kind") != "wmagent.interface" or said.get("format") != 1:
                raise CheckpointError(f"{folder} is no interface adapter that this version reads")
            interface = Interface(int(said["sizes"][0]), int(said["sizes"][1]))
            interface.load_state_dict(read_tensors(folder / WEIGHTS))
            return cls(str(said["text"]), interface, float(said["error"]))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            raise CheckpointError(f"no interface adapter at {folder}: {error}") from error


def fit_interface(
    model: WorldModel,
    text: str,
    fitting: InterfaceFitting | None = None,
    lora: LoRA | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    said: Callable[[int, int, float], None] | None = None,
) -> InterfaceAdapter:
    """Train an adapter from a text backend to the latents of a frozen world model, on the words the model knows.

    `text` is a backend as `WorldModel.learn` takes it. With `lora` the backend must be a language model; its low-rank
    weights are trained first and saved by peft under `folder`/lora, which then stands for that language model.
    Takes seconds to minutes on one core. InputError where the backend is narrower than the latents.
    """
    fitting = fitting or InterfaceFitting()
    torch.manual_seed(seed)
    if lora is not None:
        if folder is None:
            raise InputError("LoRA weights need a folder to be saved in")
        text = _tuned(model, text, lora, Path(folder) / LORA, said)
    backend = resolve("text-source", "auto")(text)
    table = FactTable.build(model.vocabulary, backend.embed)
    interface = _new(model, table.keys.shape[1])
    optimizer = torch.optim.Adam(interface.parameters(), lr=fitting.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, fitting.steps)
    for step in range(fitting.steps):
        loss = _distance(model, interface, table)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if said and step % 50 == 49:
            said(step + 1, fitting.steps, loss.item())
    with torch.no_grad():
        error = _distance(model, interface, table).item()
    adapter = InterfaceAdapter(text, interface.requires_grad_(False).eval(), error, backend.embed)
    if folder is not None:
        adapter.save(folder)
    return adapter


def _new(model: WorldModel, width: int) -> Interface:
    """Return an untrained interface. Outcomes are no words: their latents stay, as their own features."""
    latents = model.words.outcomes
    if width < latents.shape[-1]:
        raise InputError(f"the backend's vectors have width {width}, the latents {latents.shape[-1]}: too narrow")
    interface = Interface(width, model.config.width)
    with torch.no_grad():
        interface.outcome.weight.zero_()
        interface.outcome.bias.zero_()
        interface.outcome.weight[:, : latents.shape[-1]] = torch.eye(latents.shape[-1])
    interface.outcome.requires_grad_(False)
    return interface


def _distance(model: WorldModel, interface: Interface, table: FactTable) -> Tensor:
    """Return how far the words' latents are from the model's own, relative to their spread."""
    known, mask = model.words, model.table.mask
    values = interface.facts(table.values, table.keys.unsqueeze(1))[mask]
    return _relative(values, known.values[mask]) + _relative(interface.actions(table.actions), known.actions)


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    return F.mse_loss(found, wanted) / wanted.var(0).mean().clamp(min=1e-6)


def _other(model: WorldModel, network: nn.Module, table: FactTable, text: str, embed: Embed) -> WorldModel:
    latents = model.words.outcomes
    codebook = Codebook(F.pad(latents, (0, table.keys.shape[1] - latents.shape[-1])), model.codebook.mask)
    other = copy.copy(model)
    other.network, other.table, other.codebook = network.eval().requires_grad_(False), table, codebook  # type: ignore[assignment]
    known = model.vocabulary  # values met later belong to one of both models only
    values, raw = [list(texts) for texts in known.values], [list(each) for each in known.raw]
    other.vocabulary, other.text = replace(known, values=values, raw=raw), text
    other._embed = embed
    other.refresh()
    return other


def _tuned(
    model: WorldModel, text: str, lora: LoRA, folder: Path, said: Callable[[int, int, float], None] | None
) -> str:
    """Train low-rank weights and a passing interface together; returns the source of the tuned language model."""
    from peft import LoraConfig, get_peft_model

    backend = resolve("text-source", "auto")(text)
    if not isinstance(backend, HiddenStates):
        raise InputError(f"LoRA needs a language model's hidden states (lm:FOLDER@LAYER), not {text!r}")
    lm = backend.lm
    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    with quiet():
        tuned = get_peft_model(lm.model, config)
    interface = _new(model, lm.width)
    optimizer = torch.optim.Adam(
        [
            {"params": [p for p in tuned.parameters() if p.requires_grad], "lr": lora.rate},
            {"params": [p for p in interface.parameters() if p.requires_grad], "lr": 1e-2},
        ]
    )

    def embed(sentences: Sequence[str]) -> Tensor:
        distinct = list(dict.fromkeys(sentences))
        vectors = torch.cat([lm.states(distinct[i : i + 64], backend.layer) for i in range(0, len(distinct), 64)])
        places = {sentence: place for place, sentence in enumerate(distinct)}
        return F.normalize(vectors, dim=-1)[[places[sentence] for sentence in sentences]]

    for step in range(lora.steps):
        loss = _distance(model, interface, FactTable.build(model.vocabulary, embed))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if said:
            said(step + 1, lora.steps, loss.item())
    tuned.eval()
    with quiet():
        tuned.save_pretrained(str(folder))
    said_config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    said_config["base_model_name_or_path"] = str(text.removeprefix("lm:").partition("@")[0])
    write_json(folder / "adapter_config.json", said_config)
    return f"lm:{folder}@{backend.layer}"
