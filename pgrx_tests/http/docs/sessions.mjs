// Runs examples: one psql and one bash for each file, so that what an example sets is there for the next one; each
// js example is a module of its own, which sees what the shell exported.

import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SECONDS = 60;
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
// Inside node_modules, so that `import` finds the packages.
const modules = join(here, '../node_modules/.cache/docs');

/** A program that reads commands and is asked again and again. */
class Session {
  constructor(program, args, env) {
    this.child = spawn(program, args, { cwd: root, env });
    this.child.stdout.on('data', (data) => this.#take('output', data));
    this.child.stderr.on('data', (data) => this.#take('errors', data));
    this.child.stdin.on('error', () => {}); // it ended: 'close' tells
    this.child.on('close', (status) => {
      this.ended = true;
      this.finish?.({ status: String(status ?? 'killed') });
    });
  }

  #take(stream, data) {
    this[stream] += data;
    const done = /\n?@@done (\S*)\n$/;
    const end = done.exec(this.output);
    if (end && /@@done\n$/.test(this.errors)) this.finish?.({ status: end[1] });
  }

  /** Sends commands that end by printing the marks, and returns what came before them. */
  async run(commands) {
    if (this.ended) return { status: 'ended', output: '', errors: 'the session has ended' };
    this.output = '';
    this.errors = '';
    const { status } = await new Promise((resolve) => {
      const timer = setTimeout(() => this.child.kill('SIGKILL'), SECONDS * 1000);
      this.finish = (result) => {
        clearTimeout(timer);
        this.finish = null;
        resolve(result);
      };
      this.child.stdin.write(commands);
    });
    return {
      status,
      output: this.output.replace(/\n?@@done \S*\n$/, ''),
      // psql names the temporary file.
      errors: this.errors.replace(/@@done\n$/, '').replace(/^psql:\S+:\d+: /gm, ''),
    };
  }

  close() {
    this.child.stdin.end();
    this.child.kill();
  }
}

/** The sessions of one file. */
export class Sessions {
  constructor(env = process.env) {
    this.folder = mkdtempSync(join(tmpdir(), 'docs-'));
    mkdirSync(modules, { recursive: true });
    this.env = env;
    this.number = 0;
  }

  /** Runs one example; returns { status, output, errors }, status '0' or '00000' for success. */
  run(example) {
    this.number += 1;
    return this[example.kind](example);
  }

  #file(folder, ending, content) {
    const path = join(folder, `${this.number}.${ending}`);
    writeFileSync(path, `${content}\n`);
    return path;
  }

  async sql(example) {
    this.psql ??= new Session('psql', ['-X', '-q', '-v', 'ON_ERROR_STOP=1', this.env.DATABASE_URL], this.env);
    const path = this.#file(this.folder, 'sql', example.content);
    const result = await this.psql.run(
      `\\set ON_ERROR_STOP ${example.error ? 0 : 1}\n\\set LAST_ERROR_SQLSTATE 00000\n\\i ${path}\n` +
        '\\echo @@done :LAST_ERROR_SQLSTATE\n\\warn @@done\n',
    );
    // An error is the output of an example about an error.
    return example.error ? { ...result, output: result.output + result.errors } : result;
  }

  async sh(example) {
    this.bash ??= new Session('bash', ['--noprofile', '--norc'], this.env);
    const path = this.#file(this.folder, 'sh', example.content);
    return this.bash.run(
      `set -${example.error ? '' : 'e'}uo pipefail\nsource ${path} </dev/null\nstatus=$?\n` +
        `env -0 >${this.folder}/exported\nset +e\nprintf '@@done %s\\n' "$status"\nprintf '@@done\\n' >&2\n`,
    );
  }

  async js(example) {
    const path = this.#file(modules, 'mjs', example.content);
    const child = spawn(process.execPath, [path], { cwd: root, env: { ...this.env, ...this.#exported() } });
    const timer = setTimeout(() => child.kill('SIGKILL'), SECONDS * 1000);
    let output = '';
    let errors = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (errors += data));
    const status = await new Promise((resolve) => child.on('close', (code) => resolve(String(code ?? 'killed'))));
    clearTimeout(timer);
    return { status, output, errors };
  }

  #exported() {
    if (!this.bash) return {};
    const text = readFileSync(join(this.folder, 'exported'), 'utf8');
    return Object.fromEntries(text.split('\0').filter(Boolean).map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
  }

  close() {
    this.psql?.close();
    this.bash?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
