// Answers what a person presses: buttons that copy. Without this file a text can be selected and copied by hand.
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
