// SPDX-License-Identifier: ISC
/// <reference lib="esnext.disposable" />

/**
 * What goes with portexec(1).  In the command, in `env` and in `write`, {port},
 * {host} and {addr} stand for the first socket's, and {port:NAME} for that of
 * the socket with that name.
 */
export interface Options {
  /** Variables of the service: {@link start} adds them to process.env. */
  env?: Record<string, string | number>;
  /**
   * Its sockets, each [NAME=][TYPE:]ADDRESS.  The default is '0', a TCP port of
   * the kernel's choice on 127.0.0.1.
   */
  listen?: string | readonly string[];
  /**
   * Hard-coded ports of the service, as 8080 or '8080=NAME': it is given a
   * socket of `listen` instead.  'any' is the first port that it binds.
   */
  map?: number | string | readonly (number | string)[];
  /**
   * How the service gets its socket.  The default is 'adopt' where it is told
   * a port, by {port} or {addr} or `map`, and else 'inherit'.
   */
  handoff?: 'inherit' | 'adopt' | 'reserve';
  /** Seconds from the stop signal to KILL; the default is 5. */
  killAfter?: number;
  /** The signal that stops the service; the default is 'SIGTERM'. */
  stopSignal?: string | number;
  /**
   * Seconds that a connection may wait in vain for the service to take it; then
   * the service is stopped, with status 125.  The default is 900; 0: no limit.
   */
  startTimeout?: number;
  /** Files to write before the service starts, and to remove at the end. */
  write?: Record<string, string>;
  /** The folder that the service starts in; the default is this process's. */
  cwd?: string;
  /** Further options of portexec(1), but -b, -c, -q and -v. */
  args?: readonly string[];
}

/**
 * A service that runs, and ends at the latest with this process; also where the
 * process that has forked this one, with a channel between them, ends.
 */
export interface Service extends AsyncDisposable {
  /** 'http://ADDRESS:PORT' of the first socket; '' if that is a unix socket. */
  readonly url: string;
  /** The port of the first socket; 0 if that is a unix socket. */
  readonly port: number;
  /** The ports of the sockets that have a name in `listen`, by that name. */
  readonly ports: Readonly<Record<string, number>>;
  /** The process of portexec: a signal that is sent to it is the service's. */
  readonly pid: number;
  /**
   * What the service and portexec have written to standard output and standard
   * error so far: of the latter whole lines, of a long text the last 1,000,000
   * characters at least.
   */
  readonly output: string;
  /**
   * Resolves with the service's status, as a shell has it in $?: 128+N if it
   * was killed by signal N.  At once when it ends by itself, else with stop().
   * Never rejects.
   */
  readonly exited: Promise<number>;
  /**
   * Stops the service, and waits until it and all that it has started have
   * ended.  May be called again, and after the service has ended.
   *
   * Resolves with the service's status.  Rejects with a {@link ServiceError} if
   * the service had ended before with another status than 0, or has left a
   * connection waiting for three seconds, or for `startTimeout`, and has never
   * taken one: status 125.
   */
  stop(): Promise<number>;
  /**
   * stop(), for `await using`.  An error is written to standard error too: most
   * test frameworks do not show what is in a SuppressedError.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The message is portexec's line, and the last lines of the output. */
export interface ServiceError extends Error {
  /** 127 or 126 if the command could not be executed, 125 from portexec. */
  readonly status: number;
  readonly output: string;
}

/**
 * Starts the service, whose standard input stays open and silent.  Resolves when
 * it has been executed and its sockets listen, so that a connection made then
 * waits for the service to take it.  With handoff 'reserve': when the service
 * listens.
 *
 * Rejects with a {@link ServiceError} if the service cannot be started, or has
 * ended before; with a TypeError if an option is not known, or the command
 * has the argument '-' or '/dev/stdin'; and with an Error on another system than
 * Linux on x64 or arm64.
 */
export function start(
  command: readonly string[],
  options?: Options,
): Promise<Service>;
