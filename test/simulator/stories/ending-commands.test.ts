/**
 * Every open move has a command that ends it: the one that the screens name, run once, whatever
 * command left the move open and wherever that was killed.
 */
import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { listOpenMoves } from '../../../src/ledger/queries/moves.ts';
import type { MoveRow } from '../../../src/ledger/schema.ts';
import { routeOf } from '../../../src/ownership/phases.ts';
import { endingCommandOf } from '../../../src/workflows/hosts/ending-command.ts';
import type { Verb } from '../controller.ts';
import { plainFate } from '../model/model-remote.ts';
import { World } from '../world.ts';

const allocate: Verb = { verb: 'allocate' };
const lose: Verb = { verb: 'failover', host: 'h1', statement: 'destroyed' };

interface Case {
  readonly verb: Verb;
  readonly before: readonly Verb[];
  readonly isHostLost?: boolean;
}

const cases: Readonly<Record<string, Case>> = {
  allocate: { verb: allocate, before: [] },
  move: { verb: { verb: 'move', account: 'a1', host: 'h3' }, before: [allocate] },
  drain: { verb: { verb: 'drain', host: 'h1' }, before: [allocate] },
  remove: { verb: { verb: 'remove', account: 'a1' }, before: [allocate] },
  export: { verb: { verb: 'export', account: 'a2' }, before: [allocate] },
  failover: { verb: lose, before: [allocate], isHostLost: true },
};

/** What the words of a command mean in the model. */
function verbOf(command: string): Verb {
  const [, verb = '', ...rest] = command.split(' ');
  if (command === 'fleet allocate --all') return allocate;
  if (command === 'fleet resume') return { verb: 'resume' };
  if (verb === 'accounts' && rest[0] === 'remove')
    return { verb: 'remove', account: rest[1] ?? '' };
  if (verb === 'failover' && rest[1] === '--destroyed')
    return { verb: 'failover', host: rest[0] ?? '', statement: 'destroyed' };
  throw new Error(`no such command: ${command}`);
}

const openMoves = async (world: World): Promise<MoveRow[]> =>
  listOpenMoves((await world.ledgerAt(world.ledgerPath)).db);
const labelOf = ({ kind, from_host, to_host, phase }: MoveRow): string =>
  `${kind === 'failover' ? kind : routeOf(from_host, to_host)} ${phase}`;

/**
 * The command, killed after so many queries; then what the moves say. Gives the moves that it left,
 * and what is still open.
 */
async function endsAfter(
  each: Case,
  queriesLeft: number,
): Promise<{ left: string[]; open: string[]; isOver: boolean }> {
  const world = await World.create(1);
  for (const verb of each.before) await world.command(verb);
  if (each.isHostLost === true) {
    world.host('h1').crash();
    world.gone.add('h1');
    await world.simulation.pass(300_000);
  }
  const started = world.start(each.verb, { queriesLeft });
  await world.simulation.run(started.isOver, 600_000);
  const isOver = started.controller.isDone;
  await world.simulation.pass(1_000);
  const left = await openMoves(world);
  for (const command of new Set(left.map(endingCommandOf)))
    await world.command(verbOf(command), { fateOf: () => plainFate });
  const open = (await openMoves(world)).map((move) => `${labelOf(move)}: ${move.problem}`);
  // Ended means arrived: what a lost host had is somewhere else.
  const { accounts } = await world.read();
  if (each.isHostLost === true && left.length > 0)
    open.push(
      ...accounts.filter(({ host }) => host === 'h1').map(({ name }) => `${name} is still on h1`),
    );
  expect(world.simulation.violations).toEqual([]);
  await world.destroy();
  return { left: left.map(labelOf), open, isOver };
}

describe('the command that a move names ends it', () => {
  const met = new Set<string>();

  it.each(Object.entries(cases))(
    '%s, killed after its queries',
    { timeout: 240_000 },
    async (name, each) => {
      for (let query = 1; ; query += 2) {
        const { left, open, isOver } = await endsAfter(each, query);
        for (const label of left) met.add(label);
        expect(open, `${name} killed after query ${query} left ${left.join(', ')}`).toEqual([]);
        if (isOver) break;
      }
    },
  );

  it('and every kind of open move was among them', () => {
    expect([...met].sort()).toEqual([
      'change granted',
      'change planned',
      'change released',
      'change staged',
      'detach planned',
      'detach released',
      'failover granted',
      'failover planned',
      'failover staged',
      'first granted',
      'first planned',
      'first staged',
    ]);
  });
});
