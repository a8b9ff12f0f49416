// Answers what a person presses: buttons that copy, and arrow keys along the runs of a strip. Without this file a text can be copied by hand,
// and the runs are in a table on the page of the probe.
"use strict";
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  text.select();
  try {
    await navigator.clipboard.writeText(text.value);
  } catch {
    document.execCommand("copy"); // without TLS a browser has no clipboard for scripts, except on this machine
  }
  button.textContent = "Copied";
});

// enter puts the strip of a probe's page, whose runs can be reached, over the one in a row. It stands still until the focus leaves it.
async function enter(row, key) {
  const answer = await fetch(row.href).catch(() => null);
  if (!answer) return; // the page says that it is disconnected
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const strip = page.getElementById("strip");
  if (!strip?.querySelector(".stops")) return location.assign(row.href); // there is no run, or no such probe any more
  strip.removeAttribute("id");
  for (const run of strip.querySelectorAll("[href]")) run.setAttribute("href", new URL(run.getAttribute("href"), answer.url).href);
  document.querySelector(".runs .big")?.remove();
  row.after(strip);
  const runs = strip.querySelector(".stops").children;
  step(runs[runs.length - 1], runs[key === "Home" ? 0 : runs.length - 1]);
}

// step moves the focus from one run of a strip to another.
function step(from, to) {
  from.setAttribute("tabindex", "-1");
  to.setAttribute("tabindex", "0");
  to.focus();
}

document.addEventListener("keydown", (event) => {
  const { key, target } = event, row = target.closest(".along"), run = target.closest(".stops > *");
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (row && /^(ArrowLeft|ArrowRight|Home|End)$/.test(key)) {
    event.preventDefault();
    enter(row, key);
  }
  if (!run) return;
  const runs = [...run.parentNode.children], i = runs.indexOf(run);
  const next = runs[{ ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: runs.length - 1 }[key]], over = run.closest(".runs .big");
  if (next) {
    event.preventDefault();
    step(run, next);
  } else if (over && key === "Escape") {
    over.previousElementSibling.focus();
    over.remove();
  }
});
