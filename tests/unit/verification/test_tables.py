"""The paper's tables made of an evaluation."""

import pytest

from stormcycle.verification.paper import mrkan_paper
from stormcycle.verification.tables import (
    ERRORS,
    EVENTS,
    cost_rows,
    error_rows,
    event_rows,
    interval_rows,
    lead_rows,
    paper_error_rows,
    paper_event_rows,
)


def scored(threshold: str, values: list) -> dict:
    return {score: {threshold: values} for score in ("csi", "pod", "ets", "far", "bias")} | dict.fromkeys(
        ("pcc", "mae", "rmse", "mae_grey", "rmse_grey"), values
    )


def result() -> dict:
    zh = {score: {"30": [0.5, 0.3], "35": [0.2, None], "40": [None, None]} for score in ("csi", "pod", "ets", "far", "bias")}
    zh |= {score: [1.0, 3.0] for score in ERRORS}
    return {"methods": {"one": {"zh": zh, "zdr": scored("0.5", [0.1, 0.2])}, "two": {"zh": zh}}}


def test_a_mean_over_leads_leaves_out_leads_without_a_score():
    rows = {(row["event"], row["method"]): row for row in event_rows(result())}
    assert list(rows) == [(event, method) for event in EVENTS[:3] for method in ("one", "two")] + [("zdr 0.5", "one")]
    assert rows["zh 30", "one"]["csi"] == pytest.approx(0.4)
    assert rows["zh 35", "two"]["bias"] == pytest.approx(0.2)
    assert rows["zh 40", "one"]["csi"] is None


def test_leads_are_in_minutes_and_errors_stand_by_variable():
    first = lead_rows(result(), "csi", 5.0)[0]
    assert first == {"method": "one", "event": "zh 30", "5": 0.5, "10": 0.3, "mean": pytest.approx(0.4)}
    assert [(row["variable"], row["method"], row["mae_grey"]) for row in error_rows(result())] == [
        ("zh", "one", 2.0),
        ("zh", "two", 2.0),
        ("zdr", "one", 0.15000000000000002),
    ]


def test_rows_of_ours_and_of_the_paper_have_the_same_columns():
    assert list(event_rows(result())[0]) == list(paper_event_rows(["zh 30"])[0])
    assert list(error_rows(result())[0]) == list(paper_error_rows(["zh"])[0])
    ours = cost_rows({"one": {"parameters": 2_000_000, "gmac": 1.0, "gmac_all": 2.0, "latency_seconds": 0.5}})
    assert (ours[0]["parameters, M"], ours[0]["ms"]) == (2.0, 500.0)
    assert {tuple(row) for row in ours} == {tuple(ours[0])}


def test_the_papers_figures_are_whole_and_hang_together():
    """Table 1: CSI from POD and FAR is 1 / (1 / POD + 1 / (1 - FAR) - 1); its scores are means of scores, so near and not equal
    (farthest for Kdp of MIM and RobustGAN, .04)."""
    paper = mrkan_paper()
    assert len(paper["scores"]) == len(paper["errors"]) == len(paper["costs"]) == 10
    for method, by_event in paper["scores"].items():
        assert tuple(by_event) == EVENTS, method
        for csi, pod, ets, far in by_event.values():
            assert csi == pytest.approx(1 / (1 / pod + 1 / (1 - far) - 1), abs=0.05), method
            assert ets < csi
    assert paper["scores"]["MRKAN"]["zh 30"] == [0.632, 0.7163, 0.6164, 0.1652]
    assert paper["errors"]["MRKAN"]["kdp"] == [0.689, 1.1485, 4.4563]
    assert paper["costs"]["MRKAN"] == [148.4, 46.14, 115.77]


def test_intervals_are_said_from_low_to_high_and_nothing_where_there_are_none():
    told = {"csi": {"zh": {"one": {"30": [0.1, 0.25]}}}, "gain": {"zh": {"one": {"30": [None, None]}}}}
    assert interval_rows(told) == [{"event": "zh 30", "method": "one", "CSI": "0.100 to 0.250", "gain": None}]
    assert interval_rows({"windows": 5, "why_none": "too few"}) == []
