import type { Suite } from './lab/suites.ts';

interface SuiteFiles {
  readonly suite: Suite;
  /** Lab test files, by a part of their path. */
  readonly parts: readonly string[];
}

const init = 'test/workflows/init.lab';

/** What the nightly run repeats on hosts of other suites. */
export const nightlyOnOtherSuites: readonly SuiteFiles[] = [
  {
    suite: 'trixie',
    parts: [
      init,
      'test/workflows/uninstall.lab',
      'test/workflows/lock-out.lab',
      'test/workflows/python.lab',
      'test/e2e/first-day.lab',
      'test/e2e/moves.lab',
    ],
  },
  { suite: 'testing', parts: ['test/remote/words.lab', 'test/e2e/narrow-sudo.nightly.lab'] },
];
