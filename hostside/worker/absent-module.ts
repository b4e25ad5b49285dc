/**
 * In the bundle this stands in for what the `telegram` package loads at its start and a worker on a
 * host never uses: sockets for
 * browsers, proxies, storage of sessions in files (and `graceful-fs`, which changes Node's own
 * `fs`).
 */
export {};
