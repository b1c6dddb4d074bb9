"""A local language model: scores over a shared prefix, answers, hidden states as text backend, and bad folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from small_lm import make

import wmagent.worlds as worlds
from wmagent import WorldModel
from wmagent.adapters.hidden_states import HiddenStates
from wmagent.adapters.local_lm import LocalLM
from wmagent.adapters.silence import quiet
from wmagent.adapters.text import text_backend
from wmagent.agent.language import Message, ScoringModel
from wmagent.errors import InputError

TEMPLATE = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<assistant>"
ASKED = [Message("system", "plan"), Message("user", "Facts: status draft. Goal: approved. Actions: submit, approve")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("lm"))


@pytest.fixture(scope="module")
def lm(folder: Path) -> LocalLM:
    return LocalLM(folder, dtype="float32")


def naive(lm: LocalLM, text: str, continuation: str) -> float:
    """Score one continuation by reading the whole text again."""
    prompt = lm.tokenizer(text, add_special_tokens=False).input_ids
    ids = lm.tokenizer(continuation, add_special_tokens=False).input_ids
    with torch.no_grad():
        logits = lm.model(torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
    return sum(logits[len(prompt) - 1 + place, token].item() for place, token in enumerate(ids))


def test_scores_over_a_shared_prefix_equal_naive_ones(lm: LocalLM) -> None:
    assert isinstance(lm, ScoringModel)
    candidates = [f"{verb} {number}" for number in range(8) for verb in ("submit", "approve", "legal review", "x")]
    text = "".join(f"{turn.role}: {turn.content}\n" for turn in ASKED) + "assistant: "
    found = lm.score(ASKED, [*candidates, "unsure"])
    assert found == pytest.approx([naive(lm, text, one) for one in [*candidates, "unsure"]], abs=1e-4)
    assert lm.score(ASKED, ["unsure"]) == pytest.approx(found[-1:], abs=1e-4)
    with pytest.raises(InputError, match="without any token"):
        lm.score(ASKED, [""])


def test_answers_are_greedy_and_end_at_a_stop_text(lm: LocalLM) -> None:
    first = lm.complete(ASKED, max_tokens=12)
    assert first
    assert lm.complete(ASKED, max_tokens=12) == first
    middle = first[2:4]
    assert lm.complete(ASKED, max_tokens=12, stop=[middle]) == first[: first.find(middle)]


def test_a_chat_template_is_used_where_there_is_one(tmp_path: Path, folder: Path, lm: LocalLM) -> None:
    other = LocalLM(make(tmp_path / "lm", chat_template=TEMPLATE), dtype="float32")
    text = f"<system>{ASKED[0].content}<user>{ASKED[1].content}<assistant>"
    assert other.score(ASKED, ["submit"]) == pytest.approx([naive(other, text, "submit")], abs=1e-4)
    assert other.score(ASKED, ["submit"]) != pytest.approx(lm.score(ASKED, ["submit"]), abs=1e-3)


def test_answers_written_together_are_those_written_alone(lm: LocalLM) -> None:
    others = [[Message("user", text)] for text in ("status", "actions: submit, approve, legal review, negotiate")]
    together = lm.complete_all([ASKED, *others], 8)
    assert together == [lm.complete(each, 8) for each in [ASKED, *others]]


def test_a_constrained_answer_is_the_likeliest_option(lm: LocalLM) -> None:
    options = [f"{verb} {number}" for number in range(6) for verb in ("submit", "approve", "legal review")] + ["sub"]
    end = lm.tokenizer.eos_token
    scores = dict(zip(options, lm.score(ASKED, [f"{text}{end}" for text in options]), strict=True))
    best = sorted(options, key=lambda text: -scores[text])[:3]
    found = lm.choose(ASKED, options, keep=3, beam=len(options))
    assert [text for text, _ in found] == best
    assert [score for _, score in found] == pytest.approx([scores[text] for text in best], abs=1e-4)
    assert lm.choose(ASKED, options, beam=2)[0][0] in options


def test_low_rank_weights_in_a_folder_are_read_with_their_base_model(folder: Path, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    with quiet():
        tuned = get_peft_model(LocalLM(folder, dtype="float32").model, LoraConfig(r=2, target_modules="all-linear"))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.3)
    tuned.save_pretrained(str(tmp_path / "lora"))
    with torch.no_grad():
        plain, other = (
            LocalLM(place, dtype="float32").score(ASKED, ["submit"]) for place in (folder, tmp_path / "lora")
        )
    assert other != pytest.approx(plain, abs=1e-3)
    said = json.loads((tmp_path / "lora" / "adapter_config.json").read_text())
    said["base_model_name_or_path"] = ""
    (tmp_path / "lora" / "adapter_config.json").write_text(json.dumps(said))
    with pytest.raises(InputError, match="does not say which model"):
        LocalLM(tmp_path / "lora").complete(ASKED)


def test_hidden_states_do_not_depend_on_what_is_read_beside_them(lm: LocalLM) -> None:
    both = lm.hidden(["status draft", "legal review not started"])
    assert both.shape == (2, 32)
    assert torch.allclose(both[:1], lm.hidden(["status draft"]), atol=1e-5)
    assert not torch.allclose(lm.hidden(["status draft"], 0), both[:1], atol=1e-2)
    with pytest.raises(InputError, match="layers 0 to 2, not 7"):
        lm.hidden(["status"], 7)


def test_a_world_model_learns_from_hidden_states_and_comes_back(folder: Path, tmp_path: Path) -> None:
    rows = worlds.experience(worlds.load("contract-approval"), transitions=400, seed=0)
    model = WorldModel.learn(rows, preset="tiny", text=f"lm:{folder}@1", seed=0)
    model.save(tmp_path / "model.wm")
    again = WorldModel.load(tmp_path / "model.wm")
    assert again.text == f"lm:{folder}@1"
    facts = rows[0].before.facts
    assert again.read(again.observe(facts)) == [dict(facts)]
    assert again.similarity("status draft", ["status draft"]) == pytest.approx([1.0], abs=1e-4)


@pytest.mark.parametrize("source", ["lm:", "lm:@2", "lm:folder@deep"])
def test_sources_that_name_no_model_are_refused(source: str) -> None:
    with pytest.raises(InputError, match="give lm:FOLDER"):
        text_backend(source)


def test_folders_that_hold_no_usable_model_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no language model at"):
        LocalLM(tmp_path / "empty").complete(ASKED)
    shutil.copytree(folder, tmp_path / "mixed")
    tokens = json.loads((folder / "tokenizer.json").read_text())
    many = {f"word{number}": len(tokens["model"]["vocab"]) + number for number in range(50)}
    tokens["model"]["vocab"] |= many
    (tmp_path / "mixed" / "tokenizer.json").write_text(json.dumps(tokens))
    with pytest.raises(InputError, match="do not belong together"):
        HiddenStates(f"lm:{tmp_path / 'mixed'}").embed(["status"])
    with pytest.raises(InputError, match="quantised must be"):
        LocalLM(folder, quantised="2bit")
