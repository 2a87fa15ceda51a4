// Only the fields that the kind of rule needs.
const kind = document.getElementById("kind");
function fit() {
  for (const part of document.querySelectorAll("[data-kind]")) part.hidden = !part.dataset.kind.split(" ").includes(kind.value);
  document.querySelector("label[for=metric]")?.classList.toggle("required", kind.value !== "no-data");
}
if (kind) {
  kind.addEventListener("change", fit);
  fit();
}
document.querySelector(".is-invalid")?.focus();

// The preview brings its charts with it, and another target its metrics.
document.addEventListener("htmx:afterSettle", () => {
  if (kind) fit();
  for (const element of document.querySelectorAll("[data-preview-chart]:not([data-shown])")) {
    element.dataset.shown = "yes";
    const chart = new TimeChart(element, element.nextElementSibling);
    const end = Date.now();
    chart.show(element.dataset.metric, element.dataset.unit, end - Number(element.dataset.days) * 86400e3, end);
  }
});
