import { FleetError } from '../../model/errors.ts';
import { alone, withContext } from '../../verbs/open-context.ts';
import { problemOf } from '../problem.ts';
import type { RunAnswer } from './protocol.ts';
import type { RunCircumstances } from './run-circumstances.ts';
import { runDesk } from './run-desk.ts';

const verb = 'accounts import';

function nameIn(input: unknown): string {
  const name: unknown =
    typeof input === 'object' && input !== null ? Reflect.get(input, 'name') : '';
  if (typeof name === 'string' && name !== '' && name.length <= 200) return name;
  throw new FleetError('usage', 'the account has no name', { hint: 'add ?name=NAME to the path' });
}

/**
 * A session file that is in memory, and nowhere else, comes into the vault, as `accounts import`
 * does it. Errors: `usage`; what is wrong with the file is in the answer.
 */
export async function takeUpload(
  bytes: Uint8Array,
  input: unknown,
  about: RunCircumstances,
): Promise<RunAnswer> {
  const name = nameIn(input);
  const [{ importAccounts }, { parseSessionBytes }] = await Promise.all([
    import('../../workflows/accounts/import-accounts.ts'),
    import('../../vault/read-session-source.ts'),
  ]);
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = async () => [parseSessionBytes(content, 'the upload')];
  const desk = runDesk({ ...about, agree: async () => undefined });
  const opening = { needsAllRights: false, isUnasked: false, asksHosts: false, isActing: true };
  try {
    const { outcomes } = await withContext(desk, opening, (context) =>
      alone(verb, context, desk.waitMs, async () => {
        await about.ready();
        return { outcomes: await importAccounts(context, ['upload'], name, '', read), errors: [] };
      }),
    );
    const errors = outcomes.flatMap(({ problem }) =>
      problem === null ? [] : [problemOf(problem)],
    );
    const files = outcomes.map(({ problem, path: _, ...rest }) => ({
      ...rest,
      code: problem?.code ?? null,
    }));
    const head = { version: 1, command: verb, ok: errors.length === 0, files, errors };
    return { head, lists: {}, plan: null };
  } finally {
    content.fill(0);
  }
}
