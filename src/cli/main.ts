import { enableCompileCache } from 'node:module';

// Before anything else is loaded: whatever comes after this line is compiled once per version of
// fleet, not once per call.
enableCompileCache();
// https://no-color.org: what colours the output knows FORCE_COLOR only, and reads it when it is
// loaded.
if (process.env.NO_COLOR || process.argv.includes('--no-color')) process.env.FORCE_COLOR = '0';
void import('./program.ts').then(({ runProgram }) => runProgram());
