import numpy as np

from ride_duration.pipelines.monitoring.incidents import compare_ratios, find_excesses, find_level_incidents


def test_a_day_far_from_the_days_before_is_an_incident() -> None:
    levels = np.array([*[1.0, 1.05] * 7, 2.0, 1.02, 0.5, 1.0])
    assert np.flatnonzero(find_level_incidents(levels, 0.25, 28)).tolist() == [14, 16]


def test_an_old_model_is_no_incident_every_day() -> None:
    assert not find_level_incidents(np.full(60, 1.4), 0.25, 28).any()


def test_few_days_and_days_without_labels_say_nothing() -> None:
    assert not find_level_incidents(np.array([1.0, 1.0, 3.0]), 0.25, 28).any()
    levels = np.array([*[1.0] * 7, np.nan, 2.0, np.nan])
    assert np.flatnonzero(find_level_incidents(levels, 0.25, 28)).tolist() == [8]


def test_broken_days_do_not_become_usual_unless_they_last() -> None:
    levels = np.concatenate([np.ones(28), np.full(10, 1.6), np.ones(20)])
    assert np.flatnonzero(find_level_incidents(levels, 0.25, 28)).tolist() == [*range(28, 38)]
    for_good = np.concatenate([np.ones(28), np.full(40, 1.6)])
    assert np.flatnonzero(find_level_incidents(for_good, 0.25, 28)).tolist() == [*range(28, 42)]


def test_an_excess_is_many_times_what_is_usual_and_more_than_the_least() -> None:
    values = np.array([*[0.02] * 10, 0.05, 0.07, np.nan, 0.02])
    assert np.flatnonzero(find_excesses(values, 3, 0.01, 28)).tolist() == [11]
    assert not find_excesses(values, 3, 0.1, 28).any()
    assert np.flatnonzero(find_excesses(np.array([*[0.0] * 8, 0.02]), 3, 0.01, 28)).tolist() == [8]


def test_only_a_level_of_all_rides_becomes_usual_once_it_has_lasted() -> None:
    levels = np.concatenate([np.ones(28), np.full(60, 1.6)])
    assert np.flatnonzero(find_level_incidents(levels, 0.25, 28)).tolist() == [*range(28, 42)]
    assert np.flatnonzero(compare_ratios(levels, 0.15, 28).found).tolist() == [*range(28, 88)]
    assert np.flatnonzero(find_excesses(levels / 100, 1.5, 0.01, 28)).tolist() == [*range(28, 88)]


def test_what_moves_slowly_is_usual_all_the_way() -> None:
    ratios = np.exp(np.linspace(0, 0.5, 200))
    assert not compare_ratios(ratios, 0.15, 28).found.any()


def test_what_is_usual_is_said_of_the_days_before_alone() -> None:
    values = np.array([*[1.0] * 7, *[2.0] * 7, *[1.0] * 3])
    assert np.isnan(compare_ratios(values, 0.15, 28).usual[:7]).all()
    assert compare_ratios(values, 0.15, 28).usual[7:].tolist() == [1.0] * 10
