import { Explorer } from './explore.ts';
import { shippedRules } from './rules.ts';
import { scopes } from './scopes.ts';

const [only, ms] = [process.argv[2], Number(process.argv[3] ?? 10000)];
for (const scope of scopes.filter(({ name }) => !only || name.includes(only))) {
  const r = new Explorer({ ...shippedRules, mechanisms: { withdrawsOff: true } }, scope, process.argv[4] !== 'nolive').run({ depth: 30, ms, states: 5e6 });
  console.log(r.scope, { ...r, violation: undefined, rss: Math.round(process.memoryUsage().rss / 1e6) }, r.violation);
}
