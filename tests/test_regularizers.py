"""Anti-collapse terms against their measured oracles."""

from __future__ import annotations

import pytest
import torch

from wmagent.model.regularizers import EMATarget, collapse_meters, info_nce, sigreg, vicreg


def normal(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "d"), [(32, 64), (128, 192), (512, 64)])
def test_sigreg_is_about_one_on_a_standard_normal(n: int, d: int) -> None:
    generator = torch.Generator().manual_seed(1)
    mean = torch.stack([sigreg(normal(n, d, seed), generator=generator) for seed in range(8)]).mean()
    assert 0.9 < mean < 1.2


@pytest.mark.parametrize(("n", "statistic"), [(32, 12.866), (128, 51.462), (512, 205.85)])
def test_sigreg_of_a_collapsed_batch(n: int, statistic: float) -> None:
    assert sigreg(torch.zeros(n, 16)).item() == pytest.approx(statistic, rel=1e-3)


@pytest.mark.parametrize(("std", "statistic"), [(0.5, 19.6), (2.0, 32.0)])
def test_sigreg_sees_scale(std: float, statistic: float) -> None:
    generator = torch.Generator().manual_seed(1)
    mean = torch.stack([sigreg(std * normal(128, 64, seed), generator=generator) for seed in range(8)]).mean()
    assert mean.item() == pytest.approx(statistic, rel=0.05)


def test_sigreg_averages_over_time_steps() -> None:
    steps = torch.stack([normal(64, 16, 0), torch.zeros(64, 16)])
    both = sigreg(steps, generator=torch.Generator().manual_seed(3))
    one = [sigreg(step, generator=torch.Generator().manual_seed(3)) for step in steps]
    assert both.item() == pytest.approx((one[0] + one[1]).item() / 2, rel=1e-5)


def test_vicreg_punishes_collapse_and_correlation() -> None:
    spread = normal(256, 8)
    assert vicreg(torch.zeros(256, 8)) > 0.9
    assert vicreg(spread[:, :1].repeat(1, 8)) > 10 * vicreg(spread)


def test_info_nce_prefers_its_own_target() -> None:
    target = normal(32, 16)
    assert info_nce(target, target) < info_nce(target.roll(1, 0), target)


def test_ema_target_follows_slowly_and_takes_no_gradient() -> None:
    online = torch.nn.Linear(4, 4)
    target = EMATarget(online, decay=0.9)
    before = target.module.weight.clone()
    with torch.no_grad():
        online.weight.add_(1.0)
    target.follow(online)
    assert torch.allclose(target.module.weight, before + 0.1, atol=1e-6)
    assert not any(p.requires_grad for p in target.module.parameters())


def test_meters_tell_collapse_from_spread() -> None:
    assert collapse_meters(normal(512, 16))["effective_rank"] > 14
    assert collapse_meters(normal(512, 1).repeat(1, 16))["effective_rank"] < 1.5
    assert collapse_meters(torch.zeros(8, 4))["std_mean"] == 0
