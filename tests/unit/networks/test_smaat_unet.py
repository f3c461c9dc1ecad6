"""The small SmaAt-UNet: its size, its shapes, its zero head, its gradients, its dry answer."""

import pytest
import torch

from stormcycle.networks import build
from stormcycle.networks.baselines.smaat_unet import MULTIPLE, SmaAtUNet
from stormcycle.nowcast import neural


def question(rows: int, columns: int, fields: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    return torch.rand(fields, 10, rows, columns, generator=random) * 50, (torch.rand(fields, 1, rows, columns, generator=random) > 0.1).float()


def with_a_head(width: int = 16) -> SmaAtUNet:
    torch.manual_seed(4)
    network = SmaAtUNet(width)
    torch.nn.init.normal_(network.head.weight, std=0.1)
    return network


@pytest.mark.parametrize(("width", "count"), [(32, 1043573), (48, 2297804)])
def test_the_number_of_parameters_is_known(width, count):
    assert sum(parameter.numel() for parameter in SmaAtUNet(width).parameters()) == count


def test_a_fresh_network_predicts_no_change_at_all():
    with torch.no_grad():
        assert torch.count_nonzero(build("smaat_unet", width=16)(*question(64, 64))) == 0


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 160), (256, 256)])
def test_every_size_of_the_multiple_comes_back_as_it_went_in(rows, columns):
    with torch.no_grad():
        residual = with_a_head()(*question(rows, columns))
    assert residual.shape == (1, 10, rows, columns)
    assert torch.isfinite(residual).all()
    assert residual.abs().max() > 0.1


def test_other_numbers_of_frames_and_leads_are_built():
    network = build("smaat_unet", width=16, frames=4, leads=3)
    with torch.no_grad():
        assert network(question(64, 64)[0][:, :4], question(64, 64)[1]).shape == (1, 3, 64, 64)


def test_every_parameter_gets_a_gradient_once_the_head_is_not_zero():
    network = with_a_head()
    network(*question(64, 96, fields=2)).square().mean().backward()
    dead = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.abs().max() > 0]
    assert dead == []


def test_a_fresh_network_can_leave_its_zero_head():
    network = SmaAtUNet(16)
    (network(*question(64, 64)) - 1.0).square().mean().backward()
    assert network.head.weight.grad.abs().max() > 0


@pytest.mark.parametrize("size", [50, 65, MULTIPLE + 8])
def test_a_size_that_is_no_multiple_is_refused(size):
    with torch.no_grad(), pytest.raises((ValueError, RuntimeError), match=r"multiples of 32|divisible|[Ss]izes of tensors must match"):
        with_a_head()(*question(size, 64))


def test_fields_of_a_batch_do_not_know_each_other():
    network, (frames, mask) = with_a_head(), question(64, 64, fields=3)
    with torch.no_grad():
        together = network(frames, mask)
        alone = torch.cat([network(frames[index : index + 1], mask[index : index + 1]) for index in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_a_dry_field_has_a_finite_answer_and_finite_gradients():
    network = with_a_head()
    residual = network(torch.zeros(1, 10, 64, 64), torch.ones(1, 1, 64, 64))
    residual.square().mean().backward()
    assert torch.isfinite(residual).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_a_nowcast_asks_with_the_multiples_that_the_network_takes() -> None:
    assert neural.MULTIPLE % MULTIPLE == 0
