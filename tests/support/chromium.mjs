// A real browser, headless, with an empty profile of its own.
import { existsSync, readlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cleanUp, folder } from './process.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const executablePath = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((place) => NAMES.map((name) => join(place, name)))
  .find((path) => existsSync(path));

/** What the machine must have. */
export const chromiumMissing = executablePath ? undefined : 'chromium';

/** Starts a browser; `profile` can be given to start it again where it left off. */
export async function openBrowser(t, profile = folder(t, 'profile')) {
  const { chromium } = await import('playwright-core');
  const root = process.getuid?.() === 0;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [
      ...(root ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  context.setDefaultTimeout(15_000);
  cleanUp(t, () => close(context, profile));
  return { context, profile };
}

/** Closes a browser; one that does not answer any more is ended by the process id that it left in its profile. */
async function close(context, profile) {
  let patience;
  const limit = new Promise((resolve) => {
    patience = setTimeout(() => {
      try {
        process.kill(Number(readlinkSync(join(profile, 'SingletonLock')).split('-').at(-1)), 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
      resolve();
    }, 5_000);
  });
  await Promise.race([context.close().catch(() => {}), limit]);
  clearTimeout(patience);
}
