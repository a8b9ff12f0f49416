// Keeps an open page current. Without this file the page is complete, and shows the state of its loading.
"use strict";
(() => {
  const offset = Number(document.body.dataset.now) - Date.now(); // from this clock to the server's
  const listening = new URL("../events", document.currentScript.src);
  const live = document.getElementById("live");
  let etag = "", events, heard = Date.now(), lost = false, fetched = 0, waiting, running = false, again = false;

  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  function lasting(seconds) {
    const i = units.findIndex(([size]) => seconds >= size);
    if (i < 0) return "0 s";
    let text = Math.floor(seconds / units[i][0]) + " " + units[i][1];
    const rest = seconds % units[i][0];
    if (i < 3 && rest >= units[i + 1][0]) text += " " + Math.floor(rest / units[i + 1][0]) + " " + units[i + 1][1];
    return text;
  }

  // Takes over what differs. Elements with an id keep their place in the document, open details stay open, and a field that a person
  // uses is left alone.
  function adopt(old, next) {
    if (old.nodeName !== next.nodeName || old.nodeType !== next.nodeType || old.id !== next.id) return old.replaceWith(next);
    if (old.nodeType !== 1) {
      if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
      return;
    }
    if (old === document.activeElement && /INPUT|SELECT|TEXTAREA/.test(old.nodeName)) return;
    for (const { name, value } of [...next.attributes]) if (old.getAttribute(name) !== value && !(name === "tabindex" && old.parentNode.contains(document.activeElement))) old.setAttribute(name, value);
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    children(old, next);
  }
  function children(old, next) {
    const ids = new Set([...next.children].map((e) => e.id));
    for (const e of [...old.children]) if (e.id && !ids.has(e.id)) e.remove(); // an element that stays is not moved, so it keeps the focus
    const known = new Map([...old.children].filter((e) => e.id).map((e) => [e.id, e]));
    let place = old.firstChild;
    for (const child of [...next.childNodes]) {
      const same = child.id ? known.get(child.id) : place && !place.id && place.nodeName === child.nodeName ? place : null;
      if (!same) { old.insertBefore(child, place); continue; }
      if (same === place) place = place.nextSibling; else old.insertBefore(same, place);
      adopt(same, child);
    }
    while (place) {
      const after = place.nextSibling;
      if (!place.contains(document.activeElement)) place.remove(); // a strip with the focus stays
      place = after;
    }
  }

  async function refresh() {
    if (running) { again = true; return; }
    running = true;
    fetched = Date.now();
    try {
      const answer = await fetch(location.href, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
      if (answer.status === 200) {
        etag = answer.headers.get("ETag") || "";
        const next = new DOMParser().parseFromString(await answer.text(), "text/html");
        document.title = next.title;
        adopt(document.getElementById("main"), next.getElementById("main"));
        const icon = "link[rel=icon]";
        document.querySelector(icon).href = next.querySelector(icon).getAttribute("href");
      }
      if (answer.redirected) location.reload(); // the login has ended
      if (answer.status === 200 || answer.status === 304) heard = Date.now();
    } catch { /* the clock below says that the page is disconnected */ }
    running = false;
    if (again) { again = false; soon(2000); }
  }
  function soon(pause) {
    if (waiting) return;
    waiting = setTimeout(() => { waiting = 0; refresh(); }, Math.max(0, fetched + pause - Date.now()));
  }

  function listen() {
    events = new EventSource(listening);
    events.onopen = () => { heard = Date.now(); lost = false; soon(500); };
    events.addEventListener("beat", () => { heard = Date.now(); });
    events.addEventListener("runs", () => { heard = Date.now(); soon(2000); });
    events.addEventListener("urgent", () => { heard = Date.now(); clearTimeout(waiting); waiting = 0; soon(500); });
    events.onerror = () => { lost = true; if (events.readyState === EventSource.CLOSED) setTimeout(show, 30000); };
  }
  function show() {
    events?.close();
    if (!document.hidden) listen();
  }
  document.addEventListener("visibilitychange", show);

  setInterval(() => {
    if (document.hidden) return;
    const now = Date.now() + offset, quiet = Math.round((Date.now() - heard) / 1000);
    document.getElementById("now").textContent = new Date(now).toISOString().slice(11, 19) + " UTC";
    for (const e of document.querySelectorAll("[data-ago]")) {
      const text = lasting(Math.max(0, Math.round((now - Date.parse(e.dateTime)) / 1000)));
      if (e.textContent !== text) e.textContent = text;
    }
    const stale = quiet >= 40;
    document.documentElement.className = stale ? "stale" : lost ? "lost" : "live";
    live.textContent = stale ? "no update for " + lasting(quiet) : lost ? "disconnected, trying again" : "live";
  }, 1000);
  show();
})();
