// Opens every kind of page of a running daemon in Chromium and prints what is wrong with it, one line each; nothing when all is well.
// Arguments: the address of the daemon, in which an incident fires that nobody has taken, its web.token, and the hostile text in its pages.
import { addresses, launch } from "./browser.mjs";
import { hostile, hostileNote } from "./hostile.mjs";
import { act, along, alongRow, reach } from "./keyboard.mjs";
import { bare, live } from "./live.mjs";
import { looks, printed, still } from "./looks.mjs";
import { questions } from "./questions.mjs";

const [base, token, text] = process.argv.slice(2);
const { chromium, open } = await launch();
const paths = await addresses(base);
await questions(open, base, paths);
await bare(open, base, paths);
await reach(open, base, { ...paths, login: "/login", "on call": "/on-call", incidents: "/incidents" });
await along(open, base, paths);
await alongRow(open, base);
await live(open, base);
const page = await act(open, base, paths, token);
await hostileNote(page, text);
await page.close();
await hostile(open, base, paths, text);
await looks(open, base, { ...paths, login: "/login", "on call": "/on-call", incidents: "/incidents" });
await printed(open, base, paths);
await still(open, base, paths);
await chromium.close();
