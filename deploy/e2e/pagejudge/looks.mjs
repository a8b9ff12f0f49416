// How every page looks: for axe-core light and dark, at the width of a phone, zoomed to 400 %, printed, and with less motion.
import { readFileSync } from "node:fs";
import { fault } from "./browser.mjs";

const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

// A window of 1280 pixels that is zoomed to 400 % has 320: https://www.w3.org/TR/WCAG22/#reflow.
const widths = { "400 %": 320, phone: 360, desktop: 1280 };

export async function looks(open, base, paths) {
  for (const scheme of ["light", "dark"]) {
    for (const [name, width] of Object.entries(widths)) {
      const page = await open(`${scheme} ${name}`, base, { width, features: { "prefers-color-scheme": scheme } });
      for (const [kind, path] of Object.entries(paths)) await look(page, `${scheme} ${name} ${kind}`, base + path, name !== "400 %");
      await page.close();
    }
  }
}

async function look(page, where, address, withAxe) {
  await page.goto(address);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) fault(where, `scrolls sideways by ${wide} px`);
  if (!withAxe) return;
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const v of violations) fault(where, v.id, v.help, v.nodes[0].html);
}

export async function printed(open, base, paths) {
  const page = await open("print", base, { features: { "prefers-color-scheme": "dark" } });
  for (const [kind, path] of Object.entries(paths)) {
    await page.goto(base + path);
    await page.emulateMediaType("print");
    const { back, ink, forms } = await page.evaluate(() => ({
      back: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
      forms: [...document.querySelectorAll("form, button")].filter((e) => e.checkVisibility()).length,
    }));
    if (back !== "rgb(255, 255, 255)" || ink !== "rgb(0, 0, 0)") fault("print", kind, `is not black on white: ${ink} on ${back}`);
    if (forms > 0) fault("print", kind, `has ${forms} forms and buttons`);
    await page.emulateMediaType(null);
  }
  await page.close();
}

export async function still(open, base, paths) {
  const page = await open("less motion", base, { features: { "prefers-reduced-motion": "reduce" } });
  for (const [kind, path] of Object.entries(paths)) {
    await page.goto(base + path);
    const moves = await page.evaluate(() => document.getAnimations().length + (getComputedStyle(document.documentElement).scrollBehavior === "auto" ? 0 : 1));
    if (moves > 0) fault("less motion", kind, "moves");
  }
  await page.close();
}
