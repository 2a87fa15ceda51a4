"""The targets of IEC 62682 / ISA-18.2-2016 (table of alarm performance metrics) beside a team's own figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from plantroom_cloud.alarms.kpi import Figures
from plantroom_shared.said import said


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table; `verdict`: good, fair or bad."""

    name: str
    formula: str
    value: str
    target: str
    verdict: str


def target_rows(figures: Figures) -> Sequence[Target]:
    """Every figure with its formula and its target."""

    def share(value: float) -> str:
        return f"{value:.1%}"

    def judge(value: float, good: float, fair: float) -> str:
        return "good" if value <= good else "fair" if value <= fair else "bad"

    f = figures
    names = [name for name in ("critical", "high", "medium", "low") if name in f.priorities]
    shares = [said("%(share)s %(severity)s", share=share(f.priorities[name]), severity=name) for name in names]
    mix = said("%(shares)s", shares=shares) if shares else ""
    urgent = f.priorities.get("critical", 0) + f.priorities.get("high", 0)
    return (
        Target(
            "Alarms a day", "activations ÷ days", f"{f.per_day:.1f}", "≤ 144, at most 288", judge(f.per_day, 144, 288)
        ),
        Target(
            "Alarms in 10 minutes, average",
            "activations ÷ ten-minute periods",
            f"{f.per_ten_minutes:.2f}",
            "≤ 1, at most 2",
            judge(f.per_ten_minutes, 1, 2),
        ),
        Target(
            "Alarms in 10 minutes, peak",
            "most in one ten-minute period",
            str(f.peak_ten_minutes),
            "≤ 10",
            judge(f.peak_ten_minutes, 10, 10),
        ),
        Target(
            "Periods with more than 10",
            "ten-minute periods with more than 10 ÷ all",
            share(f.share_over_ten),
            "< 1 %",
            judge(f.share_over_ten, 0.01, 0.05),
        ),
        Target(
            "Hours with more than 30",
            "hours with more than 30 ÷ all",
            said("%(share)s, at most %(peak_hour)s in one", share=share(f.share_busy_hours), peak_hour=f.peak_hour),
            "< 1 %",
            judge(f.share_busy_hours, 0.01, 0.05),
        ),
        Target(
            "Time in flood",
            "periods from more than 10 until fewer than 5 ÷ all",
            said("%(share)s in %(floods)s floods", share=share(f.share_in_flood), floods=f.floods),
            "< 1 %",
            judge(f.share_in_flood, 0.01, 0.05),
        ),
        Target(
            "Load of the ten most frequent",
            "activations of the ten most frequent ÷ all",
            share(f.top_share),
            "≤ 1–5 %",
            judge(f.top_share, 0.05, 0.2) if f.activations >= 100 else "fair",
        ),
        Target(
            "Chattering alarms",
            "three activations of one alarm within a minute",
            str(len(f.chattering)),
            "none",
            judge(len(f.chattering), 0, 2),
        ),
        Target("Fleeting alarms", "over within 10 seconds", str(f.fleeting), "none", judge(f.fleeting, 0, 5)),
        Target(
            "Stale alarms",
            "active for more than 24 hours, the most at the end of a day",
            str(f.stale),
            "< 5",
            judge(f.stale, 4, 10),
        ),
        Target(
            "Priorities",
            "activations by severity ÷ all",
            mix or "–",
            "about 5 % high and above, 15 % medium, 80 % low",
            judge(urgent, 0.1, 0.3) if f.activations else "good",
        ),
    )
