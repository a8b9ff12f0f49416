// Opens pages of a running daemon in Chromium, and reports what goes wrong in any of them.
import puppeteer from "puppeteer-core";

// missing is an address without a page.
const missing = "/probe/nothing";

export const fault = (...text) => console.log(...text);
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// until waits for a condition, at most ten seconds, and says whether it came true.
export async function until(condition) {
  for (let i = 0; i < 100; i++) {
    if (await condition()) return true;
    await pause(100);
  }
  return false;
}

// launch starts Chromium. The function that it returns opens a page; what a page asks of other hosts, its errors and its dialogs are faults.
export async function launch() {
  const chromium = await puppeteer.launch({
    executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const open = async (where, base, { width = 1280, height = 800, features = {} } = {}) => {
    const page = await chromium.newPage();
    page.setDefaultTimeout(120_000); // for a busy machine
    page.on("console", (message) => {
      const wanted = message.location().url?.endsWith(missing) && message.text().includes("404"); // Chromium reports the status
      if (message.type() === "error" && !wanted) fault(where, "console:", message.text(), message.location().url);
    });
    page.on("pageerror", (error) => fault(where, "script:", error.message));
    page.on("dialog", (dialog) => { fault(where, "dialog:", dialog.message()); dialog.dismiss(); });
    page.on("request", (request) => { if (!request.url().startsWith(base + "/")) fault(where, "foreign request:", request.url()); });
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures(Object.entries(features).map(([name, value]) => ({ name, value })));
    return page;
  };
  return { chromium, open };
}

// addresses returns one page of each kind.
export async function addresses(base) {
  const json = async (path) => (await fetch(base + path)).json();
  const home = await json("/index.json");
  const run = (await json("/probe/feed.json")).newest.find((line) => line.kind === "bad" && line.trace);
  return {
    home: "/", probe: "/probe/feed?last=1h", incident: "/incident/" + home.problems[0].id, run: "/run/" + run.trace,
    rule: "/rules/server-errors?threshold=10%25&window=5m&min_runs=5&since=1h", missing,
  };
}
