// Opens the walking page without a network. It looks after that page alone; reports are kept by the page itself.
const NAME = "plantroom-walk-", CACHE = `${NAME}2`, SHELL = "/patrols/walk";
const PARTS = [
  SHELL, "/static/icon.svg", "/static/vendor/tabler.min.css", "/static/css/app.css", "/static/css/walk.css", "/static/js/theme.js",
  "/static/js/phone.js", "/static/js/phone-queue.js", "/static/js/phone-camera.js", "/static/js/walk.js",
  "/static/vendor/zxing-reader.js", "/static/vendor/zxing_reader.wasm",
];
importScripts("/static/js/phone-cache.js");
