// SPDX-License-Identifier: ISC
// index.d.ts says what is promised.
'use strict';

const { spawn } = require('node:child_process');
const { randomUUID } = require('node:crypto');
const { constants } = require('node:os');
const path = require('node:path');

const FOLDERS = { x64: 'x86_64', arm64: 'aarch64' };
const FLAGS = {
  env: '-e', handoff: '-H', killAfter: '-k', listen: '-l', map: '-m',
  startTimeout: '-t', stopSignal: '-s', write: '-w',
};
const NAME = /^([^:=/,\\.@][^:=/,\\]*)=/; // of a socket, in a SPEC
// What only -v says.  The groups are there when the service's process ended.
const DETAIL = new RegExp('portexec: \\d+\\.\\d{3} s: ' +
  '(?:.* \\(\\d+\\) (ended with status|was killed by signal) (\\d+)$)?');
const OVER = /portexec: .* after \d+\.\d s, before the client$/;
const HUNG = /portexec: (ended|gave up after .*,) still waiting for /;
const KEPT = 1 << 20; // characters of output
const SHOWN = 20; // lines of it in a message

function program() {
  const folder = FOLDERS[process.arch];
  if (process.platform !== 'linux' || folder === undefined) {
    throw new Error('portexec: runs on Linux alone, on x64 and arm64, not ' +
      `on ${process.platform} ${process.arch}: skip this test there, or run ` +
      'it in a container');
  }
  return path.join(__dirname, 'linux', folder, 'portexec');
}

// Of VALUE, [VALUE, ...] or {NAME: TEMPLATE, ...}: what to put behind a flag.
function values(value) {
  if (Array.isArray(value)) return value;
  return value !== null && typeof value === 'object'
    ? Object.entries(value).map((pair) => pair.join('=')) : [value];
}

function words(options) {
  return Object.entries(options).flatMap(([name, value]) => {
    if (name === 'cwd' || value === undefined) return [];
    if (name === 'args') return value;
    if (!Object.hasOwn(FLAGS, name)) {
      throw new TypeError(`portexec: unknown option '${name}'`);
    }
    return values(value).flatMap((one) => [FLAGS[name], String(one)]);
  });
}

// 0 of a unix socket.
function portOf(address) {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
}

function deferred() {
  const result = {};
  result.promise = new Promise((resolve) => { result.resolve = resolve; });
  return result;
}

class Service {
  static #running = new Set();
  url = '';
  port = 0;
  ports = {};
  output = '';
  #command;
  #names; // of its sockets
  #child;
  #token = randomUUID();
  #partial = ''; // of standard error: a line without its end
  #said; // portexec's last line
  #end; // of the service's process, as a shell has it in $?
  #over = false; // it ended by itself
  #hung = false; // it never took a connection that waited
  #stopping = false;
  #status; // when all has ended
  #begun = deferred(); // with true when the ports are known
  #exited = deferred();
  #closed = deferred();

  static async start(command, options = {}) {
    if (!Array.isArray(command) || command.length === 0) {
      throw new TypeError('portexec: the command is a list of words: ' +
        "['node', 'server.js']");
    }
    const input = command.find((word) => /^(-|\/dev\/stdin)$/.test(word));
    if (input !== undefined) {
      throw new TypeError(`portexec: '${input}' in the command: the service ` +
        'has no standard input');
    }
    const service = new Service(command, options);
    if (!await service.#begun.promise) throw service.#error();
    return service;
  }

  // The client's standard input ends with this process at the latest.  Then
  // the client ends, and portexec stops the service and all it has started.
  // read fails then, and only of a client that fails does portexec say at last
  // that a connection waits still.
  constructor(command, options) {
    this.#command = command;
    this.#names = values(options.listen ?? [])
      .flatMap((spec) => NAME.exec(spec)?.[1] ?? []);
    const places = ['{addr}', ...this.#names.map((name) => `{addr:${name}}`)];
    const client =
      `echo ${this.#token} ${places.join(' ')} >&2; read -r end`;
    const child = spawn(program(),
      [...words(options), '-v', '-c', client, '--', ...command],
      { cwd: options.cwd });
    this.#child = child;
    this.pid = child.pid;
    this.exited = this.#exited.promise;
    child.on('error', (error) => { // no process, and perhaps no pipe
      this.#said = `portexec: in ${options.cwd ?? '.'}: ${error.message}`;
      this.#close(125, null);
    });
    child.on('close', (code, signal) => {
      if (child.pid !== undefined) this.#close(code, signal);
    });
    child.stdin?.on('error', () => {}); // the client ended before
    if (Service.#running.size === 0) {
      process.on('disconnect', Service.#abandon);
    }
    Service.#running.add(this);
    child.stdout?.setEncoding('utf8').on('data', (text) => this.#keep(text));
    child.stderr?.setEncoding('utf8').on('data', (text) => this.#hear(text));
  }

  // A framework that was killed may have left this process, its worker.
  static #abandon() {
    for (const service of Service.#running) {
      service.#stopping = true;
      service.#child.stdin?.destroy();
    }
  }

  async stop() {
    this.#stopping = true;
    this.#child.stdin.end();
    if (!await this.#closed.promise) throw this.#error();
    return this.#status;
  }

  // A test that has failed is told as a SuppressedError then, of which no
  // framework shows more than the name.
  async [Symbol.asyncDispose]() {
    await this.stop().catch((error) => {
      console.error(error.message);
      throw error;
    });
  }

  #keep(text) {
    this.output += text;
    if (this.output.length > 2 * KEPT) this.output = this.output.slice(-KEPT);
  }

  #hear(text) {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop();
    for (const line of lines) this.#read(line);
  }

  // A line of portexec's may follow one of the service's that has no end.
  #read(line) {
    const at = line.indexOf('portexec: ');
    const detail = DETAIL.exec(line);
    const token = line.indexOf(this.#token);
    if (token !== -1) {
      this.#keep(line.slice(0, token));
      this.#begin(line.slice(token).split(' ').slice(1));
    } else if (detail !== null) {
      this.#keep(line.slice(0, detail.index));
      const [, how, number] = detail;
      if (how !== undefined) {
        if (detail.index > 0) this.#keep('\n');
        this.#end = Number(number) + (how.startsWith('was') ? 128 : 0);
      }
    } else {
      this.#keep(line + '\n');
      if (at !== -1 && !this.#over) this.#said = line.slice(at);
      if (this.#end === undefined) return;
      if (OVER.test(line)) {
        this.#over = true;
        this.#exited.resolve(this.#end);
        this.#child.stdin.end();
      } else if (HUNG.test(line)) {
        this.#hung = !this.#over;
      }
    }
  }

  #begin([first, ...others]) {
    this.port = portOf(first);
    if (this.port !== 0) this.url = `http://${first}`;
    others.forEach((address, index) => {
      if (portOf(address) !== 0) {
        this.ports[this.#names[index]] = portOf(address);
      }
    });
    this.#said = undefined;
    this.#begun.resolve(true);
  }

  // portexec's own status is the client's, or the signal that it was sent.
  #close(code, signal) {
    Service.#running.delete(this);
    if (Service.#running.size === 0) {
      process.off('disconnect', Service.#abandon);
    }
    const asked = this.#stopping && !this.#over && !this.#hung;
    const own = signal ? 128 + constants.signals[signal] : code;
    this.#status = this.#hung ? 125
      : (asked || this.#over || signal ? this.#end : undefined) ?? own;
    this.#begun.resolve(false);
    this.#exited.resolve(this.#status);
    this.#closed.resolve(asked || this.#status === 0);
  }

  #error() {
    const status = this.#status;
    const output = this.output;
    const said = this.#said ??
      `portexec: ${this.#command[0]} ended with status ${status}`;
    const last = output.split('\n')
      .filter((line) => line !== '' && !line.startsWith('portexec: '))
      .slice(-SHOWN);
    const error = new Error([said, ...last].join('\n'));
    error.status = status;
    // Test frameworks print what can be enumerated: the message has enough.
    return Object.defineProperty(error, 'output', { value: output });
  }
}

exports.start = Service.start;
