// Subscribes this browser to Web Push; the button shows only where the browser can.
(() => {
  const button = document.getElementById("push");
  if (!button || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  button.hidden = false;
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  button.addEventListener("click", async () => {
    try {
      const worker = await navigator.serviceWorker.register("/push-worker.js", { scope: "/notifications" });
      const options = { userVisibleOnly: true, applicationServerKey: bytes(button.dataset.key) };
      const { endpoint, keys } = (await worker.pushManager.subscribe(options)).toJSON();
      const answer = await fetch("/api/v1/notifications/channels", {
        method: "POST",
        headers: { "content-type": "application/json", "x-csrf-token": button.dataset.csrf },
        body: JSON.stringify({ kind: "web-push", address: endpoint, keys, label: navigator.userAgent.slice(0, 60) }),
      });
      if (!answer.ok) throw new Error((await answer.json()).detail);
      location.assign(`/notifications?told=${encodeURIComponent(tr("This browser gets pushes now."))}`);
    } catch (error) {
      location.assign(`/notifications?told=${encodeURIComponent(tr("No pushes to this browser: %(why)s", {why: error.message}))}`);
    }
  });
})();
