/** Debian's Chromium, for tests of pages; `scripts/setup.sh --nightly` installs it. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';

const executablePath = '/usr/bin/chromium';
/** Pictures are kept, to be looked at. */
const pictures = join(import.meta.dirname, '..', 'node_modules', '.cache', 'fleet', 'screenshots');
const axeSource = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

export async function startBrowser(): Promise<Browser> {
  expect(existsSync(executablePath), 'chromium is installed (scripts/setup.sh --nightly)').toBe(
    true,
  );
  mkdirSync(pictures, { recursive: true });
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export const takePicture = (page: Page, name: string, fullPage = false): Promise<unknown> =>
  page.screenshot({ path: join(pictures, `${name}.png`), fullPage });

/** The page fits its width, and axe finds nothing serious. Its context needs `bypassCSP`. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  expect([
    where,
    await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'),
  ]).toEqual([where, true]);
  await page.evaluate(axeSource);
  const violations = await page.evaluate<{ id: string; impact: string; html: string }[]>(
    'axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ ' +
      `id, impact, html: nodes[0]?.html.slice(0, 200) ?? '' })))`,
  );
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  expect([where, serious]).toEqual([where, []]);
}
