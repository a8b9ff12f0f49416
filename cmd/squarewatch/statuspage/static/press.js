// Answers what a person presses: buttons that copy, and arrow keys along the runs of a strip. Without this file a text can be copied by hand,
// and the runs are in a table.
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

document.addEventListener("keydown", (event) => {
  const stop = event.target.closest(".stops > *");
  if (!stop) return;
  const stops = [...stop.parentNode.children], i = stops.indexOf(stop);
  const next = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: stops.length - 1 }[event.key];
  if (next === undefined || !stops[next]) return;
  event.preventDefault();
  stop.setAttribute("tabindex", "-1");
  stops[next].setAttribute("tabindex", "0");
  stops[next].focus();
});
