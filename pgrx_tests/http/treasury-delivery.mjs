// Delivering events as Stripe does: signed at that moment, by several clients at once, through PostgreSQL's own
// connections or through the gateway.

import { createHmac } from 'node:crypto';
import pg from 'pg';
import { API_URL, DATABASE_URL } from './support.mjs';

export const SECRET = 'whsec_of_a_month';

const sign = (body) => {
  const time = Math.floor(Date.now() / 1000);
  return `t=${time},v1=${createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex')}`;
};

/** As the gateway calls it, within the one transaction that PostgREST makes of a request. */
const CALL = `with request as materialized (select set_config('request.headers', $1, true))
  select ops.receive_webhook($2)::text as answer from request`;

/** A client with a connection of its own, in the role in which PostgREST calls for whoever has no token. */
export async function directClient() {
  const client = new pg.Client({ connectionString: DATABASE_URL, options: '-c role=anon' });
  client.on('error', () => {});
  await client.connect();
  return {
    /** What became of the event: processed, parked, failed, or duplicate. */
    async deliver({ body }) {
      const headers = JSON.stringify({ 'x-orig-path': 'webhooks/stripe', 'stripe-signature': sign(body) });
      const { rows } = await client.query({ name: 'call', text: CALL, values: [headers, Buffer.from(body)] });
      return outcome(JSON.parse(rows[0].answer));
    },
    end: () => client.end(),
  };
}

function outcome(answer) {
  if (answer.received !== true) throw new Error(JSON.stringify(answer));
  return answer.duplicate ? 'duplicate' : answer.status;
}

/** The same through nginx and PostgREST. Fails for whatever is not 200, and where no answer comes. */
export function httpClient() {
  return {
    async deliver({ body }) {
      const response = await fetch(`${API_URL}/api/stripe/webhook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8', 'stripe-signature': sign(body) },
        body,
        signal: AbortSignal.timeout(20_000),
      });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${response.status} ${text}`);
      return outcome(JSON.parse(text));
    },
    end: async () => {},
  };
}

/** All events in this order, each by the next client that is free; how many had which outcome. */
export async function deliverAll(clients, events) {
  const counts = {};
  let next = 0;
  const work = async (client) => {
    while (next < events.length) {
      const event = events[next];
      next += 1;
      const became = await client.deliver(event);
      counts[became] = (counts[became] ?? 0) + 1;
    }
  };
  await Promise.all(clients.map(work));
  return counts;
}

/** Orders in which a month may come, each event one to three times. */
export const ORDERS = {
  'any order': (events, random) => random.shuffled(events),
  // All that is about one charge comes at once, so that those who take it meet.
  'one thing at once': (events, random) => {
    const things = Map.groupBy(random.shuffled(events), ({ about }) => about);
    return random.shuffled([...things.values()]).flat();
  },
  'the last first': (events) => events.toReversed(),
};

/** Each event one to three times, in the order of this name. */
export function shuffled(events, order, random) {
  const copies = events.flatMap((event) => Array(random.pick([1, 1, 2, 2, 3])).fill(event));
  return ORDERS[order](copies, random);
}
