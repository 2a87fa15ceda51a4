// Times in the zone of the site (the reader's own where there are several) and in the reader's language; forms that are sent once; questions before what cannot be undone.
function ago(moment) {
  const seconds = Math.round((Date.now() - moment) / 1000);
  if (seconds < 5) return tr("now");
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]])
    if (seconds >= size) return new Intl.RelativeTimeFormat(locale).format(-Math.floor(seconds / size), unit);
  return moment.toLocaleTimeString(locale, {timeZone});
}
function due(moment) { // ahead or past
  const seconds = Math.round((moment - Date.now()) / 1000);
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale).format(Math.trunc(seconds / size), unit);
}
function stamp(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const timeZone = element.closest("[data-zone]")?.dataset.zone || undefined; // a part may tell the time of another place
    const today = moment.toLocaleDateString(locale, {timeZone}) === new Date().toLocaleDateString(locale, {timeZone});
    element.title = moment.toLocaleString(locale, {timeZone, dateStyle: "medium", timeStyle: "long"});
    if ("due" in element.dataset) element.textContent = due(moment);
    else if ("ago" in element.dataset) element.textContent = ago(moment);
    else element.textContent = today ? moment.toLocaleTimeString(locale, {timeZone}) : moment.toLocaleString(locale, {timeZone, dateStyle: "short", timeStyle: "short"});
  }
}
stamp(document);
document.addEventListener("htmx:afterSwap", () => stamp(document));
setInterval(() => stamp(document), 10_000);

function ask(text) { // the page's own dialog: readable, by keyboard, and the stream goes on meanwhile
  const dialog = document.getElementById("ask");
  dialog.querySelector("#ask-text").textContent = text;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((done) => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), {once: true}));
}

function current(form) { // a live part may have been fetched again meanwhile: the same form, as it stands there now
  return form.isConnected ? form : [...document.forms].find((one) => one.getAttribute("action") === form.getAttribute("action") && one.dataset.ask === form.dataset.ask);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method === "dialog" || form.matches(".command")) return;
  if (form.dataset.ask && form.dataset.sure !== "1") {
    event.preventDefault();
    if (!await ask(form.dataset.ask)) return;
    const now = current(form);
    if (!now) return;
    now.dataset.sure = "1";
    now.requestSubmit(now === form ? event.submitter : null);
    return;
  }
  if (form.dataset.sent) { event.preventDefault(); return; }
  if (form.method === "post") form.dataset.sent = "1"; // a thumb that taps twice sends once
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; delete form.dataset.sure; }));

for (const element of document.querySelectorAll("[data-submit-on-change]"))
  element.addEventListener("change", () => element.form.requestSubmit());

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try { await navigator.clipboard.writeText(text); button.textContent = tr("Copied"); } catch { button.textContent = tr("Select it and copy"); }
});

// What is fetched again never takes away what was filled in; a part that has a version only follows a new one.
const filled = (field) => {
  if (field.matches("select")) {
    const first = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== (first < 0 && !field.multiple ? 0 : first);
  }
  if (field.matches("[type=checkbox], [type=radio]")) return field.checked !== field.defaultChecked;
  return field.matches("input:not([type=hidden]), textarea") && field.value !== field.defaultValue;
};

document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (!part.matches?.("[data-follow]")) return;
  if (part.matches("[data-version]")) {
    const newest = new DOMParser().parseFromString(event.detail.serverResponse, "text/html").getElementById(part.id);
    if (!newest || newest.dataset.version === part.dataset.version) { event.detail.shouldSwap = false; return; }
  }
  if (![...part.querySelectorAll("form[method=post]")].some((form) => [...form.elements].some(filled))) return;
  event.detail.shouldSwap = false;
  const told = part.querySelector("[data-changed]");
  if (told) told.hidden = false;
});
