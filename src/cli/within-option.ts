import { Option } from 'commander';
import { longestAnnouncementMs } from '../../agent/protocol/host.ts';
import { announcedForMs } from '../moves/announced-reboot.ts';
import { durationOption } from './option-values.ts';

/** `--within DURATION` of the verbs that announce reboots: from 2 to 30 minutes, ms; default: 15. */
export const withinOption = (description: string): Option =>
  new Option('--within <duration>', description)
    .argParser(durationOption('--within', { min: 120_000, max: longestAnnouncementMs, words: 'from 2 to 30 minutes' }, '20m'))
    .default(announcedForMs, '15m');
