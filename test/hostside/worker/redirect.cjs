// Preloaded into a worker under test (`node --require`): every TCP connection, wherever it wants to
// go, goes to the test data centre
// at TEST_DC (`address:port`) instead, so nothing can leave the machine. TEST_ALSO names a port of
// this machine that is reached as it is.
const { Socket } = require('node:net');

const [host, port] = process.env.TEST_DC.split(':');
const { connect } = Socket.prototype;
Socket.prototype.connect = function redirected(...parameters) {
  const [first] = Array.isArray(parameters[0]) ? parameters[0] : parameters;
  if (typeof first === 'object' && first.path) return connect.apply(this, parameters);
  if (typeof first === 'object' && String(first.port) === process.env.TEST_ALSO)
    return connect.apply(this, parameters);
  const listener = (Array.isArray(parameters[0]) ? parameters[0] : parameters).findLast(
    (value) => typeof value === 'function',
  );
  return connect.call(
    this,
    { host, port: Number(port), localAddress: process.env.TEST_SOURCE ?? '127.0.0.1' },
    listener,
  );
};
