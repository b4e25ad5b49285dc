import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../inventory/units.ts';
import { FleetError } from '../../model/errors.ts';
import { alertsData, silenceData, storyData, verdictData } from '../../verbs/results/alerts.ts';
import { withContext, withLock } from '../open-context.ts';
import { setAction } from '../run-command.ts';

interface SilenceOptions {
  readonly for: number;
  readonly until?: number;
  readonly reason?: string;
}

function silenceTime(text: string): number {
  const ms = parseDuration(text);
  if (ms === null || ms <= 0) throw new InvalidArgumentError('it must be a time such as 30m, 2h or 7d.');
  return ms;
}

function reasonText(text: string): string {
  if (text.length > 200) throw new InvalidArgumentError('it must have at most 200 characters.');
  return text;
}

function silenceId(text: string | undefined): number {
  if (/^\d{1,15}$/.test(text ?? '')) return Number(text);
  throw new FleetError('usage', `${text ?? ''} is no number of a silence`, { hint: 'fleet alerts list shows the numbers of silences' });
}

/** ms since the epoch. */
function untilTime(text: string): number {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isFinite(ms)) throw new InvalidArgumentError('it must be a time such as 2026-12-01T06:30Z.');
  return ms;
}

const load = () => Promise.all([import('../../workflows/alerts.ts'), import('../render/alerts.ts')]);

/** `fleet alerts`: what fires, who is told, and how to keep it quiet for a while. Sweeps are what finds and tells. */
export function registerAlerts(program: Command): void {
  const alerts = program.command('alerts').description('what fires, who is told of it, and silences; fleet sweep is what finds and tells');
  setAction(
    alerts.command('list', { isDefault: true }).alias('ls').description('alerts that fire or soon may, silences, and messages that wait'),
    ({ options, signal }) =>
      withContext(options, signal, async (context) => {
        const [work, render] = await load();
        work.alertPolicyOf(context);
        const view = await work.viewAlerts(context);
        return { data: alertsData(view), text: render.formatAlerts(view, context.now()) };
      }),
  );
  setAction(
    alerts.command('show <alert>').description('one alert, by RULE/SUBJECT: since when, its limits, who was told'),
    ({ options, args, signal }) =>
      withContext(options, signal, async (context) => {
        const [work, render] = await load();
        const story = await work.findAlert(context, args[0] ?? '');
        return { data: storyData(story), text: render.formatStory(story, context.now()) };
      }),
  );
  setAction(
    alerts.command('why <rule> <subject>').description('why a rule fires for a host or account, or why it does not'),
    ({ options, args, signal }) =>
      withContext(options, signal, async (context) => {
        const [work, render] = await load();
        const verdict = await work.whyAlert(context, args[0] ?? '', args[1] ?? '');
        return { data: verdictData(verdict), text: render.formatVerdict(verdict, context.now()) };
      }),
  );
  registerSilences(alerts);
  setAction(
    alerts.command('test [channels...]').description('send a test message over every channel, or over those named'),
    ({ options, args, signal }) =>
      withContext(options, signal, async (context) => {
        const [work, render] = await load();
        const trials = await work.testChannels(context, args);
        return {
          data: { channels: trials.map(({ channel, isTaken, problem }) => ({ channel, taken: isTaken, code: problem?.code ?? null })) },
          text: render.formatTrials(trials),
          errors: trials.flatMap(({ problem }) => (problem === null ? [] : [problem])),
        };
      }),
  );
}

function registerSilences(alerts: Command): void {
  const silence = alerts
    .command('silence <pattern>')
    .description('tell nothing about RULE/SUBJECT for a while; * stands for any text, a host covers its accounts')
    .option('--for <time>', 'how long', silenceTime, 7_200_000)
    .addOption(new Option('--until <time>', 'or until when, such as 2026-12-01T06:30Z').argParser(untilTime).conflicts('for'))
    .option('--reason <text>', 'why, for whoever looks next', reasonText);
  silence.options.find(({ long }) => long === '--for')?.default(7_200_000, '2h');
  setAction<SilenceOptions>(silence, ({ options, args, signal }) =>
    withLock('alerts silence', options, signal, async (context) => {
      const [work, render] = await load();
      const wish = { pattern: args[0] ?? '', untilMs: options.until ?? context.now() + options.for, reason: options.reason ?? '' };
      const made = await work.silenceAlerts(context, wish);
      return { data: silenceData(made), text: render.formatSilence(made) };
    }),
  );
  setAction(
    alerts.command('unsilence <id>').description('end a silence; what still fires is told by the next sweep'),
    ({ options, args, signal }) =>
      withLock('alerts unsilence', options, signal, async (context) => {
        const [work] = await load();
        const id = silenceId(args[0]);
        await work.unsilenceAlerts(context, id);
        return { data: { id }, text: `silence ${id} has ended` };
      }),
  );
}
