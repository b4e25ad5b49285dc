import { describe, expect, it } from 'vitest';
import type { Scope } from './events.ts';
import { Explorer } from './explore.ts';
import { type Mechanisms, shippedRules } from './rules.ts';
import { scopes } from './scopes.ts';

const [returning, dying] = scopes;
if (returning === undefined || dying === undefined) throw new Error('no scope');
const rulesWithout = (without: Partial<Mechanisms>) => ({ ...shippedRules, mechanisms: { ...shippedRules.mechanisms, ...without } });
const words = ({ violation }: ReturnType<Explorer['run']>): string => violation?.trace.join('\n') ?? '';

/** Without one mechanism the explorer finds by itself what that one is there for. */
describe('the rules of the release before', () => {
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };

  it('36: a host that counts as off is in contact, dies, and is believed to be off again at once', () => {
    const scope: Scope = { ...returning, verbs: ['allocate', 'failover', 'move'] };
    const trace = words(new Explorer(rulesWithout({ withdrawsOff: false }), scope, false).run(limits));
    expect(trace).toMatch(/failover (\d) --powered-off.*\1 boots\n.*\1 loses power\nfailover \1 --powered-off[^\n]*\n\1 boots$/s);
  });

  it('34: a host that was failed over is in contact, and its next boot counts that for everything', () => {
    const scope: Scope = { ...dying, verbs: ['allocate', 'failover', 'sweep'] };
    const trace = words(new Explorer(rulesWithout({ carriesRoster: false }), scope, false).run(limits));
    expect(trace).toMatch(
      /failover (\d) --powered-off.*\1 boots\nsweep; (?:killed|the machine loses power|the helper is killed).*\1 boots/s,
    );
  });

  it('35: an account leaves the fleet while its former host is away, which is swept and boots again', () => {
    const scope: Scope = { ...returning, verbs: ['allocate', 'failover', 'sweep', 'export'] };
    const trace = words(new Explorer(rulesWithout({ carriesRoster: false }), scope, false).run(limits));
    expect(trace).toMatch(/failover (\d) --powered-off.*export a0.*sweep.*\1 loses power\n\1 boots$/s);
  });
});

it('R8: "switched off" is believed before the end of an announced reboot, and the host then boots by it', () => {
  const [scope] = scopes.filter(({ name }) => name === 'reboots that are announced');
  if (scope === undefined) throw new Error('no scope');
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };
  const quick: Scope = { ...scope, rareThings: 0, verbs: ['allocate', 'failover', 'reboot'] };
  const trace = words(new Explorer(rulesWithout({ waitsForAnnounced: false }), quick, false).run(limits));
  expect(trace).toMatch(/reboot to (\d).*\1 loses power\n.*failover \1 --powered-off[^\n]*\n\1 boots$/s);
});

describe('the shipped rules', () => {
  it.each(scopes.map((scope) => [scope.name, scope] as const))('%s: nothing goes wrong in any short order of events', (_, scope) => {
    const found = new Explorer(shippedRules, scope).run({ depth: 30, ms: 100_000, states: 1_200 });
    console.log(`${found.scope}: depth ${found.depth}, ${found.states} states, ${found.events} events, ${found.ms.toFixed(0)} ms`);
    expect(found.violation).toBeNull();
    expect(found.states).toBeGreaterThan(500);
  });
});
