/** A day with the dashboard: real hosts, everything but imports and sweeps by the browser. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBrowser, takePicture } from '../../browser.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  expectNoKills,
  importNew,
  listAccounts,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const names = ['anna', 'ben', 'carla'];
let world: World;
let browser: Browser;
let page: Page;
let logins: Login[];
let url = '';
let stop: () => Promise<unknown> = async () => undefined;

beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2, 3], state: 'forgotten' });
  const path = join(world.operator.directory, 'inventory.yaml');
  const alerts = `
alerts:
  channels: { log: { kind: command, argv: [tee, -a, told.jsonl] } }
  rules: { host-down: { for: 0s } }
sweep: { down_after: 5s }
`;
  await writeFile(path, `${await readFile(path, 'utf8')}${alerts}`);
  await prepareFleet(world);
  logins = await importNew(world, names);
  const token = (await must(world, 'token', 'add', 'anna', '--scope', 'act')).split('\n')[0] ?? '';
  const [command = '', ...args] = world.operator.argv(['serve', '--listen', '127.0.0.1:0']);
  const { directory, env } = world.operator;
  const server = spawn(command, args, {
    ...{ cwd: directory, env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  stop = async () => {
    if (server.exitCode !== null) return;
    server.kill('SIGTERM');
    await once(server, 'exit');
  };
  let log = '';
  server.stderr.on('data', (part: Buffer) => {
    log += part.toString('utf8');
  });
  await eventually(30_000, async () => {
    url = /listening at (http:\S+)/.exec(log)?.[1] ?? '';
    expect(url, log).not.toBe('');
  });
  browser = await startBrowser();
  // Playwright's own looks are texts that are evaluated, which the page forbids.
  page = await browser.newPage({ viewport: { width: 1280, height: 900 }, bypassCSP: true });
  page.setDefaultTimeout(240_000);
  await page.goto(url);
  await page.fill('input[name=token]', token);
  await page.keyboard.press('Enter');
  await page.waitForSelector('.host');
}, 600_000);
afterAll(async () => {
  await browser?.close();
  await stop();
  await world?.end();
});

/** Plans what the link says, and shows the plan. */
async function plan(query: string): Promise<void> {
  await page.goto(`${url}/#/plan?${query}`);
  await page.click('main button[type=submit]');
  await page.waitForSelector('.planned');
}

const apply = async (): Promise<void> => {
  await page.click('.planned button[type=submit]');
};

/** The act has ended, and well; otherwise the page says why. */
async function done(): Promise<void> {
  await page.waitForFunction('/Job: (done|failed|unknown)/.test(document.body.innerText)');
  expect(await page.textContent('main')).toContain('Job: done');
}

const hostsOf = async (): Promise<readonly (string | null)[]> =>
  (await listAccounts(world)).map(({ host }) => host);

const allOnline = () =>
  eventually(240_000, async () => {
    expect((await listAccounts(world)).map(({ state }) => state)).toEqual(
      names.map(() => 'online'),
    );
    await expectExclusive(world, logins);
  });

test('accounts that wait are placed, and the map shows them without a reload', async () => {
  await plan('act=allocate');
  await takePicture(page, 'dashboard-lab-allocate');
  await apply();
  await done();
  await page.goto(`${url}/#/map`);
  await page.waitForFunction('document.querySelectorAll(".cells a.good").length === 3');
  await allOnline();
  await takePicture(page, 'dashboard-lab-map');
});

test('an account says why it is where it is', async () => {
  await page.goto(`${url}/#/accounts/anna`);
  await page.waitForSelector('h1:has-text("anna")');
  const host = (await listAccounts(world)).find(({ name }) => name === 'anna')?.host ?? '';
  await page.waitForSelector(`main a:has-text("${host}")`);
  await page.waitForSelector('main .score');
  await page.click('text=Ask the host');
  await page.waitForSelector('dl dt:has-text("State")');
  await takePicture(page, 'dashboard-lab-account', true);
});

test('a plan that a colleague has outrun is refused, and nothing is done', async () => {
  const before = await hostsOf();
  // Another host than those of the plan: a target that was cordoned is refused as such.
  const [target = '', other = ''] = ['h1', 'h2', 'h3'].filter((host) => host !== before[0]);
  await plan(`act=move&account=anna&host=${target}`);
  await must(world, 'hosts', 'cordon', other);
  await apply();
  await page.waitForSelector('text=The fleet has changed since this plan was made');
  expect(await hostsOf()).toEqual(before);
  await must(world, 'hosts', 'uncordon', other);
});

test('a drained host is empty, after its name was typed; the moves are seen as they happen', async () => {
  const [host = ''] = await hostsOf();
  const watching = await browser.newPage({ bypassCSP: true });
  try {
    await watching.goto(url);
    await watching.evaluate(
      `sessionStorage.setItem('fleet-token', ${JSON.stringify(await page.evaluate('sessionStorage.getItem("fleet-token")'))})`,
    );
    await watching.reload();
    await watching.goto(`${url}/#/moves`);
    await watching.waitForSelector('text=live');
    await plan(`act=drain&host=${host}`);
    await page.fill('input[name=confirm]', host ?? '');
    await apply();
    await watching.waitForSelector('[aria-live] >> text=drain', { timeout: 240_000 });
    await done();
  } finally {
    await watching.close();
  }
  expect(await hostsOf()).not.toContain(host);
  await allOnline();
  await must(world, 'hosts', 'uncordon', host ?? '');
  await plan('act=rebalance&threshold=1');
  await takePicture(page, 'dashboard-lab-rebalance');
});

test('a host without power: the alert appears, and the failover by the page moves its accounts', async () => {
  const [host = ''] = await hostsOf();
  const index = Number(host?.slice(1));
  await page.goto(`${url}/#/alerts`);
  await page.waitForSelector('text=No alert is open.');
  await world.lab.kill(index);
  await eventually(120_000, async () => {
    await world.operator.fleet(['sweep', '--yes']);
    expect(await must(world, 'events')).toContain('host-down');
  });
  await page.waitForSelector('table >> text=host-down');
  await takePicture(page, 'dashboard-lab-alert');
  await plan(`act=failover&host=${host}`);
  await page.fill('input[name=confirm]', host ?? '');
  await apply();
  await done();
  expect(await hostsOf()).not.toContain(host);
  await allOnline();
  await expectNoKills(world);
  expect(await must(world, 'events')).toMatch(/api-act.*token anna/);
});
