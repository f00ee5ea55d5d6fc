import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The part of playwright-core that is used here; the package is in the cache, not in this repository. */
export interface Page {
  addInitScript(script: (entries: Record<string, string>) => void, entries: Record<string, string>): Promise<void>;
  goto(url: string): Promise<unknown>;
  getByRole(role: string, options: { name: string | RegExp; exact?: boolean }): Locator;
  getByText(text: string | RegExp, options?: { exact?: boolean }): Locator;
  locator(selector: string): Locator;
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void;
}
export interface Locator {
  first(): Locator;
  click(): Promise<void>;
  waitFor(): Promise<void>;
  textContent(): Promise<string | null>;
}
export interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}
interface Package {
  chromium: { launch(options: object): Promise<Browser> };
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

/** The Chromium of this machine; null when it has none. */
export function chromiumOf(): string | null {
  for (const name of PROGRAMS) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8' }).trim();
    } catch {
      // The next one.
    }
  }
  return null;
}

/** Chromium without a window, by playwright-core from this folder. */
export async function launchChromium(folder: string, executablePath: string): Promise<Browser> {
  const entry = pathToFileURL(join(folder, 'node_modules/playwright-core/index.mjs')).href;
  const { chromium } = (await import(entry)) as Package;
  return chromium.launch({ executablePath, args: ['--no-sandbox'], timeout: 120_000 });
}
