"""Waveforms: weekdays, counters that integrate, noise of one's own."""

from datetime import UTC, datetime
from statistics import correlation, fmean, pstdev

import pytest
from pydantic import ValidationError

from plantroom_sim.waveform import Constant, Counter, Daily, Sine, Waveform, bound

DAILY = Daily(kind="daily", low=10, high=110, peak_hour=14)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("day", "high"),
    [("2026-11-23", 110), ("2026-11-27", 110), ("2026-11-28", 55), ("2026-11-29", 55), ("2026-11-30", 110)],
    ids=["monday", "friday", "saturday", "sunday", "monday after"],
)
def test_saturday_and_sunday_are_the_weekend(day: str, high: float) -> None:
    assert DAILY.value(at(f"{day}T14:00")) == pytest.approx(high)
    assert DAILY.value(at(f"{day}T02:00")) == 10


@pytest.mark.parametrize(
    "wave",
    [
        DAILY,
        Daily(kind="daily", low=0, high=5, peak_hour=3),
        Constant(level=7),
        Sine(kind="sine", middle=5, amplitude=2, period_s=1800),
    ],
    ids=["afternoon", "across midnight", "constant", "sine"],
)
def test_a_counter_is_the_integral_of_its_power(wave: Waveform) -> None:
    counter = bound({"power": wave, "energy": Counter(kind="counter", start=100, of="power", factor=0.001)})["energy"]
    start = at("2026-11-26T05:17")  # a Thursday, into the weekend
    step, steps = 60.0, 3 * 1440
    by_hand = sum(wave.value(start + step * (n + 0.5)) for n in range(steps)) * step / 3600
    assert counter.value(start + steps * step) - counter.value(start) == pytest.approx(by_hand * 0.001, rel=1e-3)
    assert counter.value(at("2026-01-01T00:00")) == pytest.approx(100)


def test_a_counter_never_runs_backwards() -> None:
    counter = bound({"power": DAILY, "energy": Counter(kind="counter", of="power")})["energy"]
    values = [counter.at(at("2026-11-27T20:00") + 30 * n, "x") for n in range(4000)]
    assert values == sorted(values)


def test_noise_has_its_size_and_is_of_each_metric_alone() -> None:
    wave = Constant(level=50, noise=2)
    seconds = [at("2026-11-25T00:00") + 97.3 * n for n in range(5000)]
    first, second = ([wave.at(second, seed) for second in seconds] for seed in ("pump-1/speed", "pump-1/current"))
    assert fmean(first) == pytest.approx(50, abs=0.2)
    assert pstdev(first) == pytest.approx(2, rel=0.25)
    assert abs(correlation(first, second)) < 0.1
    assert first == [wave.at(second, "pump-1/speed") for second in seconds]


def test_a_counter_says_what_it_counts() -> None:
    with pytest.raises(ValidationError, match="say either per_hour"):
        Counter(kind="counter")
    with pytest.raises(ValueError, match="has no waveform"):
        bound({"energy": Counter(kind="counter", of="power")})
