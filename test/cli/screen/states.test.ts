import colours from 'chalk';
import { expect, onTestFinished, test } from 'vitest';
import { formatState } from '../../../src/cli/render/states.ts';
import { withColours } from '../../../src/cli/style.ts';

/** What a terminal is sent for it. */
const painted = (state: string): string => withColours(formatState(state), (text) => text);

test('states have the colours that people expect: fine is green, to be looked at is yellow, wrong is red', () => {
  const { level } = colours;
  onTestFinished(() => {
    colours.level = level;
  });
  colours.level = 1;
  const byColour = {
    32: ['online', 'up', 'ready', 'healthy'],
    33: ['changed', 'pending', 'held', 'unknown', 'suspect', 'interrupted', 'cordoned'],
    31: ['failed', 'down', 'dead', 'destroyed', 'needs-login', 'what nobody knows'],
  };
  for (const [code, states] of Object.entries(byColour))
    for (const state of states) expect(painted(state)).toBe(`\u001b[${code}m${state}\u001b[39m`);
});
