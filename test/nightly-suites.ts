import type { Suite } from './lab/suites.ts';

interface SuiteFiles {
  readonly suite: Suite;
  /** Lab test files, by a part of their path. */
  readonly parts: readonly string[];
}

const init = 'test/workflows/init/init.lab';

/** What the nightly run repeats on hosts of other suites. */
export const nightlyOnOtherSuites: readonly SuiteFiles[] = [
  {
    suite: 'trixie',
    parts: [
      init,
      'test/workflows/init/uninstall.lab',
      'test/workflows/init/lock-out.lab',
      'test/steps/python.lab',
      'test/e2e/days/first-day.lab',
      'test/e2e/moves/moves.lab',
    ],
  },
  {
    suite: 'testing',
    parts: [init, 'test/remote/words.lab', 'test/e2e/hosts/narrow-sudo.nightly.lab'],
  },
];
