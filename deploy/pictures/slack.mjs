// Draws our golden messages as Slack shows them, one PNG each. Arguments: the folder of the pictures, and golden files.
// The texts are mrkdwn with verbatim, which only switches automatic links off in Slack; slack-blocks-to-jsx would show them as plain text.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import puppeteer from "puppeteer-core";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { Message } from "slack-blocks-to-jsx";

const [folder, ...files] = process.argv.slice(2);
const style = readFileSync(new URL("node_modules/slack-blocks-to-jsx/dist/style.css", import.meta.url), "utf8");
const logo = "data:image/svg+xml," + encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 36 36"><rect width="36" height="36" rx="6" fill="#1c1d1f"/>' +
  '<path d="M7 19h6l4-9 4 16 3-7h5" fill="none" stroke="#fff" stroke-width="2.5"/></svg>');
const chromium = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });

process.env.TZ = "UTC";
for (const file of files) {
  const golden = readFileSync(file, "utf8");
  const { blocks } = JSON.parse(golden, (key, value) => (key === "verbatim" ? undefined : value));
  const time = new Date(1000 * Math.max(...[...golden.matchAll(/!date\^(\d+)/g)].map((found) => found[1]))); // the newest that it names
  const message = createElement(Message, { blocks, logo, name: "squarewatch", time, theme: "light" });
  const page = await chromium.newPage();
  page.setDefaultTimeout(120_000); // for a busy machine
  await page.setViewport({ width: 620, height: 400, deviceScaleFactor: 1.5 });
  await page.setContent(`<!doctype html><meta charset="utf-8"><style>${style} body { margin: 0; background: #fff; } main { padding: 16px; }</style>` +
    `<main>${renderToStaticMarkup(message)}</main>`);
  await (await page.$("main")).screenshot({ path: join(folder, "slack-" + basename(file, ".json") + ".png") });
  await page.close();
}
await chromium.close();
