// What a gateway sent, hour by hour, and what of it came late, twice or had to be refused.
const element = document.getElementById("ledger"), note = document.getElementById("ledger-note");
let chart, hours;

async function load() {
  try {
    const answer = await fetch(`/api/v1/gateways/${element.dataset.gateway}/ledger`);
    const data = await answer.json();
    if (!answer.ok) throw new Error(data.detail);
    hours = data.hours;
  } catch (error) { note.textContent = tr("The ledger could not be loaded: %(why)s", {why: error.message}); return; }
  paint();
}

function paint() {
  if (!hours) return;
  const dark = document.documentElement.getAttribute("data-bs-theme") === "dark";
  const ink = dark ? "#c8d3e1" : "#49566c", grid = dark ? "#3a4656" : "#dce1e7";
  chart ||= echarts.init(element, null, {renderer: "canvas"});
  const end = new Date().setMinutes(0, 0, 0), slots = [...Array(25).keys()].map((i) => end - (24 - i) * 3600e3);
  const byHour = new Map(hours.map((hour) => [Date.parse(hour.hour), hour]));
  const bars = (name, value, color) => ({name, type: "bar", stack: "all", color, barWidth: "70%", data: slots.map((slot) => byHour.has(slot) ? value(byHour.get(slot)) : 0)});
  chart.setOption({
    animation: false, textStyle: {color: ink}, grid: {left: 48, right: 8, top: 32, bottom: 24},
    legend: {top: 0, textStyle: {color: ink}, itemWidth: 12, itemHeight: 8},
    tooltip: {trigger: "axis", renderMode: "richText", confine: true, backgroundColor: dark ? "#1f2733" : "#fff", textStyle: {color: ink, fontSize: 12}},
    xAxis: {type: "category", data: slots.map((slot) => new Date(slot).toLocaleTimeString(locale, {timeZone, hour: "2-digit", minute: "2-digit"})), axisLabel: {color: ink, hideOverlap: true}},
    yAxis: {type: "value", minInterval: 1, axisLabel: {color: ink}, splitLine: {lineStyle: {color: grid}}},
    series: [
      bars(tr("in time"), (h) => h.received - h.late, "#2b8a3e"), bars(tr("late"), (h) => h.late, "#1098ad"),
      bars(tr("twice"), (h) => h.duplicate, "#868e96"), bars(tr("refused"), (h) => h.rejected, "#c92a2a"),
    ],
  }, true);
  const sum = (key) => hours.reduce((total, hour) => total + hour[key], 0);
  note.textContent = hours.length
    ? tr("%(values)s values and %(events)s events in %(batches)s batches; %(thinned)s values were thinned and %(evicted)s evicted by the gateway.", {
      values: sum("values_received").toLocaleString(locale), events: sum("events_received").toLocaleString(locale),
      batches: sum("received").toLocaleString(locale), thinned: sum("values_thinned").toLocaleString(locale), evicted: sum("values_evicted").toLocaleString(locale),
    })
    : tr("Nothing came in the last 24 hours.");
}

addEventListener("resize", () => chart?.resize());
new MutationObserver(paint).observe(document.documentElement, {attributeFilter: ["data-bs-theme"]});
setInterval(() => { if (!document.hidden) load(); }, 60_000);
document.addEventListener("live:again", load);
load();
