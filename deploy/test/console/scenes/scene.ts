import type { ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import type { Mesh } from '../../mesh/start-mesh.ts';
import { openConsole, type ConsolePage } from '../browser.ts';
import type { Callers } from '../clients-of.ts';

/** What all scenes share, because a mesh and a browser of its own would cost each of them seconds. */
export interface Stage {
  mesh: Mesh;
  browser: Browser;
  /** Clients that call `linear` all the time, one session each. */
  calling: Callers;
}

/** Something that is done to a mesh, and seen in the console. It leaves the mesh as it was. */
export interface Scene {
  title: string;
  play: (t: ExecutionContext, stage: Stage) => Promise<void>;
}

export const SESSIONS = 100;
export const LONG = { timeout: 60_000 };

export async function open(t: ExecutionContext, { browser, mesh }: Stage, view?: string): Promise<ConsolePage> {
  const opened = await openConsole(browser, mesh.controlPlane.adminUrl, view);
  t.teardown(() => opened.page.close());
  return opened;
}

/** Says yes to what the page asks, as Ada. */
export async function confirm(page: Page, button: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your name, for the event log').fill('Ada');
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ ...LONG, state: 'hidden' });
}

/** The newest event of a kind, as the timeline tells it: who did it stands in it. */
export async function whoDid(page: Page, kind: string): Promise<string> {
  await page.evaluate(`location.hash = '#/events'`);
  const event = page.locator('.timeline li', { has: page.locator('.kind', { hasText: kind }) }).first();
  await event.waitFor(LONG);
  return (await event.locator('.message').textContent()) ?? '';
}
