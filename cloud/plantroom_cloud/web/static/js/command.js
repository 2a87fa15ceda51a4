// A command to a device: asked for once more, sent once, its result shown as soon as the gateway tells it.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.command");
  if (!form) return;
  event.preventDefault();
  const result = form.querySelector(".result");
  const args = {};
  for (const field of form.querySelectorAll("[data-arg]")) args[field.dataset.arg] = field.type === "number" ? Number(field.value) : field.value;
  const shown = Object.values(args).join(", "), {label, name} = form.dataset;
  if (!await ask(shown ? tr("%(label)s: %(values)s on %(name)s?", {label, values: shown, name}) : tr("%(label)s on %(name)s?", {label, name}))) return;
  const button = form.querySelector("button");
  button.disabled = true;
  result.textContent = tr("sending …");
  try {
    const answer = await fetch(`/api/v1/devices/${form.dataset.device}/commands`, {
      method: "POST",
      headers: {"Content-Type": "application/json", "X-CSRF-Token": form.dataset.csrf},
      body: JSON.stringify({action: form.dataset.action, args, reason: "from the page"}),
    });
    const data = await answer.json();
    result.textContent = answer.ok ? tr("sent; the result appears below") : data.detail;
  } catch {
    result.textContent = tr("could not be sent: no connection");
  } finally {
    button.disabled = false;
  }
});
