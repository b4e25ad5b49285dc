/**
 * `node scripts/terminal-picture.ts TYPESCRIPT > docs/terminal.svg`: draws what commands printed on
 * a
 * real terminal. TYPESCRIPT is what `script` recorded of `npm run demo`:
 *
 *     script -qec 'stty cols 100; npm run demo' demo.typescript
 */
import { readFileSync } from 'node:fs';

/**
 * Commands of the demo that the picture shows, each with the number of lines that are left of its
 * output.
 */
const shown: readonly (readonly [string, number])[] = [
  ['status --live', 14],
  ['why anna', 15],
];
const [columnPx, linePx, marginPx] = [8.43, 19, 18];
const columns = 100;

/**
 * Colours of the sixteen that terminals have, as SGR numbers name them; readable on the dark
 * ground.
 */
const colours: Readonly<Record<string, string>> = {
  ...{
    31: '#ff7b72',
    32: '#7ee787',
    33: '#e3b341',
    34: '#79c0ff',
    35: '#d2a8ff',
    36: '#76e3ea',
    90: '#8b949e',
  },
  ...{ 91: '#ffa198', 92: '#a5f0ad', 93: '#f2cc60', 94: '#a5d6ff', 95: '#e2c5ff', 96: '#b3f0ff' },
};

interface Run {
  readonly text: string;
  readonly style: string;
}

/** Blanks that no viewer joins: columns stay columns. */
const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(' ', '\u00a0');

/** A line in pieces of one style each. Unknown sequences are left out. */
function runsOf(line: string): readonly Run[] {
  const runs: Run[] = [];
  const style = { fill: '', bold: false, dim: false };
  const written = (): string =>
    [
      style.fill === '' ? '' : `fill="${style.fill}"`,
      style.bold ? 'font-weight="bold"' : '',
      style.dim ? 'opacity="0.65"' : '',
    ]
      .filter((part) => part !== '')
      .join(' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  const styled = /([^\u001b]*)(?:\u001b\[([\d;?]*)[A-Za-z])?/g;
  for (const [, text = '', numbers] of line.matchAll(styled)) {
    if (text !== '') runs.push({ text, style: written() });
    for (const number of (numbers ?? '').split(';')) {
      if (number === '0' || number === '')
        Object.assign(style, { fill: '', bold: false, dim: false });
      else if (number === '1') style.bold = true;
      else if (number === '2') style.dim = true;
      else if (number === '22') Object.assign(style, { bold: false, dim: false });
      else if (number === '39') style.fill = '';
      else style.fill = colours[number] ?? style.fill;
    }
  }
  return runs;
}

/** What stands between the prompt of a command and the next prompt or heading of the demo. */
function outputOf(recorded: readonly string[], command: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
  const plain = recorded.map((line) => line.replace(/\u001b\[[\d;?]*[A-Za-z]/g, ''));
  const start = plain.indexOf(`$ fleet ${command}`);
  if (start < 0) throw new Error(`the recording has no "$ fleet ${command}"`);
  const length = plain.slice(start + 1).findIndex((line) => /^(?:\$ fleet |# )/.test(line));
  return recorded.slice(start + 1, length < 0 ? undefined : start + 1 + length);
}

/** Lines at most, without empty ones at the end; what was cut off is marked. */
function shortened(lines: readonly string[], most: number): readonly string[] {
  const kept = [...lines];
  while (kept.at(-1)?.trim() === '') kept.pop();
  return kept.length <= most ? kept : [...kept.slice(0, most - 1), '\u001b[2m  ...\u001b[0m'];
}

/** An SVG of the commands and their output, as they were recorded. */
export function terminalPicture(recording: string): string {
  const recorded = recording.replaceAll('\r', '').split('\n');
  const lines = shown.flatMap(([command, most], index) => [
    ...(index === 0 ? [] : ['']),
    `\u001b[36m$ \u001b[0m\u001b[1mfleet ${command}\u001b[0m`,
    ...shortened(outputOf(recorded, command), most),
  ]);
  const [width, height] = [
    Math.round(columns * columnPx + 2 * marginPx),
    lines.length * linePx + 2 * marginPx,
  ];
  const texts = lines.map((line, index) => {
    const spans = runsOf(line).map(
      ({ text, style }) => `<tspan${style === '' ? '' : ` ${style}`}>${escaped(text)}</tspan>`,
    );
    return (
      `<text x="${marginPx}" y="${marginPx + linePx * (index + 0.75)}` +
      `">${spans.join('')}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>fleet status and fleet why on a terminal</title>
<rect width="100%" height="100%" rx="10" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#e6edf3">
${texts.join('\n')}
</g>
</svg>
`;
}

if (import.meta.main)
  process.stdout.write(terminalPicture(readFileSync(process.argv[2] ?? '', 'utf8')));
