import torch
from torch import nn

from covergen.training.trainer import WeightAverage


def test_the_average_follows_and_the_weights_come_back():
    weight = nn.Parameter(torch.zeros(2))
    average = WeightAverage({"w": weight}, decay=0.9)
    with torch.no_grad():
        weight.fill_(1.0)
    average.update(10_000)
    assert torch.allclose(average.values["w"], torch.full((2,), 0.1))
    with average.swapped_in():
        assert torch.allclose(weight, torch.full((2,), 0.1))
    assert weight.tolist() == [1.0, 1.0]


def test_the_first_steps_count_more():
    weight = nn.Parameter(torch.ones(1))
    average = WeightAverage({"w": weight}, decay=0.999)
    with torch.no_grad():
        weight.fill_(3.0)
    average.update(1)
    assert average.values["w"] > 2.5
