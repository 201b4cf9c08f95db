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

const kept = async (url) => (await (await caches.open(KNOWN.cache)).match(url)) ?? Response.error();
const page = async (request) => {
  // A network that is there and carries nothing is none.
  const late = new Promise((_resolve, reject) => { setTimeout(reject, 10000); });
  if (request.method !== "POST") return Promise.race([fetch(request), late]).catch(() => kept(KNOWN.shell));
  const copy = request.clone();
  try {
    return await fetch(request);
  } catch {
    // The form may have arrived: it is sent again under its own key, so that it redeems once.
    const form = await copy.formData();
    const taken = new URLSearchParams({ code: form.get("code") ?? "", key: form.get("once") ?? "" });
    return Response.redirect(`${KNOWN.page}#taken:${taken}`, 303);
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
