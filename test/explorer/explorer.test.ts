import { describe, expect, it } from 'vitest';
import type { Scope } from './events.ts';
import { Explorer } from './explore.ts';
import { type Mechanisms, shippedRules } from './rules.ts';
import { scopes } from './scopes.ts';

const [returning, dying] = scopes;
if (returning === undefined || dying === undefined) throw new Error('no scope');
const rulesWithout = (without: Partial<Mechanisms>) => ({
  ...shippedRules,
  mechanisms: { ...shippedRules.mechanisms, ...without },
});
const scopeNamed = (name: string): Scope => {
  const found = scopes.find((scope) => scope.name === name);
  if (found === undefined) throw new Error(`no scope ${name}`);
  return found;
};
const words = ({ violation }: ReturnType<Explorer['run']>): string =>
  violation?.trace.join('\n') ?? '';

/** Without one mechanism the explorer finds by itself what that one is there for. */
describe('the rules of the release before', () => {
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };

  it('36: a host that counts as off is in contact, dies, and is believed to be off again at once', () => {
    const scope: Scope = { ...returning, verbs: ['allocate', 'failover', 'move'] };
    const trace = words(
      new Explorer(rulesWithout({ withdrawsOff: false }), scope, false).run(limits),
    );
    expect(trace).toMatch(
      /failover (\d) --powered-off.*\1 boots\n.*\1 loses power\nfailover \1 --powered-off[^\n]*\n\1 boots$/s,
    );
  });

  it('34: a host that was failed over is in contact, and its next boot counts that for everything', () => {
    const scope: Scope = { ...dying, verbs: ['allocate', 'failover', 'sweep'] };
    const trace = words(
      new Explorer(rulesWithout({ carriesRoster: false }), scope, false).run(limits),
    );
    expect(trace).toMatch(
      /failover (\d) --powered-off.*\1 boots\nsweep; (?:killed|the machine loses power|the helper is killed).*\1 boots/s,
    );
  });

  it('35: an account leaves the fleet while its former host is away, which is swept and boots again', () => {
    const scope: Scope = { ...returning, verbs: ['allocate', 'failover', 'sweep', 'export'] };
    const trace = words(
      new Explorer(rulesWithout({ carriesRoster: false }), scope, false).run(limits),
    );
    expect(trace).toMatch(
      /failover (\d) --powered-off.*export a0.*sweep.*\1 loses power\n\1 boots$/s,
    );
  });
});

describe('without one decision of today', () => {
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };
  const putBack: Scope = {
    ...scopeNamed('folders that are put back while the host runs'),
    verbs: ['allocate', 'move'],
  };
  const clock: Scope = {
    ...scopeNamed("steps of the operator's clock"),
    verbs: ['allocate', 'failover'],
  };
  const traceWithout = (rules: Partial<typeof shippedRules>, scope: Scope): string =>
    words(new Explorer({ ...shippedRules, ...rules }, scope, false).run(limits));

  it('46: the folders are put back in the boot that let go of the account', () => {
    const trace = traceWithout({ isBeforeMark: () => false }, putBack);
    expect(trace).toMatch(
      /allocate to (\d)\n.*snapshot of the disk of \1\nmove a0 to \d\nfleet's folders on \1 are put back$/s,
    );
  });

  it('46: the folders are put back, and the machine reboots before its last heartbeat is old', () => {
    const decideBoot: typeof shippedRules.decideBoot = ({ heartbeat, ...facts }) =>
      shippedRules.decideBoot({ ...facts, heartbeat: heartbeat && { wallMs: heartbeat.wallMs } });
    const trace = traceWithout(
      { decideBoot },
      { ...putBack, hosts: { ...putBack.hosts, links: false } },
    );
    expect(trace).toMatch(/fleet's folders on (\d) are put back\n\1 loses power\n\1 boots$/);
  });

  it("44: the operator's clock is set forward after a contact", () => {
    const trace = traceWithout({ forwardStepMs: () => 0 }, clock);
    expect(trace).toMatch(
      /(\d) loses power\n.*clock is set forward by twice hold.after\nfailover \1 --powered-off[^\n]*\n\1 boots$/s,
    );
  });
});

describe('without one decision of today: copies of a machine', () => {
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };
  const copies = scopeNamed('copies of a machine');

  it('R7: a copy with the ids of its machine, and other network cards, boots', () => {
    // As the release before: by its ids alone.
    const judgeMachine: typeof shippedRules.judgeMachine = (_, parts) =>
      shippedRules.judgeMachine(null, parts);
    const trace = words(new Explorer({ ...shippedRules, judgeMachine }, copies, false).run(limits));
    expect(trace).toMatch(
      /allocate to (\d)\nsomebody copies the machine \1\nthe copy of \1 boots$/,
    );
  });

  it('R7: a copy that answers under the name of its original is given what the original owns', () => {
    const trace = words(
      new Explorer({ ...shippedRules, judgeAll: () => new Map() }, copies, false).run(limits),
    );
    expect(trace).toMatch(
      /somebody copies the machine (\d)\n.*the address of \1 leads to its copy\n.*grant to \1$/s,
    );
  });
});

it('R3: programs of the release before take a request of this one for a contact', () => {
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };
  const upgrades = scopeNamed('upgrades from the release before');
  const faults = { crashes: false, pauses: false, late: false };
  const scope: Scope = { ...upgrades, faults, rareThings: 0, verbs: ['init', 'sweep', 'failover'] };
  const trace = words(new Explorer(rulesWithout({ refusesOld: false }), scope, false).run(limits));
  expect(trace).toMatch(
    /failover (\d) --powered-off[^\n]*\n\1 boots\nsweep\n\1 loses power\n\1 boots$/,
  );
});

it('R8: "switched off" is believed before the end of an announced reboot, and the host then boots by it', () => {
  const scope = scopeNamed('reboots that are announced');
  const limits = { depth: 12, ms: 100_000, states: 1_000_000 };
  const quick: Scope = { ...scope, rareThings: 0, verbs: ['allocate', 'failover', 'reboot'] };
  const trace = words(
    new Explorer(rulesWithout({ waitsForAnnounced: false }), quick, false).run(limits),
  );
  expect(trace).toMatch(
    /reboot to (\d).*\1 loses power\n.*failover \1 --powered-off[^\n]*\n\1 boots$/s,
  );
});

describe('the shipped rules', () => {
  it.each(scopes.map((scope) => [scope.name, scope] as const))(
    '%s: nothing goes wrong in any short order of events',
    (_, scope) => {
      const found = new Explorer(shippedRules, scope).run({
        depth: 30,
        ms: 100_000,
        states: 1_200,
      });
      console.log(
        `${found.scope}: depth ${found.depth}, ${found.states} states, ${found.events} ` +
          `events, ${found.ms.toFixed(0)} ms`,
      );
      expect(found.violation).toBeNull();
      expect(found.states).toBeGreaterThan(500);
    },
  );
});
