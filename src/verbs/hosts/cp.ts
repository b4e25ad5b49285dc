import { FleetError } from '../../model/errors.ts';
import type { FetchPlan } from '../../workflows/copy/fetch.ts';
import type { CopyEnd, SendPlan } from '../../workflows/copy/send.ts';
import { argument, dryRun, flag, option } from '../input.ts';
import type { Json } from '../outcome.ts';
import { defineChange } from '../verb.ts';

/** What would be copied, in either direction. */
export type CopyPlan = SendPlan | FetchPlan;

/** What is fetched at most unless it is said. */
const usualMaxSize = '1G';

function planJson(plan: CopyPlan): Json {
  if (plan.way === 'down') {
    const { host, source, target, files, bytes, links } = plan;
    return { way: 'down', host: host.name, source, target, files, bytes, links };
  }
  const { tree, base, shares } = plan;
  return {
    way: 'up',
    target: base,
    files: tree.entries.filter(({ kind }) => kind === 'file').length,
    bytes: tree.entries.reduce((sum, { size }) => sum + size, 0),
    links: tree.links,
    hosts: shares.map(({ host, files, same, bytes, missing, error }) => ({
      ...{ host: host.name, files, folders: missing.length - files, bytes, same },
      error: error?.message ?? null,
    })),
  };
}

const doneJson = (done: readonly CopyEnd[] | null): readonly Json[] | null =>
  done === null
    ? null
    : done.map(({ error, ...rest }) => ({ ...rest, error: error?.message ?? null }));

/** `fleet cp`. */
export const cp = defineChange({
  name: 'cp',
  group: 'hosts',
  summary: 'copy files and folders to hosts, or from one host, checked by SHA-256',
  input: {
    paths: argument({
      ...{ of: 'file', isMany: true },
      words:
        'sources, then the target: FILE... HOSTS:/PATH or HOST:/PATH FILE. A target that ends ' +
        'with / is the folder into which they go, otherwise it is their new name',
    }),
    sudo: flag('read and write on the host as root'),
    maxSize: option({
      ...{ shown: 'size', words: 'fetch at most this much: 500M, 20G' },
      ...{ start: usualMaxSize, startWords: usualMaxSize },
    }),
    dryRun: dryRun('show what would be copied, and copy nothing'),
  },
  examples: [
    ["cp site.conf 'eu-*:/tmp/'", 'into /tmp on all hosts whose name begins with eu-'],
    ['cp site h2:/srv/site --sudo', 'a folder as root; what is there already is not sent again'],
    ['cp h2:/var/log/syslog .', 'from a host into this folder'],
    ["cp ./a:b '@eu:/tmp/c' --dry-run", 'a file with a colon in its name; only look'],
  ],
  files: ['inventory', 'knownHosts', 'sshConfig'],
  exits: { 3: 'something was not copied, or a host did not answer' },
  effects: 'hosts',
  isBesideOthers: true,
  needsAllRights: ({ sudo }) => sudo,
  async plan(context, { paths, sudo, maxSize, limit }): Promise<CopyPlan> {
    const [{ readWords, refuseMistakes, baseOf }, { readLocalTree }, { parseSize }] =
      await Promise.all([
        import('../../workflows/copy/copy-words.ts'),
        import('../../workflows/copy/local-tree.ts'),
        import('../../inventory/schema/units.ts'),
      ]);
    const { request, sources, mistakes } = readWords(paths, context.inventory, limit);
    const maxBytes = parseSize(maxSize);
    const all = [
      ...mistakes,
      ...(maxBytes === null
        ? [`--max-size must be a size such as 500M or 20G (got "${maxSize.slice(0, 100)}")`]
        : []),
    ];
    if (request?.way === 'down') {
      refuseMistakes(all);
      const { planFetch } = await import('../../workflows/copy/fetch.ts');
      const { host, source, target } = request;
      const limits = { maxBytes: maxBytes ?? 0, isSudo: sudo };
      return planFetch(context, host, source, target, limits);
    }
    const { base, name } = baseOf(request?.target ?? { path: '/', isInto: true });
    context.report({ kind: 'phase', text: 'reading what is to be sent' });
    const tree = await readLocalTree(sources, name, context.signal);
    refuseMistakes([...all, ...tree.mistakes]);
    if (request === null)
      throw new FleetError('bug', 'a copy without a target', { hint: 'please report this' });
    const { planSend } = await import('../../workflows/copy/send.ts');
    return planSend(context, request.hosts, tree, base, sudo);
  },
  isEmpty: (plan) =>
    plan.way === 'up' &&
    plan.shares.every(({ missing, makesBase }) => missing.length === 0 && !makesBase),
  async execute(context, _begin, plan): Promise<readonly CopyEnd[]> {
    if (plan.way === 'down') {
      const { fetchFiles } = await import('../../workflows/copy/fetch.ts');
      return [await fetchFiles(context, plan)];
    }
    const { send } = await import('../../workflows/copy/send.ts');
    return send(context, plan);
  },
  toJson: (plan, done) => ({ plan: planJson(plan), done: doneJson(done) }),
  problems: (plan, done) => [
    ...(plan.way === 'up' ? plan.shares.flatMap(({ error }) => error ?? []) : []),
    ...(done ?? []).flatMap(({ error }) => error ?? []),
  ],
});
