import { adviceLines, type ScalingAdvice } from '../../../planning/advice/scaling-advice.ts';
import { chalk } from '../../style.ts';

const colours = {
  warning: chalk.yellow,
  plain: (text: string): string => text,
  hint: chalk.dim,
} as const;

/** The advice in words; empty when there is none to give. */
export const formatAdvice = (advice: ScalingAdvice): string =>
  adviceLines(advice)
    .map(({ text, level }) => colours[level](text))
    .join('\n');
