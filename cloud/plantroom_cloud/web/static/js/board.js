// The board: a card is moved by dragging it, or by its menu; what a step needs to be told is asked in one dialog.
const board = document.getElementById("board"), dialog = document.getElementById("move"), said = document.getElementById("said");
let dragged = null; // the card
let held = false, missed = false; // a finger or button is down on a card; the board changed meanwhile
const columns = () => board.querySelectorAll("[data-state]");
const refresh = () => document.getElementById("columns").dispatchEvent(new Event("live"));

function say(text, good) {
  said.textContent = text;
  said.classList.toggle("bad", !good);
}

function showColumn() { // one at a time on a phone; by an attribute, for htmx sets classes anew after a swap
  for (const column of columns()) column.toggleAttribute("data-shown", column.dataset.state === board.dataset.shown);
  for (const tab of board.querySelectorAll("[data-tab]")) tab.setAttribute("aria-pressed", tab.dataset.tab === board.dataset.shown);
}

async function openMenu(order, to) {
  let answer;
  try {
    answer = await fetch(`/work-orders/${order}/moves${to ? `?to=${to}` : ""}`);
  } catch {
    return say(tr("No network: nothing was moved."), false);
  }
  if (answer.redirected || !answer.ok) return say(answer.redirected ? tr("Log in again: nothing was moved.") : tr("The server says %(status)s: nothing was moved.", {status: answer.status}), false);
  dialog.innerHTML = await answer.text();
  const forms = dialog.querySelectorAll("[data-step]");
  if (to && forms.length === 1 && !forms[0].dataset.asks) return take(forms[0]);
  if (!dialog.open) dialog.showModal();
  (to && dialog.querySelector("input:not([type=checkbox]), select, textarea") || dialog.querySelector(".board-moves :is(button, select, input)"))?.focus();
}

async function take(form) {
  const {order} = form.parentElement.dataset;
  const told = Object.fromEntries(new FormData(form));
  if ("out_of_service" in told) told.out_of_service = true;
  const buttons = dialog.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  let problem = tr("No network: nothing was moved.");
  try {
    const answer = await fetch(`/api/v1/work-orders/${order}/${form.dataset.step}`, {
      method: "POST",
      headers: {"Content-Type": "application/json", "X-CSRF-Token": board.dataset.csrf},
      body: JSON.stringify(told),
    });
    const now = await answer.json();
    problem = answer.ok ? "" : now.detail;
    if (answer.ok) say(now.assignee ? tr("#%(order)s was moved; it is %(who)s's.", {order, who: now.assignee}) : tr("#%(order)s was moved.", {order}), true);
  } catch { /* said below */ }
  buttons.forEach((button) => { button.disabled = false; });
  if (problem && dialog.open) {
    const place = dialog.querySelector("#move-problem");
    place.hidden = false;
    place.textContent = problem;
  } else if (problem) say(problem, false);
  else dialog.close();
  refresh();
}

board.addEventListener("click", ({target}) => {
  const menu = target.closest("[data-menu]"), tab = target.closest("[data-tab]");
  if (menu) void openMenu(menu.dataset.menu);
  if (tab) { board.dataset.shown = tab.dataset.tab; showColumn(); }
});
dialog.addEventListener("submit", (event) => {
  if (!event.target.dataset.step) return;
  event.preventDefault();
  void take(event.target);
});

board.addEventListener("dragstart", (event) => {
  dragged = event.target.closest("[data-order]");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.order);
  dragged.classList.add("moving");
  const targets = dragged.dataset.targets.split(" ");
  for (const column of columns()) column.classList.toggle("may", targets.includes(column.dataset.state));
});
board.addEventListener("dragover", (event) => {
  const column = event.target.closest("[data-state]");
  for (const one of columns()) one.classList.toggle("over", one === column && one.classList.contains("may"));
  if (dragged && column?.classList.contains("may")) event.preventDefault();
});
board.addEventListener("drop", (event) => {
  const column = event.target.closest("[data-state]");
  if (!dragged || !column) return;
  event.preventDefault();
  void openMenu(dragged.dataset.order, column.dataset.state);
});
board.addEventListener("dragend", () => {
  dragged?.classList.remove("moving");
  dragged = null;
  for (const column of columns()) column.classList.remove("may", "over");
  refresh(); // what changed meanwhile was kept off the board
});

board.addEventListener("pointerdown", ({target}) => { held = Boolean(target.closest("[data-order]")); });
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { // a drag cancels the pointer once it has begun
  held = false;
  if (missed && !dragged) refresh();
});
document.addEventListener("htmx:beforeSwap", (event) => { // a card is not taken out of the hand
  if (event.detail.target.id !== "columns") return;
  missed = held || dragged !== null;
  if (missed) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSwap", showColumn);
showColumn();
