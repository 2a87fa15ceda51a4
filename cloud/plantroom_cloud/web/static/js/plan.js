// Only the fields that the trigger of the plan needs.
const trigger = document.getElementById("trigger");
function fit() {
  for (const part of document.querySelectorAll("[data-trigger]")) part.hidden = !part.dataset.trigger.split(" ").includes(trigger.value);
}
// A rule that people say in words writes itself; another one is written by hand.
const often = document.getElementById("often"), rule = document.getElementById("rule");
often.addEventListener("change", () => {
  if (!often.value) { rule.focus(); return; }
  rule.value = often.value;
  rule.dispatchEvent(new Event("input", {bubbles: true}));
});
rule.addEventListener("input", () => { often.value = [...often.options].some((one) => one.value === rule.value) ? rule.value : ""; });
trigger.addEventListener("change", fit);
fit();
document.querySelector(".is-invalid")?.focus();
