import { longestAnnouncementMs } from '../../hostside/protocol/host.ts';
import { announcedForMs } from '../ownership/announced-reboot.ts';
import { type Field, option } from './input.ts';

/**
 * `--within DURATION` of the verbs that announce reboots: from 2 to 30 minutes, ms; default: 15.
 */
export const withinOption = (words: string): Field<number> =>
  option({
    ...{
      of: 'duration',
      shown: 'duration',
      words,
      start: announcedForMs,
      startWords: '15m',
      example: '20m',
    },
    range: { min: 120_000, max: longestAnnouncementMs, words: 'from 2 to 30 minutes' },
  });
