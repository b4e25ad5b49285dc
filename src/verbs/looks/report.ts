import { FleetError } from '../../model/errors.ts';
import { option } from '../input.ts';
import { defineLook } from '../verb.ts';

/** `fleet report`: one HTML file with everything to look at, from what the ledger knows. */
export const report = defineLook({
  name: 'report',
  group: 'looks',
  summary:
    'one HTML file for mail and browsers: map, rankings, capacity, trend, availability by ' +
    'month and cause, history; asks no host',
  input: {
    output: option({
      of: 'file',
      short: 'o',
      shown: 'file',
      words: 'file to write; - is standard output',
      start: 'fleet-report.html',
    }),
    months: option({
      ...{ of: 'count', shown: 'count', range: { min: 1, max: 24 }, example: '12', start: 3 },
      words: 'months of availability',
    }),
  },
  examples: [
    ['report', 'writes fleet-report.html here'],
    ['report --output - --months 12 > year.html', 'a year, to standard output'],
    ['report --json', 'the figures, for programs; writes no file'],
  ],
  files: ['inventory', 'ledger'],
  check({ limit }) {
    if (limit.length > 0)
      throw new FleetError('usage', 'a report is about all hosts: no --limit', {
        hint: 'fleet status --limit PATTERN shows some',
      });
  },
  async look(context, { months }) {
    const { readReport } = await import('../../workflows/checkup/read-report.ts');
    return readReport(context, months);
  },
  toJson: (found) => ({ ...found }),
});
