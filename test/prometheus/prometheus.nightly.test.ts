import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';
import { formatMetrics } from '../../hostside/sampler/metrics.ts';
import { tellFleet } from '../../src/workflows/alerts/tell-fleet.ts';
import { alertWorld, listening, swept } from '../alerts/alerts-fixture.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Asks again and again until the answer is as wanted; at most a minute and a half. */
async function eventually<T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
  const endMs = performance.now() + 90_000;
  for (;;) {
    const answer = await ask().catch(() => null);
    if (answer !== null && isWanted(answer)) return answer;
    if (performance.now() > endMs)
      throw new Error(`not within 90 s: ${JSON.stringify(answer)?.slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function program(name: string, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = `${said}${chunk.toString('utf8')}`.slice(-4000);
  });
  child.on('exit', (code) => {
    if (code !== null && code !== 0) console.log(`${name} ended with ${code}: ${said}`);
  });
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await new Promise((resolve) =>
      child.exitCode === null ? child.once('exit', resolve) : resolve(null),
    );
  });
  return child;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'fleet-prometheus-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function startAlertmanager(hook: string): Promise<string> {
  const [directory, port] = [await folder(), await freePort()];
  const config = `route: { receiver: hook, group_by: [alertname, host, account], group_wait: 1s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: hook, webhook_configs: [{ url: "${hook}", send_resolved: true }] }]
`;
  await writeFile(join(directory, 'alertmanager.yml'), config);
  const flags = [
    `--config.file=${join(directory, 'alertmanager.yml')}`,
    `--storage.path=${directory}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  await program('prometheus-alertmanager', [...flags, '--cluster.listen-address=']);
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    () => fetch(`${url}/-/ready`),
    ({ ok }) => ok,
  );
  return url;
}

/** Counters grow with each scrape. */
function sample(scrape: number, isWell: boolean): HostSample {
  const counters: Record<string, number> = {
    ...{
      received: scrape * 5,
      answered: scrape * 3,
      skipped_no_rule: scrape,
      flood_waits: scrape,
      lost_connections: scrape,
      frozen: isWell ? 0 : 1,
    },
    ...{
      groups_closed: 0,
      model_calls: scrape * 2,
      model_failures: scrape,
      model_tokens: scrape * 90,
      model_money: scrape / 100,
    },
    ...{
      reply_ms_100: scrape,
      reply_ms_2000: scrape,
      reply_ms_sum: scrape * 900,
      reply_own_ms_100: scrape * 2,
      reply_own_ms_sum: scrape * 90,
    },
  };
  const status = {
    format: 1,
    state: 'online',
    since: '',
    reason: '',
    updatedAt: '',
    userId: '1',
    until: null,
    latencyMs: 40,
    counters,
  } as const;
  const account: AccountSample = {
    ...{
      keyId: 'a'.repeat(32),
      account: 'anna',
      claim: { state: 'active', epoch: 1 },
      memoryBytes: 40e6,
      statusFault: null,
      status,
    },
    unit: { activeState: 'active', subState: 'running', restarts: 0, exitStatus: null },
    cpuCores: { m1: 0.02, m5: null, m15: null },
  };
  return {
    ...{
      protocol: 2,
      takenAtMs: Date.now(),
      agent: { version: '1', release: 'r1', startedAtMs: 0 },
      bootVerdict: null,
      accounts: [account],
    },
    host: {
      name: 'h1',
      instanceId: 'i',
      bootId: 'b',
      uptimeSeconds: 1,
      os: 'Debian',
      kernel: '6',
      arch: 'x64',
    },
    cpu: { cores: 2, busyRatio: { now: 0.5, m1: 0.25, m5: null, m15: null } },
    memory: { totalBytes: 4e9, availableBytes: 3e9, swapTotalBytes: 0, swapFreeBytes: 0 },
    ...{
      disk: { totalBytes: 1e10, freeBytes: 5e9 },
      loadAverage: [0.1, 0.2, 0.3],
      pressure: { cpu: 0.1, memory: 0, io: 0 },
    },
    clock: { synchronized: true, offsetMs: 1.5 },
  };
}

interface QueryAnswer {
  readonly data: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}
interface Hooked {
  readonly status: string;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
  }[];
}

beforeAll(async () => {
  for (const name of ['prometheus', 'prometheus-alertmanager', 'promtool']) {
    const code = await new Promise((resolve) =>
      spawn(name, ['--version'], { stdio: 'ignore' })
        .on('error', () => resolve(null))
        .on('exit', resolve),
    );
    expect(code, `${name} is installed (scripts/setup.sh --nightly)`).toBe(0);
  }
});

describe('a real Prometheus with the shipped files', () => {
  it('takes the rules, and each fires for what is wrong and for nothing else', () => {
    const promtool = (...args: readonly string[]): string =>
      execFileSync('promtool', args, { cwd: root, encoding: 'utf8' });
    expect(promtool('check', 'rules', 'templates/prometheus/alerts.yaml')).toMatch(
      /SUCCESS: \d+ rules found/,
    );
    expect(promtool('test', 'rules', 'test/prometheus/rules.test.yaml')).toMatch(/SUCCESS/);
  });

  it('answers every query of the dashboard, and its alert and its end arrive through a real Alertmanager', async () => {
    const hook = await listening();
    const manager = await startAlertmanager(hook.url);
    let [scrapes, isWell] = [0, false];
    const target = await listening((response) => {
      scrapes += 1;
      const own =
        '# TYPE fleet_host_up gauge\nfleet_host_up{host="h1"} 1\n# TYPE ' +
        'fleet_host_reboot_announced gauge\nfleet_host_reboot_announced{host="h1"} 0\n';
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`${own}${formatMetrics('h1', sample(scrapes, isWell))}`);
    });
    const [directory, port] = [await folder(), await freePort()];
    // As shipped, but for the waiting.
    const rules = (await read('templates/prometheus/alerts.yaml')).replace(/^ +for: .*\n/gm, '');
    await writeFile(join(directory, 'rules.yaml'), rules);
    const config = `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${join(directory, 'rules.yaml')}]
scrape_configs: [{ job_name: fleet, honor_labels: true, static_configs: [{ targets: ["${target.url.slice(7)}"] }] }]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["${manager.slice(7)}"] }] }] }
`;
    await writeFile(join(directory, 'prometheus.yml'), config);
    await program('prometheus', [
      ...[
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
      ],
      ...[`--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
    ]);
    await eventually(
      async () => scrapes,
      (count) => count >= 5,
    );
    const { panels } = JSON.parse(await read('templates/prometheus/dashboard.json')) as {
      readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
    };
    const query = async (expr: string): Promise<QueryAnswer> =>
      (
        await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`)
      ).json() as Promise<QueryAnswer>;
    for (const { expr } of panels.flatMap(({ targets }) => targets)) {
      const asked = expr.replaceAll('$host', '.*').replaceAll('$account', '.*');
      const { data } = await eventually(
        () => query(asked),
        (answer) => answer.data.result.length > 0,
      );
      expect({
        asked,
        isNumber: data.result.every(({ value }) => Number.isFinite(Number(value[1]))),
      }).toEqual({ asked, isNumber: true });
    }
    const told = (status: string): boolean =>
      hook.heard.some(({ body }) =>
        (JSON.parse(body) as Hooked).alerts.some(
          (alert) => alert.status === status && alert.labels.alertname === 'FleetAccountFrozen',
        ),
      );
    await eventually(
      async () => told('firing'),
      (is) => is,
    );
    isWell = true;
    await eventually(
      async () => told('resolved'),
      (is) => is,
    );
  });

  it('an Alertmanager is told by fleet itself what fires and what is over', async () => {
    const hook = await listening();
    const manager = await startAlertmanager(hook.url);
    const { context, policy, clock } = await alertWorld(
      ` channels:\n  am: { kind: alertmanager, url: "${manager}" }`,
    );
    clock.nowMs = Date.now();
    const told = async (): Promise<string[]> =>
      hook.heard.flatMap(({ body }) =>
        (JSON.parse(body) as Hooked).alerts.map(
          ({ status, labels }) => `${status} ${labels.alertname} ${labels.host}`,
        ),
      );
    for (const isDown of [true, false, false]) {
      const facts = [swept('h1', isDown), swept('h2', false), swept('h3', false)];
      expect((await tellFleet(context, policy, facts, [])).problems).toEqual([]);
      if (isDown) await eventually(told, (list) => list.includes('firing host-down h1'));
      clock.nowMs += 1000;
    }
    // As sweeps do: an end that lies in the future by the Alertmanager's clock is believed when it
    // has come.
    const sweepOn = async (): Promise<string[]> => {
      await tellFleet(
        context,
        policy,
        [swept('h1', false), swept('h2', false), swept('h3', false)],
        [],
      );
      return told();
    };
    await eventually(sweepOn, (list) => list.includes('resolved host-down h1'));
  });
});
