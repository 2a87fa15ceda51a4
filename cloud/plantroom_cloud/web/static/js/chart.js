// One metric over a range; windows show their mean, with least and greatest as a band.
const element = document.getElementById("chart");
const note = document.getElementById("chart-note");
const select = document.getElementById("metric");
let hours = 1;
let chart;
const dark = () => document.documentElement.getAttribute("data-bs-theme") === "dark";
async function draw() {
  if (!select.value) { note.textContent = "This device has no values to chart."; return; }
  const end = new Date(), start = new Date(end - hours * 3600e3);
  const query = new URLSearchParams({metric: select.value, start: start.toISOString(), end: end.toISOString()});
  let series;
  try {
    const answer = await fetch(`/api/v1/devices/${element.dataset.device}/telemetry?${query}`);
    const data = await answer.json();
    if (!answer.ok) throw new Error(data.detail);
    series = data.items[0];
  } catch (error) { note.textContent = `The chart could not be loaded: ${error.message}`; return; }
  chart = chart || echarts.init(element, null, {renderer: "canvas"});
  const at = (key) => series.points.map((p) => [p.time, p[key]]);
  const unit = select.selectedOptions[0].dataset.unit;
  const ink = dark() ? "#c8d3e1" : "#49566c";
  chart.setOption({
    animation: false, textStyle: {color: ink}, grid: {left: 56, right: 16, top: 24, bottom: 32},
    tooltip: {trigger: "axis", valueFormatter: (v) => `${Number(v).toPrecision(5)} ${unit}`},
    xAxis: {type: "time", min: start, max: end, axisLabel: {color: ink}}, yAxis: {type: "value", scale: true, name: unit, axisLabel: {color: ink}, splitLine: {lineStyle: {opacity: 0.25}}},
    series: [
      {name: "least", type: "line", data: series.every ? at("min") : [], showSymbol: false, lineStyle: {opacity: 0.35, width: 1}, color: "#1098ad"},
      {name: "greatest", type: "line", data: series.every ? at("max") : [], showSymbol: false, lineStyle: {opacity: 0.35, width: 1}, color: "#1098ad"},
      {name: series.every ? "mean" : "value", type: "line", data: at("mean"), showSymbol: false, lineStyle: {width: 2}, color: "#0b7285"},
    ],
  }, true);
  note.textContent = series.points.length ? (series.every ? `Windows of ${series.every} s` : "Every value") : "There is nothing in this range yet.";
}
select.addEventListener("change", draw);
document.querySelectorAll(".range").forEach((button) => button.addEventListener("click", () => {
  document.querySelectorAll(".range").forEach((other) => other.classList.toggle("active", other === button));
  hours = Number(button.dataset.hours);
  draw();
}));
addEventListener("resize", () => chart && chart.resize());
document.addEventListener("live:telemetry", () => { if (hours === 1) draw(); });
draw();
