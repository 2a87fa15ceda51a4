// Live without reload: one event stream for the page, each named event handed to the elements whose hx-trigger asks
// for it as "sse:<name>"; a banner while the connection is away, and everything looked at again when it is back.
const SILENT_MS = 20_000; // the stream says something every second
const LONGEST_WAIT_MS = 30_000;

const live = {source: null, wait: 1000, heard: Date.now(), lost: false, timer: null};
const followers = () => [...document.querySelectorAll('[hx-trigger*="sse:"]')];
const names = (element) => [...element.getAttribute("hx-trigger").matchAll(/sse:([\w-]+)/g)].map((match) => match[1]);

function tell(name, detail) {
  live.heard = Date.now();
  document.dispatchEvent(new CustomEvent(`live:${name}`, {detail}));
  for (const element of followers()) if (names(element).includes(name)) htmx.trigger(element, `sse:${name}`);
}

function lookAgain() {
  document.dispatchEvent(new CustomEvent("live:again"));
  for (const element of followers()) htmx.trigger(element, `sse:${names(element)[0]}`);
}

// What changed between the making of the page and the opening of its stream was told to nobody.
function lookOnce() {
  for (const element of followers()) if (!names(element).includes("telemetry")) htmx.trigger(element, `sse:${names(element)[0]}`);
}

function connect() {
  clearTimeout(live.timer);
  live.source?.close();
  const source = live.source = new EventSource("/api/v1/stream");
  live.heard = Date.now();
  source.onopen = () => {
    live.wait = 1000;
    live.heard = Date.now();
    if (live.lost) lookAgain();
    else if (!live.opened) lookOnce();
    live.opened = true;
    show(false);
  };
  source.onerror = () => {
    show(true);
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    live.timer = setTimeout(reconnect, live.wait);
    live.wait = Math.min(live.wait * 2, LONGEST_WAIT_MS);
  };
  source.addEventListener("reload", lookAgain); // we fell behind
  const wanted = new Set(["telemetry", ...followers().flatMap(names), ...(document.body.dataset.live || "").split(" ")]);
  for (const name of wanted) if (name) source.addEventListener(name, (event) => tell(name, event.data));
}

async function reconnect() { // an ended session is not a lost connection
  try {
    const answer = await fetch("/api/v1/session");
    if (answer.status === 401) {
      location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
      return;
    }
  } catch { /* still away */ }
  connect();
}

function show(lost) {
  if (lost === live.lost) return; // each new try fails anew: the banner waits for the first
  live.lost = lost;
  clearTimeout(live.banner);
  const banner = document.getElementById("offline");
  if (!lost) { banner.hidden = true; return; }
  const since = new Date(live.heard);
  live.banner = setTimeout(() => {
    banner.hidden = false;
    banner.textContent = `Offline, last update ${since.toLocaleTimeString()}. Trying to reconnect …`;
  }, 2500);
}

if (document.body.hasAttribute("data-live")) {
  connect();
  setInterval(() => {
    if (document.hidden || Date.now() - live.heard < SILENT_MS) return;
    show(true);
    reconnect();
  }, 5000);
  // A browser opens six connections to one server: pages that nobody looks at give theirs back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { clearTimeout(live.timer); live.source?.close(); live.lost = true; } else connect();
  });
  addEventListener("online", () => { if (live.lost) reconnect(); });
}
