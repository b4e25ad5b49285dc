import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { isAccountName, isHostName } from '../../model/names.ts';
import { withContext } from '../open-context.ts';
import { linesOption } from '../option-values.ts';
import { called } from '../render/account-names.ts';
import { setAction } from '../run-command.ts';
import { timeOf } from '../time-option.ts';

/** Commands that explain: `rankings`, `why`, `why-not`, `history`, `moves`, `events`. */
export function registerLooks(program: Command): void {
  registerRankings(program);
  registerWhy(program);
  registerWhyNot(program);
  registerHistory(program);
  registerMoves(program);
  registerEvents(program);
}

function registerRankings(program: Command): void {
  setAction(
    program
      .command('rankings')
      .description('hosts by load score, best first, and whether hosts are crowded or missing; samples that are too old are refreshed'),
    async ({ options, signal }) => {
      const [{ readFleetView }, { rankHosts }, { selectHosts }, { formatRankings }, { adviseFleet }, { adviceData, formatAdvice }] =
        await Promise.all([
          import('../../workflows/read-fleet-view.ts'),
          import('../../planning/ranking.ts'),
          import('../../inventory/select-hosts.ts'),
          import('../render/hosts.ts'),
          import('../../workflows/advise-scaling.ts'),
          import('../render/scaling.ts'),
        ]);
      return withContext(options, signal, async (context) => {
        const chosen = new Set<string>(selectHosts(context.inventory, options.limit).map(({ name }) => name));
        const facts = await readFleetView(context, { maxAgeMs: context.inventory.placement.sampleMaxAgeMs });
        const { view, readings } = facts;
        const advice = await adviseFleet(context, facts);
        await context.progress.stop();
        const ranks = rankHosts(view, context.inventory.placement).filter(({ host }) => chosen.has(host));
        const errors = readings.flatMap(({ problem }) => (problem === null ? [] : [problem]));
        const text = [formatRankings(ranks), formatAdvice(advice)].filter((part) => part !== '').join('\n\n');
        return { data: { hosts: ranks, advice: adviceData(advice) }, text, errors };
      });
    },
  );
}

function registerWhy(program: Command): void {
  const command = program
    .command('why <account>')
    .description('why the account is where it is, or was at some time: the decision as it was made')
    .option('--at <time>', 'the decision that held then (2026-11-23T10:00Z, or 2h for two hours ago), made once more from what was known');
  setAction<{ readonly at?: string }>(command, async ({ options, args, signal }) => {
    const [{ explainNow, explainThen }, { formatDecision, formatReplay }] = await Promise.all([
      import('../../workflows/explain-decision.ts'),
      import('../render/decision.ts'),
    ]);
    return withContext(options, signal, async (context) => {
      const name = args[0] ?? '';
      const { entry, decision, replayed } =
        options.at === undefined
          ? await explainNow(context, name)
          : await explainThen(context, name, await timeOf('--at', options.at, context.now()));
      const about = { account: entry.account, at: new Date(entry.at).toISOString(), type: entry.type, decision };
      const text = formatDecision(entry, decision);
      return replayed === null ? { data: about, text } : { data: { ...about, replayed }, text: `${text}\n\n${formatReplay(replayed)}` };
    });
  });
}

function registerWhyNot(program: Command): void {
  setAction(
    program.command('why-not <account> <host>').description('why the account is not on that host'),
    async ({ options, args, signal }) => {
      const [{ readFleetView }, { explainRefusal }, { requireAccount }] = await Promise.all([
        import('../../workflows/read-fleet-view.ts'),
        import('../../planning/explain.ts'),
        import('../../workflows/account-acts.ts'),
      ]);
      return withContext(options, signal, async (context) => {
        const [account = '', host = ''] = args;
        if (!isAccountName(account) || !isHostName(host)) {
          throw new FleetError('usage', `"${isAccountName(account) ? host : account}" cannot be a name`, {
            hint: 'fleet accounts list and fleet hosts list show the names',
          });
        }
        await requireAccount(context, account);
        const { view } = await readFleetView(context, { maxAgeMs: context.inventory.placement.sampleMaxAgeMs });
        await context.progress.stop();
        const answer = explainRefusal(view, account, host, context.inventory.placement);
        return { data: { account, host, ...answer }, text: `${called(account)} on ${host}: ${answer.message}` };
      });
    },
  );
}

function registerHistory(program: Command): void {
  const command = program
    .command('history')
    .description('decisions, newest first')
    .option('--account <account>', 'only of this account')
    .option('--host <name>', 'only to this host')
    .option('-n, --lines <count>', 'at most this many', linesOption(), 50);
  setAction<{ account?: string; host?: string; lines: number }>(command, async ({ options, signal }) => {
    const limit = options.lines;
    const { readHistory } = await import('../../ledger/records.ts');
    const { formatHistory } = await import('../render/accounts.ts');
    return withContext(options, signal, async ({ ledger }) => {
      const filter = { limit, ...(options.account ? { account: options.account } : {}), ...(options.host ? { host: options.host } : {}) };
      const rows = await readHistory(ledger.db, filter);
      const data = rows.map(({ decision_json, at, ...row }) => ({
        ...row,
        at: new Date(at).toISOString(),
        decision: JSON.parse(decision_json) as unknown,
      }));
      return { data: { history: data }, text: formatHistory(rows) };
    });
  });
}

function registerMoves(program: Command): void {
  setAction(
    program.command('moves').description('changes of owner that are not finished, and what each waits for'),
    async ({ options, signal }) => {
      const { listOpenMoves } = await import('../../ledger/moves.ts');
      const { openMoveData } = await import('../../workflows/ending-command.ts');
      const { formatMoves } = await import('../render/decision.ts');
      return withContext(options, signal, async ({ ledger, now }) => {
        const rows = await listOpenMoves(ledger.db);
        return { data: { moves: rows.map(openMoveData) }, text: formatMoves(rows, now()) };
      });
    },
  );
}

function registerEvents(program: Command): void {
  const command = program
    .command('events')
    .description('what happened to hosts and accounts, newest first')
    .option('-n, --lines <count>', 'at most this many', linesOption(), 50);
  setAction<{ lines: number }>(command, async ({ options, signal }) => {
    const { readEvents } = await import('../../ledger/records.ts');
    const { formatEvents } = await import('../render/decision.ts');
    return withContext(options, signal, async ({ ledger }) => {
      const rows = await readEvents(ledger.db, options.lines);
      return { data: { events: rows.map(({ at, ...row }) => ({ ...row, at: new Date(at).toISOString() })) }, text: formatEvents(rows) };
    });
  });
}
