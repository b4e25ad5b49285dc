/** The dashboard in a real browser: a real server and ledger, and hosts that are silent. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { expectAccessible, startBrowser, takePicture } from '../browser.ts';
import { program } from '../cli/fleet-command.ts';
import { tryCommand } from '../lab/run-command.ts';
import { makeToken, type Server, startServer } from '../serve/api-server.ts';
import { makeFleetToShow } from './fleet-to-show.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let browser: Browser;
beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser?.close());

interface Shown {
  readonly folder: string;
  readonly server: Server;
  readonly url: string;
}

async function show(hosts: number, accounts: number): Promise<Shown> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-dashboard-'));
  await makeFleetToShow(folder, { hosts, accounts });
  await tryCommand([program, 'vault', 'create-key'], { cwd: folder, env: { HOME: folder } });
  const server = await startServer(folder, '--listen', '127.0.0.1:0');
  const url = /listening at (http:\S+)/.exec(server.log())?.[1] ?? '';
  return { folder, server, url };
}

async function end({ folder, server }: Shown): Promise<void> {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}

interface Opened {
  readonly context: BrowserContext;
  readonly page: Page;
  /** What the page has reported as wrong; refusals of the API are not among it. */
  readonly faults: readonly string[];
}

type Look = NonNullable<Parameters<Browser['newContext']>[0]>;

async function open({ url }: Shown, token: string, look: Look = {}): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...look });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:'))
      faults.push(request.url());
  });
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  await page.goto(url);
  await page.fill('input[name=token]', token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('nav, [role=alert]');
  return { context, page, faults };
}

const views = [
  ['map', '#/map'],
  ['host', '#/hosts/web-2'],
  ['account', '#/accounts/shop-6'],
  ['plan', '#/plan?act=drain&host=web-2'],
  ['moves', '#/moves'],
  ['history', '#/history?kind=host'],
  ['alerts', '#/alerts'],
  ['capacity', '#/capacity'],
  ['scripts', '#/scripts'],
] as const;

describe('a small fleet', () => {
  let shown: Shown;
  let token: string;
  beforeAll(async () => {
    shown = await show(7, 20);
    token = await makeToken(shown.folder, 'browser', '--scope', 'act');
  });
  afterAll(() => end(shown));

  test.each([
    ['light', 'en-GB', 1280, 900],
    ['dark', 'zh-CN', 390, 844],
  ] as const)('every view, %s, %s, %i wide', async (colorScheme, locale, width, height) => {
    const look = { colorScheme, locale, viewport: { width, height }, bypassCSP: true };
    const { page, faults } = await open(shown, token, look);
    for (const [name, hash] of views) {
      await page.goto(`${shown.url}/${hash}`);
      await page.waitForSelector('.age, .filters, .problem');
      await page.waitForTimeout(700);
      if (name === 'plan') {
        await page.click('main button[type=submit]');
        await page.waitForSelector('.planned table');
      }
      await takePicture(page, `dashboard-${name}-${colorScheme}-${width}`);
      await expectAccessible(page, `${name} ${colorScheme}`);
    }
    expect(await page.getAttribute('html', 'lang')).toBe(locale === 'zh-CN' ? 'zh-CN' : 'en');
    expect(faults).toEqual([]);
  });

  test('what hosts and people write is text, and no token is in a link', async () => {
    const { page, faults } = await open(shown, token);
    for (const hash of ['#/accounts/shop-6', '#/history', '#/map']) {
      await page.goto(`${shown.url}/${hash}`);
      await page.waitForTimeout(700);
      expect(await page.title()).not.toContain('taken');
      expect(await page.locator('main img').count()).toBe(0);
      expect(page.url()).not.toContain(token);
    }
    await page.goto(`${shown.url}/#/history`);
    await page.waitForSelector('text=<img src=x');
    expect(faults).toEqual([]);
  });

  test('another token is refused in words, and signing out forgets it', async () => {
    const { page } = await open(shown, 'fleet_wrong');
    await page.waitForSelector('[role=alert]');
    expect(await page.textContent('[role=alert]')).toContain('does not know this token');
    await page.fill('input[name=token]', token);
    await page.keyboard.press('Enter');
    await page.waitForSelector('.host');
    await page.click('text=Sign out');
    await page.reload();
    expect(await page.locator('input[name=token]').count()).toBe(1);
  });

  test('a plan, a typed confirmation, an act, and who did it', async () => {
    const { page } = await open(shown, token);
    await page.goto(`${shown.url}/#/plan?act=cordon&host=web-7`);
    await page.fill('input[name=reason]', 'new disk');
    await page.click('main button[type=submit]');
    await page.click('.planned button[type=submit]');
    await page.waitForSelector('text=Job: done');
    await page.goto(`${shown.url}/#/moves`);
    await page.waitForSelector('text=/token browser from/');
    await page.goto(`${shown.url}/#/hosts/web-7`);
    await page.waitForSelector('text=cordoned');

    // An act that takes accounts offline wants the host's name first.
    await page.goto(`${shown.url}/#/plan?act=drain&host=web-2`);
    await page.click('main button[type=submit]');
    const apply = page.locator('.planned button[type=submit]');
    await apply.waitFor();
    expect(await apply.isDisabled()).toBe(true);
    await page.fill('input[name=confirm]', 'web-2');
    expect(await apply.isDisabled()).toBe(false);
    // Somebody else changes the fleet meanwhile: the plan is stale, and nothing is done.
    const env = { HOME: shown.folder, API_HASH: 'x' };
    const argv = [program, 'hosts', 'cordon', 'web-1', '--yes'];
    expect((await tryCommand(argv, { cwd: shown.folder, env })).code).toBe(0);
    await apply.click();
    await page.waitForSelector('text=The fleet has changed since this plan was made');
  });

  test('what happens is seen without a reload', async () => {
    const { page } = await open(shown, token);
    await page.goto(`${shown.url}/#/moves`);
    await page.waitForSelector('text=live');
    await makeToken(shown.folder, 'colleague');
    await page.waitForSelector('[aria-live] >> text=token-made');
  });

  test('a token that may only look plans nothing, and is told so', async () => {
    const looking = await makeToken(shown.folder, 'viewer');
    const { page } = await open(shown, looking);
    await page.goto(`${shown.url}/#/plan?act=rebalance`);
    await page.click('main button[type=submit]');
    await page.waitForSelector('text=This token may look; this needs one that may plan.');
  });

  test('by keyboard alone: the skip button, the menu, a host', async () => {
    const { page } = await open(shown, token);
    await page.waitForSelector('.host');
    await page.keyboard.press('Tab');
    const focused = () => page.evaluate('document.activeElement.textContent');
    for (let presses = 0; (await focused()) !== 'web-3' && presses < 40; presses += 1)
      await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForSelector('h1:has-text("web-3")');
    expect(await focused()).toBe('web-3');
  });
});

test('1,000 hosts and 5,000 accounts: the map is there, and how fast', async () => {
  const shown = await show(1_000, 5_000);
  try {
    const { page } = await open(shown, await makeToken(shown.folder, 'browser'));
    await page.waitForSelector('.host');
    expect(await page.locator('.cells a').count()).toBe(5_000);
    await page.reload();
    await page.waitForSelector('.host');
    const shownMs = await page.evaluate<number>('performance.now()');
    console.log(`1,000 hosts, 5,000 accounts: the map is drawn after ${Math.round(shownMs)} ms`);
    await page.fill('.filters input', 'web-999');
    await page.waitForFunction('document.querySelectorAll(".host").length === 1');
  } finally {
    await end(shown);
  }
});
