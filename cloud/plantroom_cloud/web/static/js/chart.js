// One metric over time: every value, or windows with their mean and the band between least and greatest. The window is
// chosen by the range (the API says which), so zooming in asks for finer ones. Limits are lines, events are marks.
const WIDEST_MS = 5 * 366 * 86400e3, NARROWEST_MS = 20e3;
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const short = (value) => Number(value).toLocaleString(locale, {maximumSignificantDigits: 5});

function chartColours() {
  const dark = document.documentElement.getAttribute("data-bs-theme") === "dark";
  return dark
    ? {ink: "#c8d3e1", line: "#4dabf7", limit: "#ff8787", mark: "#ffd43b", tip: "#1f2733", grid: "#3a4656"}
    : {ink: "#49566c", line: "#0b7285", limit: "#c92a2a", mark: "#8a5a00", tip: "#ffffff", grid: "#dce1e7"};
}

class TimeChart {
  constructor(element, note) {
    this.element = element;
    this.note = note;
    this.asked = 0;
    this.limits = JSON.parse(element.dataset.limits || "{}");
    this.marks = JSON.parse(element.dataset.marks || "[]");
    this.evidence = JSON.parse(element.dataset.evidence || "[]");
    addEventListener("resize", () => this.chart?.resize());
    new MutationObserver(() => this.paint()).observe(document.documentElement, {attributeFilter: ["data-bs-theme"]});
  }

  async show(metric, unit, start, end) {
    Object.assign(this, {metric, unit, start, end});
    const asked = ++this.asked;
    this.element.setAttribute("aria-busy", "true");
    const query = new URLSearchParams({metric, start: new Date(start).toISOString(), end: new Date(end).toISOString()});
    try {
      const answer = await fetch(`/api/v1/devices/${this.element.dataset.device}/telemetry?${query}`);
      const data = await answer.json();
      if (!answer.ok) throw new Error(data.detail || data.title);
      if (asked !== this.asked) return; // somebody has moved on meanwhile
      this.series = data.items[0];
    } catch (error) {
      if (asked !== this.asked) return;
      this.series = {every: null, points: []};
      this.failed = tr("The chart could not be loaded: %(why)s.", {why: error.message}) + " ";
    }
    this.element.removeAttribute("aria-busy");
    this.paint();
    this.tell();
    this.failed = "";
  }

  tell() {
    const points = this.series.points;
    let text = this.failed || "";
    if (points.length) {
      const least = Math.min(...points.map((p) => p.min)), most = Math.max(...points.map((p) => p.max));
      text += tr("Lowest %(least)s, highest %(most)s %(unit)s.", {least: short(least), most: short(most), unit: this.unit}).replace(" .", ".") + " ";
      text += this.series.every ? tr("One point is %(window)s: its mean, with least and greatest as a band.", {window: this.window()}) : tr("Every value.");
    } else if (!text) text = tr("Nothing was recorded in this range.");
    this.note.textContent = text;
  }

  tick(at) { // in the zone that all other times of the page are in
    const options = this.end - this.start > 36 * 3600_000 ? {month: "numeric", day: "numeric"} : {hour: "2-digit", minute: "2-digit"};
    return new Date(at).toLocaleString(locale, {timeZone, ...options});
  }

  window() {
    const s = this.series.every;
    return s % 86400 === 0 ? `${s / 86400} d` : s % 3600 === 0 ? `${s / 3600} h` : s % 60 === 0 ? `${s / 60} min` : `${s} s`;
  }

  // A line must not run over a time in which nothing is known.
  broken(value) {
    const half = (this.series.every || 0) * 500, now = Date.now(); // a window's mean stands in its middle
    const points = this.series.points.map((p) => ({...p, at: Math.min(Date.parse(p.time) + half, now)}));
    const steps = points.slice(1).map((p, i) => p.at - points[i].at).sort((a, b) => a - b);
    const typical = this.series.every ? this.series.every * 1000 : steps[Math.floor(steps.length / 2)] || 0;
    const longest = this.series.every ? 3 * typical : Math.max(10 * typical, 900e3);
    const out = [];
    points.forEach((p, i) => {
      if (i && p.at - points[i - 1].at > longest) out.push([points[i - 1].at + 1, null]);
      out.push([p.at, value(p), p]);
    });
    return out;
  }

  paint() {
    if (!this.series) return;
    const colour = chartColours();
    if (!this.chart) {
      this.chart = echarts.init(this.element, null, {renderer: "canvas", locale: document.documentElement.lang.startsWith("zh") ? "ZH" : "EN"});
      this.chart.on("datazoom", () => this.zoomed());
    }
    const limits = (this.limits[this.metric] || []).map((l) => ({yAxis: l.limit, name: tr(l.name)}));
    const marks = this.marks.filter((m) => m.time >= this.start && m.time <= this.end).map((m) => ({xAxis: m.time, name: tr(m.text)}));
    const windows = Boolean(this.series.every);
    const few = this.series.points.length < 40;
    const label = {color: colour.ink, formatter: "{b}", position: "insideEndTop"};
    this.chart.setOption({
      animation: false,
      textStyle: {color: colour.ink},
      grid: {left: 56, right: 16, top: 32, bottom: 32},
      tooltip: {
        trigger: "axis", renderMode: "richText", confine: true, backgroundColor: colour.tip, borderColor: colour.grid,
        textStyle: {color: colour.ink, fontSize: 12}, formatter: (rows) => this.tip(rows),
      },
      dataZoom: [{type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, filterMode: "none", throttle: 80}],
      xAxis: {type: "time", min: this.start, max: this.end, axisLabel: {color: colour.ink, hideOverlap: true, formatter: (at) => this.tick(at)}, axisLine: {lineStyle: {color: colour.grid}}},
      yAxis: {
        type: "value", scale: true, name: this.unit, nameTextStyle: {color: colour.ink}, axisLabel: {color: colour.ink},
        splitLine: {lineStyle: {color: colour.grid}},
        min: (v) => this.reach(Math.min, v.min), max: (v) => this.reach(Math.max, v.max),
      },
      series: [
        {name: "least", type: "line", stack: "band", data: windows ? this.broken((p) => p.min) : [], showSymbol: false, lineStyle: {opacity: 0}, silent: true},
        {name: "band", type: "line", stack: "band", data: windows ? this.broken((p) => p.max - p.min) : [], showSymbol: false, lineStyle: {opacity: 0}, areaStyle: {color: colour.line, opacity: 0.22}, silent: true},
        {
          name: "value", type: "line", data: this.broken((p) => p.mean), showSymbol: few, symbolSize: 5, lineStyle: {width: 2}, color: colour.line,
          markLine: {
            silent: true, symbol: "none", animation: false,
            data: [
              ...limits.map((l) => ({...l, label, lineStyle: {color: colour.limit, type: "dashed", width: 1.5}})),
              ...marks.map((m) => ({...m, label: {color: colour.ink, formatter: "{b}", position: "end"}, lineStyle: {color: colour.mark, width: 1.5}})),
            ],
          },
        },
        {name: "evidence", type: "scatter", data: this.evidence.filter((e) => typeof e[1] === "number"), symbolSize: 6, color: colour.limit, silent: true},
      ],
    }, true);
  }

  // The limit is worth seeing as long as it does not flatten the curve.
  reach(choose, edge) {
    const points = this.series.points;
    const spread = points.length ? Math.max(...points.map((p) => p.max)) - Math.min(...points.map((p) => p.min)) : 0;
    const near = (this.limits[this.metric] || []).map((l) => l.limit).filter((l) => Math.abs(l - edge) <= Math.max(3 * spread, Math.abs(edge) * 0.5));
    const reached = choose(edge, ...near);
    return near.length && reached !== edge ? reached + (reached - edge) * 0.05 : null;
  }

  tip(rows) {
    const row = rows.find((r) => r.seriesName === "value" && r.data[2]);
    if (!row) return "";
    const p = row.data[2];
    const when = new Date(p.at).toLocaleString(locale, {timeZone});
    return this.series.every
      ? `${when}\n${tr("mean %(mean)s %(unit)s", {mean: short(p.mean), unit: this.unit})}\n${tr("%(least)s to %(most)s, %(count)s values", {least: short(p.min), most: short(p.max), count: p.count})}`
      : `${when}\n${short(p.mean)} ${this.unit}`;
  }

  zoomed() {
    clearTimeout(this.zooming);
    this.zooming = setTimeout(() => {
      const {start, end} = this.chart.getOption().dataZoom[0];
      const span = this.end - this.start;
      this.move(this.start + span * start / 100, this.start + span * end / 100);
    }, 350);
  }

  // Both ends in ms; the present is as far as one can look.
  move(start, end) {
    const span = clamp(end - start, NARROWEST_MS, WIDEST_MS);
    const last = Math.min(Math.round(start + span), Date.now() + span * 0.1);
    this.element.dispatchEvent(new CustomEvent("moved", {detail: {start: last - span, end: last}}));
    return this.show(this.metric, this.unit, Math.round(last - span), Math.round(last));
  }

  zoom(factor) {
    const middle = (this.start + this.end) / 2, half = (this.end - this.start) * factor / 2;
    return this.move(middle - half, middle + half);
  }

  shift(share) {
    const span = this.end - this.start;
    return this.move(this.start + span * share, this.end + span * share);
  }
}

for (const element of document.querySelectorAll(".chart[data-device]")) {
  const part = (name) => document.querySelector(`[data-chart-${name}]`);
  const chart = element.timeChart = new TimeChart(element, part("note"));
  const select = part("metric");
  const custom = part("custom");
  const presets = [...document.querySelectorAll("[data-hours]")];
  let hours = Number(presets.find((b) => b.classList.contains("active"))?.dataset.hours || 0);
  const chosen = () => select ? [select.value, select.selectedOptions[0]?.dataset.unit || ""] : [element.dataset.metric, element.dataset.unit];
  const press = (button) => presets.forEach((other) => {
    other.classList.toggle("active", other === button);
    other.setAttribute("aria-pressed", String(other === button));
  });
  const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
  const fill = (start, end) => { if (custom) { custom.elements.start.value = local(start); custom.elements.end.value = local(end); } };
  const draw = () => {
    const [metric, unit] = chosen();
    if (!metric) { chart.note.textContent = tr("This device has no numbers to chart."); return; }
    const end = hours ? Date.now() : chart.end ?? Number(element.dataset.end);
    const start = hours ? end - hours * 3600e3 : chart.start ?? Number(element.dataset.start);
    if (hours) fill(start, end);
    chart.show(metric, unit, start, end);
  };
  select?.addEventListener("change", draw);
  presets.forEach((button) => button.addEventListener("click", () => { hours = Number(button.dataset.hours); press(button); draw(); }));
  custom?.addEventListener("submit", (event) => {
    event.preventDefault();
    const start = Date.parse(custom.elements.start.value), end = Date.parse(custom.elements.end.value);
    if (!(start < end)) { chart.note.textContent = tr("The beginning must be before the end."); return; }
    chart.move(start, end);
  });
  element.addEventListener("moved", (event) => { hours = 0; press(null); fill(event.detail.start, event.detail.end); });
  for (const [name, act] of [["in", () => chart.zoom(0.5)], ["out", () => chart.zoom(2)], ["earlier", () => chart.shift(-0.5)], ["later", () => chart.shift(0.5)]])
    document.querySelector(`[data-chart="${name}"]`)?.addEventListener("click", act);
  let drawn = Date.now();
  document.addEventListener("live:telemetry", () => {
    const due = hours > 24 ? 300e3 : hours > 1 ? 60e3 : 5e3;
    if (!hours || document.hidden || Date.now() - drawn < due) return;
    drawn = Date.now();
    draw();
  });
  document.addEventListener("live:again", draw);
  draw();
}
