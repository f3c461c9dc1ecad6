"""Assimilation: 3DVar, which corrects a model's state by what radars summed up, through the Jacobian of the neural radar operator.

A state is moved by a control variable (`control`, `recursive_filter`) until it fits the background and what was observed (`cost`, `minimiser`);
`operator` is the one interface to what a radar should see of a state; `analysis` puts them together for an hour, `diagnostics` tells
whether its errors were rightly assumed, `twin` tries it where the truth is known.
"""

from stormcycle.assimilation.analysis import PAPER, Outcome, analyse
from stormcycle.assimilation.operator import differentiable, radar_operator

__all__ = ["PAPER", "Outcome", "analyse", "differentiable", "radar_operator"]
