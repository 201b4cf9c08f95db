/* Keeps the cashier's page for when there is no connection. What is kept is the same for everybody: no page that shows
   anybody or anything of a shop is ever put into the cache. */
const KNOWN = {{ known|safe }};
const nobody = (url) => new Request(url, { credentials: "omit", cache: "reload" });

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KNOWN.cache).then((cache) => cache.addAll([KNOWN.shell, ...KNOWN.files].map(nobody))).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name.startsWith("cashier-") && name !== KNOWN.cache).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

/* A redemption whose answer is lost waits like a code that was taken here (static/till.js), under the form's own key, so
   that it redeems once whether it had arrived or not. */
const queued = (code, key) => new Promise((resolve, reject) => {
  const opened = indexedDB.open("cashier", 1);
  opened.onupgradeneeded = () => opened.transaction.abort();
  opened.onerror = () => reject(opened.error);
  opened.onsuccess = () => {
    const change = opened.result.transaction(["who", "items"], "readwrite");
    const asked = change.objectStore("who").get("me");
    asked.onsuccess = () => {
      const { till, who, shop, store = "", scene = "" } = asked.result ?? {};
      if (!till) { change.abort(); return; }
      change.objectStore("items").put({ key, code, taken: new Date().toISOString(), till, who, shop, store, scene, state: "waiting", tried: true });
    };
    change.oncomplete = resolve;
    change.onabort = () => reject(change.error);
  };
});

const kept = async (url) => (await (await caches.open(KNOWN.cache)).match(url)) ?? Response.error();
const page = async (request) => {
  // A network that is there and carries nothing is none.
  const late = new Promise((_resolve, reject) => { setTimeout(reject, 10000); });
  if (request.method !== "POST") return Promise.race([fetch(request), late]).catch(() => kept(KNOWN.shell));
  // The page's own form, not one that another site sends here.
  if (!request.referrer.startsWith(`${location.origin}${KNOWN.page}`)) return fetch(request);
  const form = request.clone().formData();
  try {
    return await fetch(request);
  } catch {
    const sent = await form;
    return queued(sent.get("code") ?? "", sent.get("once") ?? "").then(() => Response.redirect(KNOWN.page, 303), () => Response.error());
  }
};
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (event.request.mode === "navigate" && url.pathname === KNOWN.page) event.respondWith(page(event.request));
  else if (event.request.method === "GET" && KNOWN.files.includes(url.pathname)) {
    event.respondWith(fetch(event.request).catch(() => kept(url.pathname)));
  }
});
