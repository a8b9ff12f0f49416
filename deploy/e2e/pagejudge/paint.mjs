// Measures how long the home page of a running daemon takes in Chromium: opens it several times, each time as a new visitor, and prints the
// medians as JSON. Times are in milliseconds since the navigation began. Argument: the address of the daemon.
import { launch } from "./browser.mjs";

const visits = 9;
const [base] = process.argv.slice(2);
const { chromium } = await launch();
const seen = { firstByte: [], firstPaint: [], bytes: [] };
for (let i = 0; i < visits; i++) {
  const visitor = await chromium.createBrowserContext();
  const page = await visitor.newPage();
  await page.goto(base + "/", { waitUntil: "load" });
  const got = await page.evaluate(() => new Promise((done) => {
    const read = () => {
      const [paint] = performance.getEntriesByName("first-paint");
      if (!paint) return setTimeout(read, 20);
      const [visit] = performance.getEntriesByType("navigation");
      done({ firstByte: visit.responseStart, firstPaint: paint.startTime, bytes: visit.encodedBodySize });
    };
    read();
  }));
  for (const [name, value] of Object.entries(got)) seen[name].push(value);
  await visitor.close();
}
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(JSON.stringify(Object.fromEntries(Object.entries(seen).map(([name, list]) => [name, median(list)]))));
await chromium.close();
