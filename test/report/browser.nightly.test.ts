import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../src/report/page.ts';
import { sampleReport } from './sample-report.ts';

/** Debian's; scripts/setup.sh installs it for the nightly tests. */
const executablePath = '/usr/bin/chromium';
/** Kept, to be looked at. */
const pictures = join(
  import.meta.dirname,
  '..',
  '..',
  'node_modules',
  '.cache',
  'fleet',
  'screenshots',
);
const axeSource = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

let browser: Browser;
beforeAll(async () => {
  expect(existsSync(executablePath), 'chromium is installed (scripts/setup.sh --nightly)').toBe(
    true,
  );
  mkdirSync(pictures, { recursive: true });
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});
afterAll(() => browser?.close());

describe.each(['light', 'dark'] as const)('the report, %s', (colorScheme) => {
  it.each([
    ['desk', 1280, 900],
    ['phone', 390, 844],
  ] as const)(
    'on a %s: nothing runs over its edge, no serious finding of axe',
    async (name, width, height) => {
      const context = await browser.newContext({
        colorScheme,
        viewport: { width, height },
        bypassCSP: true,
      });
      const page = await context.newPage();
      const failures: string[] = [];
      page.on('pageerror', (error) => failures.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith('about:') && !request.url().startsWith('data:'))
          failures.push(request.url());
      });
      await page.setContent(reportPage(sampleReport(24, 90)));
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(
        true,
      );
      await page.screenshot({
        path: join(pictures, `report-${colorScheme}-${name}.png`),
        fullPage: name === 'desk',
      });
      await page.evaluate(axeSource);
      const violations = await page.evaluate<{ id: string; impact: string; html: string }[]>(
        'axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) => ({ ' +
          `id, impact, html: nodes[0]?.html.slice(0, 200) ?? '' })))`,
      );
      expect(
        violations.filter(({ impact }) => impact === 'serious' || impact === 'critical'),
      ).toEqual([]);
      expect(failures).toEqual([]);
      await context.close();
    },
  );
});

it('of 1,000 hosts and 5,000 accounts is drawn', async () => {
  const page = await browser.newPage();
  await page.setContent(reportPage(sampleReport(1000, 5000)));
  expect(await page.locator('.cell').count()).toBeGreaterThan(5000);
  await page.close();
});
