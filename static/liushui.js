/* What a script makes quicker. Every flow works without it: layers open by :target, forms post, menus are details. */
(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (selector, scope = document) => scope.querySelector(selector);
  const all = (selector, scope = document) => [...scope.querySelectorAll(selector)];
  const focusable = 'a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select:not([disabled]), textarea:not([disabled]), summary, [tabindex="0"]';

  const say = (text, now = false) => {
    const place = $(now ? "#live-now" : "#live");
    if (!place) return;
    place.textContent = "";
    requestAnimationFrame(() => { place.textContent = text; });
  };

  /* ---- theme: the form sets the cookie on the server too; here it is at once ---- */
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const applyTheme = (theme) => {
    root.dataset.theme = theme;
    if (theme === "light" || theme === "dark") root.setAttribute("data-bs-theme", theme);
    else if (systemDark.matches) root.setAttribute("data-bs-theme", "dark");
    else root.removeAttribute("data-bs-theme");
    all("[data-theme-switch] button").forEach((b) => b.setAttribute("aria-pressed", String(b.value === theme)));
    document.dispatchEvent(new CustomEvent("liushui:theme", { detail: theme }));
  };
  systemDark.addEventListener("change", () => applyTheme(root.dataset.theme || "auto"));
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-switch]");
    if (!form || !event.submitter) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const theme = event.submitter.value;
    applyTheme(theme);
    const body = new FormData(form);
    body.set("theme", theme);
    fetch(form.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
  }, true);

  /* ---- layers: drawer, dialog, menu; the address opens them, this keeps the focus right ---- */
  let opener = null;
  const layer = () => (location.hash.length > 1 ? document.getElementById(decodeURIComponent(location.hash.slice(1))) : null);
  const isLayer = (element) => element && (element.matches("[data-layer]") || (element.id === "menu" && getComputedStyle(element).position === "fixed"));
  const closeLayer = () => {
    if (!isLayer(layer())) return;
    // A fresh hash keeps the page where it is; an empty one would jump to its top.
    const at = [scrollX, scrollY];
    location.hash = "_";
    history.replaceState(history.state, "", location.pathname + location.search);
    scrollTo(...at);
    syncLayer();
  };
  const syncLayer = () => {
    const open = layer();
    const shown = isLayer(open);
    const parents = new Set();
    for (let node = open; shown && node && node !== document.body; node = node.parentElement) parents.add(node);
    // Everything that does not hold the layer is out of reach while it is open.
    all("body > *, .frame > *").forEach((node) => {
      const outside = shown && !parents.has(node) && !node.matches(".shade, script, .defs, .sr-only, .toasts, .offline");
      node.inert = outside;
    });
    if (shown) {
      const first = $("[autofocus]", open) || all(focusable, open).find((n) => !n.matches(".close, .side-close, .brand")) || open;
      first.focus({ preventScroll: true });
    } else if (opener && opener.isConnected) {
      opener.focus({ preventScroll: true });
      opener = null;
    }
  };
  addEventListener("hashchange", syncLayer);
  document.addEventListener("click", (event) => {
    const close = event.target.closest("[data-close]");
    if (close) { event.preventDefault(); closeLayer(); return; }
    const link = event.target.closest('a[href^="#"]');
    if (link && link.getAttribute("href").length > 1) {
      const target = document.getElementById(link.getAttribute("href").slice(1));
      if (isLayer(target)) opener = link;
      if (target && target.matches("details")) target.open = true;
      if (target && target.matches("input, select, textarea, fieldset") && link.closest("[data-error-summary]")) {
        event.preventDefault();
        (target.matches("fieldset") ? $("input", target) || target : target).focus();
        target.scrollIntoView({ block: "center" });
      }
    }
    all("details.pop[open]").forEach((d) => { if (!d.contains(event.target)) d.open = false; });
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches?.("details.pop")) all("details.pop[open]").forEach((d) => { if (d !== event.target) d.open = false; });
  }, true);

  /* ---- a form in a layer that did its work closes it; printing ---- */
  document.addEventListener("liushui:done", () => { closeLayer(); $("#main")?.focus({ preventScroll: true }); });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) print(); });

  /* ---- keys ---- */
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      const pop = $("details.pop[open]");
      if (pop) { pop.open = false; $("summary", pop).focus(); return; }
      closeLayer();
      return;
    }
    if (event.target.matches?.("input, textarea, select, [contenteditable]")) return;
    const target = all("[data-hotkey]").find((n) => n.dataset.hotkey === event.key && n.offsetParent);
    if (target) { event.preventDefault(); target.focus(); target.select?.(); }
  });

  /* ---- forms: one press is one submission; unsaved work is known ---- */
  const release = () => all("[data-busy]").forEach((n) => { delete n.dataset.busy; n.removeAttribute("aria-disabled"); });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    form.dataset.sent = "1";
    delete form.dataset.dirty;
    const button = event.submitter;
    setTimeout(() => {
      if (event.defaultPrevented && !form.matches("[data-hx-post], [data-hx-put]")) { delete form.dataset.sent; return; }
      if (button) { button.dataset.busy = ""; button.setAttribute("aria-disabled", "true"); }
    });
    // An answer that is a file leaves the page where it is: it can be used again.
    setTimeout(() => { delete form.dataset.sent; release(); }, 8000);
  });
  addEventListener("pageshow", () => { release(); all("form[data-sent]").forEach((f) => delete f.dataset.sent); });
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("[data-unsaved]");
    if (form) form.dataset.dirty = "1";
  });
  addEventListener("beforeunload", (event) => { if ($("form[data-dirty]")) event.preventDefault(); });

  /* Filters apply as they change; text waits for Enter, so that composing characters is never interrupted. */
  const apply = (form) => { if (form.isConnected) form.requestSubmit(); };
  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-autosubmit]");
    if (form && !form.matches("[data-hx-get]") && !event.target.matches('input[type="search"], input[type="text"]')) apply(form);
  });

  /* ---- focus on what went wrong ---- */
  const settle = (scope) => {
    const errors = $("[data-error-summary]", scope) || (scope.matches?.("[data-error-summary]") ? scope : null);
    const target = errors || $("[autofocus]", scope);
    if (target) target.focus();
  };

  /* ---- dates: the typed field stays, a button beside it opens the system's calendar ---- */
  const pickers = (scope) => all("input[data-date]", scope).forEach((input) => {
    if (input.dataset.ready || typeof HTMLInputElement.prototype.showPicker !== "function") return;
    input.dataset.ready = "1";
    const box = document.createElement("div");
    box.className = "affix date-box";
    input.replaceWith(box);
    const calendar = document.createElement("input");
    calendar.type = "date";
    calendar.tabIndex = -1;
    calendar.setAttribute("aria-hidden", "true");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.setAttribute("aria-label", root.dataset.pick || "");
    button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-calendar"/></svg>';
    box.append(input, button, calendar);
    button.addEventListener("click", () => { calendar.value = input.value; calendar.showPicker(); });
    calendar.addEventListener("change", () => {
      input.value = calendar.value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  });

  /* ---- selecting rows ---- */
  const countChecks = (name) => {
    const boxes = all(`[data-check="${CSS.escape(name)}"]`);
    const on = boxes.filter((b) => b.checked).length;
    all(`[data-check-all="${CSS.escape(name)}"]`).forEach((b) => { b.checked = on > 0 && on === boxes.length; b.indeterminate = on > 0 && on < boxes.length; });
    all(`[data-bulk="${CSS.escape(name)}"]`).forEach((bar) => {
      bar.hidden = on === 0;
      all("[data-bulk-count]", bar).forEach((n) => { n.textContent = String(on); });
    });
  };
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.dataset?.checkAll) { all(`[data-check="${CSS.escape(box.dataset.checkAll)}"]`).forEach((b) => { b.checked = box.checked; }); countChecks(box.dataset.checkAll); }
    else if (box.dataset?.check) countChecks(box.dataset.check);
  });

  /* ---- copying ---- */
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    source.select?.();
    try { await navigator.clipboard.writeText(source.value ?? source.textContent); } catch { document.execCommand("copy"); }
    const label = $("span", button);
    const before = label.textContent;
    label.textContent = button.dataset.copied;
    say(button.dataset.copied);
    setTimeout(() => { label.textContent = before; }, 2000);
  });
  document.addEventListener("focusin", (event) => { if (event.target.matches?.("[data-select]")) event.target.select(); });

  /* ---- the popup: modal, but never over work that is not saved ---- */
  const popup = () => {
    const dialog = $("dialog[data-popup]");
    if (!dialog || dialog.matches(":modal")) return;
    dialog.close();
    const busy = $("form[data-dirty], .has-error, [data-error-summary]") || isLayer(layer());
    if (busy) { dialog.show(); return; }
    dialog.showModal();
    $(".btn-primary", dialog)?.focus();
  };
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-receipt]");
    if (!form || event.submitter?.value) return;
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    fetch(form.action, { method: "POST", body, redirect: "manual", headers: { "HX-Request": "true" } }).catch(() => offline());
    form.closest("dialog").close();
  }, true);

  /* ---- a lost connection says so and offers to try again ---- */
  let retry = null;
  const offline = (again) => { const bar = $("#offline"); if (bar && !$("[data-away]")) { bar.hidden = false; retry = again || null; } };
  const online = () => { const bar = $("#offline"); if (bar) bar.hidden = true; };
  addEventListener("offline", () => offline());
  addEventListener("online", online);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-retry]")) return;
    online();
    if (retry) retry(); else location.reload();
  });
  const again = (detail) => {
    const source = detail.elt;
    return () => {
      if (!source?.isConnected) { location.reload(); return; }
      if (source.matches("form")) { delete source.dataset.sent; source.requestSubmit(); }
      else if (source.matches("a, button")) source.click();
      else window.htmx.trigger(source, detail.requestConfig?.triggeringEvent?.type || "load");
    };
  };
  document.addEventListener("htmx:sendError", (event) => offline(again(event.detail)));
  document.addEventListener("htmx:timeout", (event) => offline(again(event.detail)));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr?.status;
    // Where the server has a whole page to say (signed out, refused, gone), the reader goes there.
    if (status === 401 || status === 403 || status === 404) { const link = event.detail.elt?.closest?.("a[href]"); if (link) { location.href = link.href; return; } }
    offline(again(event.detail));
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt?.closest?.("form");
    if (form) delete form.dataset.sent;
    release();
    if (event.detail.successful) online();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const scope = event.detail.elt || event.target;
    pickers(scope);
    settle(scope);
  });

  /* ---- signing out takes along what the cashier's page keeps for when there is no connection ---- */
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-signout]") || !("caches" in window)) return;
    caches.keys().then((names) => names.filter((name) => name.startsWith("cashier-")).forEach((name) => caches.delete(name))).catch(() => {});
    navigator.serviceWorker?.getRegistrations().then((found) => found.forEach((each) => each.unregister())).catch(() => {});
    const kept = indexedDB.open("cashier", 1);
    kept.onupgradeneeded = () => kept.transaction.abort(); // there is none, and none is made
    kept.onerror = (failed) => failed.preventDefault();
    kept.onsuccess = () => {
      const change = kept.result.transaction(["who", "items"], "readwrite");
      change.objectStore("who").clear();
      const each = change.objectStore("items").openCursor(); // what came of codes names members; those that wait stay
      each.onsuccess = () => { const at = each.result; if (!at) return; if (at.value.state !== "waiting") at.delete(); at.continue(); };
      kept.result.close();
    };
  });

  /* ---- a code in front of the camera: where the browser reads them, else it is typed ---- */
  const scan = async (form) => {
    const view = $("[data-scan-view]", form), said = $("[data-scan-said]", form), video = $("[data-scan-video]", form);
    view.hidden = false;
    said.textContent = said.dataset.scanLook;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      const detector = new BarcodeDetector({ formats: ["qr_code", "code_128"] });
      video.srcObject = stream;
      await video.play();
      for (;;) {
        const [found] = await detector.detect(video);
        if (found) { $("[name=code]", form).value = found.rawValue.slice(0, 64); form.requestSubmit(); break; }
        await new Promise((resolve) => setTimeout(resolve, 150));
      }
    } catch (error) {
      said.textContent = said.dataset.scanNone;
    } finally {
      stream?.getTracks().forEach((track) => track.stop());
      video.srcObject = null;
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-scan]");
    if (button) scan(button.closest("[data-scan-form]"));
  });

  const start = () => {
    applyTheme(root.dataset.theme || "auto");
    pickers(document);
    all("[data-print]").forEach((button) => { button.hidden = false; });
    if ("BarcodeDetector" in window && navigator.mediaDevices) all("[data-scan]").forEach((button) => { button.hidden = false; });
    all("[data-bulk]").forEach((bar) => countChecks(bar.dataset.bulk));
    const target = location.hash.length > 1 && layer();
    if (target && target.matches("details")) target.open = true;
    if (isLayer(target)) syncLayer();
    const errors = $("[data-error-summary]");
    if (errors) errors.focus();
    popup();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
