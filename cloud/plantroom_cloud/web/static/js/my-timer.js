// The time of a person on a task: one timer, kept like everything else that was done, so that neither a reload nor a lost
// network ends it. What is on this phone and not sent yet lies over what the control plane knows.
const unit = (value, name) => new Intl.NumberFormat(locale, {style: "unit", unit: name, unitDisplay: "short"}).format(value);
const minutesOf = (start, end) => Math.round((new Date(end) - new Date(start)) / 60_000);
const lengthOf = (minutes) => minutes < 60 ? unit(minutes, "minute") : `${unit(Math.floor(minutes / 60), "hour")} ${unit(minutes % 60, "minute")}`;
const unsent = (...kinds) => state.queue.filter((item) => kinds.includes(item.kind) && item.state === "waiting" && item.user === state.desk?.user);

function after(running, {kind, report}) { // what runs once this was done
  if (kind === "timer-start") return {work_order_id: report.order_id, activity: report.activity, started_at: report.at};
  return kind === "timer-stop" && running?.work_order_id === report.order_id ? null : running;
}

const timer = () => unsent("timer-start", "timer-stop").reduce(after, state.desk?.timer ?? null);

function elapsed(since) { // h:mm:ss
  const seconds = Math.max(0, Math.floor((Date.now() - new Date(since)) / 1000));
  const two = (value) => String(value).padStart(2, "0");
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

async function startTimer(task) {
  await tell("timer-start", {order_id: task.id, activity: at("time-activity").value});
  say(tr("Your time runs"), true);
}

async function stopTimer(order) { // where it runs there
  const running = timer();
  if (!running || running.work_order_id !== order) return;
  await tell("timer-stop", {order_id: order, activity: running.activity, started_at: running.started_at});
}

function activities(chosen) {
  const choice = select([...at("time-activity").options].map((option) => [option.value, option.text]));
  choice.value = chosen;
  return choice;
}

async function askTime(title, hint, minutes, activity, least) {
  const amount = input("number", {min: least, max: 1440, step: 1, inputMode: "numeric", required: true, value: minutes});
  const fields = [field("minutes", tr("Minutes"), amount), field("activity", tr("What you did"), activities(activity)), field("note", tr("Note"), area({rows: 2}))];
  const said = await ask(title, hint, tr("Save the time"), fields);
  return said && {minutes: Number(said.minutes), activity: said.activity, note: said.note};
}

async function writeTime(task) { // worked, and no timer ran
  const said = await askTime(tr("Write time down"), tr("It ends now."), "", at("time-activity").value, 1);
  if (!said) return;
  await tell("time", {order_id: task.id, ...said});
  say(tr("Time noted"), true);
}

async function correctTime(task, record) {
  const hint = tr("From %(time)s on. 0 minutes strike it out.", {time: day(record.started_at, task.zone)});
  const said = await askTime(tr("Correct the time"), hint, minutesOf(record.started_at, record.ended_at), record.activity, 0);
  if (!said) return;
  await tell("time-correct", {order_id: task.id, labour_id: record.id, ...said});
  say(tr("Time noted"), true);
}

function timesOf(task) { // with those that are not sent yet, which cannot be corrected before
  const changed = new Map(unsent("time-correct").map((item) => [item.report.labour_id, item.report]));
  const known = (task.labour ?? []).filter((record) => record.ended_at).map((record) => {
    const change = changed.get(record.id);
    return {record, start: record.started_at, activity: change?.activity ?? record.activity, minutes: change?.minutes ?? minutesOf(record.started_at, record.ended_at), waiting: Boolean(change)};
  });
  const here = unsent("timer-stop", "time").filter((item) => item.report.order_id === task.id).map(({report}) => {
    const minutes = report.minutes ?? minutesOf(report.started_at, report.at);
    return {start: report.started_at ?? new Date(new Date(report.at) - minutes * 60_000), activity: report.activity, minutes, waiting: true};
  });
  return [...known, ...here];
}

function showTime(task) {
  const own = task.assignee === state.desk?.user && task.state !== "done";
  const running = timer(), here = running?.work_order_id === task.id;
  at("time").hidden = !own;
  if (!own) return;
  at("time-elsewhere").hidden = !running || here;
  at("time-elsewhere").textContent = running ? tr("Your time runs on #%(order)s; to start here ends it there.", {order: running.work_order_id}) : "";
  at("time-start").textContent = here ? tr("Change") : tr("Start the time");
  at("time-start").onclick = () => startTimer(task);
  at("time-write").hidden = Boolean(running); // it ends now, and a person does one thing at a time
  at("time-write").onclick = () => writeTime(task);
  const times = timesOf(task);
  at("time-total").textContent = times.length ? lengthOf(times.reduce((sum, one) => sum + one.minutes, 0)) : "";
  at("times").replaceChildren(...times.map(({record, start, activity, minutes, waiting}) => {
    const line = make("li", "list-group-item walk-stop"), text = make("div", "flex-fill");
    text.append(make("div", "", `${tr(activity)}, ${lengthOf(minutes)}`), make("div", "text-secondary", waiting ? tr("on this phone, to be sent") : day(start, task.zone)));
    line.append(make("span", `walk-mark ${waiting ? "wait" : "done"}`, waiting ? "…" : "✓"), text);
    if (!record || waiting) return line;
    const button = make("button", "btn", tr("Correct"));
    button.type = "button";
    button.setAttribute("aria-label", tr("Correct the time of %(time)s", {time: day(start, task.zone)}));
    button.onclick = () => correctTime(task, record);
    line.append(button);
    return line;
  }));
}

function showTimer(all) { // above everything, whatever is looked at
  const running = timer();
  at("timer").hidden = !running;
  if (!running) return;
  const task = all.find((one) => one.id === running.work_order_id);
  at("timer-task").textContent = tr("#%(order)s: %(activity)s", {order: running.work_order_id, activity: tr(running.activity)});
  at("timer-task").disabled = !task;
  at("timer-task").onclick = () => { stopCamera(); state.scanning = false; choose(task.id); };
  at("timer-stop").onclick = async () => { await stopTimer(running.work_order_id); say(tr("Time noted"), true); };
  tick();
}

function tick() {
  const running = timer();
  if (running) at("timer-clock").textContent = elapsed(running.started_at);
}
setInterval(() => { if (!document.hidden) tick(); }, 1000);

document.addEventListener("my:taken", async ({detail: {item, taken}}) => { // what runs is known before the next look at the desk
  if (!item.kind.startsWith("timer-") || taken.applied === false || !state.desk) return;
  state.desk.timer = after(state.desk.timer, item);
  await Queue.keep("data", state.desk);
});
