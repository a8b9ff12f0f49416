// The person at 3 am: on a phone, the page of an incident answers six questions in the first screen and the one below it.
import { fault } from "./browser.mjs";

const height = 800;

export async function questions(open, base, paths) {
  const page = await open("phone", base, { width: 360, height });
  await page.goto(base + paths.incident);
  const ends = await page.evaluate(() => {
    const end = (e) => e && Math.round(e.getBoundingClientRect().bottom + scrollY);
    const of = (selector, text) => end([...document.querySelectorAll(selector)].find((e) => e.textContent.includes(text)));
    return {
      "is it still so": of(".facts", "last bad"), "whose fault": end(document.querySelector("h1")), "since when, how bad": of(".facts", "Since"),
      "what did the API say": end(document.querySelector("main blockquote")), "has anybody taken it": of("main p", "Taken by"),
      "what do I do": of("main p", "Do now"), "the buttons": end([...document.querySelectorAll("button")].find((b) => b.textContent === "Acknowledge")),
    };
  });
  for (const [question, end] of Object.entries(ends)) {
    if (!end || end > 2 * height) fault("phone", `"${question}" is answered at ${end} px, below two screens`);
  }
  await page.close();
  return ends;
}
