import { argument } from '../input.ts';
import { alertsData, storyData, verdictData } from '../results/looks/alerts.ts';
import { defineLook } from '../verb.ts';

/**
 * `fleet alerts list`: what fires, who is told, and how to keep it quiet for a while. Sweeps are
 * what finds and tells.
 */
export const listAlerts = defineLook({
  name: 'alerts list',
  isWatchable: true,
  group: 'alerts',
  summary: 'alerts that fire or are about to, silences, and messages that were not delivered yet',
  isDefault: true,
  input: {},
  examples: [
    ['alerts', 'what fires now'],
    ['alerts list --json', 'for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look(context) {
    const work = await import('../../workflows/alerts/alerts.ts');
    work.alertPolicyOf(context);
    return work.viewAlerts(context);
  },
  toJson: alertsData,
});

/** `fleet alerts show`. */
export const showAlert = defineLook({
  name: 'alerts show',
  group: 'alerts',
  summary: 'show one alert, by RULE/SUBJECT: since when, its limits, and who was notified',
  input: { alert: argument({}) },
  examples: [
    ['alerts show host-down/h2', 'since when, its limits, who was notified'],
    ['alerts list', 'which there are'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { alert }) {
    const { findAlert } = await import('../../workflows/alerts/alerts.ts');
    return findAlert(context, alert);
  },
  toJson: storyData,
});

/** `fleet alerts why`. */
export const whyAlert = defineLook({
  name: 'alerts why',
  group: 'alerts',
  summary: 'why a rule fires for a host or account, or why it does not',
  input: { rule: argument({}), subject: argument({ of: 'subject' }) },
  examples: [
    ['alerts why host-down h2', 'the value, the limits and what is missing'],
    ['alerts why account-offline anna', 'the same of an account'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { rule, subject }) {
    const work = await import('../../workflows/alerts/alerts.ts');
    return work.whyAlert(context, rule, subject);
  },
  toJson: verdictData,
});

/** `fleet alerts test`. */
export const testAlerts = defineLook({
  name: 'alerts test',
  group: 'alerts',
  summary: 'send a test message over every channel, or over those named',
  input: { channels: argument({ of: 'channel', isMany: true, isOptional: true }) },
  examples: [
    ['alerts test', 'one message over every channel'],
    ['alerts test mail', 'over the channel mail only'],
  ],
  files: ['inventory', 'ledger'],
  exits: { 3: 'a channel did not take it' },
  async look(context, { channels }) {
    const { testChannels } = await import('../../workflows/alerts/alerts.ts');
    return testChannels(context, channels);
  },
  toJson: (trials) => ({
    channels: trials.map(({ channel, isTaken, problem }) => ({
      channel,
      taken: isTaken,
      code: problem?.code ?? null,
    })),
  }),
  problems: (trials) => trials.flatMap(({ problem }) => (problem === null ? [] : [problem])),
});
