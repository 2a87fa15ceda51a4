// Opens the walking page without a network. It looks after that page alone; reports are kept by the page itself.
const NAME = "plantroom-walk-", SHELL = "/patrols/walk", SCRIPTS = ["/static/js/walk.js"];
importScripts("/static/js/phone-cache.js");
