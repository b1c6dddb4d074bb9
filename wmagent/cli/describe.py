"""`wmagent describe`: what a learned model knows, and how well, from its card."""

from __future__ import annotations

from wmagent.cli.output import AsJson, command, show, show_json
from wmagent.cli.parts import ModelPath, from_pixels, open_model
from wmagent.cli.pixels import describe_pixels


@command
def describe(path: ModelPath, as_json: AsJson = False) -> None:
    """Show a model's card: its data, held-out scores beside their floors, calibration, domain, actions.

    Examples:

        wmagent describe contracts.wm

        wmagent describe contracts.wm --json

        wmagent describe rooms.wm     (learned from pixels: which goals it takes, too)
    """
    if from_pixels(path):
        describe_pixels(path, as_json)
        return
    model = open_model(path)
    actions = [action.label() for action in model.actions]
    if as_json:
        show_json({"card": model.card, "actions": actions, "facts": list(model.slots)})
        return
    from rich.markdown import Markdown

    show(Markdown(model.card_markdown()))
    show(f"\n{len(model.slots)} facts, {len(actions)} actions: ")
    for label in actions:
        show(f"  {label}")
