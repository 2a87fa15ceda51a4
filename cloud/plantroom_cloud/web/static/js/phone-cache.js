// A page that opens without a network: NAME, SHELL and SCRIPTS stand in the worker that takes this in. The page's texts
// are in the shell, so they are there in the language that it was last opened in.
const CACHE = `${NAME}6`, SLOW_MS = 4000;
const PARTS = [
  SHELL, "/static/icon.svg", "/static/vendor/tabler.min.css", "/static/css/app.css", "/static/css/walk.css", "/static/js/theme.js",
  "/static/js/texts.js", "/static/js/phone.js", "/static/js/phone-queue.js", "/static/js/phone-camera.js",
  "/static/vendor/zxing-reader.js", "/static/vendor/zxing_reader.wasm", ...SCRIPTS,
];

async function fetched(request) { // newest from the network, and kept; a redirect to the login is not the page
  const answer = await fetch(request);
  if (answer.ok && !answer.redirected) await (await caches.open(CACHE)).put(new URL(request.url).pathname, answer.clone());
  return answer;
}

async function page(request) { // the newest one, unless the network is gone or too slow to wait for
  const known = await caches.match(SHELL, {cacheName: CACHE});
  const newest = fetched(request);
  if (!known) return newest;
  const late = new Promise((resolve) => setTimeout(() => resolve(known), SLOW_MS));
  return Promise.race([newest.catch(() => known), late]);
}

async function part(request, path) { // what is here at once; the newest one for the next time
  const known = await caches.match(path, {cacheName: CACHE});
  const newest = fetched(request);
  if (!known) return newest;
  newest.catch(() => {});
  return known;
}

self.addEventListener("install", (event) => {
  const fill = async () => {
    const cache = await caches.open(CACHE);
    await Promise.all(PARTS.map(async (path) => {
      const answer = await fetch(path, {cache: "no-cache"});
      if (!answer.ok || answer.redirected) throw new Error(`${path}: ${answer.status}`);
      await cache.put(path, answer);
    }));
    await self.skipWaiting();
  };
  event.waitUntil(fill());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) if (name.startsWith(NAME) && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname === SHELL) event.respondWith(page(event.request));
  else if (PARTS.includes(url.pathname)) event.respondWith(part(event.request, url.pathname));
});
