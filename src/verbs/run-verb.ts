/** The order in which every verb acts: whoever calls it, in a terminal or not. */
import type { Run, RunLock } from '../ledger/queries/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { Desk } from './desk.ts';
import type { Fields, InputOf } from './input.ts';
import { meantInput } from './meant-input.ts';
import { alone, type OpenContext, withContext } from './open-context.ts';
import type { Outcome } from './outcome.ts';
import type { Change, Errand, Look, Verb } from './verb.ts';

type Input = InputOf<Fields>;

/**
 * Runs a verb. Errors: all those of its acts; what failed for some hosts or accounts only is in the
 * outcome.
 */
export async function runVerb(verb: Verb, given: Input, desk: Desk): Promise<Outcome> {
  verb.check?.(given);
  const input = await meantInput(verb, given, desk);
  const opening = {
    isActing: false,
    asksHosts: verb.files.includes('sshConfig'),
    needsAllRights: verb.needsAllRights?.(input) === true,
    isUnasked: verb.kind === 'change' && verb.isForCron === true && !desk.canAsk,
  };
  if (verb.kind === 'errand') return ended(verb, await verb.run(desk, input), input);
  if (verb.kind === 'look') {
    return withContext(desk, opening, (context) => lookWith(verb, input, desk, context));
  }
  return withContext(desk, opening, (context) => {
    const act = (begin: () => Promise<Run>, aside: RunLock['aside']): Promise<Outcome> =>
      carryOut(verb, input, desk, context, { begin, aside });
    return verb.isBesideOthers === true
      ? act(
          () =>
            Promise.reject(
              new FleetError('bug', `${verb.name} takes no serial`, { hint: 'please report this' }),
            ),
          (meanwhile) => meanwhile(),
        )
      : alone(verb.name, context, desk.waitMs, act);
  });
}

/** Once, or as long as the desk watches. */
async function lookWith(
  verb: Look<Fields, unknown>,
  input: Input,
  { watch }: Desk,
  context: OpenContext,
): Promise<Outcome> {
  if (watch === null) return ended(verb, await verb.look(context, input), input);
  const opened = await verb.open?.(context, input);
  await context.progress.stop();
  try {
    return await watch(async () =>
      ended(verb, await (opened?.look() ?? verb.look(context, input)), input),
    );
  } finally {
    await opened?.close();
  }
}

/** Plan, show, ask, execute. */
async function carryOut(
  verb: Change<Fields, unknown, unknown>,
  input: Input,
  desk: Desk,
  context: OpenContext,
  { begin, aside }: { readonly begin: () => Promise<Run>; readonly aside: RunLock['aside'] },
): Promise<Outcome> {
  const { signal } = context;
  const plan = await verb.plan(context, input).catch((error: unknown) => {
    throw signal.aborted && error instanceof FleetError ? nothingChanged(error) : error;
  });
  if (signal.aborted) throw nothingChanged();
  const isDryRun = Reflect.get(input, 'dryRun') === true;
  if (isDryRun || (await verb.isEmpty?.(plan, input)) === true) {
    if (!isDryRun) await verb.leave?.(context, plan, input);
    return planned(verb, plan, input);
  }
  await context.progress.hold();
  await desk.agree(verb.question?.(plan, input) ?? null, { plan, input });
  if (verb.isBesideOthers !== true) context.act();
  return changed(verb, plan, await verb.execute(context, begin, plan, input, aside), input);
}

/** What was not asked because of Ctrl-C is missing in the plan, and in what it was refused for. */
const nothingChanged = (cause?: FleetError): FleetError =>
  cause?.code === 'interrupted'
    ? cause
    : new FleetError('interrupted', 'interrupted: nothing was changed', {
        hint: 'run it again when you are ready',
        cause,
      });

const withCode = (exitCode: number | undefined): Pick<Outcome, 'exitCode'> =>
  exitCode === undefined ? {} : { exitCode };

function ended(
  verb: Look<Fields, unknown> | Errand<Fields, unknown>,
  result: unknown,
  input: Input,
): Outcome {
  const errors = verb.problems?.(result) ?? [];
  const about = { data: verb.toJson(result, input), errors, ...withCode(verb.exit?.(result)) };
  return { input, plan: null, result, isPlanOnly: false, ...about };
}

type AnyChange = Change<Fields, unknown, unknown>;

function planned(verb: AnyChange, plan: unknown, input: Input): Outcome {
  return { ...changed(verb, plan, null, input), isPlanOnly: true };
}

function changed(verb: AnyChange, plan: unknown, done: unknown, input: Input): Outcome {
  const errors = verb.problems?.(plan, done) ?? [];
  const about = {
    data: verb.toJson(plan, done, input),
    errors,
    ...withCode(verb.exit?.(plan, done, input)),
  };
  return { input, plan, result: done, isPlanOnly: false, ...about };
}
