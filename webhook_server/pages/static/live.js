"use strict";
// Counts down, and shows what a run under way does; without it the page is the same, as of when it was asked for.
const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
function inWords(seconds) {
  if (seconds <= 0) return "open";
  const parts = [];
  for (const [size, name] of units) {
    const many = Math.floor(seconds / size);
    seconds -= many * size;
    if (many || parts.length) parts.push(`${many} ${name}`);
  }
  return `in ${parts.slice(0, 2).join(" ") || "0 s"}`;
}
function count() {
  for (const each of document.querySelectorAll("time.countdown")) {
    each.textContent = inWords(Math.floor((Date.parse(each.dateTime) - Date.now()) / 1000));
  }
}
const live = document.getElementById("live");
if (live) {
  const events = new EventSource(live.dataset.events);
  events.onmessage = (event) => { live.innerHTML = JSON.parse(event.data); };
}
async function again() {
  const asked = document.getElementById("asked");
  const answer = await fetch(asked.dataset.waits || location.href).catch(() => null);
  if (!answer) { setTimeout(again, 5000); return; }
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("asked");
  if (!fresh) { location.reload(); return; }
  asked.innerHTML = fresh.innerHTML;
  if ("waits" in fresh.dataset) setTimeout(again, 2000); else asked.removeAttribute("aria-busy");
}
if (document.querySelector("[data-waits]")) setTimeout(again, 1000);
if (document.querySelector("time.countdown")) { count(); setInterval(count, 1000); }
