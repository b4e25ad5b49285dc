/** A version in CHANGELOG.md: `## 0.6.0 - 2026-11-30`, with sections below it. */
interface Release {
  readonly version: string;
  /** ISO, without a time. */
  readonly date: string;
  readonly sections: readonly { readonly name: string; readonly entries: readonly string[] }[];
}

const partsBelow = (
  text: string,
  marker: string,
): readonly { readonly title: string; readonly text: string }[] =>
  `\n${text}`
    .split(`\n${marker} `)
    .slice(1)
    .map((part) => {
      const [title = '', ...rest] = part.split('\n');
      return { title, text: rest.join('\n') };
    });

/** Lines after `- `; a line that belongs to none is an entry of its own, so that it is noticed. */
const entriesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => line.replace(/^- /, ''));

/**
 * The versions of a changelog, newest first, without "Unreleased". Throws for a heading that is not
 * one.
 */
export function releasesOf(changelog: string): readonly Release[] {
  return partsBelow(changelog, '##')
    .filter(({ title }) => title !== 'Unreleased')
    .map(({ title, text }) => {
      const [, version, date] = /^(\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$/.exec(title) ?? [];
      if (version === undefined || date === undefined)
        throw new Error(`CHANGELOG.md: "${title}" is no version with a date`);
      const sections = partsBelow(text, '###').map((section) => ({
        name: section.title,
        entries: entriesOf(section.text),
      }));
      return { version, date, sections };
    });
}

/** What stands below "Unreleased": not sorted yet. */
export const unreleasedOf = (changelog: string): readonly string[] =>
  partsBelow(changelog, '##').flatMap(({ title, text }) =>
    title === 'Unreleased' ? entriesOf(text) : [],
  );
