// The points of a route: add, take off, move up.
const list = document.getElementById("route-stops");
document.getElementById("add-stop").addEventListener("click", () => {
  list.append(document.getElementById("route-stop").content.cloneNode(true));
  list.lastElementChild.querySelector("select").focus();
});
list.addEventListener("click", (event) => {
  const row = event.target.closest("[data-stop]");
  if (event.target.closest("[data-away]")) row.remove();
  if (event.target.closest("[data-up]") && row.previousElementSibling) row.previousElementSibling.before(row);
});
