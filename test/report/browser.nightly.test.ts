import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../src/report/page.ts';
import { expectAccessible, startBrowser, takePicture } from '../browser.ts';
import { sampleReport } from './sample-report.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
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
      await takePicture(page, `report-${colorScheme}-${name}`, name === 'desk');
      await expectAccessible(page, `${colorScheme} ${name}`);
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
