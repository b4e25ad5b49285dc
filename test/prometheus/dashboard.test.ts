import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..');
const dashboardText = readFileSync(join(root, 'templates/prometheus/dashboard.json'), 'utf8');
const dashboard = JSON.parse(dashboardText) as {
  readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[];
};
const rules = parse(readFileSync(join(root, 'templates/prometheus/alerts.yaml'), 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly { readonly expr: string }[] }[];
};

/** Places where a query cannot be read. */
function mistakesIn(query: string): string[] {
  const found: string[] = [];
  parser
    .parse(query)
    .iterate({ enter: ({ type, from, to }) => void (type.isError && found.push(`${from}-${to}`)) });
  return found;
}

it('every query of the dashboard and of the rules can be read', () => {
  const queries = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr)),
  ];
  expect(queries.length).toBeGreaterThan(40);
  for (const query of queries)
    expect({ query, mistakes: mistakesIn(query) }).toEqual({ query, mistakes: [] });
  expect(mistakesIn('sum by (host (up)')).not.toEqual([]);
});

/** What the compiler says about a dashboard, by Grafana's own types. */
function typed(
  text: string,
  name: string,
): { readonly status: number | null; readonly said: string } {
  const path = join(root, 'node_modules', `.dashboard-${name}.ts`);
  writeFileSync(
    path,
    `import type { Dashboard } from '@grafana/schema';
// JSON has no enums: their values are as good.
type Widen<T> = T extends string ? string : T extends number ? number : T extends object ? { [K in keyof T]: Widen<T[K]> } : T;
export const dashboard: Widen<Dashboard> = ${text};
`,
  );
  onTestFinished(() => rmSync(path, { force: true }));
  const flags = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--moduleResolution',
    'nodenext',
    '--types',
    '',
  ];
  const { status, stdout } = spawnSync(
    join(root, 'node_modules', '.bin', 'tsc'),
    ['--ignoreConfig', ...flags, path],
    { encoding: 'utf8' },
  );
  return { status, said: stdout };
}

it('the dashboard is one by Grafana’s own types', () => {
  expect(typed(dashboardText, 'shipped')).toEqual({ status: 0, said: '' });
  const wrong = dashboardText.replace('"templating"', '"definition": "x", "templating"');
  expect(typed(wrong, 'wrong')).toMatchObject({
    said: expect.stringContaining(`'"definition"' does not exist`),
  });
});
