// Only the fields that the trigger of the plan needs.
const trigger = document.getElementById("trigger");
function fit() {
  for (const part of document.querySelectorAll("[data-trigger]")) part.hidden = !part.dataset.trigger.split(" ").includes(trigger.value);
}
trigger.addEventListener("change", fit);
fit();
document.querySelector(".is-invalid")?.focus();
