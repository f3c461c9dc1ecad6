"""Layouts: the names that public feeds really use, what they tell, and the prefixes of an hour."""

import numpy as np
import pytest

from stormcycle.feeds.layouts import LAYOUTS, kind_by_name, match_name, prefixes, slot_index, window
from stormcycle.times import frame_slots

NEXRAD_PREFIX, SITE_PREFIX = "{time:%Y/%m/%d}/{site}", "{site}"


def time(text: str) -> np.datetime64:
    return np.datetime64(text, "s")


@pytest.mark.parametrize(
    ("layout", "name", "site", "told"),
    [
        ("nexrad", "KHTX20080411_181144.gz", "KHTX", "2008-04-11T18:11:44"),
        ("nexrad", "KTLX20140101_000624_V06.gz", "KTLX", "2014-01-01T00:06:24"),
        ("nexrad", "KTLX20100501_000444_V03.gz", "KTLX", "2010-05-01T00:04:44"),
        ("nexrad", "KDMX20260101_154351_V06", "KDMX", "2026-01-01T15:43:51"),
        ("nexrad", "KABR20050101_000745", "KABR", "2005-01-01T00:07:45"),
        ("nexrad", "PHKI20200229_235959_V06", "PHKI", "2020-02-29T23:59:59"),
        ("odim", "simli_pvol_20260701T125400Z.h5", "simli", "2026-07-01T12:54:00"),
        ("odim", "selek_pvol_20170113T153000Z.h5", "selek", "2017-01-13T15:30:00"),
        ("odim-by-site", "seang.h5", "seang", None),
        ("odim-scans", "T_PAZA63_C_LFPW_20230420065041.h5", None, "2023-04-20T06:50:41"),
        ("odim-scans", "T_PAGZ35_C_ENMI_20170421090837.hdf", None, "2017-04-21T09:08:37"),
        ("abi-l1b-c", "OR_ABI-L1b-RadC-M6C10_G16_s20222751101170_e20222751103554_c20222751103590.nc", "C10", "2022-10-02T11:01:17"),
        ("abi-l1b-m1", "OR_ABI-L1b-RadM1-M3C01_G16_s20171931811268_e20171931811326_c20171931811369.nc", "C01", "2017-07-12T18:11:26"),
        ("abi-l2-m1", "OR_ABI-L2-CMIPM1-M3C03_G16_s20171931811268_e20171931811326_c20171931811389.nc", "C03", "2017-07-12T18:11:26"),
        ("glm", "OR_GLM-L2-LCFA_G17_s20200160612000_e20200160612110_c20200160612335.nc", None, "2020-01-16T06:12:00"),
        ("hrit", "H-000-MSG4__-MSG4________-IR_108___-000005___-202009060000-__.bz2", "IR_108", "2020-09-06T00:00:00"),
        ("hrit", "H-000-MSG4__-MSG4________-_________-PRO______-202009060000-__", "_", "2020-09-06T00:00:00"),
        ("aladin", "ALADCZ1K4opendata_2026070106_CLSTEMPERATURE.grb.bz2", None, "2026-07-01T06:00:00"),
        ("packed-sequence", "nju_cpol_001_3.0km.nc", None, None),
        ("packed-sweeps", "dwd_dx_tur_20080602.nc", None, None),
    ],
)
def test_the_names_of_real_feeds_tell_site_and_time(layout: str, name: str, site: str | None, told: str | None):
    named = match_name(LAYOUTS[layout], name)
    assert named is not None
    assert (named.site, named.time) == (site, time(told) if told else None)


def test_a_name_tells_when_a_file_was_made_and_how_far_ahead_a_model_looks():
    scan = match_name(LAYOUTS["abi-l1b-c"], "OR_ABI-L1b-RadC-M6C10_G16_s20222751101170_e20222751103554_c20222751103590.nc")
    run = match_name(LAYOUTS["gfs"], "gfs.t18z.pgrb2.0p25.f006", time("2026-06-30T18:00"))
    assert scan is not None and scan.created == "20222751103590"
    assert run is not None and (run.time, run.lead) == (time("2026-06-30T18:00:00"), 6)


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("nexrad", "KTLX20140101_000624_V06_MDM"),  # the archive's metadata files lie beside the volumes
        ("nexrad", "KTLX20141301_000624_V06"),
        ("nexrad", "KTLX20140230_000624_V06"),
        ("nexrad", "KTLX20140101_240000_V06"),
        ("nexrad", "KTLX20140101_006060"),
        ("nexrad", "ktlx20140101_000624_V06"),
        ("nexrad", "KHTX20080411_181144.truncated.gz"),
        ("nexrad", "../KTLX20140101_000624_V06"),
        ("nexrad", "KTLX20140101_000624_V06\n"),
        ("odim", "simli_pvol_20260732T125400Z.h5"),
        ("odim", "simli_pvol_20260701T125400Z.h5.part"),
        ("odim", ".simli_pvol_20260701T125400Z.h5"),
        ("odim", "a/simli_pvol_20260701T125400Z.h5"),
        ("odim-by-site", "sean g.h5"),
        ("odim-scans", "T_PAZA63_C_LFPW_20230420066041.h5"),
        ("odim-scans", "T_PBZA63_C_LFPW_20230420065041.h5"),
        ("odim-scans", "T_PAZA63_C_LFPW_20230420065041.h5.tmp"),
        ("abi-l1b-m1", "OR_ABI-L1b-RadM2-M3C01_G16_s20171931811268_e20171931811326_c20171931811369.nc"),
        ("abi-l1b-c", "OR_ABI-L1b-RadC-M6C10_G16_s20223751101170_e20222751103554_c20222751103590.nc"),
        ("glm", "OR_GLM-L2-GLMC-M3_G16_s20181830433000_e20181830434000_c20191931535490.nc"),
        ("gfs", "gfs.t24z.pgrb2.0p25.f006"),
        ("gfs", "gfs.t18z.pgrb2.0p25.f006.idx"),
        ("packed-sequence", "../x.nc"),
        ("packed-sweeps", "a/x.nc"),
    ],
)
def test_other_names_and_impossible_times_are_refused(layout: str, name: str):
    assert match_name(LAYOUTS[layout], name) is None


def test_a_kind_is_told_by_what_a_name_begins_with_or_by_the_ending_of_hdf5():
    assert kind_by_name("KHTX20080411_181144.gz") == kind_by_name("KHTX20080411_181144.truncated.gz") == "nexrad"
    assert kind_by_name("simli_pvol_20260701T125400Z.h5.part") == kind_by_name("seang.h5") == kind_by_name("T_PAGZ35_C_ENMI.HDF") == "odim"
    assert kind_by_name("T_PAZA63_C_LFPW_20230420065041.h5.tmp") == "odim"
    assert kind_by_name("gfs.t12z.pgrbf120.2p5deg.grib2") == kind_by_name("ALADCZ1K4opendata_2026070106_CLSTEMPERATURE.grb.bz2.part") == "grib"
    assert [kind_by_name(name) for name in ("readme.txt", "anything.nc", "RQ2210180700_000.gz", "h5")] == [None] * 4


def test_an_hour_within_a_day_has_one_prefix_and_one_across_midnight_two_in_order():
    assert list(prefixes(NEXRAD_PREFIX, "KTLX", time("2014-01-01T12:03"), time("2014-01-01T13:03"))) == ["2014/01/01/KTLX"]
    assert list(prefixes(NEXRAD_PREFIX, "KTLX", time("2013-12-31T23:33"), time("2014-01-01T00:33"))) == ["2013/12/31/KTLX", "2014/01/01/KTLX"]


def test_a_window_that_reaches_just_past_midnight_lists_the_next_day():
    # T = 00:00, half a step of 3 min after it: a volume of 00:01 belongs to the slot T
    assert list(prefixes(NEXRAD_PREFIX, "X", time("2020-02-28T23:03"), time("2020-02-29T00:03"))) == ["2020/02/28/X", "2020/02/29/X"]


def test_prefixes_by_hour_name_every_hour_of_the_window():
    found = list(prefixes("{site}/{time:%Y%m%d%H}", "a", time("2020-02-29T22:57"), time("2020-03-01T00:03")))
    assert found[:3] == ["a/2020022922", "a/2020022923", "a/2020030100"]
    assert len(set(found)) == len(found)


def test_a_prefix_without_time_is_listed_once():
    assert list(prefixes(SITE_PREFIX, "a", time("2020-02-29T22:57"), time("2020-03-01T00:03"))) == ["a"]
    assert list(prefixes("", "a", time("2020-02-29T22:57"), time("2020-03-01T00:03"))) == [""]


@pytest.mark.parametrize("step", [5, 6, 10, 15])
@pytest.mark.parametrize(("layout", "owned_after", "owned_until"), [("nexrad", -0.5, 0.5), ("odim-scans", 0.0, 1.0)])
def test_the_window_is_what_the_slots_own_to_the_second(layout: str, owned_after: float, owned_until: float, step: int):
    # a volume's start lies within half a step of its slot; its scans end within the step after it (that end included)
    noon, ends = time("2023-04-20T12:00"), layout == "odim-scans"
    slots = frame_slots(noon, step)
    start, end = window(LAYOUTS[layout], noon, step)
    for second in range(-70 * 60, 20 * 60):
        moment = noon + np.timedelta64(second, "s")
        places = [(moment - slot).astype(float) / (60 * step) for slot in slots]
        owners = [index for index, place in enumerate(places) if (owned_after < place <= owned_until if ends else owned_after <= place < owned_until)]
        assert (start <= moment < end) == bool(owners)
        assert slot_index(LAYOUTS[layout], moment, slots, step) == (owners[0] if owners else None)
