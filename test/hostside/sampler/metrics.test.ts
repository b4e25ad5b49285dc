import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import type { AccountSample, HostSample } from '../../../hostside/protocol/sample.ts';
import type { WorkerStatus } from '../../../hostside/protocol/worker.ts';
import { formatMetrics } from '../../../hostside/sampler/metrics.ts';
import { mergeMetrics } from '../../../src/workflows/checkup/read-metrics.ts';

const status = (counters: Record<string, number>): WorkerStatus => ({
  ...{
    format: 1,
    state: 'online',
    since: '',
    reason: '',
    updatedAt: '',
    userId: '1',
    until: null,
    latencyMs: 40,
    counters,
  },
});
const account = (name: string, fields: Partial<AccountSample> = {}): AccountSample => ({
  ...{
    keyId: 'a'.repeat(32),
    account: name,
    claim: { state: 'active', epoch: 1 },
    memoryBytes: 40e6,
    statusFault: null,
  },
  unit: { activeState: 'active', subState: 'running', restarts: 0, exitStatus: null },
  cpuCores: { m1: 0.02, m5: null, m15: null },
  status: status({}),
  ...fields,
});
const sample = (accounts: readonly AccountSample[]): HostSample => ({
  ...{
    protocol: 2,
    takenAtMs: 1_700_000_000_000,
    agent: { version: '1', release: 'r1', startedAtMs: 0 },
    bootVerdict: null,
    accounts,
  },
  host: {
    name: 'x',
    instanceId: 'i',
    bootId: 'b',
    uptimeSeconds: 1,
    os: 'Debian "12"\\',
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
});
const busy = status({
  ...{
    received: 12,
    answered: 7,
    skipped_no_rule: 4,
    skipped_hours: 1,
    paused: 1,
    frozen: 0,
    groups_closed: 2,
    groups_left: 1,
    model_unusable: 1,
    flood_waits: 2,
    lost_connections: 3,
  },
  ...{
    model_calls: 5,
    model_failures: 1,
    model_tokens: 900,
    model_money: 0.0125,
    reply_ms_100: 3,
    reply_ms_2000: 3,
    reply_ms_more: 1,
  },
  ...{ reply_ms_sum: 75_250, reply_own_ms_100: 7, reply_own_ms_sum: 210 },
});
const full = (): string =>
  formatMetrics('h1', sample([account('anna', { status: busy }), account('ben')]));
const promtool = (args: readonly string[], input = '') =>
  spawnSync('promtool', args, { input, encoding: 'utf8' });
const isPromtoolHere = promtool(['--version']).status === 0;

test('states, counters, reasons and times of each account that the host owns', () => {
  const lines = full().split('\n');
  for (const line of [
    'fleet_host_info{host="h1",os="Debian \\"12\\"\\\\",kernel="6",arch="x64",release="r1"} 1',
    'fleet_host_cpu_busy_ratio{host="h1"} 0.25',
    'fleet_account_online{host="h1",account="anna"} 1',
    'fleet_account_state{host="h1",account="anna",state="online"} 1',
    'fleet_account_paused{host="h1",account="anna"} 1',
    'fleet_account_frozen{host="h1",account="anna"} 0',
    'fleet_account_groups_closed{host="h1",account="anna"} 2',
    'fleet_account_groups_left{host="h1",account="anna"} 1',
    'fleet_account_model_unusable{host="h1",account="anna"} 1',
    'fleet_account_messages_received_total{host="h1",account="anna"} 12',
    'fleet_account_messages_received_total{host="h1",account="ben"} 0',
    'fleet_account_messages_skipped_total{host="h1",account="anna",reason="no_rule"} 4',
    'fleet_account_reply_seconds_bucket{host="h1",account="anna",le="0.1"} 3',
    'fleet_account_reply_seconds_bucket{host="h1",account="anna",le="1"} 3',
    'fleet_account_reply_seconds_bucket{host="h1",account="anna",le="60"} 6',
    'fleet_account_reply_seconds_bucket{host="h1",account="anna",le="+Inf"} 7',
    'fleet_account_reply_seconds_sum{host="h1",account="anna"} 75.25',
    'fleet_account_reply_seconds_count{host="h1",account="anna"} 7',
    'fleet_account_model_money_total{host="h1",account="anna"} 0.0125',
    'fleet_account_telegram_latency_seconds{host="h1",account="ben"} 0.04',
  ])
    expect(lines).toContain(line);
});

test('an account that ended is not online; one that the host does not own is nowhere', () => {
  const ended = account('carl', {
    unit: { activeState: 'failed', subState: 'failed', restarts: 0, exitStatus: 65 },
  });
  const text = formatMetrics(
    'h1',
    sample([
      ended,
      account('dora', { claim: { state: 'released', epoch: 2 } }),
      account('emil', { status: null }),
    ]),
  );
  expect(text).toContain('fleet_account_online{host="h1",account="carl"} 0\n');
  expect(text).toContain('fleet_account_state{host="h1",account="carl",state="failed"} 1\n');
  expect(text).toContain('fleet_account_online{host="h1",account="emil"} 0\n');
  expect(text).not.toContain('dora');
});

test('hosts are merged family by family, and the text is what Prometheus reads', () => {
  const merged = mergeMetrics([full(), formatMetrics('h2', sample([account('carl')]))]);
  const families = merged.split('\n').filter((line) => line.startsWith('# TYPE'));
  expect(new Set(families).size).toBe(families.length);
  const online = merged
    .split('\n')
    .findIndex((line) => line.startsWith('# HELP fleet_account_online '));
  expect(
    merged
      .split('\n')
      .slice(online + 2, online + 5)
      .map((line) => line.replace(/^.*account="(\w+)".*$/, '$1')),
  ).toEqual(['anna', 'ben', 'carl']);
  for (const line of merged.trimEnd().split('\n'))
    expect(line).toMatch(
      /^(?:# (?:HELP|TYPE) [a-z0-9_]+ .+|[a-z0-9_]+\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\} -?[0-9.e+-]+)$/,
    );
  if (isPromtoolHere) expect(promtool(['check', 'metrics'], merged).stderr).not.toMatch(/error/);
});

/** Names of metrics in a query. */
const namesIn = (query: string): readonly string[] => query.match(/\bfleet_[a-z0-9_]+/g) ?? [];
const known = new Set(
  [...full().matchAll(/^([a-z0-9_]+)\{/gm)]
    .map(([, name = '']) => name)
    .concat('fleet_host_up', 'fleet_host_reboot_announced', 'fleet_account_messages_skipped_total'),
);

test('alert rules: of metrics that there are, each with a severity and what to do', () => {
  const text = readFileSync('templates/prometheus/alerts.yaml', 'utf8');
  const { groups } = parse(text) as {
    groups: {
      rules: {
        alert: string;
        expr: string;
        labels: { severity: string };
        annotations: { summary: string; description: string };
      }[];
    }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.length).toBeGreaterThan(10);
  for (const { alert, expr, labels, annotations } of rules) {
    expect(alert).toMatch(/^Fleet[A-Z]/);
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(annotations.description.length).toBeGreaterThan(10);
    expect({ alert, unknown: namesIn(expr).filter((name) => !known.has(name)) }).toEqual({
      alert,
      unknown: [],
    });
  }
  if (!isPromtoolHere) return;
  const directory = mkdtempSync(join(tmpdir(), 'fleet-rules-'));
  writeFileSync(join(directory, 'rules.yaml'), text);
  expect(promtool(['check', 'rules', join(directory, 'rules.yaml')])).toMatchObject({ status: 0 });
  rmSync(directory, { recursive: true });
});

test('the dashboard: of metrics that there are, one grid without overlaps', () => {
  const { panels, uid } = JSON.parse(
    readFileSync('templates/prometheus/dashboard.json', 'utf8'),
  ) as {
    uid: string;
    panels: {
      title: string;
      gridPos: { x: number; y: number; w: number; h: number };
      targets: { expr: string }[];
    }[];
  };
  expect([uid, panels.length > 10]).toEqual(['fleet', true]);
  const taken = new Set<string>();
  for (const { title, gridPos, targets } of panels) {
    expect({
      title,
      unknown: targets.flatMap(({ expr }) => namesIn(expr)).filter((name) => !known.has(name)),
    }).toEqual({
      title,
      unknown: [],
    });
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(taken.has(`${x} ${y}`) || x >= 24).toBe(false);
        taken.add(`${x} ${y}`);
      }
    }
  }
});
