/* The cashier's page without a connection: codes are taken, kept on the device with a key and the instant, and sent when
   the connection is back, under the name under which they were taken or not at all. What came of each is shown. */
import { newKey, readCode } from "./lib/codes.js";
import { add, claim, drop, items, keepWho, put, readWho, remove } from "./lib/till-store.js";

const place = document.querySelector("[data-till]");
const $ = (selector, scope = document) => scope.querySelector(selector);
const { page, queue, undo } = place.dataset; // addresses
const isShell = !place.dataset.till;
const DAY = 86400000;
const PATIENCE = 20000;
const LONGEST_PAUSE = 120000;
let who = null; // who took what is taken here
let away = isShell || !navigator.onLine;
let pause = 0;
let timer = 0;
let token = "";
const peers = "BroadcastChannel" in window ? new BroadcastChannel("cashier") : null;

const say = (name, values = {}) => {
  const words = $(`template[data-words="${name}"]`, place).content.textContent.trim();
  return words.replace(/\{(\w+)\}/g, (_whole, key) => values[key] ?? "");
};
const tell = (text) => { const live = $("#live"); live.textContent = ""; requestAnimationFrame(() => { live.textContent = text; }); };
const clock = (instant) => new Date(instant).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/* ---- what is shown ---- */
const LEVELS = { waiting: "warning", redeemed: "success", refused: "critical" };
const button = (name, act) => {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn";
  made.textContent = say(name);
  made.addEventListener("click", act);
  return made;
};
const undoForm = (item) => {
  const form = $("template[data-undo-form]", place).content.firstElementChild.cloneNode(true);
  form.action = undo;
  form.elements.use.value = item.use;
  form.elements.csrfmiddlewaretoken.value = token || $("[name=csrfmiddlewaretoken]")?.value || "";
  form.querySelector("[data-until]").textContent = say("possible", { time: clock(item.undo_until) });
  return form;
};
const row = (item) => {
  const made = $("template[data-row]", place).content.firstElementChild.cloneNode(true);
  $("[data-code]", made).textContent = `${item.code.slice(0, 5)}-${item.code.slice(5)}`;
  $("[data-at]", made).textContent = say("taken", { time: clock(item.taken) });
  const chip = $("[data-state]", made);
  chip.textContent = say(item.state);
  chip.classList.add(`chip-${LEVELS[item.state]}`);
  $("[data-says]", made).textContent = item.state === "waiting" ? say(item.tried ? "asked" : "unsure") : [item.says, item.name, item.member].filter((each) => each && each !== "--").join(" · ");
  const acts = $("[data-acts]", made);
  if (item.state === "waiting" && !item.tried) acts.append(button("drop", async () => { await drop(item.key); await changed(); send(); }));
  if (item.state === "redeemed" && new Date(item.undo_until) > new Date() && (token || !isShell)) acts.append(undoForm(item));
  if (!acts.children.length) acts.remove();
  return made;
};
const show = async () => {
  const all = await items();
  const mine = all.filter((item) => who && item.till === who.till);
  const waiting = mine.filter((item) => item.state === "waiting").length;
  const others = new Map();
  for (const item of all.filter((each) => each.state === "waiting" && !mine.includes(each))) {
    const key = JSON.stringify([item.who, item.shop]);
    others.set(key, (others.get(key) ?? 0) + 1);
  }
  place.hidden = !mine.length && !others.size;
  $("[data-title]", place).textContent = waiting ? say("title", { n: waiting }) : say("settled");
  $("[data-rows]", place).replaceChildren(...mine.reverse().map(row));
  $("[data-list]", place).hidden = !mine.length;
  $("[data-send]", place).hidden = !waiting;
  $("[data-clear]", place).hidden = mine.length === waiting;
  $("[data-others]", place).replaceChildren(...[...others].map(([key, n]) => {
    const [name, shop] = JSON.parse(key);
    const line = document.createElement("p");
    line.textContent = say("others", { n, who: name, shop });
    return line;
  }));
};
const changed = async () => { await show(); peers?.postMessage("changed"); };
const setAway = (now) => {
  away = now;
  $("[data-away]").hidden = !now;
  $("[data-back]")?.toggleAttribute("hidden", now);
  const label = $("[data-take-label]");
  if (label) label.textContent = now ? label.dataset.takeLabel : label.dataset.checkLabel;
};

/* ---- taking a code ---- */
const refuse = (form, text) => {
  const field = form.elements.code;
  const line = $("[data-take-error]");
  line.textContent = text;
  line.hidden = !text;
  field.setAttribute("aria-invalid", String(Boolean(text)));
  if (text) { field.focus(); tell(text); }
};
const take = async (code, key) => {
  if (!who) return say("nobody");
  const known = (await items()).some((item) => item.code === code && item.state === "waiting" && item.till === who.till && item.key !== key);
  if (known) return say("twice");
  try {
    await add({ key, code, taken: new Date().toISOString(), till: who.till, who: who.who, shop: who.shop, store: who.store ?? "", scene: who.scene ?? "", state: "waiting", tried: false });
  } catch {
    return say("unkept");
  }
  navigator.storage?.persist?.().catch(() => {});
  await changed();
  tell(say("kept"));
  later();
  return "";
};
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!away || !form.matches("[data-scan-form], [data-redeem-form]")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const field = form.elements.code, typed = field.value, code = readCode(typed), isLookedAt = form.matches("[data-redeem-form]");
  if (code && !isLookedAt) field.value = ""; // the next one may be typed while this one is written down
  const wrong = code ? await take(code, form.elements.once?.value || newKey()) : say("unread");
  if (isLookedAt) { form.closest("section").hidden = !wrong; if (wrong) tell(wrong); return; }
  if (wrong && !field.value) field.value = typed;
  refuse(form, wrong);
  if (!wrong) field.focus();
}, true);

/* ---- sending ---- */
const ask = (more = {}) => fetch(queue, { redirect: "manual", cache: "no-store", ...more, headers: { Accept: "application/json", ...more.headers }, signal: AbortSignal.timeout(PATIENCE) });
const later = () => {
  pause = Math.min(LONGEST_PAUSE, pause ? pause * 2 : 2000);
  clearTimeout(timer);
  timer = setTimeout(send, pause * (0.75 + Math.random() / 2));
};
const note = (name, values) => {
  const line = $("[data-note]", place);
  line.textContent = name ? say(name, values) : "";
  line.hidden = !name;
};
/* Who is signed in; null when nobody is, or the server cannot say. */
const contact = async () => {
  let answer;
  try {
    answer = await ask();
  } catch {
    setAway(true);
    later();
    return null;
  }
  if (answer.ok) {
    setAway(false);
    return answer.json();
  }
  if (answer.type === "opaqueredirect" || answer.status === 403) {
    setAway(false);
    note("signin", who ?? {});
    $("[data-signin]", place).hidden = false;
  } else later();
  return null;
};
/* Whether the next may be sent: not where the network is gone again. */
const sendOne = async (key, me) => {
  const item = await claim(key);
  if (!item) return true;
  const body = new URLSearchParams({ till: item.till, key: item.key, code: item.code, taken: item.taken, store: item.store ?? "", scene: item.scene ?? "" });
  let answer;
  try {
    answer = await ask({ method: "POST", body, headers: { "X-CSRFToken": me.token } });
  } catch {
    return false;
  }
  if (answer.status !== 200) { later(); return true; }
  const told = await answer.json();
  await put({ ...item, ...told, settled: new Date().toISOString() });
  pause = 0;
  await changed();
  tell(`${say(told.state)}. ${told.says}`);
  return true;
};
const sendAll = async () => {
  const waiting = (await items()).filter((item) => item.state === "waiting");
  if (!waiting.length && !away) return;
  const me = await contact();
  if (!me) return;
  token = me.token;
  note("");
  $("[data-signin]", place).hidden = true;
  for (const item of waiting.filter((each) => each.till === me.till)) {
    if (!(await sendOne(item.key, me))) { setAway(true); later(); return; }
  }
  if (who && me.till !== who.till && waiting.some((item) => item.till === who.till)) note("signin", who);
  await show();
};
let sending = null;
/* One tab at a time, once at a time; the others look later whether it is done. */
const send = async () => {
  clearTimeout(timer);
  if (sending || !navigator.onLine) return;
  sending = navigator.locks ? navigator.locks.request("cashier-send", { ifAvailable: true }, (lock) => (lock ? sendAll() : later())) : sendAll();
  try { await sending; } catch { later(); } finally { sending = null; }
};

/* ---- the way in ---- */
const begin = async () => {
  if (isShell) {
    who = (await readWho()) ?? null;
    const typed = new URLSearchParams(location.search).get("code");
    if (typed) $("[data-scan-form] [name=code]").value = typed.slice(0, 64);
    if (location.search) history.replaceState(null, "", location.pathname);
    if (who) {
      $("[data-shop]").textContent = who.shop;
      if (who.theme !== "auto") { document.documentElement.dataset.theme = who.theme; document.documentElement.setAttribute("data-bs-theme", who.theme); }
    }
  } else {
    const { till, who: name, shop, store, scene } = place.dataset;
    who = { till, who: name, shop, store, scene, theme: document.documentElement.dataset.theme || "auto" };
    await keepWho(who);
    navigator.serviceWorker?.register(place.dataset.worker, { scope: page }).catch(() => {});
  }
  const all = await items();
  const gone = (item) => item.state !== "waiting" && (item.till !== who?.till || Date.now() - new Date(item.settled) > DAY);
  await remove(all.filter(gone).map((item) => item.key));
  setAway(away);
  await show();
  send();
};
addEventListener("online", () => { pause = 0; if (!isShell) setAway(false); send(); });
addEventListener("offline", () => setAway(true));
document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });
document.addEventListener("liushui:theme", (event) => { if (who && !isShell) { who.theme = event.detail; keepWho(who).catch(() => {}); } });
peers?.addEventListener("message", () => show());
$("[data-send]", place).addEventListener("click", () => { pause = 0; if (!navigator.onLine) tell(say("away")); send(); });
$("[data-clear]", place).addEventListener("click", async () => {
  await remove((await items()).filter((item) => item.till === who?.till && item.state !== "waiting").map((item) => item.key));
  changed();
});
begin().catch(() => { place.hidden = false; note("unkept"); });
