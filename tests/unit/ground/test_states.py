"""The typed words: CF flags of provenance, the two kinds of nothing, reasons of degradation."""

import numpy as np

from stormcycle.states import NO_ECHO_DBZ, Degradation, GranuleState, HourState, Provenance, dry_filled, provenance_attributes

DESIGN = "observed undetect outside_coverage rejected_by_quality_control filled_by_advection made_from_satellite made_by_a_model late"  # in order
REASONS = "not_weather static_clutter speckle beam_blocked outlier_gate"


def test_provenance_attributes_are_cf_flags_that_fit_two_bytes():
    attributes = provenance_attributes()
    masks, meanings = attributes["flag_masks"], str(attributes["flag_meanings"]).split(" ")
    assert meanings == [*DESIGN.split(), *REASONS.split()]
    assert masks == [2**bit for bit in range(13)]
    assert all(type(mask) is int for mask in masks)  # json and Zarr attributes want plain numbers


def test_a_mask_names_the_flag_it_stands_for():
    attributes = provenance_attributes()
    named = dict(zip(str(attributes["flag_meanings"]).split(), attributes["flag_masks"], strict=True))
    assert named["filled_by_advection"] == Provenance.FILLED_BY_ADVECTION
    assert named["outside_coverage"] == Provenance.OUTSIDE_COVERAGE


def test_the_rejections_are_the_reasons_of_quality_control_and_nothing_else():
    assert {flag for flag in Provenance if flag > Provenance.LATE} == {Provenance[name.upper()] for name in REASONS.split()}


def test_dry_filled_leaves_echoes_and_makes_the_rest_zero():
    given = np.array([np.nan, NO_ECHO_DBZ, -31.5, -3.0, 0.0, 45.5], "float32")
    assert dry_filled(given).tolist() == [0.0, 0.0, -31.5, -3.0, 0.0, 45.5]


def test_no_echo_meets_no_threshold_of_a_radar():
    assert NO_ECHO_DBZ < -30.0  # below the offset of the common 8-bit packings


def test_the_words_are_those_of_the_design():
    assert [str(state) for state in HourState] == ["complete", "degraded", "failed", "running", "missing"]
    assert {str(state) for state in GranuleState} == {"ok", "partial", "late", "missing", "corrupt", "duplicate", "misplaced"}


def test_a_degradation_is_plain_in_the_manifest():
    assert Degradation("nowcast", "frames_filled", "two frames").as_dict() == {"product": "nowcast", "code": "frames_filled", "detail": "two frames"}
