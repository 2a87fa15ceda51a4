// Light or dark: what the person chose, else what the system says. Runs before the page paints.
const chosen = localStorage.getItem("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const apply = (name) => document.documentElement.setAttribute("data-bs-theme", name);
apply(chosen || (system.matches ? "dark" : "light"));
document.addEventListener("click", (event) => {
  if (!event.target.closest("#theme")) return;
  const next = document.documentElement.getAttribute("data-bs-theme") === "dark" ? "light" : "dark";
  localStorage.setItem("theme", next);
  apply(next);
});
