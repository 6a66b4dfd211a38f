/* The page lives from its server: this script takes the parts that changed, follows links without leaving the page, and
   keeps what is the viewer's own (palette, wall mode, open tables, where the keyboard is). Without it, links still work. */
"use strict";

const PALETTES = ["auto", "clair", "sombre", "daltonien"];
const SILENT_AFTER = 5000;
const root = document.documentElement;
let stream = null;
let heard = Date.now();
let lost = false;
let dragging = false;

function recall(name) {
  try { return localStorage.getItem(name) || ""; } catch { return ""; }
}

function remember(name, value) {
  try { localStorage.setItem(name, value); } catch { /* a private window forgets */ }
}

function setPalette(name) {
  const known = PALETTES.includes(name) ? name : "auto";
  root.dataset.palette = known;
  for (const select of document.querySelectorAll("[data-palette]")) if (select !== root) select.value = known;
  return known;
}

setPalette(recall("palette"));
if (new URLSearchParams(location.search).has("mur") || recall("mur") === "oui") root.dataset.mur = "oui";

/* Make `before` look like `after`, touching only what differs: focus, scroll and open tables stay. */
function morph(before, after) {
  for (const { name, value } of [...after.attributes]) {
    if (before.getAttribute(name) !== value) before.setAttribute(name, value);
  }
  for (const { name } of [...before.attributes]) {
    if (!after.hasAttribute(name) && !(before.tagName === "DETAILS" && name === "open")) before.removeAttribute(name);
  }
  if (before.matches("input, select")) return followField(before, after);
  const old = [...before.childNodes];
  const fresh = [...after.childNodes];
  const keyed = new Map(old.filter((node) => node.dataset && keyOf(node)).map((node) => [keyOf(node), node]));
  fresh.forEach((node, place) => {
    let twin = before.childNodes[place];
    const moved = node.dataset && keyOf(node) ? keyed.get(keyOf(node)) : null;
    if (moved && moved !== twin && moved.parentNode === before) {
      before.insertBefore(moved, twin || null);
      twin = moved;
    }
    if (!twin) before.append(node.cloneNode(true));
    else if (twin.nodeType !== node.nodeType || twin.nodeName !== node.nodeName) twin.replaceWith(node.cloneNode(true));
    else if (node.nodeType === Node.ELEMENT_NODE) morph(twin, node);
    else if (twin.nodeValue !== node.nodeValue) twin.nodeValue = node.nodeValue;
  });
  while (before.childNodes.length > fresh.length) before.lastChild.remove();
}

/* What a list item or a row is about, so that one that changes its place takes the focus with it. */
function keyOf(node) {
  return node.dataset.ligne || node.dataset.cle || node.firstElementChild?.dataset?.cle || "";
}

/* A field is the viewer's while it is used; else it shows where the page is. */
function followField(field, fresh) {
  if (field === document.activeElement || dragging || field.hasAttribute("data-palette")) return;
  if (field.tagName === "SELECT") field.value = fresh.querySelector("[selected]")?.value ?? field.options[0].value;
  else if (field.value !== fresh.getAttribute("value")) field.value = fresh.getAttribute("value");
}

function show(parts) {
  for (const [name, html] of Object.entries(parts)) {
    const part = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (!part) continue;
    const shell = part.cloneNode(false);
    shell.innerHTML = html;
    morph(part, shell);
  }
  settle();
}

/* What the server does not know: grey when it says so, the title, the palette that was chosen. */
function settle() {
  const bar = document.querySelector("[data-etat][data-fige]");
  root.dataset.fige = lost || bar?.dataset.fige === "oui" ? "oui" : "non";
  document.title = `${document.querySelector("h1")?.textContent.trim() || ""} · instant T`;
  setPalette(root.dataset.palette);
  document.querySelector("[data-mur]:not(html)")?.setAttribute("aria-pressed", String(root.dataset.mur === "oui"));
}

function announce(text) {
  document.getElementById("annonce").textContent = text;
}

function lose() {
  if (lost || Date.now() - heard < SILENT_AFTER) return;
  lost = true;
  const since = new Date(heard).toLocaleTimeString("fr-FR", { timeZone: "Europe/Paris" });
  const bar = document.querySelector("[data-etat][data-fige]");
  const words = `Données figées depuis ${since} : le mur ne répond plus`;
  if (bar) {
    bar.className = "bandeau bandeau-fige";
    bar.dataset.etat = "fige";
    bar.querySelector(".verdict strong").textContent = words;
  }
  announce(words);
  settle();
}

function listen() {
  if (stream) stream.close();
  stream = new EventSource(`/flux${location.search}`);
  stream.addEventListener("etat", (event) => {
    heard = Date.now();
    if (lost) {  // what was missed, and what this script wrote over, comes whole with a new stream
      lost = false;
      return listen();
    }
    show(JSON.parse(event.data).parts);
  });
  stream.onerror = () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    if ("attend" in root.dataset) location.reload();  // the server has a sentence about this address
    else setTimeout(listen, 3000);
  };
}

function go(address) {
  const target = new URL(address, location.href);
  if (target.origin !== location.origin || target.pathname !== "/") return location.assign(target);
  if (target.search !== location.search) history.pushState(null, "", target);
  root.dataset.attend = "oui";
  listen();
  stream.addEventListener("etat", () => delete root.dataset.attend, { once: true });
}

function goTo(changes) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
  go(`/?${query}`);
}

/* The instant of a day and a time of Paris, whatever the clock of this machine is set to. */
function instant(day, time) {
  const guess = new Date(`${day}T${time}:00Z`);
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: "Europe/Paris", timeZoneName: "longOffset" });
  const offset = parts.formatToParts(guess).find(({ type }) => type === "timeZoneName").value.replace("GMT", "") || "+00:00";
  return new Date(`${day}T${time}:00${offset}`);
}

function goToInstant(day, time) {
  if (!day || !time) return;
  const at = instant(day, time);
  goTo({ t: at > new Date() ? "" : `${at.toISOString().slice(0, 19)}Z` });
}

function timeOf(minutes) {
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

function toggleWall() {
  const on = root.dataset.mur !== "oui";
  root.dataset.mur = on ? "oui" : "non";
  remember("mur", on ? "oui" : "");
  if (on) root.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
  settle();
}

async function copyTable(button) {
  const table = document.querySelector(`[data-tableau="${CSS.escape(button.dataset.copier)}"] table`);
  const lines = [...table.rows].map((row) => [...row.cells].map((cell) => {
    const text = (cell.dataset.valeur ?? cell.textContent).replace(/\u202f(?=\d)/g, "").trim();
    const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.,]+$/.test(text) ? `'${text}` : text;
    return `"${safe.replaceAll('"', '""')}"`;
  }).join(";"));
  const text = lines.join("\r\n");
  button.dataset.csv = text;
  try {
    await navigator.clipboard.writeText(text);
    announce("Tableau copié.");
    button.textContent = "Copié";
  } catch {
    announce("Le navigateur refuse la copie.");
    button.textContent = "Copie refusée";
  }
}

function onClick(event) {
  const link = event.target.closest("a[href]");
  const plain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
  if (link && plain && new URL(link.href).pathname === "/" && !link.getAttribute("href").startsWith("#")) {
    event.preventDefault();
    return go(link.href);
  }
  const button = event.target.closest("button");
  if (button?.dataset.copier) copyTable(button);
  else if (button?.hasAttribute("data-mur")) toggleWall();
  else if (button?.hasAttribute("data-aide")) document.getElementById("aide").showModal();
  for (const open of document.querySelectorAll("details[open]")) if (!open.contains(event.target)) open.open = false;
}

function onChange(event) {
  const field = event.target;
  const value = (name) => document.querySelector(`[${name}]`).value;
  if (field.matches("[data-palette]")) remember("palette", setPalette(field.value));
  else if (field.matches("[data-curseur]")) goToInstant(value("data-jour"), timeOf(Number(field.value)));
  else if (field.matches("[data-jour], [data-minute]")) goToInstant(value("data-jour"), value("data-minute"));
  else if (field.matches("[data-comparer-jour]")) goTo({ comparer: field.value });
  else if (field.matches("[data-comparer]") && field.value === "jour") {
    const day = document.querySelector("[data-comparer-jour]");
    day.hidden = false;
    day.focus();
  } else if (field.matches("[data-comparer]")) goTo({ comparer: field.value === "auto" ? "" : field.value });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
  if (document.querySelector("dialog[open]")) return;
  const press = (selector) => document.querySelector(selector)?.click();
  const actions = {
    1: () => press('[data-fenetre="1"]'), 2: () => press('[data-fenetre="5"]'), 3: () => press('[data-fenetre="15"]'),
    4: () => press('[data-fenetre="60"]'), ArrowLeft: () => press("[data-recule]"), ArrowRight: () => press("[data-avance]"),
    d: () => press("[data-direct]"), m: toggleWall, "?": () => press("[data-aide]"),
    p: () => remember("palette", setPalette(PALETTES[(PALETTES.indexOf(root.dataset.palette) + 1) % PALETTES.length])),
    Escape: () => {
      const open = document.querySelector("details[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); } else press("[data-retour]");
    },
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

document.addEventListener("DOMContentLoaded", () => {
  settle();
  listen();
  setInterval(lose, 500);
  document.addEventListener("click", onClick);
  document.addEventListener("change", onChange);
  document.addEventListener("keydown", onKey);
  document.addEventListener("submit", (event) => { if (!event.target.closest("dialog")) event.preventDefault(); });
  document.addEventListener("input", ({ target }) => {
    if (target.matches("[data-curseur]")) document.querySelector("[data-minute]").value = timeOf(Number(target.value));
  });
  document.addEventListener("pointerdown", ({ target }) => { dragging = target.matches?.("[data-curseur]") || false; });
  document.addEventListener("pointerup", () => { dragging = false; });
  window.addEventListener("popstate", () => go(location.href));
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement && root.dataset.mur === "oui") toggleWall();
  });
});
