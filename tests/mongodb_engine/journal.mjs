// Group commit of MongoDB's journal, in front of an engine that answers before it has flushed.
//
// WiredTiger hands each commit's log record to the operating system before it answers (`transaction_sync`, method
// `none`); from there one `fdatasync` takes all of them to the disk. A driver waits for each answer before it sends
// the next command on a connection, so a connection's answer belongs to its last command.

import fs from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';

const LOG = /^WiredTigerLog\.\d+$/;
const MARK = Buffer.from('writeConcern');

export class Journal {
  #folder;
  #logs = new Map();
  #newest = ''; // at the last flush: whatever is older was on the disk then
  #waiting = [];
  #busy = false;

  constructor(folder) {
    this.#folder = folder;
  }

  /** Resolves once everything that was written before this call is on the disk. */
  flushed() {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (!this.#busy) this.#flush();
    });
  }

  async #flush() {
    this.#busy = true;
    while (this.#waiting.length) {
      const served = this.#waiting.splice(0);
      try {
        await Promise.all((await this.#live()).map((log) => log.datasync()));
        served.forEach(({ resolve }) => resolve());
      } catch (error) {
        served.forEach(({ reject }) => reject(error));
      }
    }
    this.#busy = false;
  }

  async #live() {
    const logs = fs.readdirSync(this.#folder).filter((name) => LOG.test(name)).sort();
    const live = logs.filter((name) => name >= this.#newest);
    this.#newest = live.at(-1) ?? '';
    for (const [name, log] of this.#logs) {
      if (!live.includes(name)) {
        this.#logs.delete(name);
        await log.close();
      }
    }
    for (const name of live) {
      if (!this.#logs.has(name)) this.#logs.set(name, await open(path.join(this.#folder, name), 'r+'));
    }
    return [...this.#logs.values()];
  }
}

/** Two streams for a connection, one for its commands and one for its answers: those to durable commands wait. */
export function untilJournaled(journal) {
  let durable = false;
  let answered = true;
  let tail = Buffer.alloc(0); // a mark may be cut in two
  const commands = new Transform({
    transform(chunk, _, done) {
      if (answered) {
        durable = answered = false;
        tail = Buffer.alloc(0);
      }
      durable ||= Buffer.concat([tail, chunk.subarray(0, MARK.length)]).includes(MARK) || chunk.includes(MARK);
      tail = Buffer.from(chunk.subarray(-MARK.length));
      done(null, chunk);
    },
  });
  const answers = new Transform({
    transform(chunk, _, done) {
      answered = true;
      if (!durable) done(null, chunk);
      else journal.flushed().then(() => done(null, chunk), done);
    },
  });
  return { commands, answers };
}
