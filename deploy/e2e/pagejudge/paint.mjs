// Measures how long the home page of a running daemon takes in Chromium: opens it several times, each time in a new tab without a cache, and
// prints the medians as JSON. A new tab, because a new window first loads pages of Chromium's own, which take the processor from the page. Times are in milliseconds since the navigation began. The floor is the first paint of a page of the same daemon that is
// one line of text: what Chromium takes on this machine for any page. Argument: the address of the daemon.
import { launch } from "./browser.mjs";

const visits = 21;
const [base] = process.argv.slice(2);
const { chromium } = await launch();

// visit opens a page that Chromium has not kept.
async function visit(address) {
  const page = await chromium.newPage();
  await page.setCacheEnabled(false);
  await page.goto(address, { waitUntil: "load" });
  const got = await page.evaluate(() => new Promise((done) => {
    const read = () => {
      const [paint] = performance.getEntriesByName("first-paint");
      if (!paint) return setTimeout(read, 20);
      const [visit] = performance.getEntriesByType("navigation");
      done({ firstByte: visit.responseStart, firstPaint: paint.startTime, bytes: visit.encodedBodySize });
    };
    read();
  }));
  await page.close();
  return got;
}

const seen = { firstByte: [], firstPaint: [], bytes: [], floor: [] };
for (let i = 0; i < visits; i++) {
  const { firstPaint: floor } = await visit(base + "/-/healthy");
  for (const [name, value] of Object.entries({ ...await visit(base + "/"), floor })) seen[name].push(value);
}
const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(JSON.stringify(Object.fromEntries(Object.entries(seen).map(([name, list]) => [name, median(list)]))));
await chromium.close();
