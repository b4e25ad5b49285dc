import { describe, expect, it } from 'vitest';
import { githubProgress } from '../../../src/cli/progress/github-progress.ts';
import { githubCommand } from '../../../src/cli/terminal.ts';
import type { FleetEvent } from '../../../src/workflows/context.ts';

const step = (
  host: string,
  text: string,
  status: 'working' | 'done' | 'failed' = 'working',
): FleetEvent => ({
  kind: 'host',
  host,
  text,
  status,
});

async function written(events: readonly FleetEvent[]): Promise<string[]> {
  const out: string[] = [];
  const progress = githubProgress(
    (event) => (event.kind === 'host' ? `${event.host}: ${event.text}` : event.kind),
    {
      line: (text) => out.push(text),
      fold: (title, lines) => out.push(githubCommand.fold(title, lines)),
    },
  );
  for (const event of events) progress.report(event);
  await progress.stop();
  return out;
}

describe('progress in a GitHub pipeline', () => {
  it('folds hosts that worked side by side one after the other', async () => {
    expect(
      await written([
        step('a', 'one'),
        step('b', 'one'),
        step('a', 'ready', 'done'),
        step('b', 'ready', 'done'),
      ]),
    ).toEqual([
      '::group::a: ready\na: one\na: ready\n::endgroup::',
      '::group::b: ready\nb: one\nb: ready\n::endgroup::',
    ]);
  });

  it('leaves what failed unfolded, and shows what was not finished', async () => {
    expect(
      await written([step('a', 'one'), step('a', 'no space', 'failed'), step('b', 'one')]),
    ).toEqual(['a: one', 'a: no space', '::group::b: not finished\nb: one\n::endgroup::']);
  });

  it('obeys nothing that a host has said', async () => {
    const said = '\u001b[2J\n::stop-commands::x\n  ::add-mask::y ##[error]z';
    const [fold] = await written([step('a', said), step('a', '::error::t', 'done')]);
    const commands = fold?.split('\n').filter((line) => /^\s*::|##\[/.test(line));
    expect(commands).toEqual(['::group::a: ::error::t', '::endgroup::']);
    expect(fold).not.toContain('\u001b');
  });

  it('an annotation is one line whatever the message holds', () => {
    expect(githubCommand.error('50 % of\r\n/opt')).toBe('::error::50 %25 of%0A/opt');
  });
});
