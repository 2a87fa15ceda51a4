// The steps of a checklist: add, remove, move; each shows the fields that its kind has. The keyboard stays where it was.
const rows = document.getElementById("rows");

function fit(row) {
  const kind = row.querySelector('[name="step-kind"]').value;
  for (const part of row.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
}

document.getElementById("add-step")?.addEventListener("click", () => {
  rows.append(document.getElementById("row").content.cloneNode(true));
  fit(rows.lastElementChild);
  rows.lastElementChild.querySelector('[name="step-kind"]').focus();
});

rows.addEventListener("change", (event) => { if (event.target.name === "step-kind") fit(event.target.closest("[data-row]")); });

rows.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  const button = event.target.closest("button");
  if (!button) return;
  if ("up" in button.dataset) row.previousElementSibling?.before(row);
  if ("down" in button.dataset) row.nextElementSibling?.after(row);
  if ("away" in button.dataset) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-away]") ?? document.getElementById("add-step")).focus();
  } else button.focus();
});

for (const row of rows.children) fit(row);
document.querySelector(".is-invalid")?.focus();
