"""Background: the forecast model's fields, from GRIB to the 19 channels of the analysis grid.

A field is known by what it is (parameter, kind of level, level), never by its place in a file. Readers call ecCodes message
by message: cfgrib drops fields in silence where their levels differ.
"""

from stormcycle.background.analysis import analysis_fields
from stormcycle.background.planning import CHANNELS
from stormcycle.background.product import background_fields, state_of
from stormcycle.background.reading import read_analysis
from stormcycle.background.runs import Available, Choice, choose_run

__all__ = ["CHANNELS", "Available", "Choice", "analysis_fields", "background_fields", "choose_run", "read_analysis", "state_of"]
