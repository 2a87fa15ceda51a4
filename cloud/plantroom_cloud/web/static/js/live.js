// Live without reload: one event stream for the page. An element with hx-trigger="live" and
// data-follow="alarm telemetry:5" is fetched again after these events: soon after the first, then at most once in so
// many seconds (1 without a number), and always once more after the last. htmx's own throttle drops the last event,
// and forgets its time with each swapped element. A banner while the connection is away; everything is looked at again
// when it is back.
const SILENT_MS = 20_000; // the stream says something every second
const LONGEST_WAIT_MS = 30_000;

const live = {source: null, wait: 1000, heard: Date.now(), lost: false, timer: null};
const fetches = new Map(); // by the element's id, which a swap keeps: when the last one began, when the next is due
const followers = () => [...document.querySelectorAll("[data-follow]")];
const follows = (element) => new Map(element.dataset.follow.split(" ").map((wanted) => {
  const [name, seconds] = wanted.split(":");
  return [name, 1000 * Number(seconds ?? 1)];
}));

function fetchAgain(id, paceMs) {
  const known = fetches.get(id) ?? {last: 0, due: Infinity, timer: null};
  fetches.set(id, known);
  const due = Math.max(Date.now(), known.last + paceMs);
  if (due >= known.due) return;
  clearTimeout(known.timer);
  known.due = due;
  known.timer = setTimeout(() => {
    known.due = Infinity;
    known.last = Date.now();
    const element = document.getElementById(id);
    if (element?.classList.contains("htmx-request")) fetchAgain(id, paceMs); // what it brings may be older than the event
    else element?.dispatchEvent(new Event("live")); // which does not bubble to an element around it
  }, due - Date.now());
}

function tell(name, detail) {
  live.heard = Date.now();
  document.dispatchEvent(new CustomEvent(`live:${name}`, {detail}));
  for (const element of followers()) {
    const paceMs = follows(element).get(name);
    if (paceMs !== undefined) fetchAgain(element.id, paceMs);
  }
}

function lookAgain() {
  document.dispatchEvent(new CustomEvent("live:again"));
  for (const element of followers()) fetchAgain(element.id, 0);
}

// What changed between the making of the page and the opening of its stream was told to nobody.
function lookOnce() {
  for (const element of followers()) if (!follows(element).has("telemetry")) fetchAgain(element.id, 0);
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
  const wanted = new Set(["telemetry", ...followers().flatMap((element) => [...follows(element).keys()]), ...(document.body.dataset.live || "").split(" ")]);
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
    banner.textContent = tr("Offline, last update %(time)s. Trying to reconnect …", {time: since.toLocaleTimeString(locale, {timeZone})});
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
