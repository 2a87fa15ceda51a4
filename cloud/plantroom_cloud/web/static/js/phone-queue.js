// What was done, kept on the phone until the control plane has taken it: sent one by one, oldest first.
// A report keeps its ref, so that one whose answer was lost is sent again and counted once.
// `name`: of its store, its lock and its events; `source`: where the page's data comes from; `target`: where a report
// goes, and as what.
function makeQueue({name, source, target}) {
  const RETRY_MS = [2000, 5000, 15_000, 60_000];
  let opened = null, timer = null, tries = 0, running = false;
  const listeners = new Set();
  const changed = () => listeners.forEach((listener) => listener());

  function open() {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(`plantroom-${name}`, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("queue", {keyPath: "order", autoIncrement: true});
        request.result.createObjectStore("kept");
      };
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return opened;
  }

  async function run(store, mode, work) {
    const db = await open();
    return new Promise((resolve, reject) => {
      const transaction = db.transaction(store, mode, {durability: "strict"});
      const request = work(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
  }

  const keep = (name, value) => run("kept", "readwrite", (store) => store.put(value, name));
  const kept = (name) => run("kept", "readonly", (store) => store.get(name));
  const all = () => run("queue", "readonly", (store) => store.getAll());
  const put = (item) => run("queue", "readwrite", (store) => store.put(item));
  const drop = (order) => run("queue", "readwrite", (store) => store.delete(order));

  async function add(item) { // on the disk before anything else learns of it
    await run("queue", "readwrite", (store) => store.add({...item, state: "waiting", ref: item.ref ?? crypto.randomUUID()}));
    changed();
    void send();
  }

  async function post(path, body, type, csrf) {
    const headers = {"Content-Type": type, "X-CSRF-Token": csrf};
    return fetch(path, {method: "POST", headers, body, signal: AbortSignal.timeout(20_000)});
  }

  async function deliver(item, csrf) { // → the answer of the control plane; throws while the network is gone
    if (item.photo && !item.photoId) {
      const stored = await post("/api/v1/photos", item.photo, item.photo.type || "image/jpeg", csrf);
      if (!stored.ok) return stored;
      item.photoId = (await stored.json()).id;
      await put(item);
    }
    const {path, report} = target(item);
    return post(path, JSON.stringify({...report, ref: item.ref}), "application/json", csrf);
  }

  function refused(status) { // why there is no answer to use
    const loggedOut = status === 401;
    const text = loggedOut ? tr("Log in again; what you did is kept.") : tr("The server says %(status)s.", {status});
    return Object.assign(new Error(text), {loggedOut});
  }

  async function drain() {
    let data = await kept("data");
    let renewed = false;
    for (;;) {
      const waiting = (await all()).filter((item) => item.state === "waiting");
      const item = waiting.find((one) => one.user === data?.user);
      if (!item) return;
      const answer = await deliver(item, data.csrf_token);
      if (answer.ok) {
        const taken = await answer.json();
        await drop(item.order);
        document.dispatchEvent(new CustomEvent(`${name}:taken`, {detail: {item, taken}}));
      } else if (answer.status === 403 && !renewed) { // a new session has a new token
        renewed = true;
        data = await refresh();
        continue;
      } else if (answer.status === 401 || answer.status === 403 || answer.status === 429 || answer.status >= 500) {
        throw refused(answer.status);
      } else { // it will never be taken: the person is told, and the ones behind it go on
        item.state = "refused";
        item.problem = (await answer.json().catch(() => ({}))).detail || tr("refused (%(status)s)", {status: answer.status});
        await put(item);
      }
      changed();
    }
  }

  async function send() {
    if (running) return;
    running = true;
    clearTimeout(timer);
    try {
      if (navigator.locks) await navigator.locks.request(`plantroom-${name}`, drain); // two tabs keep the order, too
      else await drain();
      tries = 0;
      if ((await all()).every((item) => item.state !== "waiting")) document.dispatchEvent(new CustomEvent(`${name}:sent`));
    } catch (error) {
      document.dispatchEvent(new CustomEvent(`${name}:stuck`, {detail: error}));
      timer = setTimeout(send, RETRY_MS[Math.min(tries++, RETRY_MS.length - 1)]);
    } finally {
      running = false;
    }
    changed();
  }

  async function refresh() { // the page's data and the token from the control plane; throws when it cannot be reached
    const answer = await fetch(source, {signal: AbortSignal.timeout(15_000)});
    if (!answer.ok) throw refused(answer.status);
    const data = await answer.json();
    await keep("data", data);
    return data;
  }

  addEventListener("online", send);
  return {add, all, drop, keep, kept, refresh, send, follow: (listener) => listeners.add(listener)};
}
