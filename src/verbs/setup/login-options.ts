import { type Field, option } from '../input.ts';

/** `--port PORT` of an SSH server. */
export const portOption = (words: string): Field<number | undefined> =>
  option({ of: 'count', shown: 'port', words, range: { min: 1, max: 65_535 }, example: '22' });
