// Makes the pictures of the documentation from a running daemon. Arguments: the address of the daemon, and the folder.
import { addresses, launch } from "./browser.mjs";

const [base, folder] = process.argv.slice(2);
const { chromium, open } = await launch();
const paths = await addresses(base);
for (const [size, width, height] of [["desktop", 1280, 900], ["phone", 360, 800]]) {
  const page = await open(size, base, { width, height, features: { "prefers-color-scheme": "light" } });
  for (const kind of ["home", "incident", "probe", "run", "rule"]) {
    await page.goto(base + paths[kind]);
    await page.screenshot({ path: `${folder}/${kind}-${size}.png` });
  }
  await page.close();
}
await chromium.close();
