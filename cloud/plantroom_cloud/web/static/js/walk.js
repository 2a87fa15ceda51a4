// Walking a round: what comes next, by thumb, with or without a network.
const AGAIN_MS = 5000, REFRESH_MS = 20_000;
const DONE = ["visited", "early", "late", "skipped"];
const WORDS = {released: "to walk", "in-progress": "under way", complete: "complete", "complete-with-deviations": "with deviations", missed: "missed"};
const Queue = makeQueue({
  name: "walk", source: "/api/v1/patrols/walk",
  target: (item) => ({path: "/api/v1/patrols/walk/reports", report: {...item.report, kind: item.kind, ...(item.photoId && {photos: [item.photoId]})}}),
});
const state = {walk: null, queue: [], chosen: null, seen: new Map(), lastPoint: null};

const pointOf = (code) => { const parts = code.toUpperCase().split(":"); return parts[0] === "P1" && parts.length >= 3 ? parts[1].toLowerCase() : null; };
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
  const waiting = state.queue.filter((item) => item.state === "waiting");
  const foreign = waiting.filter((item) => state.walk && item.user !== state.walk.user);
  at("waiting").hidden = waiting.length === 0;
  at("waiting").textContent = `${waiting.length} to send${foreign.length ? ` (${foreign.length} by ${foreign[0].user}, who must log in)` : ""}`;
  const refused = mine().filter((item) => item.state === "refused");
  at("refused").hidden = refused.length === 0;
  at("refused-list").replaceChildren(...refused.map((item) => {
    const line = make("li", "list-group-item d-flex gap-2 align-items-center", `${item.kind}, ${clock(item.report.at)}: ${item.problem}`);
    const button = make("button", "btn btn-sm ms-auto", "OK");
    button.onclick = async () => { await Queue.drop(item.order); await look(); };
    line.append(button);
    return line;
  }));
}

function showRounds(rounds) {
  const open = rounds.filter((round) => ["released", "in-progress"].includes(round.state));
  const lines = (open.length ? open : rounds).map((round) => {
    const card = make("button", "card w-100 mb-2 text-start walk-round");
    card.type = "button";
    card.dataset.round = round.id;
    const body = make("div", "card-body");
    body.append(make("div", "walk-next", round.name), make("div", "text-secondary", `due ${clock(round.due_at)}, until ${clock(round.closes_at)} · ${round.stops.length} points · ${WORDS[round.state]}${round.assignee ? ` · ${round.assignee}` : ""}`));
    card.append(body);
    card.onclick = () => choose(round.id);
    return card;
  });
  if (!lines.length) {
    const empty = make("div", "empty");
    empty.append(make("p", "empty-title", state.walk ? "Nothing to walk now" : "Not loaded yet"), make("p", "empty-subtitle text-secondary", state.walk ? "The next round appears here ahead of its time." : "This page has to be opened once with a network."));
    lines.push(empty);
  }
  at("rounds").replaceChildren(make("h1", "page-title mb-3", "Rounds"), ...lines);
}

function showRound(round) {
  const stops = stopsOf(round);
  const next = stops.find((stop) => !DONE.includes(stop.state) && !stop.waiting);
  const done = stops.filter((stop) => DONE.includes(stop.state) || stop.waiting).length;
  at("round-name").textContent = round.name;
  at("round-state").textContent = WORDS[round.state];
  at("round-state").className = `ms-auto badge ${round.state === "complete" ? "bg-green-lt" : round.state === "missed" ? "bg-red-lt" : "bg-azure-lt"}`;
  at("round-due").textContent = `Due ${clock(round.due_at)}, until ${clock(round.closes_at)}. ${done} of ${stops.length} points.${round.ordered ? "" : " Any order."}`;
  at("progress").setAttribute("aria-valuenow", Math.round(100 * done / stops.length));
  at("progress-bar").value = Math.round(100 * done / stops.length);
  at("next-name").textContent = next ? next.name : "All points are done";
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
    const said = stop.waiting ? "on this phone, to be sent" : [stop.state === "pending" ? `until ${clock(stop.closes_at)}` : stop.state, stop.visited_at ? clock(stop.visited_at) : "", ...stop.deviations].filter(Boolean).join(", ");
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

function say(text, good) {
  at("said").textContent = text;
  at("said").className = `walk-said ${good === undefined ? "" : good ? "good" : "bad"}`;
  if (good !== undefined) navigator.vibrate?.(good ? 80 : [80, 80, 80]);
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
  if (here.length && !stop && before) { say(`${here[0].name}: scanned already`); return; }
  const known = point && (state.walk.points.find((one) => one.id === point)?.name ?? point);
  state.lastPoint = point ?? state.lastPoint;
  await tell("scan", {code, round_id: stop ? round.id : null});
  say(known ? (stop ? `${known}: scanned` : `${known}: not asked for on this round now`) : "This is no patrol code", Boolean(stop));
}

function stopCamera() {
  Camera.stop(at("video"));
  at("camera").hidden = true;
  at("scan").textContent = "Scan the code";
}

async function toggleCamera() {
  if (Camera.running) return stopCamera();
  at("camera").hidden = false;
  at("scan").textContent = "Stop scanning";
  try {
    await Camera.start(at("video"), scanned);
  } catch (error) {
    stopCamera();
    say(error.name === "NotAllowedError" ? "The camera was not allowed; type the code instead" : error.message, false);
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
    if (error.message.startsWith("log in")) trouble(error.message);
  }
  await look();
}

function online(yes) {
  at("network").textContent = yes ? "online" : "no network";
  at("network").className = `badge ${yes ? "bg-green-lt" : "bg-red-lt"}`;
}

function trouble(text) {
  at("problem").hidden = false;
  at("problem").textContent = text;
  if (text.startsWith("log in")) {
    const link = make("a", "ms-2", "Log in");
    link.href = "/login?next=/patrols/walk";
    at("problem").append(link);
  }
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
    say("This file is no picture", false);
    return;
  }
  at("report-dialog").close();
  await tell("finding", {point_id: at("report-point").value, text: at("report-text").value, priority: at("report-priority").value, round_id: state.chosen}, photo);
  say("Reported", true);
};
at("skip-form").onsubmit = async (event) => {
  event.preventDefault();
  at("skip-dialog").close();
  await tell("skip", {round_id: state.chosen, position: Number(at("skip").dataset.position), reason: at("skip-reason").value});
  say("Left out", true);
};
Queue.follow(look);
document.addEventListener("walk:taken", ({detail}) => {
  if (detail.item.kind === "scan") say(`${detail.taken.point_id ?? "code"}: ${detail.taken.text}`, detail.taken.counts);
});
document.addEventListener("walk:sent", refresh);
document.addEventListener("walk:stuck", ({detail}) => { online(false); if (detail.startsWith("log in")) trouble(detail); });
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
  try {
    await navigator.serviceWorker?.register("/patrols/walk-worker.js", {scope: "/patrols/walk"});
  } catch (error) {
    trouble(`Without a network this page will not open: ${error.message}`);
  }
})();
