// The keyboard alone reaches everything, shows where it is, and does everything.
import { fault, until } from "./browser.mjs";

// tabTo presses Tab until a condition holds for the element with the focus.
async function tabTo(page, what, condition, argument) {
  for (let i = 0; i < 400; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(condition, argument)) return true;
  }
  fault("keyboard", "Tab does not reach", what);
  return false;
}

const onText = (text) => document.activeElement?.textContent.trim() === text;
const onName = (name) => document.activeElement?.getAttribute("name") === name;

// reach presses Tab through every page. All that can be pressed gets the focus, and shows that it has it.
export async function reach(open, base, paths) {
  for (const [kind, path] of Object.entries(paths)) {
    const page = await open("keyboard " + kind, base);
    await page.goto(base + path);
    const wanted = await page.evaluate(() => {
      globalThis.wanted = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")]
        .filter((e) => e.tabIndex >= 0 && (e.checkVisibility() || e.closest("svg")));
      return globalThis.wanted.length;
    });
    const got = new Set();
    for (let i = 0; i < wanted + 5; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const e = document.activeElement, inner = e.querySelector("rect");
        const seen = getComputedStyle(e).outlineStyle !== "none" || (inner && getComputedStyle(inner).strokeOpacity === "1");
        return { at: globalThis.wanted.indexOf(e), seen, html: e.outerHTML.slice(0, 80) };
      });
      if (at.at < 0) continue;
      got.add(at.at);
      if (!at.seen) fault("keyboard", kind, "the focus cannot be seen on", at.html);
    }
    const lost = await page.evaluate((had) => globalThis.wanted.filter((e, i) => !had.includes(i) && e.isConnected)
      .map((e) => e.outerHTML.slice(0, 80)), [...got]);
    if (lost.length > 0) fault("keyboard", kind, `Tab reaches ${got.size} of ${wanted}, and not`, ...lost);
    await page.close();
  }
}

// along goes along the runs of a strip with the arrow keys, and opens one.
export async function along(open, base, paths) {
  const page = await open("keyboard along", base);
  await page.goto(base + paths.probe);
  if (!await tabTo(page, "the strip", () => !!document.activeElement?.closest(".stops > *"))) return;
  const label = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  const newest = await label();
  await page.keyboard.press("ArrowLeft");
  const before = await label();
  await page.keyboard.press("Home");
  const oldest = await label();
  if (before === newest || oldest === before || oldest === newest) fault("keyboard", "arrow keys do not go along the strip", newest, before, oldest);
  await page.keyboard.press("End");
  await page.evaluate(() => { globalThis.mine = document.activeElement; });
  const runs = () => page.evaluate(() => document.querySelector(".stops").lastElementChild.id);
  const last = await runs();
  if (!await until(async () => (await runs()) !== last)) fault("keyboard", "no live update arrived");
  if (!await page.evaluate(() => document.activeElement === globalThis.mine)) fault("keyboard", "a live update took the focus away");
  for (let i = 0; i < 60 && !await page.evaluate(() => document.activeElement.hasAttribute("href")); i++) await page.keyboard.press("ArrowLeft");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!page.url().includes("/run/")) fault("keyboard", "Enter on a run of the strip leads to", page.url());
  await page.close();
}

// alongRow goes along the strip of a row of the home page, while updates arrive, and opens a run.
export async function alongRow(open, base) {
  const page = await open("keyboard row", base);
  await page.goto(base + "/");
  const onRow = () => document.activeElement?.matches("#r-feed .along");
  const label = () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? "");
  const onRun = () => until(() => page.evaluate(() => !!document.activeElement?.closest("#r-feed .stops > *")));
  if (!await tabTo(page, "the strip of a row", onRow)) return;
  await page.keyboard.press("ArrowLeft");
  if (!await onRun()) return fault("keyboard", "an arrow key does not lead to the runs of a row");
  const newest = await label();
  await page.keyboard.press("ArrowLeft");
  const before = await label();
  await page.keyboard.press("Home");
  const oldest = await label();
  if (before === newest || oldest === before || oldest === newest) fault("keyboard", "arrow keys do not go along a row", newest, before, oldest);
  await page.evaluate(() => { globalThis.mine = document.activeElement; });
  const row = () => page.evaluate(() => document.querySelector("#r-feed .along").innerHTML);
  for (let i = 0, last = await row(); i < 2; i++, last = await row()) {
    if (!await until(async () => (await row()) !== last)) fault("keyboard", "no live update of the row arrived");
  }
  if (!await page.evaluate(() => document.activeElement === globalThis.mine)) fault("keyboard", "a live update took the focus from a row");
  await page.keyboard.press("Escape");
  if (!await page.evaluate(onRow) || await page.$(".runs .big")) fault("keyboard", "Escape does not lead back to the row");
  await page.keyboard.press("End");
  await onRun();
  for (let i = 0; i < 60 && !await page.evaluate(() => document.activeElement.hasAttribute("href")); i++) await page.keyboard.press("ArrowLeft");
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  if (!page.url().startsWith(base + "/run/") || !await page.$(".attempt")) fault("keyboard", "Enter on a run of a row leads to", page.url());
  await page.close();
}

// act logs in, acknowledges, writes a note and silences with keys only. It returns the page of the incident.
export async function act(open, base, paths, token) {
  const page = await open("keyboard act", base);
  const press = () => Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  await page.goto(base + paths.incident);
  if (!await tabTo(page, "the login", onText, "login")) return page;
  await press();
  await tabTo(page, "the name", onName, "name");
  await page.keyboard.type("ada");
  await tabTo(page, "the token", onName, "token");
  await page.keyboard.type(token);
  await press();
  if (!page.url().endsWith(paths.incident)) fault("keyboard", "after the login the browser is at", page.url());
  for (const [button, want] of [["Acknowledge", "Acknowledged"], ["Silence 1 h", "Silenced"]]) {
    if (!await tabTo(page, button, onText, button)) continue;
    await press();
    const done = await until(async () => {
      await page.reload();
      return page.evaluate((text) => [...document.querySelectorAll(".timeline b")].some((b) => b.textContent === text), want);
    });
    if (!done) fault("keyboard", `${button} has no entry "${want}" in the timeline`);
  }
  await tabTo(page, "the note", onName, "text");
  await page.keyboard.type("asked AISquare");
  await press();
  if (!await page.evaluate(() => document.querySelector(".timeline").textContent.includes("asked AISquare"))) fault("keyboard", "the note is not in the timeline");
  return page;
}
