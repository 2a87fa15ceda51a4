// The checklist of a work order, answered by thumb. An answer keeps its ref until the control plane has taken it, so
// that one whose reply was lost is sent again and counted once. Steps that others answer are shown as they come; what
// one is about to say stays.
const MOST_PHOTOS = 6, WAIT_MS = 30_000, BESIDE_MS = 10_000;
const root = document.getElementById("checklists");
const waiting = new Map(); // step → the answer that is not taken yet
const pens = new WeakMap(); // canvas → whether something is drawn

function newRef() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function post(path, body, type) {
  const headers = {"Content-Type": type, "X-CSRF-Token": root.dataset.csrf};
  return fetch(path, {method: "POST", headers, body, signal: AbortSignal.timeout(WAIT_MS)});
}

function problem(step, text) {
  const line = step.querySelector(".check-problem");
  line.textContent = text;
  line.hidden = !text;
}

async function refused(answer) {
  const told = await answer.json().catch(() => ({}));
  return {type: told.type ?? "", detail: told.detail ?? tr("the server says %(status)s", {status: answer.status})};
}

async function say(step, answer) {
  const id = step.dataset.step;
  const note = step.querySelector("[data-note]")?.value ?? "";
  waiting.set(id, {ref: newRef(), at: new Date().toISOString(), note, ...answer});
  await send(step);
}

async function send(step) {
  const id = step.dataset.step, answer = waiting.get(id);
  step.setAttribute("aria-busy", "true");
  problem(step, "");
  try {
    if (answer.picture) {
      const stored = await post("/api/v1/photos", answer.picture, answer.picture.type);
      if (!stored.ok) { if (stored.status < 500) waiting.delete(id); problem(step, (await refused(stored)).detail); return; }
      const name = (await stored.json()).id;
      answer.value = step.dataset.kind === "photo" ? [...answer.before, name] : name;
      delete answer.picture;
      delete answer.before;
    }
    const path = `/api/v1/work-orders/${root.dataset.order}/checklists/steps/${id}/answers`;
    const taken = await post(path, JSON.stringify(answer), "application/json");
    if (taken.ok) {
      waiting.delete(id);
      await renew(id);
      return;
    }
    const why = await refused(taken);
    if (taken.status === 409 && why.type === "urn:plantroom:confirm" && await ask(tr("%(why)s Is %(value)s right?", {why: why.detail, value: answer.value}))) {
      answer.confirmed = true;
      await send(step);
      return;
    }
    if (taken.status < 500) waiting.delete(id);
    problem(step, why.detail);
  } catch { // the network is gone; the answer waits
    problem(step, tr("Not sent yet: there is no network. It is sent again by itself."));
  } finally {
    step.removeAttribute("aria-busy");
  }
}

function busy(step) { // somebody is about to answer it
  if (waiting.has(step.dataset.step)) return true;
  if (step.contains(document.activeElement) && document.activeElement.matches("input, textarea")) return true;
  return [...step.querySelectorAll("input:not([type=file]), textarea")].some((field) => field.value !== "") ||
    [...step.querySelectorAll("canvas")].some((canvas) => pens.get(canvas));
}

async function renew(answered) {
  const reply = await fetch(`/work-orders/${root.dataset.order}/checklists`, {signal: AbortSignal.timeout(WAIT_MS)});
  if (!reply.ok) return;
  const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
  for (const step of fresh.querySelectorAll("[data-step]")) {
    const shown = document.getElementById(step.id);
    if (!shown || (shown.dataset.seen === step.dataset.seen && step.dataset.step !== answered)) continue;
    if (step.dataset.step !== answered && busy(shown)) continue;
    const focused = shown.contains(document.activeElement);
    shown.replaceWith(document.adoptNode(step));
    stamp(step);
    if (focused) step.querySelector("summary")?.focus({preventScroll: true});
  }
  for (const beside of fresh.querySelectorAll("[data-beside]")) {
    const shown = root.querySelector(`[data-beside="${beside.dataset.beside}"]`);
    shown?.replaceChildren(...beside.childNodes);
    if (shown) stamp(shown);
  }
  for (const part of fresh.querySelectorAll("[data-progress]")) root.querySelector(`[data-progress="${part.dataset.progress}"]`)?.replaceChildren(...part.childNodes);
  for (const bar of fresh.querySelectorAll("[data-bar]")) { const shown = root.querySelector(`[data-bar="${bar.dataset.bar}"]`); if (shown) shown.value = bar.value; }
  const missing = document.getElementById("checklist-missing"), now = fresh.getElementById("missing-now");
  if (missing && now) { missing.hidden = !now.textContent.trim(); missing.replaceChildren(...now.childNodes); }
}

function blank(canvas) {
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  Object.assign(pen, {strokeStyle: "#111", fillStyle: "#111", lineWidth: 4, lineCap: "round", lineJoin: "round"});
  pens.set(canvas, false);
}

async function sign(step) {
  const canvas = step.querySelector("[data-sign]"), name = step.querySelector("[data-name]").value.trim();
  if (!pens.get(canvas) && name) { // by keyboard: the name, written out
    blank(canvas);
    const pen = canvas.getContext("2d");
    pen.font = "italic 48px serif";
    pen.fillText(name, 24, 120, canvas.width - 48);
    pens.set(canvas, true);
  }
  if (!pens.get(canvas)) { problem(step, tr("Sign in the field, or type your name.")); return; }
  await say(step, {picture: await new Promise((resolve) => canvas.toBlob(resolve, "image/png"))});
}

function number(step) {
  const field = step.querySelector("[data-number]"), text = field.value.trim().replace(",", ".");
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) { problem(step, tr("Write a number, like 80 or 2.5.")); field.focus(); return; }
  void say(step, {value: Number(text)});
}

root.addEventListener("click", (event) => {
  const button = event.target.closest("button"), step = event.target.closest("[data-step]");
  if (!button || !step || step.hasAttribute("aria-busy")) return;
  if (button.dataset.say) void say(step, {value: button.dataset.say === "true"});
  else if (button.dataset.choice !== undefined) void say(step, {value: button.dataset.choice});
  else if (button.dataset.verdict) {
    if (!step.querySelector("[data-note]").value.trim()) { problem(step, tr("Say why.")); step.querySelector("[data-note]").focus(); } else void say(step, {verdict: button.dataset.verdict});
  } else if ("clear" in button.dataset) { blank(step.querySelector("[data-sign]")); step.querySelector("[data-name]").value = ""; } else if ("save" in button.dataset) {
    if (step.dataset.kind === "signature") void sign(step);
    else if (step.dataset.kind === "text") void say(step, {value: step.querySelector("[data-text]").value});
    else number(step);
  }
});

root.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("[data-number], [data-name]")) { event.preventDefault(); event.target.closest("[data-step]").querySelector("[data-save]").click(); }
});

root.addEventListener("change", async (event) => {
  if (!event.target.matches("[data-photo]") || !event.target.files.length) return;
  const step = event.target.closest("[data-step]");
  try {
    const instead = step.querySelector("[data-instead]")?.checked ?? true;
    const before = instead ? [] : event.target.dataset.photo.split(" ").slice(1 - MOST_PHOTOS);
    await say(step, {picture: await smaller(event.target.files[0]), before});
  } catch { problem(step, tr("This is no picture.")); }
});

function draw(event) {
  const canvas = event.target.closest?.("[data-sign]");
  if (!canvas || (event.type === "pointermove" && !(event.buttons & 1))) return;
  const box = canvas.getBoundingClientRect(), pen = canvas.getContext("2d");
  if (event.type === "pointerdown") {
    if (!pens.get(canvas)) { canvas.width = Math.round(box.width * 2); canvas.height = Math.round(box.height * 2); blank(canvas); }
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pens.set(canvas, true);
  }
  pen.lineTo((event.clientX - box.left) * canvas.width / box.width, (event.clientY - box.top) * canvas.height / box.height);
  pen.stroke();
}
root.addEventListener("pointerdown", draw);
root.addEventListener("pointermove", draw);

function sendWaiting() { for (const id of waiting.keys()) { const step = document.getElementById(`check-${id}`); if (!step.hasAttribute("aria-busy")) void send(step); } }
addEventListener("online", sendWaiting);
setInterval(sendWaiting, 15_000);
addEventListener("beforeunload", (event) => { if (waiting.size) event.preventDefault(); });
let besideAt = Date.now(); // what the telemetry says beside a meter is renewed now and then
document.addEventListener("live:telemetry", () => {
  if (document.hidden || Date.now() - besideAt < BESIDE_MS || !root.querySelector("[data-beside]")) return;
  besideAt = Date.now();
  renew(null).catch(() => {});
});
for (const name of ["live:work-order", "live:again"]) document.addEventListener(name, () => { renew(null).catch(() => {}); });
