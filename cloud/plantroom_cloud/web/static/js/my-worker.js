// Opens the page of my tasks without a network. It looks after that page alone; steps are kept by the page itself.
const NAME = "plantroom-my-", CACHE = `${NAME}1`, SHELL = "/my";
const PARTS = [
  SHELL, "/static/icon.svg", "/static/manifest.webmanifest", "/static/vendor/tabler.min.css", "/static/css/app.css",
  "/static/css/walk.css", "/static/js/theme.js", "/static/js/phone.js", "/static/js/phone-queue.js", "/static/js/phone-camera.js",
  "/static/js/my.js", "/static/vendor/zxing-reader.js", "/static/vendor/zxing_reader.wasm",
];
importScripts("/static/js/phone-cache.js");
