/** Everything that is proven of fleet's own SSH on a real sshd, proven of OpenSSH. */
process.env.FLEET_TEST_TRANSPORT = 'openssh';
await import('../contract.test.ts');
await import('../ssh2/faults.test.ts');
await import('../ssh2/limits.test.ts');
await import('../ssh2/logins.test.ts');
await import('../ssh2/refusals.test.ts');
await import('../ssh2/trust.test.ts');
