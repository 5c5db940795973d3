// `cargo xtask pictures pages`: every page of the tour in light, in dark and as wide as a phone, one picture a page.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PARTS } from './support/tour.mjs';

const [place] = process.argv.slice(2);
const WIDTH = 680;
const PHONE = 360;

/** States that look like others. */
const LEFT_OUT = ['activate-problem', 'cli-denied', 'cli-failed', 'dashboard-details', 'dashboard-empty', 'dashboard-offline', 'device-refused', 'handoff-refused', 'mailbox-empty', 'terminal-stranger', 'wait-problem'];

/** What the run has started; gone at its end, whatever that is. */
const scope = { works: [], after(work) { this.works.push(work); } };

/** What differs from run to run, and what stands there in pictures. */
const FIXED = [
  [/127\.0\.0\.1:\d+/g, '127.0.0.1:9400'],
  [/\bport \d{4,5}/g, 'port 40123'],
  [/\b[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}\b/g, 'WDJB-MJHT'],
  [/\b([bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz])-[a-z]{5}-[a-z]{5}\b/g, 'lusab-babad-gutih'],
  [/\bgpp_[\w-]+/g, 'gpp_Vh0f1mXhWc9vYb2lq3Jt7sD4pRkZ8aNnE5uGwQyT6BxCoIzL0KdS'],
  [/Next refresh in \d+:\d\d/g, 'Next refresh in 59:42'],
  [/\b[A-Z][a-z]{2} \d{1,2}, 20\d\d/g, 'Nov 21, 2026'],
  [/\b\d{1,2}:\d\d\s[AP]M\b/g, '9:30 AM'],
  [/\bChromium \d+/g, 'Chromium 156'],
];

/** Takes a page's three pictures, and lays them side by side. */
async function photograph(name, page) {
  if (LEFT_OUT.includes(name)) return;
  // Buttons that wait for a moment look as if they could not be pressed.
  await page.waitForFunction(() => !document.querySelector('[aria-disabled="true"]'));
  const settled = await settle(page);
  const shots = [];
  for (const [colorScheme, width] of [['light', WIDTH], ['dark', WIDTH], ['light', PHONE]]) {
    await page.setViewportSize({ width, height: 420 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    shots.push(await page.screenshot({ fullPage: true, caret: 'hide', animations: 'disabled' }));
  }
  await settled.evaluate((observer) => observer.disconnect());
  await settled.dispose();
  await page.setViewportSize({ width: 1000, height: 800 });
  const sheet = await page.context().newPage();
  await sheet.setViewportSize({ width: 2 * WIDTH + PHONE + 64, height: 600 });
  const images = shots.map((bytes) => `<img src="data:image/png;base64,${bytes.toString('base64')}">`).join('');
  await sheet.setContent(`<body style="margin:0;padding:16px;display:flex;gap:16px;align-items:start;background:#8a8d88">${images}`);
  await sheet.evaluate(() => Promise.all([...document.images].map((image) => image.decode())));
  writeFileSync(join(place, `${name}.png`), await sheet.screenshot({ fullPage: true }));
  await sheet.close();
  console.log(name);
}

/** Puts what differs from run to run into words that do not, and keeps it so until what it gives is disconnected. */
function settle(page) {
  return page.evaluateHandle((fixed) => {
    const rules = fixed.map(([source, words]) => [new RegExp(source, 'g'), words]);
    const fix = () => {
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const node = walker.currentNode;
        const text = rules.reduce((said, [found, words]) => said.replace(found, words), node.data);
        if (text !== node.data) node.data = text;
      }
    };
    fix();
    const observer = new MutationObserver(fix);
    observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    return observer;
  }, FIXED.map(([{ source }, words]) => [source, words]));
}

mkdirSync(place, { recursive: true });
try {
  for (const part of PARTS) await part(scope, photograph);
} finally {
  for (const work of scope.works.reverse()) await work();
}
