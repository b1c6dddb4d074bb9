"""torchvision beside a torch without CUDA, for packages that import it. Knows torch's operators; no model."""

from __future__ import annotations

import importlib

import torch

DESCRIBED = ("torchvision::nms", "torchvision::qnms")  # by the import itself
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_torchvision() -> None:
    """Import torchvision, also where its compiled part does not load; ModuleNotFoundError where it is not installed.

    A wheel compiled for CUDA cannot load its operators beside a CPU build of torch, and the import fails where it
    describes them. Declared without an implementation they let the rest be imported.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms does not exist" not in str(error):
            raise
        for name in DESCRIBED:
            torch.library.define(name, SIGNATURE)
        importlib.import_module("torchvision")
