// Walking a round: what comes next, by thumb, with or without a network.
const AGAIN_MS = 5000, REFRESH_MS = 20_000;
const DONE = ["visited", "early", "late", "skipped"];
const WORDS = {
  released: tr("to walk"), "in-progress": tr("under way"), complete: tr("complete"), "complete-with-deviations": tr("with deviations"), missed: tr("missed"),
};
const KINDS = {scan: tr("Scan"), skip: tr("Left out"), finding: tr("Report")};
const Queue = makeQueue({
  name: "walk", source: "/api/v1/patrols/walk",
  target: (item) => ({path: "/api/v1/patrols/walk/reports", report: {...item.report, kind: item.kind, ...(item.photoId && {photos: [item.photoId]})}}),
});
const state = {walk: null, queue: [], chosen: null, seen: new Map(), lastPoint: null};

const pointOf = (code) => { const parts = code.toUpperCase().split(":"); return parts[0] === "P1" && parts.length >= 3 ? parts[1].toLowerCase() : null; };
const nameOf = (point) => state.walk.points.find((one) => one.id === point)?.name ?? point;
const mine = () => state.queue.filter((item) => item.user === state.walk?.user);

function stopsOf(round) { // with what still waits on this phone laid over what the control plane knows
  const stops = round.stops.map((stop) => ({...stop, waiting: false}));
  for (const item of mine()) {
    if (item.state !== "waiting" || item.report.round_id !== round.id) continue;
    const stop = stops.find((one) => !DONE.includes(one.state) && !one.waiting &&
      (item.kind === "scan" ? one.point_id === pointOf(item.report.code) : item.kind === "skip" && one.position === item.report.position));
    if (stop) stop.waiting = true;
  }
  return stops;
}

function show() {
  const rounds = state.walk?.rounds ?? [];
  const round = rounds.find((one) => one.id === state.chosen);
  at("rounds").hidden = Boolean(round);
  at("round").hidden = !round;
  if (round) showRound(round); else showRounds(rounds);
  showWaiting(state.queue, state.walk?.user);
  const refused = mine().filter((item) => item.state === "refused");
  at("refused").hidden = refused.length === 0;
  at("refused-list").replaceChildren(...refused.map((item) => dismissable(
    tr("%(what)s, %(time)s: %(why)s", {what: KINDS[item.kind], time: clock(item.report.at), why: item.problem}),
    async () => { await Queue.drop(item.order); await look(); },
  )));
}

function showRounds(rounds) {
  const open = rounds.filter((round) => ["released", "in-progress"].includes(round.state));
  const lines = (open.length ? open : rounds).map((round) => {
    const card = make("button", "card w-100 mb-2 text-start walk-round");
    card.type = "button";
    card.dataset.round = round.id;
    const body = make("div", "card-body");
    const times = tr("due %(due)s, until %(end)s", {due: clock(round.due_at, round.zone), end: clock(round.closes_at, round.zone)});
    const facts = [times, round.stops.length === 1 ? tr("1 point") : tr("%(count)s points", {count: round.stops.length}), WORDS[round.state], round.assignee].filter(Boolean);
    body.append(make("div", "walk-next", round.name), make("div", "text-secondary", facts.join(" · ")));
    card.append(body);
    card.onclick = () => choose(round.id);
    return card;
  });
  if (!lines.length) {
    const empty = make("div", "empty");
    const [title, text] = state.walk ? [tr("Nothing to walk now"), tr("The next round appears here ahead of its time.")] : [tr("Not loaded yet"), tr("This page has to be opened once with a network.")];
    empty.append(make("p", "empty-title", title), make("p", "empty-subtitle text-secondary", text));
    lines.push(empty);
  }
  at("rounds").replaceChildren(make("h1", "page-title mb-3", tr("Rounds")), ...lines);
}

function showRound(round) {
  const stops = stopsOf(round);
  const next = stops.find((stop) => !DONE.includes(stop.state) && !stop.waiting);
  const done = stops.filter((stop) => DONE.includes(stop.state) || stop.waiting).length;
  at("round-name").textContent = round.name;
  at("round-state").textContent = WORDS[round.state];
  at("round-state").className = `ms-auto badge ${round.state === "complete" ? "bg-green-lt" : round.state === "missed" ? "bg-red-lt" : "bg-azure-lt"}`;
  const facts = {due: clock(round.due_at, round.zone), end: clock(round.closes_at, round.zone), done, all: stops.length};
  at("round-due").textContent = round.ordered
    ? tr("Due %(due)s, until %(end)s. %(done)s of %(all)s points.", facts)
    : tr("Due %(due)s, until %(end)s. %(done)s of %(all)s points. Any order.", facts);
  at("progress").setAttribute("aria-valuenow", Math.round(100 * done / stops.length));
  at("progress-bar").value = Math.round(100 * done / stops.length);
  at("next-name").textContent = next ? next.name : tr("All points are done");
  at("next-place").textContent = next ? next.location : "";
  at("next-task").textContent = next ? next.instructions : "";
  at("skip").disabled = !next;
  at("skip").dataset.position = next ? next.position : "";
  at("stops").replaceChildren(...stops.map((stop) => {
    const line = make("li", `list-group-item walk-stop${stop === next ? " now" : ""}`);
    line.dataset.point = stop.point_id;
    line.dataset.state = stop.waiting ? "waiting" : stop.state;
    const [mark, kind] = stop.waiting ? ["…", "wait"] : stop.state === "missed" ? ["!", "bad"] : stop.state === "skipped" ? ["–", "wait"] : DONE.includes(stop.state) ? ["✓", "done"] : [String(stop.position), ""];
    const text = make("div", "");
    text.append(make("div", "", stop.name));
    const known = [stop.state === "pending" ? tr("until %(time)s", {time: clock(stop.closes_at, round.zone)}) : tr(stop.state), stop.visited_at ? clock(stop.visited_at, round.zone) : "", ...stop.deviations.map((mark) => tr(mark))];
    const said = stop.waiting ? tr("on this phone, to be sent") : known.filter(Boolean).join(", ");
    text.append(make("div", "text-secondary", said));
    line.append(make("span", `walk-mark ${kind}`, mark), text);
    return line;
  }));
}

async function choose(id) {
  state.chosen = id;
  await Queue.keep("chosen", id);
  if (id === null) stopCamera();
  show();
}

async function tell(kind, report, photo) {
  await Queue.add({kind, user: state.walk.user, photo, report: {phone: await phoneId(Queue), at: new Date().toISOString(), ...report}});
}

async function scanned(code) {
  const before = state.seen.get(code);
  state.seen.set(code, Date.now());
  if (before && Date.now() - before < AGAIN_MS) return; // the camera still looks at the same one
  const round = state.walk.rounds.find((one) => one.id === state.chosen);
  const point = pointOf(code);
  const here = round ? stopsOf(round).filter((one) => one.point_id === point) : [];
  const stop = here.find((one) => !DONE.includes(one.state) && !one.waiting);
  if (here.length && !stop && before) { say(tr("%(point)s: scanned already", {point: here[0].name})); return; }
  state.lastPoint = point ?? state.lastPoint;
  await tell("scan", {code, round_id: stop ? round.id : null});
  const said = {point: point && nameOf(point)};
  say(!point ? tr("This is no patrol code") : stop ? tr("%(point)s: scanned", said) : tr("%(point)s: not asked for on this round now", said), Boolean(stop));
}

function stopCamera() {
  Camera.stop(at("video"));
  at("camera").hidden = true;
  at("scan").textContent = tr("Scan the code");
}

async function toggleCamera() {
  if (Camera.running) return stopCamera();
  at("camera").hidden = false;
  at("scan").textContent = tr("Stop scanning");
  try {
    await Camera.start(at("video"), scanned);
  } catch (error) {
    stopCamera();
    say(why(error), false);
  }
}

function openReport() {
  const round = state.walk.rounds.find((one) => one.id === state.chosen);
  const wanted = state.lastPoint ?? stopsOf(round).find((stop) => stop.state === "pending")?.point_id;
  at("report-point").replaceChildren(...state.walk.points.map((point) => new Option(point.name, point.id, false, point.id === wanted)));
  at("report-form").reset();
  at("report-point").value = wanted ?? at("report-point").value;
  at("report-preview").hidden = true;
  at("report-dialog").showModal();
}

async function look() {
  state.queue = await Queue.all();
  show();
}

async function refresh() {
  try {
    state.walk = await Queue.refresh();
    at("problem").hidden = true;
    online(true);
  } catch (error) {
    online(false);
    if (error.loggedOut) trouble(error);
  }
  await look();
}

at("scan").onclick = toggleCamera;
at("others").onclick = () => choose(null);
at("report").onclick = openReport;
at("report-cancel").onclick = () => at("report-dialog").close();
at("skip-cancel").onclick = () => at("skip-dialog").close();
at("skip").onclick = () => { at("skip-form").reset(); at("skip-dialog").showModal(); };
at("typed").onsubmit = (event) => {
  event.preventDefault();
  const code = at("code").value.trim();
  at("code").value = ""; // at once: a scanner that types may type the next one already
  void scanned(code);
};
at("report-photo").onchange = () => {
  const [file] = at("report-photo").files;
  at("report-preview").hidden = !file;
  if (file) at("report-preview").src = URL.createObjectURL(file);
};
at("report-form").onsubmit = async (event) => {
  event.preventDefault();
  const [file] = at("report-photo").files;
  let photo;
  try {
    photo = file && await smaller(file);
  } catch {
    say(tr("This file is no picture"), false);
    return;
  }
  at("report-dialog").close();
  await tell("finding", {point_id: at("report-point").value, text: at("report-text").value, priority: at("report-priority").value, round_id: state.chosen}, photo);
  say(tr("Reported"), true);
};
at("skip-form").onsubmit = async (event) => {
  event.preventDefault();
  at("skip-dialog").close();
  await tell("skip", {round_id: state.chosen, position: Number(at("skip").dataset.position), reason: at("skip-reason").value});
  say(tr("Left out"), true);
};
Queue.follow(look);
document.addEventListener("walk:taken", ({detail}) => {
  if (detail.item.kind === "scan") say(detail.taken.point_id ? tr("%(what)s: %(why)s", {what: nameOf(detail.taken.point_id), why: detail.taken.text}) : detail.taken.text, detail.taken.counts);
});
document.addEventListener("walk:sent", refresh);
document.addEventListener("walk:stuck", ({detail}) => { online(false); if (detail.loggedOut) trouble(detail); });
addEventListener("offline", () => online(false));
addEventListener("online", refresh);
document.addEventListener("visibilitychange", () => { if (document.hidden) { if (Camera.running) stopCamera(); } else refresh(); });
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);

(async () => {
  state.walk = await Queue.kept("data") ?? null;
  state.chosen = Number(new URLSearchParams(location.search).get("round")) || await Queue.kept("chosen") || null;
  await look();
  await refresh();
  void Queue.send();
  await openOffline("/patrols/walk-worker.js", "/patrols/walk");
})();
