// Times in the reader's own zone and language; commands with a confirmation.
const stamp = (root) => root.querySelectorAll("time[datetime]:not([data-done])").forEach((element) => {
  const moment = new Date(element.dateTime);
  if (Number.isNaN(moment.getTime())) return;
  const today = moment.toDateString() === new Date().toDateString();
  element.textContent = today ? moment.toLocaleTimeString() : moment.toLocaleString([], {dateStyle: "short", timeStyle: "short"});
  element.title = moment.toLocaleString();
  element.dataset.done = "1";
});
stamp(document);
document.addEventListener("htmx:afterSwap", () => stamp(document));

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.command");
  if (!form) return;
  event.preventDefault();
  const label = form.querySelector("button").textContent.trim();
  const value = form.elements.value ? Number(form.elements.value.value) : undefined;
  const result = form.querySelector(".result");
  if (!confirm(`${label}${value === undefined ? "" : " " + value}?`)) return;
  const headers = {"Content-Type": "application/json", "X-CSRF-Token": form.dataset.csrf};
  const body = JSON.stringify({action: form.dataset.action, args: value === undefined ? {} : {value}, reason: "from the page"});
  const answer = await fetch(`/api/v1/devices/${form.dataset.device}/commands`, {method: "POST", headers, body});
  const data = await answer.json();
  if (!answer.ok) { result.textContent = data.detail; return; }
  result.textContent = "sent …";
  for (let tries = 0; tries < 40; tries++) {
    await new Promise((done) => setTimeout(done, 500));
    const list = await (await fetch(`/api/v1/gateways/${data.gateway_id}/commands`)).json();
    const found = list.items.find((item) => item.id === data.id);
    if (found && !["queued", "sent"].includes(found.state)) { result.textContent = `${found.state}: ${found.detail}`; return; }
  }
  result.textContent = "no answer yet";
});
