// Firefox, headless, by its own driver.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanUp, folder } from './process.mjs';

const find = (names, places) => places.flatMap((place) => names.map((name) => join(place, name))).find((path) => existsSync(path));

const PATH = (process.env.PATH ?? '').split(delimiter);
const TOOLS = fileURLToPath(new URL('../../target/tools/bin', import.meta.url));
const binary = find(['firefox-esr', 'firefox'], PATH);
const driver = process.env.GECKODRIVER ?? find(['geckodriver'], [TOOLS, ...PATH]);

/** What the machine must have. */
export const firefoxMissing = binary ? (driver ? undefined : 'geckodriver') : 'firefox';

/** Starts it; `profile` can be given to start it again where it left off. */
export async function openFirefox(t, profile = folder(t, 'firefox')) {
  const { Builder } = await import('selenium-webdriver');
  const firefox = await import('selenium-webdriver/firefox.js');
  const options = new firefox.Options().setBinary(binary).addArguments('-headless', '-profile', profile);
  // Nothing of its own goes out while it is tested.
  for (const [name, value] of Object.entries({
    'app.normandy.enabled': false,
    'browser.safebrowsing.update.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'extensions.update.enabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'network.prefetch-next': false,
    'services.settings.server': 'http://127.0.0.1:9/',
    'toolkit.telemetry.enabled': false,
  })) options.setPreference(name, value);
  const service = new firefox.ServiceBuilder(driver).setEnvironment({ ...process.env, HOME: profile, MOZ_REMOTE_SETTINGS_DEVTOOLS: '1' });
  const browser = await new Builder().forBrowser('firefox').setFirefoxOptions(options).setFirefoxService(service).build();
  await browser.manage().setTimeouts({ script: 15_000, pageLoad: 30_000, implicit: 0 });
  let open = true;
  const close = async () => {
    if (open) await browser.quit();
    open = false;
  };
  cleanUp(t, close);
  return { browser, profile, close };
}
