// Opens every kind of page of a running daemon in Chromium and prints what is wrong with it, one line each; nothing when all is well.
// Arguments: the address of the daemon, and a folder for screenshots.
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const [base, pictures] = process.argv.slice(2);
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const json = async (path) => (await fetch(base + path)).json();

const home = await json("/index.json");
const newest = (await json("/probe/feed.json")).newest.find((run) => run.trace);
const paths = {
  home: "/", probe: "/probe/feed", incident: "/incident/" + home.incidents[0].id, run: "/run/" + newest.trace,
  rule: "/rules/server-errors?threshold=10%25&window=10s&min_runs=5&since=1h",
};
const chromium = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });

async function watched(where) {
  const page = await chromium.newPage();
  page.setDefaultTimeout(120_000); // for a busy machine
  page.on("console", (message) => { if (message.type() === "error") console.log(where, "console:", message.text()); });
  page.on("pageerror", (error) => console.log(where, "script:", error.message));
  page.on("request", (request) => { if (!request.url().startsWith(base + "/")) console.log(where, "foreign request:", request.url()); });
  return page;
}

for (const scheme of ["light", "dark"]) {
  for (const width of [360, 1280]) {
    const page = await watched(`${scheme} ${width}`);
    await page.setViewport({ width, height: 800 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const [name, path] of Object.entries(paths)) {
      await page.goto(base + path);
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      for (const v of violations) console.log(scheme, width, name, v.id, v.help, v.nodes[0].html);
      if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) console.log(scheme, width, name, "scrolls sideways");
      await page.screenshot({ path: `${pictures}/${name}-${scheme}-${width}.png`, fullPage: true });
    }
    await page.close();
  }
}

const bare = await watched("without JavaScript");
await bare.setJavaScriptEnabled(false);
await bare.goto(base + "/");
if (!(await bare.$("h1")) || !(await bare.$("#r-feed"))) console.log("without JavaScript the page is not whole");

const live = await watched("live");
await live.goto(base + "/");
await live.evaluate(() => { document.getElementById("healthy").open = true; });
const newestRun = () => live.evaluate(() => document.querySelector("#r-collections td:last-child").textContent);
const before = await newestRun();
for (let i = 0; i < 40 && (await newestRun()) === before; i++) await pause(250);
if ((await newestRun()) === before) console.log("no live update arrived within 10 s");
if (!(await live.evaluate(() => document.getElementById("healthy").open))) console.log("an update closed what was open");
await chromium.close();
