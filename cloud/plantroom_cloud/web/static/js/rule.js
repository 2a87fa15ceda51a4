// Only the fields that the kind of rule needs.
const kind = document.getElementById("kind");
function fit() {
  for (const part of document.querySelectorAll("[data-kind]")) part.hidden = !part.dataset.kind.split(" ").includes(kind.value);
}
kind.addEventListener("change", fit);
fit();
document.querySelector(".is-invalid")?.focus();
