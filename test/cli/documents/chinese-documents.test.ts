/**
 * The Chinese documents keep step with the English ones: the same sections in the same order, and
 * in each the same commands.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Section {
  readonly level: number;
  readonly title: string;
  /** What is typed in its code blocks, without comments. */
  readonly commands: readonly string[];
}

function sectionsOf(text: string): readonly Section[] {
  const sections: { level: number; title: string; commands: string[] }[] = [];
  let isCode = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('```')) isCode = !isCode;
    const heading = isCode ? null : /^(#+) (.*)$/.exec(line);
    if (heading !== null)
      sections.push({ level: heading[1]?.length ?? 0, title: heading[2] ?? '', commands: [] });
    const command = isCode ? /^(?:\$ )?((?:fleet|npm) .*)$/.exec(line)?.[1] : undefined;
    if (command !== undefined)
      sections.at(-1)?.commands.push(command.replace(/\s+# .*$/, '').trim());
  }
  return sections;
}

const pairs = [
  ['README.md', 'README.zh-CN.md'],
  ['docs/first-day.md', 'docs/first-day.zh-CN.md'],
] as const;

describe.each(pairs)('%s and %s', (english, chinese) => {
  const [ours, theirs] = [
    sectionsOf(readFileSync(english, 'utf8')),
    sectionsOf(readFileSync(chinese, 'utf8')),
  ];

  test('have the same sections', () => {
    expect(theirs.map(({ level }) => level)).toEqual(ours.map(({ level }) => level));
    expect(ours.length).toBeGreaterThan(5);
    // README's headings keep their English words, so that links to them lead there in both.
    if (english === 'README.md')
      for (const [index, { title }] of ours.entries())
        expect(theirs[index]?.title).toMatch(new RegExp(`^${title.replace(/[?:.]/g, '.')}`));
  });

  test('have the same commands in each', () => {
    expect(theirs.map(({ commands }) => commands)).toEqual(ours.map(({ commands }) => commands));
    expect(ours.flatMap(({ commands }) => commands).length).toBeGreaterThan(10);
  });
});
