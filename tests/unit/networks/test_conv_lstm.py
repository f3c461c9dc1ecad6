"""The small ConvLSTM: its size, its zero head, its shapes and order of channels, its gradients, its recurrence, its ONNX graph."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from stormcycle.export.graph import float_graph
from stormcycle.networks.baselines.conv_lstm import MULTIPLE, ConvLSTM, Layer
from stormcycle.nowcast import neural
from stormcycle.serving.cards import SHIPPED
from stormcycle.serving.contract import parse_contract


def question(rows: int, columns: int, fields: int = 1, variables: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    frames = torch.rand(fields, 10 * variables, rows, columns, generator=random) * 50
    return frames, (torch.rand(fields, variables, rows, columns, generator=random) > 0.1).float()


def with_a_head(**settings: int) -> ConvLSTM:
    torch.manual_seed(4)
    network = ConvLSTM(**{"width": 16, "hidden": 16, **settings})
    torch.nn.init.normal_(network.head.weight, std=0.1)
    return network


@pytest.mark.parametrize(("hidden", "count"), [(48, 618480), (64, 1039600)])
def test_the_number_of_parameters_is_known(hidden, count):
    assert sum(parameter.numel() for parameter in ConvLSTM(hidden=hidden).parameters()) == count


def test_a_fresh_network_predicts_no_change_at_all():
    with torch.no_grad():
        assert torch.count_nonzero(ConvLSTM()(*question(64, 64))) == 0


def test_it_stands_in_the_frame_that_moves():
    assert ConvLSTM.frame == "moving"


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (96, 160), (256, 256)])
def test_every_size_of_the_multiple_comes_back_as_it_went_in(rows, columns):
    with torch.no_grad():
        residual = with_a_head()(*question(rows, columns))
    assert residual.shape == (1, 30, rows, columns)
    assert torch.isfinite(residual).all()
    assert residual.abs().max() > 0.1


def test_other_numbers_of_variables_frames_and_leads_are_built():
    network = with_a_head(variables=1, frames=4, leads=3)
    frames, mask = question(64, 64, variables=1)
    with torch.no_grad():
        assert network(frames[:, :4], mask).shape == (1, 3, 64, 64)


def test_channels_are_variable_major_and_each_variable_has_its_own_unit():
    """A head that says 1 for zdr alone changes zdr at every lead, by its scale, and nothing else."""
    network = ConvLSTM(width=16, hidden=16)
    with torch.no_grad():
        network.head.bias.view(3, 64)[1] = 1.0
        residual = network(*question(64, 64))
    assert (residual[:, 10:20] == 1.0).all()
    assert torch.count_nonzero(residual[:, :10]) == torch.count_nonzero(residual[:, 20:]) == 0
    with torch.no_grad():
        network.head.bias.fill_(1.0)
        assert network(*question(64, 64)).amax((2, 3)).tolist() == [[10.0] * 10 + [1.0] * 10 + [0.5] * 10]


def test_leads_and_frames_are_in_order():
    """The newest frame reaches the first lead; with a forgetful network the oldest hardly does."""
    network, (frames, mask) = with_a_head(), question(64, 64)
    for encoder in network.encoders:
        torch.nn.init.constant_(encoder.gates.bias.data[16:32], -4.0)
    with torch.no_grad():
        answer = network(frames, mask)
        apart = {}
        for name, frame in (("oldest", 0), ("newest", 9)):
            changed = frames.clone()
            changed[:, frame] = 0.0
            apart[name] = (network(changed, mask) - answer).abs().mean(dim=(0, 2, 3))
    assert apart["newest"][0] > 100 * apart["oldest"][0]
    assert apart["newest"][0] > apart["newest"][9]


def test_a_layer_is_the_papers_recurrence_pixel_by_pixel():
    """Shi et al.'s equations (3) without peepholes, in plain loops over a field of 4 x 5."""
    torch.manual_seed(5)
    layer, x, hidden, cell = Layer(2, 3), torch.randn(1, 2, 4, 5), torch.randn(1, 3, 4, 5), torch.randn(1, 3, 4, 5)
    with torch.no_grad():
        told, kept = layer(x, (hidden, cell))
    kernel, bias = layer.gates.weight.detach().double().numpy(), layer.gates.bias.detach().double().numpy()
    around = np.pad(torch.cat([x, hidden], 1)[0].double().numpy(), ((0, 0), (1, 1), (1, 1)))
    for channel, row, column in np.ndindex(3, 4, 5):
        patch = around[:, row : row + 3, column : column + 3]
        take, forget, tell, candidate = ((kernel[gate + channel] * patch).sum() + bias[gate + channel] for gate in (0, 3, 6, 9))
        new = expit(forget) * cell[0, channel, row, column].item() + expit(take) * np.tanh(candidate)
        assert kept[0, channel, row, column].item() == pytest.approx(new, abs=1e-5)
        assert told[0, channel, row, column].item() == pytest.approx(expit(tell) * np.tanh(new), abs=1e-5)


def test_a_fresh_layer_remembers():
    assert Layer(2, 3).gates.bias[3:6].tolist() == [1.0] * 3


def test_every_parameter_gets_a_gradient_once_the_head_is_not_zero():
    network = with_a_head()
    network(*question(64, 96, fields=2)).square().mean().backward()
    dead = [name for name, parameter in network.named_parameters() if parameter.grad is None or not parameter.grad.abs().max() > 0]
    assert dead == []


def test_a_fresh_network_can_leave_its_zero_head():
    network = ConvLSTM(width=16, hidden=16)
    (network(*question(64, 64)) - 1.0).square().mean().backward()
    assert network.head.weight.grad.abs().max() > 0


@pytest.mark.parametrize("size", [50, 65, MULTIPLE + 8])
def test_a_size_that_is_no_multiple_is_refused(size):
    with torch.no_grad(), pytest.raises(ValueError, match="multiples of 32: pad them"):
        with_a_head()(*question(size, 64))


def test_fields_of_a_batch_do_not_know_each_other():
    network, (frames, mask) = with_a_head(), question(64, 64, fields=3)
    with torch.no_grad():
        together = network(frames, mask)
        alone = torch.cat([network(frames[index : index + 1], mask[index : index + 1]) for index in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_a_dry_field_has_a_finite_answer_and_finite_gradients():
    network = with_a_head()
    residual = network(torch.zeros(1, 30, 64, 64), torch.ones(1, 3, 64, 64))
    residual.square().mean().backward()
    assert torch.isfinite(residual).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_its_weights_are_its_parameters_alone():
    network = ConvLSTM(width=16, hidden=16)
    assert set(network.state_dict()) == {name for name, _ in network.named_parameters()}


def test_its_graph_answers_as_it_does_at_other_sizes_than_were_traced():
    """`float_graph` raises beyond 1e-4; the shipped configuration tells the channels."""
    contract = parse_contract((SHIPPED / "conv_lstm/config.pbtxt").read_text(), "conv_lstm")
    plan = parse_contract((SHIPPED / "conv_lstm/configs/tensorrt.pbtxt").read_text(), "conv_lstm")
    assert [len(contract.channels(tensor.name)) for tensor in contract.tensors] == [tensor.shape[1] for tensor in contract.tensors] == [30, 3, 30]
    assert (plan.inputs, plan.outputs) == (contract.inputs, contract.outputs)
    assert all(plan.channels(tensor.name) == contract.channels(tensor.name) for tensor in contract.tensors)
    graph = float_graph(with_a_head(hidden=48, width=48).eval(), contract, {})
    assert {node.op_type for node in graph.graph.node}.isdisjoint({"Loop", "Scan", "LSTM"})


def test_a_nowcast_asks_with_the_multiples_that_the_network_takes() -> None:
    assert neural.MULTIPLE % MULTIPLE == 0
