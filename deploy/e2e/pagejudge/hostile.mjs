// Hostile text of the API, of the configuration and of people stays text on every page.
import { fault } from "./browser.mjs";

export async function hostile(open, base, paths, text) {
  const page = await open("hostile", base);
  let seen = 0;
  for (const [kind, path] of Object.entries(paths)) {
    await page.goto(base + path);
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
    const found = await page.evaluate(() => ({
      ran: globalThis.hostile !== undefined,
      elements: document.querySelectorAll("img, iframe, object, embed, base, main style, main script, [onerror], [onload], [onclick], [style]").length,
      links: [...document.links].filter((a) => !/^https?:$/.test(a.protocol)).length,
      words: document.body.textContent + [...document.querySelectorAll("textarea")].map((e) => e.value).join(""),
    }));
    if (found.ran) fault("hostile", kind, "a text ran as a script");
    if (found.elements > 0) fault("hostile", kind, "a text became an element or an attribute");
    if (found.links > 0) fault("hostile", kind, "a text became a link that is not one to a page");
    if (/[\u202a-\u202e\u2066-\u2069]/.test(found.words)) fault("hostile", kind, "a text turns the direction of writing");
    if (found.words.includes("<script>window.hostile=1</script>")) seen++;
  }
  if (seen < 3) fault("hostile", `want the text on the pages of the probe, the run and the incident at least, found it on ${seen}`);
  await page.close();
}

// notes writes a hostile note, and looks whether it is shown as text.
export async function hostileNote(page, text) {
  await page.type("input[name=text]", text.replace("\u202e", ""));
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  const shown = await page.evaluate(() => document.querySelector(".timeline").textContent);
  if (!shown.includes("<script>window.hostile=1</script>")) fault("hostile", "the note is not in the timeline");
  if (await page.evaluate(() => globalThis.hostile !== undefined)) fault("hostile", "a note ran as a script");
}
