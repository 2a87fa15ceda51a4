// My tasks and the pool, by thumb, with or without a network.
const Queue = makeQueue({name: "my", source: "/api/v1/my", target});
const REFRESH_MS = 20_000, AGAIN_MS = 5000;
const WORDS = {
  open: tr("open"), assigned: tr("yours"), accepted: tr("accepted"), "in-progress": tr("under way"), "on-hold": tr("waits"), done: tr("done"),
};
const STEPS = {
  claim: {text: tr("Take the task")}, "take-over": {text: tr("Take it over")},
  accept: {text: tr("Accept")}, start: {text: tr("Start")},
  resume: {text: tr("Go on")}, complete: {text: tr("Done"), ask: tr("What was done?"), photo: true},
  hold: {text: tr("It has to wait"), ask: tr("Why does it have to wait?"), reasons: true},
  decline: {text: tr("Give it back"), ask: tr("Why do you give it back?"), needed: true},
  answer: {text: tr("Answer")}, report: {text: tr("Report")},
  "timer-start": {text: tr("Start the time")}, "timer-stop": {text: tr("Stop the time")}, time: {text: tr("Write time down")}, "time-correct": {text: tr("Correct the time")},
};
// What the phone believes until the control plane has answered.
const AFTER = {
  claim: ["assigned", ["start", "complete"]], "take-over": ["accepted", ["start", "complete"]], accept: ["accepted", ["start", "complete", "decline"]],
  start: ["in-progress", ["complete", "hold"]], resume: ["in-progress", ["complete", "hold"]], hold: ["on-hold", ["resume"]],
  complete: ["done", []], decline: ["open", []],
};
const PRIORITY = {critical: "bg-red-lt", high: "bg-orange-lt", medium: "bg-yellow-lt", low: "bg-secondary-lt"};
const state = {desk: null, queue: [], told: [], lists: {}, tab: "mine", chosen: null, scanning: false, found: null, seen: new Map()};

function target(item) { // where a report goes; a photo has been stored by then
  const photos = item.photoId ? [item.photoId] : [];
  if (item.kind === "answer") {
    const value = item.photoId ? (item.report.signature ? item.photoId : photos) : item.report.value;
    const {order_id: order, step_id: step, signature: _signature, ...rest} = item.report;
    return {path: `/api/v1/work-orders/${order}/checklists/steps/${step}/answers`, report: {...rest, value}};
  }
  if (item.kind === "report") {
    const {label, ...rest} = item.report;
    return {path: `/api/v1/my/assets/${encodeURIComponent(label)}/reports`, report: {...rest, photos}};
  }
  return {path: "/api/v1/my/steps", report: {...item.report, step: item.kind, photos}};
}

function tasks() { // what the control plane knows, with what still waits on this phone laid over it
  const all = new Map([...(state.desk?.mine ?? []), ...(state.desk?.pool ?? [])].map((task) => [task.id, {...task, waiting: false}]));
  for (const item of state.queue) {
    const task = all.get(item.report.order_id);
    const after = AFTER[item.kind];
    if (!task || !after || item.state !== "waiting" || item.user !== state.desk?.user) continue;
    [task.state, task.possible] = after;
    task.assignee = item.kind === "decline" ? null : state.desk.user;
    task.waiting = true;
  }
  return [...all.values()];
}

const isMine = (task) => task.assignee === state.desk?.user || task.offered_to === state.desk?.user;
const stateOf = (task) => task.waiting ? tr("%(state)s, to be sent", {state: WORDS[task.state]}) : WORDS[task.state] ?? tr(task.state);

function card(task) {
  const button = make("button", "card w-100 mb-2 text-start walk-round");
  button.type = "button";
  button.dataset.task = task.id;
  const body = make("div", "card-body");
  const line = make("div", "d-flex flex-wrap gap-2 align-items-center");
  line.append(make("span", `badge ${PRIORITY[task.priority]}`, tr(task.priority)), make("span", "badge bg-azure-lt", stateOf(task)));
  if (task.due_at) line.append(make("span", "ms-auto text-secondary", tr("due %(time)s", {time: day(task.due_at, task.zone)})));
  body.append(line, make("div", "walk-next task-name", task.title), make("div", "text-secondary", [task.where, task.cause].filter(Boolean).join(" · ")));
  button.append(body);
  button.onclick = () => choose(task.id);
  return button;
}

function show() {
  const all = tasks();
  const task = all.find((one) => one.id === state.chosen) ?? state.found?.orders?.find((one) => one.id === state.chosen);
  at("lists").hidden = Boolean(task) || state.scanning;
  at("task").hidden = !task;
  at("scanning").hidden = Boolean(task) || !state.scanning;
  const mine = all.filter((one) => isMine(one) && one.state !== "done"), pool = all.filter((one) => one.assignee === null);
  for (const [name, found] of [["mine", mine], ["pool", pool]]) {
    at(`tab-${name}`).textContent = name === "mine" ? tr("Mine (%(count)s)", {count: found.length}) : tr("Pool (%(count)s)", {count: found.length});
    at(`tab-${name}`).classList.toggle("active", state.tab === name);
    at(`tab-${name}`).setAttribute("aria-selected", state.tab === name);
  }
  if (task) showTask(task); else if (state.scanning) showFound(); else showCards(state.tab === "mine" ? mine : pool);
  showTimer(all);
  showWaiting(state.queue, state.desk?.user);
  showRefused();
}

function showCards(found) {
  const cards = found.map(card);
  if (!cards.length) {
    const empty = make("div", "empty");
    const [title, text] = !state.desk ? [tr("Not loaded yet"), tr("This page has to be opened once with a network.")]
      : state.tab === "mine" ? [tr("Nothing to do"), tr("Take something from the pool, or wait for the next alarm.")] : [tr("The pool is empty"), tr("Somebody works on everything there is.")];
    empty.append(make("p", "empty-title", title), make("p", "empty-subtitle text-secondary", text));
    cards.push(empty);
  }
  at("cards").replaceChildren(...cards);
}

function showRefused() { // what the control plane did not take, and what it took too late: until the person has read it
  const lines = [
    ...state.queue.filter((item) => item.state === "refused" && item.user === state.desk?.user).map((item) => [tr("%(what)s: %(why)s", {what: STEPS[item.kind].text, why: item.problem}), () => Queue.drop(item.order)]),
    ...state.told.map((text) => [text, () => Queue.keep("told", state.told = state.told.filter((one) => one !== text))]),
  ];
  at("refused").hidden = lines.length === 0;
  at("refused-list").replaceChildren(...lines.map(([text, drop]) => dismissable(text, async () => { await drop(); await look(); })));
}

function showTask(task) {
  at("task-priority").textContent = tr(task.priority);
  at("task-priority").className = `badge ${PRIORITY[task.priority]}`;
  at("task-state").textContent = stateOf(task);
  at("task-due").textContent = task.due_at ? tr("due %(time)s", {time: day(task.due_at, task.zone)}) : tr("since %(time)s", {time: day(task.opened_at, task.zone)});
  at("task-title").textContent = `#${task.id} ${task.title}`;
  at("task-where").textContent = task.where;
  at("task-page").href = `/work-orders/${task.id}`;
  const facts = [[tr("Cause"), task.cause], [tr("Consequence"), task.consequence], [tr("What to do"), task.response], [tr("More about it"), task.description]].filter(([, text]) => text);
  at("task-facts").replaceChildren(...facts.flatMap(([name, text]) => [make("dt", "", name), make("dd", "pre-line", text)]));
  chart(task.evidence, task.zone);
  at("task-steps").replaceChildren(...task.possible.map((step, number) => {
    const button = make("button", `btn btn-thumb mb-2 ${number ? "" : "btn-primary"}`, STEPS[step].text);
    button.type = "button";
    button.dataset.step = step;
    button.onclick = () => act(task, step);
    return button;
  }));
  if (task.kind === "patrol") {
    const link = make("a", "btn btn-primary btn-thumb mb-2", tr("Walk the round"));
    link.href = "/patrols/walk";
    at("task-steps").prepend(link);
  }
  showTime(task);
  showChecklist(task);
}

function chart(evidence, zone) { // the readings that raised it
  const points = (evidence ?? []).filter(([, value]) => typeof value === "number");
  at("task-readings").hidden = points.length < 2;
  if (points.length < 2) return;
  const times = points.map(([time]) => time), values = points.map(([, value]) => value);
  const [first, last, low, high] = [Math.min(...times), Math.max(...times), Math.min(...values), Math.max(...values)];
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.map(([time, value]) => `${4 + 292 * (time - first) / (last - first || 1)},${56 - 52 * (value - low) / (high - low || 1)}`).join(" "));
  at("task-chart").setAttribute("aria-label", tr("Readings from %(low)s to %(high)s", {low: number(low), high: number(high)}));
  at("task-span").textContent = tr("%(low)s to %(high)s, from %(begin)s to %(end)s", {low: number(low), high: number(high), begin: clock(first, zone), end: clock(last, zone)});
  at("task-chart").replaceChildren(line);
}

function answers(order) { // step → what still waits on this phone
  return new Map(state.queue.filter((item) => item.kind === "answer" && item.report.order_id === order && item.state === "waiting").map((item) => [item.report.step_id, item]));
}

function given(step, value) { // what somebody answered, as one reads it
  if (value === null || Array.isArray(value) || step.kind === "signature") return "";
  return typeof value === "boolean" ? value ? tr("Yes") : tr("No") : number(value);
}

function showChecklist(task) {
  const steps = (state.lists[task.id] ?? []).flatMap((list) => list.steps);
  const waiting = answers(task.id);
  at("checklist").hidden = steps.length === 0;
  at("checklist-count").textContent = tr("%(done)s of %(all)s", {done: steps.filter((step) => step.verdict || waiting.has(step.id)).length, all: steps.length});
  at("checklist-steps").replaceChildren(...steps.map((step) => {
    const line = make("li", "list-group-item walk-stop");
    line.dataset.step = step.id;
    const [mark, kind] = waiting.has(step.id) ? ["…", "wait"] : step.verdict === "failed" ? ["!", "bad"] : step.verdict === "passed" ? ["✓", "done"] : step.verdict ? ["–", "wait"] : ["", ""];
    const last = step.answers.at(-1);
    const said = waiting.has(step.id) ? tr("on this phone, to be sent") : [last ? given(step, last.value) : "", last?.reason].filter(Boolean).join(": ") || step.hint;
    const text = make("div", "flex-fill");
    text.append(make("div", "", step.required ? step.label : tr("%(step)s (if it applies)", {step: step.label})), make("div", "text-secondary", said));
    const button = make("button", "btn", step.verdict || waiting.has(step.id) ? tr("Change") : tr("Answer"));
    button.type = "button";
    button.setAttribute("aria-label", tr("%(step)s: answer", {step: step.label}));
    button.onclick = () => answer(task, step);
    line.append(make("span", `walk-mark ${kind}`, mark), text, ...(task.assignee === state.desk.user ? [button] : []));
    return line;
  }));
}

// A dialog with fields; resolves with what was said, or null.
function ask(title, hint, send, fields) {
  at("ask-title").textContent = title;
  at("ask-hint").textContent = hint ?? "";
  at("ask-send").textContent = send;
  at("ask-fields").replaceChildren(...fields);
  at("ask").showModal();
  return new Promise((resolve) => {
    at("ask-form").onsubmit = (event) => { event.preventDefault(); at("ask").close("sent"); };
    at("ask-cancel").onclick = () => at("ask").close("");
    at("ask").onclose = () => resolve(at("ask").returnValue === "sent" ? Object.fromEntries(fields.flatMap((field) => [...field.querySelectorAll("[name]")].map((input) => [input.name, input.type === "file" ? input.files[0] : input.type === "checkbox" ? input.checked : input.value]))) : null);
    at("ask").returnValue = "";
  });
}

function field(name, label, input) {
  const element = make("div", "mb-2");
  const caption = make("label", "form-label", label);
  input.name = name;
  input.id = `ask-${name}`;
  caption.htmlFor = input.id;
  element.append(caption, input);
  return element;
}
const input = (type, more) => Object.assign(make("input", "form-control"), {type, ...more});
const area = (more) => Object.assign(make("textarea", "form-control"), {rows: 3, maxLength: 2000, ...more});
const select = (options) => { const element = make("select", "form-select"); element.append(...options.map(([value, text]) => new Option(text, value))); return element; };
const picture = () => { const element = input("file"); element.accept = "image/*"; element.setAttribute("capture", "environment"); return field("photo", tr("Photo"), element); };

async function shrunk(file) {
  if (!file) return undefined;
  try { return await smaller(file); } catch { say(tr("This file is no picture"), false); return undefined; }
}

async function tell(kind, report, photo) {
  await Queue.add({kind, user: state.desk.user, photo, report: {at: new Date().toISOString(), ...report}});
}

async function act(task, step) {
  const {text, ask: question, reasons, needed, photo} = STEPS[step];
  const report = {order_id: task.id};
  let image;
  if (question) {
    const fields = [];
    if (reasons) fields.push(field("reason", tr("Reason"), select(state.desk.hold_reasons.map((reason) => [reason, tr(reason)]))));
    fields.push(field(needed ? "reason" : "note", needed ? tr("Reason") : tr("In a few words"), area({required: Boolean(needed)})));
    if (photo) fields.push(picture());
    const said = await ask(question, "", text, fields);
    if (!said) return;
    image = await shrunk(said.photo);
    if (said.photo && !image) return; // said already; nothing goes without the picture that was meant
    Object.assign(report, {note: said.note ?? "", reason: said.reason ?? ""});
  } else if (step === "start" && task.device_id) {
    const box = make("label", "form-check");
    const tick = Object.assign(make("input", "form-check-input"), {type: "checkbox", name: "away"});
    box.append(tick, make("span", "form-check-label", tr("Its alarms are expected until the work is done: out of service")));
    const said = await ask(tr("Start"), task.title, tr("Start"), [box]);
    if (!said) return;
    report.out_of_service = said.away;
  }
  if (["complete", "hold", "decline"].includes(step)) await stopTimer(task.id);
  await tell(step, report, image);
  say(tr("%(step)s: noted", {step: text}), true);
  if (["complete", "decline"].includes(step)) choose(null);
}

async function answer(task, step) {
  const fields = [];
  const live = step.live ? tr("The telemetry says %(value)s %(unit)s.", {value: number(step.live.value), unit: step.live.unit}) : "";
  const limits = [step.low !== null ? tr("at least %(value)s", {value: number(step.low)}) : "", step.high !== null ? tr("at most %(value)s", {value: number(step.high)}) : ""].filter(Boolean).join(", ");
  let pad = null;
  if (step.kind === "check") fields.push(field("value", tr("Is it all right?"), select([["true", tr("Yes")], ["false", tr("No")]])));
  else if (step.kind === "number" || step.kind === "meter") fields.push(field("value", step.unit ? tr("Value, %(unit)s", {unit: step.unit}) : tr("Value"), input("number", {step: "any", inputMode: "decimal", required: true})));
  else if (step.kind === "choice") fields.push(field("value", tr("Which"), select(step.choices.map((one) => [one, one]))));
  else if (step.kind === "text") fields.push(field("value", tr("What"), area({required: true})));
  else if (step.kind === "photo") { fields.push(picture()); fields[0].querySelector("input").required = true; }
  else fields.push((pad = signature()).element);
  fields.push(field("verdict", tr("Result"), select([["passed", tr("As it is")], ["failed", tr("It fails, because …")], ["not-applicable", tr("It does not apply, because …")]])), field("note", tr("Because"), area({rows: 2})));
  if (step.counter) {
    const box = make("label", "form-check");
    box.append(Object.assign(make("input", "form-check-input"), {type: "checkbox", name: "confirmed"}), make("span", "form-check-label", tr("The counter did go backwards")));
    fields.push(box);
  }
  const said = await ask(step.label, [step.hint, limits, live].filter(Boolean).join(" "), tr("Save the answer"), fields);
  if (!said) return;
  const image = pad ? await pad.picture() : await shrunk(said.photo);
  if (step.kind === "photo" && !image && said.verdict !== "not-applicable") return;
  const value = step.kind === "check" ? said.value === "true" : ["number", "meter"].includes(step.kind) ? Number(said.value) : said.value ?? null;
  await tell("answer", {order_id: task.id, step_id: step.id, value: said.verdict === "not-applicable" ? null : value, verdict: said.verdict, note: said.note, confirmed: Boolean(said.confirmed), signature: Boolean(pad)}, said.verdict === "not-applicable" ? undefined : image);
}

function signature() { // drawn with a finger
  const element = make("div", "mb-2"), canvas = make("canvas", "task-pad");
  const name = input("text", {maxLength: 60, autocomplete: "name", required: true}); // until something is drawn
  Object.assign(canvas, {width: 600, height: 240});
  canvas.setAttribute("aria-label", tr("Sign here with a finger"));
  const pen = canvas.getContext("2d");
  Object.assign(pen, {lineWidth: 4, lineCap: "round", fillStyle: "#fff"});
  pen.fillRect(0, 0, 600, 240);
  const place = (event) => { const box = canvas.getBoundingClientRect(); return [(event.clientX - box.left) * 600 / box.width, (event.clientY - box.top) * 240 / box.height]; };
  canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); name.required = false; pen.beginPath(); pen.moveTo(...place(event)); };
  canvas.onpointermove = (event) => { if (event.buttons) { pen.lineTo(...place(event)); pen.stroke(); } };
  element.append(make("div", "form-label", tr("Signature")), canvas, field("signed", tr("or your name"), name));
  return {element, picture: () => new Promise((resolve) => {
    if (name.required) { // nothing was drawn: the name, written out
      Object.assign(pen, {font: "italic 48px serif", fillStyle: "#111"});
      pen.fillText(name.value, 24, 130, 552);
    }
    canvas.toBlob(resolve, "image/png");
  })};
}

async function choose(id) {
  state.chosen = id;
  if (id !== null) scroll(0, 0);
  show();
}

function showFound() {
  const found = state.found;
  if (!found) { at("found").replaceChildren(); return; }
  const head = make("div", "card mb-3"), body = make("div", "card-body");
  body.append(make("div", "walk-next", found.name), make("div", "text-secondary", [found.code, found.where].filter(Boolean).join(" · ")));
  const list = make("dl", "mb-0 mt-2");
  for (const reading of found.readings) list.append(make("dt", "", reading.label), make("dd", "", `${number(reading.value)} ${reading.unit}`));
  body.append(list);
  head.append(body);
  const report = make("button", "btn btn-primary btn-thumb mb-3", tr("Report something here"));
  report.type = "button";
  report.id = "report";
  report.onclick = async () => {
    const urgencies = [["critical", tr("At once")], ["high", tr("Today")], ["medium", tr("This week")], ["low", tr("When somebody is here")]];
    const urgency = select(urgencies);
    urgency.value = "medium";
    const said = await ask(tr("What did you see?"), found.name, tr("Report it"), [field("text", tr("What"), area({required: true})), field("priority", tr("How urgent"), urgency), picture()]);
    if (!said) return;
    const image = await shrunk(said.photo);
    if (said.photo && !image) return;
    await tell("report", {label: found.label, text: said.text, priority: said.priority}, image);
    say(tr("Reported"), true);
  };
  at("found").replaceChildren(head, report, ...found.orders.map(card));
}

async function scanned(text) {
  const label = text.trim().split("/").at(-1).toUpperCase();
  const before = state.seen.get(label);
  state.seen.set(label, Date.now());
  if (before && Date.now() - before < AGAIN_MS) return; // the camera still looks at the same one
  try {
    const answered = await fetch(`/api/v1/my/assets/${encodeURIComponent(label)}`, {signal: AbortSignal.timeout(15_000)});
    if (!answered.ok) throw new Error((await answered.json().catch(() => ({}))).detail || tr("The server says %(status)s.", {status: answered.status}));
    state.found = {...await answered.json(), label};
    stopCamera();
    say("", undefined);
  } catch (error) {
    say(error instanceof TypeError || error.name === "TimeoutError" ? tr("There is no network: what stands behind a label is not known here") : error.message, false);
  }
  show();
}

function stopCamera() {
  if (Camera.running) Camera.stop(at("video"));
  at("camera").hidden = true;
}

async function openCamera() {
  state.scanning = true;
  state.found = null;
  state.seen.clear();
  show();
  at("camera").hidden = false;
  try {
    await Camera.start(at("video"), scanned);
  } catch (error) {
    stopCamera();
    say(why(error), false);
  }
}

async function look() {
  state.queue = await Queue.all();
  state.told = await Queue.kept("told") ?? [];
  show();
}

async function refresh() {
  try {
    state.desk = await Queue.refresh();
    at("problem").hidden = true;
    online(true);
    await refreshLists();
  } catch (error) {
    online(false);
    if (error.loggedOut) trouble(error);
  }
  await look();
}

async function refreshLists() { // of my own tasks, so that they can be answered without a network
  if (!state.desk.mine.some((task) => task.checklist)) return;
  const answered = await fetch("/api/v1/my/checklists", {signal: AbortSignal.timeout(15_000)});
  if (!answered.ok) return; // those that are here are better than none
  state.lists = (await answered.json()).orders;
  await Queue.keep("checklists", state.lists);
}

at("tab-mine").onclick = () => { state.tab = "mine"; show(); };
at("tab-pool").onclick = () => { state.tab = "pool"; show(); };
at("back").onclick = () => choose(null);
at("scan").onclick = openCamera;
at("scan-back").onclick = () => { stopCamera(); state.scanning = false; show(); };
at("typed").onsubmit = (event) => {
  event.preventDefault();
  const code = at("code").value;
  at("code").value = "";
  state.seen.clear();
  void scanned(code);
};
Queue.follow(look);
document.addEventListener("my:taken", async ({detail: {item, taken}}) => {
  if (taken.applied !== false) return;
  state.told.push(tr("#%(order)s, %(step)s: %(why)s. Your words and pictures are kept in its story.", {order: taken.work_order_id, step: STEPS[item.kind].text, why: taken.text}));
  await Queue.keep("told", state.told);
});
document.addEventListener("my:sent", refresh);
document.addEventListener("my:stuck", ({detail}) => { online(false); if (detail.loggedOut) trouble(detail); });
addEventListener("offline", () => online(false));
addEventListener("online", refresh);
document.addEventListener("visibilitychange", () => { if (document.hidden) stopCamera(); else refresh(); });
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);

(async () => {
  state.desk = await Queue.kept("data") ?? null;
  state.lists = await Queue.kept("checklists") ?? {};
  state.chosen = Number(new URLSearchParams(location.search).get("order")) || null;
  await look();
  await refresh();
  void Queue.send();
  await openOffline("/my-worker.js", "/my");
})();
