"""MRKAN as a layer and as a network: its sizes, its shapes, its blocks switched off, its gradients, its dry and masked answers."""

import io

import pytest
import torch
from safetensors.torch import save

from stormcycle.export.shipping import LARGEST_BYTES
from stormcycle.networks import build
from stormcycle.networks.mrkan.forms import RANGES, VARIABLES
from stormcycle.networks.mrkan.layer import BLOCKS, Layer, LayerSize
from stormcycle.networks.mrkan.network import MRKAN, SIZES
from stormcycle.nowcast import neural, variables

ABLATION = ("", "A", "B", "C", "AB", "AC", "BC", "ABC", "ABCD")
"""The rows of the paper's Table 3: what is on; A to D are BLOCKS in their order."""
SMALL = LayerSize(states=2, expand=1.0, fuse_groups=4, kernel=1, norm="group")


def without(on: str) -> list[str]:
    return [block for letter, block in zip("ABCD", BLOCKS, strict=True) if letter not in on]


def question(rows: int, columns: int, fields: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames of three variables in physical units, dry in places, and their masks."""
    random = torch.Generator().manual_seed(3)
    frames = torch.rand(fields, 3, 10, rows, columns, generator=random) * torch.tensor([50.0, 3.0, 2.0])[:, None, None, None]
    seen = torch.rand(fields, 3, rows, columns, generator=random) > 0.1
    return (frames * seen[:, :, None]).flatten(1, 2), seen.float()


def network(name: str = "mrkan", **settings: object) -> torch.nn.Module:
    """A network whose head is not zero."""
    torch.manual_seed(4)
    made = build(name, **settings).eval()
    if name == "mrkan":
        torch.nn.init.normal_(made.head.weight, std=0.1)
    return made


def parameters(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def without_gradient(module: torch.nn.Module) -> list[str]:
    return [name for name, parameter in module.named_parameters() if parameter.grad is None or not parameter.grad.abs().max() > 0]


# a layer


@pytest.mark.parametrize("on", ABLATION)
@pytest.mark.parametrize("kind", ["batch", "group"])
def test_every_row_of_the_papers_ablation_is_a_layer_that_learns(on, kind):
    torch.manual_seed(1)
    layer = Layer(16, LayerSize(states=2, expand=1.0, fuse_groups=4, kernel=1, norm=kind), 1, without(on))
    x = torch.randn(2, 16, 6, 8)
    made = layer(x)
    assert made.shape == x.shape
    made.square().mean().backward()
    assert without_gradient(layer) == []
    assert on == "ABCD" or parameters(layer) < parameters(Layer(16, SMALL, 1, ()))


def test_each_block_that_is_on_is_asked_and_no_other():
    """Each block's own weights change the answer of the layers that have it."""
    x = torch.randn(1, 16, 6, 8, generator=torch.Generator().manual_seed(0))
    parts = {"csmamba": "whole.stages.1", "gimrbf": "mesoscale", "mokan": "local", "msff": "fusion"}
    for on in ABLATION:
        layer = Layer(16, SMALL, 1, without(on)).eval()
        with torch.no_grad():
            before = layer(x)
            for block, part in parts.items():
                mine = [parameter for name, parameter in layer.named_parameters() if name.startswith(f"{part}.")]
                assert bool(mine) == (block not in without(on)), (on, block)
                if mine:
                    for parameter in mine:
                        parameter.add_(torch.randn(parameter.shape) * 0.3)
                    after = layer(x)
                    assert not torch.allclose(before, after, atol=1e-4), (on, block)
                    before = after


def test_a_layer_with_nothing_on_is_the_baseline_of_cross_scans_alone():
    layer = Layer(16, SMALL, 1, BLOCKS)
    x = torch.randn(1, 16, 6, 8)
    with torch.no_grad():
        assert torch.equal(layer(x), layer.whole(x))
    assert not layer.whole.stage.snaking
    assert {name.split(".")[0] for name, _ in layer.named_parameters()} == {"whole"}


def test_a_block_that_nobody_knows_is_told():
    with pytest.raises(ValueError, match="no block vssm to switch off; there are csmamba, gimrbf, mokan, msff"):
        MRKAN(3, 3, SIZES["moving"], ["vssm", "msff"])


# sizes


@pytest.mark.parametrize(
    ("name", "size", "count"), [("mrkan_direct", "paper", 148_480_382), ("mrkan_direct", "small", 2_058_246), ("mrkan", "moving", 1_997_896)]
)
def test_the_number_of_parameters_is_known(name, size, count):
    with torch.device("meta"):
        made = parameters(build(name, size=size))
    assert made == count
    assert made < 2_060_000 or made == pytest.approx(148.4e6, rel=0.02)


@pytest.mark.parametrize("name", ["mrkan", "mrkan_direct"])
def test_its_weights_are_small_enough_to_be_shipped(name):
    state = build(name).state_dict()
    assert len(save(state)) <= LARGEST_BYTES
    assert set(state) == {key for key, _ in build(name).named_parameters()}  # what scales are is in the sources


@pytest.mark.parametrize("name", ["mrkan", "mrkan_direct"])
def test_every_row_of_the_ablation_is_smaller_than_the_whole(name):
    with torch.device("meta"):
        counts = {on: parameters(build(name, without=without(on))) for on in ABLATION}
    assert max(counts, key=counts.__getitem__) == "ABCD"
    assert counts[""] < min(counts["A"], counts["B"], counts["C"])
    assert all(counts[on] < counts["ABC"] for on in ABLATION[:-2])


def test_the_same_words_are_taken_in_the_same_order_everywhere():
    assert tuple(variables.VARIABLES) == VARIABLES


# the network


@pytest.mark.parametrize(("name", "rows", "columns"), [("mrkan", 64, 64), ("mrkan", 96, 160), ("mrkan", 256, 256), ("mrkan_direct", 96, 160)])
def test_every_size_of_the_multiple_comes_back_as_it_went_in(name, rows, columns):
    with torch.no_grad():
        answer = network(name)(*question(rows, columns))
    assert answer.shape == (1, 30, rows, columns)
    assert torch.isfinite(answer).all()
    assert answer.abs().max() > 0.1


def test_a_nowcast_asks_with_the_multiples_that_the_network_takes():
    for size in SIZES.values():
        halvings = len(size.stems) + len(size.dims)
        assert neural.MULTIPLE % 2**halvings == 0
    assert neural.MULTIPLE % (2 * 2 ** (len(SIZES["moving"].stems) + len(SIZES["moving"].dims))) == 0  # it unshuffles first


@pytest.mark.parametrize("on", ABLATION)
def test_every_row_of_the_ablation_is_a_network_that_learns(on):
    made = network(without=without(on))
    made(*question(64, 64, fields=2)).square().mean().backward()
    assert without_gradient(made) == []


def test_every_parameter_of_the_direct_form_gets_a_gradient():
    made = network("mrkan_direct").train()
    made(*question(64, 64, fields=2)).square().mean().backward()
    assert without_gradient(made) == []


def test_a_fresh_network_predicts_no_change_at_all_and_can_leave_that():
    made = build("mrkan")
    answer = made(*question(64, 64))
    assert torch.count_nonzero(answer) == 0
    (answer - 1.0).square().mean().backward()
    assert made.head.weight.grad.abs().max() > 0


def test_channels_are_variable_major_and_each_variable_has_its_own_unit():
    made = build("mrkan")
    with torch.no_grad():
        made.head.bias.view(3, 40)[1] = 1.0
        answer = made(*question(64, 64))
        assert (answer[:, 10:20] == 1.0).all()
        assert torch.count_nonzero(answer[:, :10]) == torch.count_nonzero(answer[:, 20:]) == 0
        made.head.bias.fill_(1.0)
        assert made(*question(64, 64)).amax((2, 3)).tolist() == [[10.0] * 10 + [1.0] * 10 + [0.5] * 10]


def test_the_direct_form_answers_within_its_ranges_once_it_has_learnt():
    made = network("mrkan_direct")
    with torch.no_grad():
        made.network.head.weight.mul_(100.0)
        frames, mask = question(64, 64)
        mask.fill_(1.0)
        served, learning = made(frames, mask), made.train()(frames, mask)
    for index, (low, high) in enumerate(RANGES.values()):
        mine = slice(10 * index, 10 * index + 10)
        assert served[:, mine].min() == low
        assert served[:, mine].max() == pytest.approx(high)
        assert learning[:, mine].max() > high  # a clip would have no gradient there


def test_the_direct_form_answers_nothing_where_nothing_is_observed():
    frames, mask = question(64, 64)
    with torch.no_grad():
        answer = network("mrkan_direct")(frames, mask)
    for index in range(3):
        assert torch.count_nonzero(answer[:, 10 * index : 10 * index + 10][(mask[:, index : index + 1] == 0).expand(-1, 10, -1, -1)]) == 0


@pytest.mark.parametrize("name", ["mrkan", "mrkan_direct"])
@pytest.mark.parametrize("seen", [0.0, 1.0])
def test_a_dry_field_has_a_finite_answer_and_finite_gradients(name, seen):
    made = network(name).train()
    answer = made(torch.zeros(1, 30, 64, 64), torch.full((1, 3, 64, 64), seen))
    answer.square().mean().backward()
    assert torch.isfinite(answer).all()
    assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters())


def test_a_masked_variable_is_told_from_a_dry_one():
    frames, mask = question(64, 64)
    frames[:, 10:], mask[:, 1:] = 0.0, 0.0
    dry = mask.clone()
    dry[:, 1:] = 1.0
    with torch.no_grad():
        masked, known = network()(frames, mask), network()(frames, dry)
    assert torch.isfinite(masked).all()
    assert (masked - known).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["mrkan", "mrkan_direct"])
def test_fields_of_a_batch_do_not_know_each_other(name):
    made, (frames, mask) = network(name), question(64, 64, fields=3)
    with torch.no_grad():
        together = made(frames, mask)
        alone = torch.cat([made(frames[index : index + 1], mask[index : index + 1]) for index in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-3)  # dBZ: rounding, with threads another


@pytest.mark.parametrize("size", [50, 65, 80])
def test_a_size_that_is_no_multiple_is_refused(size):
    with torch.no_grad(), pytest.raises((ValueError, RuntimeError), match=r"multiples of 32|divisible|[Ss]izes of tensors must match"):
        network()(*question(size, 64))


def test_the_same_weights_are_read_again_to_the_same_answer():
    made, content = network(), io.BytesIO()
    torch.save(made.state_dict(), content)
    content.seek(0)
    again = build("mrkan").eval()
    again.load_state_dict(torch.load(content, weights_only=True))
    with torch.no_grad():
        assert torch.equal(again(*question(64, 64)), made(*question(64, 64)))
