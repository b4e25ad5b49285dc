import { access } from 'node:fs/promises';
import { FleetError } from '../../model/errors.ts';
import { argument, option } from '../input.ts';
import { defineChange } from '../verb.ts';
import { secretOption } from './secret-option.ts';

const passcodeOf = (text: string | undefined) => secretOption('--passcode', 'the passcode', text);

function refuseName(name: string | undefined, files: readonly string[]): void {
  if (name === undefined || files.length === 1) return;
  throw new FleetError('usage', '--name goes with exactly one file', {
    hint: 'import the files one by one, or name the files like the accounts',
  });
}

/** `fleet accounts import`. */
export const importAccounts = defineChange({
  name: 'accounts import',
  group: 'accounts',
  summary:
    'check session files, folders of them and Telegram Desktop data (tdata), and copy ' +
    'them into the vault; the files stay',
  input: {
    files: argument({ of: 'file', isMany: true }),
    name: option({
      shown: 'name',
      words: 'name of the account (for a single file); default: the name of the file',
    }),
    passcode: option({
      ...{ of: 'secret', shown: 'reference' },
      words: "passcode of Telegram Desktop's data, as env:NAME, file:PATH or exec:COMMAND",
    }),
  },
  examples: [
    ['accounts import sessions', 'every session in the folder: checked, encrypted, recorded'],
    ['accounts import old.session --name anna', 'one file, under another name than its own'],
    [
      'accounts import tdata --passcode env:PASSCODE',
      'what Telegram Desktop keeps, with its passcode',
    ],
  ],
  files: ['inventory', 'ledger', 'vault', 'key'],
  exits: { 3: 'a file was refused; the others are imported' },
  check({ files, name, passcode }) {
    refuseName(name, files);
    passcodeOf(passcode);
  },
  async plan(_, { files, name }) {
    const [{ proposedFor }, { expandFolders }] = await Promise.all([
      import('../../workflows/accounts/import-accounts.ts'),
      import('../../vault/expand-folders.ts'),
    ]);
    const paths = await expandFolders(files);
    refuseName(name, paths);
    const isThere = (path: string): Promise<boolean> =>
      access(path).then(
        () => true,
        () => false,
      );
    return Promise.all(
      paths.map(async (path) => ({
        path,
        isThere: await isThere(path),
        ...proposedFor(path, name ?? null),
      })),
    );
  },
  question: (files) =>
    files.some(({ isThere }) => isThere)
      ? `Import ${files.length === 1 ? 'this file' : `these ${files.length} files`}?`
      : null,
  async execute(context, _begin, plan, { name, passcode }) {
    const files = plan.map(({ path }) => path);
    const workflow = await import('../../workflows/accounts/import-accounts.ts');
    const reference = passcodeOf(passcode);
    const secret = reference === null ? '' : await context.readSecret(reference);
    const outcomes = await workflow.importAccounts(context, files, name ?? null, secret);
    const read = new Set(outcomes.map(({ path }) => path));
    return {
      outcomes,
      unread: context.signal.aborted ? files.filter((path) => !read.has(path)).length : 0,
    };
  },
  toJson: (_, done) => ({
    files: (done?.outcomes ?? []).map(({ problem, ...rest }) => ({
      ...rest,
      code: problem?.code ?? null,
    })),
  }),
  problems(files, done) {
    const { outcomes = [], unread = 0 } = done ?? {};
    const left = new FleetError('interrupted', `${unread} of ${files.length} files were not read`, {
      hint: 'run the same command again: what was imported is known then',
    });
    return [
      ...outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem])),
      ...(unread === 0 ? [] : [left]),
    ];
  },
});
