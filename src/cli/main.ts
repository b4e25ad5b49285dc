import { enableCompileCache } from 'node:module';

// Before anything else is loaded: whatever comes after this line is compiled once per version of fleet, not once per call.
enableCompileCache();
const { runProgram } = await import('./program.ts');
await runProgram();
