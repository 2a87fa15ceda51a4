// Texts in the language of the page: tr("%(n)s of %(m)s points", {n, m}). English is the source; the page brings the rest.
const texts = JSON.parse(document.getElementById("texts")?.textContent || "{}");
const tr = (text, values = {}) => (texts[text] ?? text).replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "").replaceAll("%%", "%");
// How dates and numbers are written: as the browser does it for this language; in the time zone of the site, where there is one.
const locale = navigator.languages?.find((tag) => tag.split("-")[0] === document.documentElement.lang.split("-")[0]) ?? document.documentElement.lang;
const timeZone = document.documentElement.dataset.zone || undefined;
