// What can happen to tabs in the middle of a refresh.
import { openTab } from './site.mjs';

/** How long a tab waits for another one that refreshes, and when it wants anything else; in milliseconds (www/shared/lock.js). */
const LONG = 40_000;
const BRIEF = 3000;

/** Opens some tabs of a site. */
export const openTabs = (context, site, count) => Promise.all(Array.from({ length: count }, () => openTab(context, site)));

/** Stops a tab as the browser stops one that nobody has looked at for long; gives what thaws it. */
export async function freeze(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  return session;
}

export async function thaw(session) {
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await session.detach();
}

/** Waits until so many wait for a lock of the site, as the browser tells this page. */
export const waitsForLock = (page, count) =>
  page.evaluate(async (count) => {
    // Nothing announces it. A task in between, so that the page goes on.
    while ((await navigator.locks.query()).pending.length < count) await new Promise((resolve) => setTimeout(resolve));
  }, count);

/** Ends a tab's wait for another one that refreshes (`holdTime` in site.mjs). */
export const hurry = (page) => page.evaluate((limit) => globalThis.hurry(limit, limit), LONG);

/** The same, for a tab that wants anything else: it goes on. */
export const hurryBriefly = (page) => page.evaluate((limit) => globalThis.hurry(limit, limit), BRIEF);
