// A point's rotating code. Codes come ahead of their time, so that a short loss of the network does not show; the time
// is the control plane's, for a tablet's own clock may be wrong.
const display = document.getElementById("display");
const shown = {codes: new Map(), windowMs: 30_000, offset: 0, window: null};
const now = () => performance.now() + shown.offset;

async function load() {
  const before = performance.now();
  const answer = await fetch(display.dataset.codes, {cache: "no-store", signal: AbortSignal.timeout(10_000)});
  if (answer.status === 404) { location.reload(); return; } // the link is no longer in force: say so
  if (!answer.ok) throw new Error(String(answer.status));
  const data = await answer.json();
  shown.offset = data.now_ms - (before + performance.now()) / 2;
  shown.windowMs = data.window_ms;
  shown.codes = new Map(data.codes.map((code) => [code.window, code.svg]));
}

function draw() {
  const window = Math.floor(now() / shown.windowMs);
  document.getElementById("left").value = 100 - 100 * (now() % shown.windowMs) / shown.windowMs;
  if (window === shown.window) return;
  const svg = shown.codes.get(window);
  document.getElementById("code").innerHTML = svg ?? "";
  document.getElementById("code").dataset.window = window;
  document.getElementById("state").textContent = svg ? "" : tr("No connection: no code can be shown.");
  shown.window = svg ? window : null;
}

async function follow() {
  try { await load(); } catch { /* the codes that are here last a while */ }
  draw();
  setTimeout(follow, 20_000);
}
async function stayAwake() { // a display that sleeps shows nothing
  try { await navigator.wakeLock?.request("screen"); } catch { /* not allowed here: the tablet's own settings decide */ }
}
document.addEventListener("visibilitychange", () => { if (!document.hidden) stayAwake(); });
stayAwake();
setInterval(draw, 250);
follow();
