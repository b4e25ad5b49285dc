import { expect, it } from 'vitest';
import { Explorer } from '../explorer/explore.ts';
import { shippedRules } from '../explorer/rules.ts';
import { scopes } from '../explorer/scopes.ts';

it.each(scopes.map((scope) => [scope.name, scope] as const))(
  'the explorer does not notice: %s',
  { timeout: 600_000 },
  (_, scope) => {
    const { violation } = new Explorer(shippedRules, scope).run({
      depth: 30,
      ms: 300_000,
      states: 1_500,
    });
    if (violation !== null)
      console.log(`NOTICED ${scope.name}: ${violation.what}: ${violation.trace.join(' / ')}`);
    expect(violation).toBeNull();
  },
);
