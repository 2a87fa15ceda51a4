// Short forms (data-here) are sent in the background: a mistake is told at its field, and what was typed stays.
(() => {
  const problems = new WeakMap(); // form → what it was told

  function forget(form) {
    for (const told of problems.get(form) ?? []) told.remove();
    problems.delete(form);
    for (const field of form.querySelectorAll("[aria-invalid]")) {
      field.classList.remove("is-invalid");
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
  }

  function say(form, text, kind, before) {
    const told = document.createElement("div");
    told.className = kind;
    told.setAttribute("role", "alert");
    told.textContent = text;
    before.after(told);
    problems.set(form, [...(problems.get(form) ?? []), told]);
    return told;
  }

  function row(field) { // what stands below a field stands below the line that it is part of
    const line = field.closest(".d-flex, .input-group");
    return line && field.form.contains(line) ? line : field;
  }

  function tell(sent, fields, detail) {
    const form = current(sent);
    if (!form) return;
    let first = null, left = !Object.keys(fields).length;
    for (const [name, text] of Object.entries(fields)) {
      const found = form.elements.namedItem(name);
      const field = found instanceof RadioNodeList ? found[0] : found;
      if (!field || field.type === "hidden") { left = true; continue; }
      const told = say(form, text, "invalid-feedback d-block", row(field));
      told.id = `problem-${name}-${[...document.forms].indexOf(form)}`;
      field.classList.add("is-invalid");
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", told.id);
      first ??= field;
    }
    if (left) say(form, detail, "alert alert-danger m-2", form.lastElementChild && !form.matches(".d-flex, .row") ? form.lastElementChild : form);
    first?.focus();
  }

  async function send(form, button) { // whether another page follows
    const body = new FormData(form, button);
    const files = [...body.values()].some((value) => value instanceof File);
    let answer;
    try {
      const there = form.getAttribute("action"); // form.action is a button where one is called so
      answer = await fetch(there, {method: "POST", headers: {"X-Here": "1"}, body: files ? body : new URLSearchParams(body)});
    } catch {
      tell(form, {}, tr("No network: nothing was sent. What you typed is still here."));
      return false;
    }
    const next = answer.headers.get("X-Go");
    if (next !== null) {
      const url = new URL(next, location.href);
      const here = location.pathname + location.search;
      if (url.pathname === "/login") location.assign(`/login?next=${encodeURIComponent(here)}`);
      else if (url.pathname + url.search !== here) location.assign(url);
      else {
        if (url.hash) history.replaceState(null, "", url);
        location.reload();
      }
      return true;
    }
    const problem = await answer.json().catch(() => ({}));
    tell(form, problem.fields ?? {}, problem.detail || tr("The server says %(status)s: nothing was changed.", {status: answer.status}));
    return false;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (event.defaultPrevented || !form.matches("[data-here]")) return; // it is asked about first, or was sent already
    event.preventDefault();
    forget(form);
    if (await send(form, event.submitter)) return;
    delete form.dataset.sent;
    delete form.dataset.sure;
  });
  document.addEventListener("input", ({target}) => {
    if (target.form?.matches("[data-here]") && target.hasAttribute("aria-invalid")) forget(target.form);
  });
})();
