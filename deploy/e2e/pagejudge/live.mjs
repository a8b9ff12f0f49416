// Updates arrive by themselves, and go on after the connection was cut.
import { connect, createServer } from "node:net";
import { fault, pause, until } from "./browser.mjs";

// proxy passes connections on to the daemon. It keeps the heads of requests for events, and can cut every connection.
async function proxy(base) {
  const sockets = new Set(), heads = [];
  const server = createServer((client) => {
    const daemon = connect(Number(new URL(base).port), "127.0.0.1");
    for (const socket of [client, daemon]) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => { sockets.delete(socket); client.destroy(); daemon.destroy(); });
    }
    client.on("data", (bytes) => { if (/^GET \/events /.test(bytes)) heads.push(String(bytes)); });
    client.pipe(daemon).pipe(client);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    base: "http://127.0.0.1:" + server.address().port, heads,
    cut: () => sockets.forEach((socket) => socket.destroy()), close: () => { server.close(); sockets.forEach((socket) => socket.destroy()); },
  };
}

export async function live(open, base) {
  const between = await proxy(base);
  const page = await open("live", between.base);
  page.removeAllListeners("console"); // Chromium reports the cut connection
  await page.goto(between.base + "/probe/feed");
  const newest = () => page.evaluate(() => document.querySelector(".stops").lastElementChild.id);
  const changes = async () => {
    const before = await newest();
    return until(async () => (await newest()) !== before);
  };
  await page.evaluate(() => { document.querySelectorAll("details").forEach((details) => { details.open = true; }); });
  if (!await changes()) fault("live", "no update arrived within 10 s");
  if (await page.evaluate(() => [...document.querySelectorAll("details")].some((details) => !details.open))) fault("live", "an update closed what was open");
  await pause(1500); // an event with an identifier has arrived
  const asked = between.heads.length;
  between.cut();
  if (!await until(() => between.heads.length > asked)) fault("live", "the page does not listen again after the connection was cut");
  if (!/^Last-Event-ID: *\d+-\d+\r$/im.test(between.heads.at(-1))) fault("live", "the page does not say what it saw last:", between.heads.at(-1));
  if (!await changes()) fault("live", "no update arrived after the connection was cut");
  await page.close();
  between.close();
}

// bare opens pages without JavaScript: they are whole.
export async function bare(open, base, paths) {
  const page = await open("without JavaScript", base);
  await page.setJavaScriptEnabled(false);
  for (const [kind, path] of Object.entries(paths)) {
    await page.goto(base + path);
    if (!await page.$("h1")) fault("without JavaScript", kind, "has no heading");
    if (await page.$eval("[data-copy]", (e) => e.checkVisibility()).catch(() => false)) fault("without JavaScript", kind, "has a button that does nothing");
  }
  await page.goto(base + "/");
  if (!await page.$("#r-feed")) fault("without JavaScript", "the home page has no probes");
  await page.close();
}
