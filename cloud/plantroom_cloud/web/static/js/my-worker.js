// Opens the page of my tasks without a network. It looks after that page alone; steps are kept by the page itself.
const NAME = "plantroom-my-", SHELL = "/my", SCRIPTS = ["/static/js/my-timer.js", "/static/js/my.js"];
importScripts("/static/js/phone-cache.js");
