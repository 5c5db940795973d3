// A real browser, headless, with an empty profile of its own.
import { existsSync, readlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cleanUp, eventually, folder } from './process.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((place) => NAMES.map((name) => join(place, name)))
  .find((path) => existsSync(path));

/** What the machine must have. */
export const chromiumMissing = executablePath ? undefined : 'chromium';

/** Starts a browser; `profile` can be given to start it again where it left off, `switches` are for its command line. */
export async function openBrowser(t, profile = folder(t, 'profile'), { backForwardCache = false, switches = [] } = {}) {
  const { chromium } = await import('playwright-core');
  const root = process.getuid?.() === 0;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    // Playwright turns it off.
    ignoreDefaultArgs: backForwardCache ? ['--disable-back-forward-cache'] : [],
    args: [
      ...(root ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...switches,
    ],
  });
  context.setDefaultTimeout(15_000);
  cleanUp(t, () => close(context, profile));
  return { context, profile };
}

/**
 * Closes a browser and waits for its process, whose id it left in its profile: what still runs would write there after
 * the folder is gone. One that does not answer any more is ended.
 */
export async function close(context, profile) {
  const id = processOf(profile);
  const closing = context.close().catch(() => {});
  if (id === undefined) return closing;
  await eventually(() => !runs(id), 5_000).catch(() => process.kill(id, 'SIGKILL'));
  await closing;
}

function processOf(profile) {
  try {
    return Number(readlinkSync(join(profile, 'SingletonLock')).split('-').at(-1));
  } catch {
    // It has ended already.
    return undefined;
  }
}

function runs(id) {
  try {
    return process.kill(id, 0);
  } catch {
    return false;
  }
}
