// What the pages of a phone share.
const PHOTO_SIDE = 1600, PHOTO_QUALITY = 0.8;
const at = (id) => document.getElementById(id);

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
// Times of a task or a round are those of its site, wherever the phone is; others as the page has them.
const clock = (moment, zone) => new Date(moment).toLocaleTimeString(locale, {timeZone: zone ?? timeZone, hour: "2-digit", minute: "2-digit"});
const day = (moment, zone) => new Date(moment).toLocaleString(locale, {timeZone: zone ?? timeZone, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit"});
const number = (value) => typeof value === "number" ? new Intl.NumberFormat(locale, {maximumSignificantDigits: 4}).format(value) : String(value);

function say(text, good) { // and by the hand, for who does not look
  at("said").textContent = text;
  at("said").className = `walk-said ${good === undefined ? "" : good ? "good" : "bad"}`;
  if (good !== undefined) navigator.vibrate?.(good ? 80 : [80, 80, 80]);
}

function online(yes) {
  at("network").textContent = yes ? tr("online") : tr("no network");
  at("network").className = `badge ${yes ? "bg-green-lt" : "bg-red-lt"}`;
}

function trouble({message, loggedOut}) { // with the way to the login, where that is what helps
  at("problem").hidden = false;
  at("problem").textContent = message;
  if (!loggedOut) return;
  const link = make("a", "ms-2", tr("Log in"));
  link.href = `/login?next=${location.pathname}`;
  at("problem").append(link);
}

function showWaiting(queue, user) { // what is still on this phone, of everybody who used it
  const waiting = queue.filter((item) => item.state === "waiting");
  const foreign = waiting.filter((item) => user && item.user !== user);
  at("waiting").hidden = waiting.length === 0;
  at("waiting").textContent = foreign.length
    ? tr("%(count)s to send (%(others)s by %(user)s, who must log in)", {count: waiting.length, others: foreign.length, user: foreign[0].user})
    : tr("%(count)s to send", {count: waiting.length});
}

function dismissable(text, drop) { // a line that stays until the person has read it
  const line = make("li", "list-group-item d-flex gap-2 align-items-center", text);
  const button = make("button", "btn btn-sm ms-auto flex-shrink-0", tr("OK"));
  button.onclick = drop;
  line.append(button);
  return line;
}

function why(error) { // the camera did not start
  return error.name === "NotAllowedError" ? tr("The camera was not allowed; type what stands under the code.") : error.message;
}

async function smaller(file) { // phones take pictures far larger than anybody needs
  const image = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", PHOTO_QUALITY));
}

async function phoneId(queue) { // who reports: this browser on this device
  let id = await queue.kept("phone");
  if (!id) await queue.keep("phone", id = crypto.randomUUID());
  return id;
}

async function openOffline(worker, scope) { // from now on this page opens without a network
  try {
    await navigator.serviceWorker?.register(worker, {scope});
  } catch (error) {
    trouble({message: tr("Without a network this page will not open: %(why)s", {why: error.message})});
  }
}
