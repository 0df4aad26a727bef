// Servers of a test's own: for tests that kill them, that compare every row, or that want other limits.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

function run(local, program, args, more = {}) {
  const env = { ...process.env, BACKOFFICE_LOCAL: local, ...more };
  const { status, stdout, stderr } = spawnSync(`${root}bin/${program}`, args, { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`bin/${program}: ${stdout}${stderr}`);
}

/** The numbers of a cluster's postmaster and of its processes, as its pid file and the kernel name them. */
function processesOf(folder) {
  const postmaster = Number(readFileSync(`${folder}/data/postmaster.pid`, 'utf8').split('\n')[0]);
  assert.ok(readFileSync(`/proc/${postmaster}/cmdline`, 'utf8').includes(`${folder}/data`), 'not our server');
  const parent = (pid) => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')[1]);
    } catch {
      return null; // it has ended
    }
  };
  const children = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && parent(pid) === postmaster).map(Number);
  assert.ok(children.length >= 4, 'the server has processes');
  return { postmaster, children };
}

/** Kills a process; whether it was still there. */
export function killProcess(pid) {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
    return false;
  }
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
    /** PostgreSQL's processes; fails where it does not run. */
    processes: () => processesOf(`${root}${local}`),
    /** Kills PostgreSQL with all its processes, as a power cut would. */
    kill() {
      const { postmaster, children } = processesOf(`${root}${local}`);
      for (const pid of [postmaster, ...children]) killProcess(pid);
    },
  };
}

/** High enough to be no limit. */
export const NO_LIMITS = {
  BACKOFFICE_AUTH_RATE: '100000r/s',
  BACKOFFICE_AUTH_BURST: '100000',
  BACKOFFICE_REST_RATE: '100000r/s',
  BACKOFFICE_REST_BURST: '100000',
};
