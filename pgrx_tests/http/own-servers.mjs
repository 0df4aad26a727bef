// Servers of a test's own: for tests that kill them, that compare every row, or that want other limits.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

function run(local, program, args, more = {}) {
  const env = { ...process.env, BACKOFFICE_LOCAL: local, ...more };
  const { status, stdout, stderr } = spawnSync(`${root}bin/${program}`, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`bin/${program}: ${stdout}${stderr}`);
}

/**
 * Starts PostgreSQL, PostgREST and the gateway on a cluster of their own with an empty database, and puts their
 * addresses and keys into process.env: import support.mjs after this. `more` is for bin/up's environment.
 */
export function ownServers(name, more = {}) {
  const local = `.local/${name}`;
  const up = (...args) => run(local, 'up', [...args, '--quiet'], more);
  up('--fresh');
  for (const line of readFileSync(`${root}${local}/env`, 'utf8').split('\n')) {
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key) process.env[key] = value;
  }
  return {
    folder: `${root}${local}`,
    /** Starts what no longer runs. */
    start: () => up(),
    stop: () => run(local, 'down', ['--quiet']),
  };
}

/** High enough to be no limit. */
export const NO_LIMITS = {
  BACKOFFICE_AUTH_RATE: '100000r/s',
  BACKOFFICE_AUTH_BURST: '100000',
  BACKOFFICE_REST_RATE: '100000r/s',
  BACKOFFICE_REST_BURST: '100000',
};
