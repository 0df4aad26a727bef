// A month of a business as Stripe tells it: charges, refunds, disputes, payouts and accounts, in the order of their
// time. The same seed is the same month; `prefix` is in every id, so that months can be told apart in one database.

/** When it began, in seconds since 1970: March 2025, in UTC. */
export const START = Date.UTC(2025, 2, 1) / 1000;
const DAY = 86_400;
const DAYS = 31;
/** When rules and the platform's fee changed. Some are charged in that very second. */
export const RULES_CHANGE = START + 15 * DAY + 12 * 3600;
export const FEE_CHANGES = START + 10 * DAY + 12 * 3600;

/** Numbers from a seed. */
export function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (most) => Math.floor(next() * most);
  const between = (least, most) => least + below(most - least + 1);
  const shuffled = (list) => {
    const copy = [...list];
    for (let i = copy.length - 1; i > 0; i -= 1) {
      const j = below(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  };
  return { below, between, shuffled, chance: (percent) => below(100) < percent, pick: (list) => list[below(list.length)] };
}

/** The people, by a name that they have in every month. */
export const SELLERS = ['tours', 'festival', 'club', 'gallery', 'tokyo', 'kuwait'];
export const PEOPLE = [...SELLERS, 'aida', 'bela', 'carl', 'dora', 'buyer1', 'buyer2', 'buyer3'];

/** What the sellers' charges are in, and how they say whose they are. */
const SALES = {
  tours: { currencies: ['usd', 'eur'], by: 'metadata' },
  festival: { currencies: ['usd'], by: 'metadata' },
  // It has no rule: all is its own, but in euros, for which the platform has a default.
  club: { currencies: ['usd', 'eur', 'gbp'], by: 'behalf' },
  gallery: { currencies: ['usd', 'gbp'], by: 'account' },
  tokyo: { currencies: ['jpy'], by: 'metadata' },
  kuwait: { currencies: ['kwd', 'usd'], by: 'rule' },
};

/**
 * Rules by the name of the month's owner, or of the platform; `people` gives their ids. Each version holds from its
 * time on; one without rules ends it.
 */
export function rulesOf(people) {
  const part = (name, percent, more = {}) => ({ recipient_id: people[name] ?? name, percent, ...more });
  const long = START - 30 * DAY;
  return {
    tours: {
      owner: 'tours', currency: null, is_default: true,
      versions: [
        [long, [part('tours', 40), part('aida', 30), part('bela', 20), part('carl', 10)]],
        [RULES_CHANGE, [part('tours', 25.5), part('aida', 24.5), part('bela', 20), part('dora', 30)]],
      ],
    },
    festival: {
      owner: 'festival', currency: 'USD', is_default: true,
      versions: [
        [long, [part('aida', 70, { fixed: 250 }), part('bela', 30, { minimum: 900 })]],
        [START + 20 * DAY, [part('aida', 65, { fixed: 300 }), part('festival', 35, { minimum: 400 })]],
      ],
    },
    gallery: {
      owner: 'gallery', currency: null, is_default: true,
      versions: [[long, [part('carl', 50), part('gallery', 50)]], [RULES_CHANGE, null]],
    },
    tokyo: {
      owner: 'tokyo', currency: null, is_default: true,
      versions: [[long, [part('tokyo', 33.333333), part('carl', 33.333333), part('dora', 33.333334)]]],
    },
    kuwait: {
      owner: 'kuwait', currency: null, is_default: false,
      versions: [
        [long, [part('kuwait', 80), part('bela', 20)]],
        [RULES_CHANGE, [part('kuwait', 60), part('bela', 40)]],
      ],
    },
  };
}

const FEES = { usd: [290, 30], eur: [250, 25], gbp: [250, 20], jpy: [360, 0], kwd: [300, 0] };
/** Amounts of three decimals end with a zero at Stripe. */
const STEP = { kwd: 10 };

/** Two versions of Stripe's API: the first has a refund of what a partial capture releases. */
const VERSIONS = ['2025-02-24.acacia', '2025-09-30.clover'];

class Month {
  events = [];
  #last = 0;

  constructor({ seed, prefix, people, rules }) {
    Object.assign(this, { prefix, people, rules, random: randomOf(seed) });
    this.version = this.random.pick(VERSIONS);
    this.refundsReleases = this.version === VERSIONS[0];
  }

  id(kind) {
    this.#last += 1;
    return `${kind}_${this.prefix}_${this.#last}`;
  }

  /** Something happened; the object is as it is now. */
  tell(type, object, at, { account, about = object.id } = {}) {
    const event = {
      id: this.id('evt'), object: 'event', api_version: this.version, type, created: at, livemode: true,
      pending_webhooks: 1, ...(account ? { account } : {}), data: { object },
    };
    this.events.push({ id: event.id, about, at, n: this.events.length, body: JSON.stringify(event) });
  }

  round(amount, currency) {
    const step = STEP[currency] ?? 1;
    return Math.max(step, Math.floor(amount / step) * step);
  }

  transaction(type, source, amount, fee, currency, at) {
    return {
      id: this.id('txn'), object: 'balance_transaction', type, source, amount, fee, net: amount - fee, currency,
      created: at, available_on: at + 2 * DAY, status: 'pending',
    };
  }
}

/** A payment as it begins, and whoever is told of it. */
function newCharge(month, at) {
  const { random, people } = month;
  const seller = random.pick(SELLERS);
  const { currencies, by } = SALES[seller];
  const currency = random.pick(currencies);
  const amount = month.round(random.between(currency === 'jpy' ? 300 : 500, 40_000), currency);
  const account = `acct_${month.prefix}_${seller}`;
  // Of some nobody can say whose they are, and of some Stripe is told later.
  const [unknown, late] = [random.chance(3), random.chance(5)];
  const metadata = {
    order: `${month.prefix} ${random.below(1e9)}`,
    ...(by === 'metadata' || by === 'rule' ? { owner_id: people[seller] } : {}),
    ...(by === 'rule' && random.chance(70) ? { split_rule_id: String(month.rules.kuwait) } : {}),
    ...(random.chance(50) ? { buyer_id: people[random.pick(['buyer1', 'buyer2', 'buyer3'])] } : {}),
  };
  const object = {
    id: month.id('ch'), object: 'charge', amount, amount_captured: 0, amount_refunded: 0, captured: false, paid: true,
    status: 'succeeded', currency, created: at, payment_intent: month.id('pi'), balance_transaction: null,
    billing_details: { email: 'buyer@example.test' }, description: 'Tickets 🎟', refunded: false,
    on_behalf_of: by === 'behalf' ? account : null, transfer_data: null,
    metadata: unknown || late ? {} : metadata,
  };
  if (unknown) object.on_behalf_of = null;
  return { object, currency, late: late && !unknown ? metadata : null, on: by === 'account' && !unknown ? account : undefined };
}

function pay(month, at) {
  const { random } = month;
  const charge = newCharge(month, at);
  const { object } = charge;
  charge.tell = (type, when) => month.tell(type, object, when, { account: charge.on, about: object.id });
  if (random.chance(4)) {
    // The first try fails; it is another charge of the same intent.
    const failed = { ...object, id: month.id('ch'), paid: false, status: 'failed', failure_code: 'card_declined' };
    month.tell('charge.failed', failed, at, { account: charge.on });
  }
  let now = at;
  if (random.chance(15)) {
    charge.tell('charge.succeeded', now);
    now += random.between(600, 5 * DAY);
    if (random.chance(10)) {
      if (month.refundsReleases) object.amount_refunded = object.amount;
      return charge.tell('charge.expired', now);
    }
    const part = random.chance(50) ? object.amount : month.round(object.amount * random.between(40, 95) / 100, charge.currency);
    capture(month, charge, part, now, 'charge.captured');
  } else {
    capture(month, charge, object.amount, now, 'charge.succeeded');
  }
  now = settle(month, charge, now);
  if (random.chance(10)) now = refund(month, charge, now);
  if (random.chance(6)) dispute(month, charge, now);
  return undefined;
}

function capture(month, { object, currency, tell, on }, amount, at, type) {
  const { random } = month;
  object.captured = true;
  object.amount_captured = amount;
  const released = object.amount - amount;
  if (released > 0 && month.refundsReleases) {
    object.amount_refunded = released;
    const one = { id: month.id('re'), object: 'refund', charge: object.id, amount: released, currency, created: at, metadata: {}, status: 'succeeded' };
    month.tell('refund.created', one, at, { account: on, about: object.id });
  }
  const [percent, fixed] = FEES[currency];
  const fee = month.round(Math.round(amount * percent / 10_000) + fixed, currency);
  const transaction = month.transaction('charge', object.id, amount, fee, currency, at);
  // Webhooks have the id, or nothing yet; a server may have asked for the whole of it.
  const expanded = random.chance(25);
  object.balance_transaction = random.pick([null, transaction.id, expanded ? transaction : transaction.id]);
  tell(type, at);
  object.balance_transaction = expanded ? transaction : transaction.id;
  const intent = {
    id: object.payment_intent, object: 'payment_intent', amount: object.amount, amount_received: amount, currency,
    status: 'succeeded', latest_charge: random.chance(20) ? { ...object } : object.id, metadata: object.metadata,
  };
  month.tell('payment_intent.succeeded', intent, at + random.below(2), { account: on, about: object.id });
}

/** charge.updated: the balance transaction is there, and what was added by hand. */
function settle(month, { object, late, tell }, at) {
  const then = at + month.random.between(1, 3600);
  if (!late && month.random.chance(40)) return then;
  if (late) object.metadata = late;
  object.description = `${object.description} (settled)`;
  tell('charge.updated', then);
  return then;
}

/** One to three refunds one after the other, some of which fail in the end. */
function refund(month, { object, currency, tell, on }, at) {
  const { random } = month;
  const captured = object.amount_captured;
  let now = at;
  let left = captured;
  for (let times = random.between(1, 3); times > 0 && left > 0; times -= 1) {
    now += random.between(60, 3 * DAY);
    const amount = random.chance(30) ? left : month.round(left * random.between(5, 80) / 100, currency);
    const one = {
      id: month.id('re'), object: 'refund', charge: object.id, amount, currency, created: now, metadata: {},
      reason: 'requested_by_customer', status: random.chance(60) ? 'succeeded' : random.pick(['pending', 'requires_action']),
    };
    const say = (type, when) => month.tell(type, one, when, { account: on, about: object.id });
    object.amount_refunded += amount;
    // In one second, in either order.
    const order = random.shuffled([() => say('refund.created', now), () => tell('charge.refunded', now)]);
    for (const step of order) step();
    left -= amount;
    if (one.status !== 'succeeded' && random.chance(70)) {
      one.status = 'succeeded';
      now += random.between(0, DAY);
      say('refund.updated', now);
      if (random.chance(30)) say('charge.refund.updated', now);
    }
    if (random.chance(25)) {
      one.status = random.chance(80) ? 'failed' : 'canceled';
      one.failure_reason = one.status === 'failed' ? 'lost_or_stolen_card' : null;
      now += random.between(0, 2 * DAY);
      object.amount_refunded -= amount;
      left += amount;
      say(one.status === 'failed' ? 'refund.failed' : 'refund.updated', now);
      if (random.chance(50)) tell('charge.updated', now);
    }
  }
  return now;
}

const LIVES = ['inquiry', 'escalated', 'lost', 'won', 'won later', 'refunded fee', 'open'];

function dispute(month, { object, currency, on }, at) {
  const { random } = month;
  const life = random.pick(LIVES);
  let now = at + random.between(3600, 6 * DAY);
  const amount = random.chance(70) ? object.amount_captured : month.round(object.amount_captured / 2, currency);
  const one = {
    id: month.id(random.chance(50) ? 'dp' : 'du'), object: 'dispute', charge: object.id, amount, currency, created: now,
    reason: random.pick(['fraudulent', 'duplicate', 'product_not_received']), status: 'needs_response',
    evidence_details: { due_by: now + 7 * DAY }, balance_transactions: [], metadata: {},
  };
  // Yen are settled in dollars, at some rate.
  const [settled, rate] = currency === 'jpy' ? ['usd', 0.68] : [currency, 1];
  const move = (sign, fee) => {
    const minor = sign * month.round(amount * rate, settled);
    one.balance_transactions = [...one.balance_transactions, month.transaction('adjustment', one.id, minor, fee, settled, now)];
  };
  const say = (what) => month.tell(`charge.dispute.${what}`, one, now, { account: on, about: object.id });
  const later = (status, most = 8 * DAY) => {
    now += random.between(0, most);
    one.status = status;
  };
  if (life === 'inquiry' || life === 'escalated') {
    one.status = 'warning_needs_response';
    say('created');
    later('warning_under_review');
    say('updated');
    later(life === 'inquiry' ? 'warning_closed' : 'needs_response');
    if (life === 'inquiry') return say('closed');
    say('updated');
  } else if (random.chance(50)) {
    say('created');
    move(-1, 1500);
  } else {
    move(-1, 1500);
    say('created');
  }
  if (life === 'escalated') move(-1, 1500);
  say('funds_withdrawn');
  later('under_review');
  say('updated');
  if (life === 'open') return undefined;
  const won = life !== 'lost' && life !== 'escalated';
  later(won ? 'won' : 'lost');
  if (life === 'won later') say('closed');
  if (won) {
    now += life === 'won later' ? 60 : 0;
    move(1, life === 'refunded fee' ? -1500 : 0);
    say('funds_reinstated');
  }
  if (life !== 'won later') say('closed');
  return undefined;
}

/** Payouts to sellers' bank accounts, and of the platform to its own. */
function payout(month, at, seller) {
  const { random } = month;
  const account = seller && `acct_${month.prefix}_${seller}`;
  const currency = seller ? SALES[seller].currencies[0] : 'usd';
  const object = {
    id: month.id('po'), object: 'payout', amount: month.round(random.between(1000, 60_000), currency), currency, created: at,
    arrival_date: at + 2 * DAY, status: 'pending', method: 'standard', automatic: true, failure_code: null, metadata: {},
  };
  let now = at;
  const say = (what, status, most = DAY) => {
    if (what !== 'created') now += random.between(0, most);
    object.status = status;
    month.tell(`payout.${what}`, object, now, { account });
  };
  say('created', 'pending');
  if (random.chance(15)) return say('canceled', 'canceled');
  if (random.chance(80)) say('updated', 'in_transit');
  if (random.chance(10)) return undefined;
  if (random.chance(85)) say('paid', 'paid', 2 * DAY);
  if (random.chance(20)) {
    object.failure_code = 'account_closed';
    say('failed', 'failed', 3 * DAY);
  }
  return undefined;
}

/** What Stripe knows of a seller grows, and it may ask for more. */
function onboarding(month, seller) {
  const { random } = month;
  const id = `acct_${month.prefix}_${seller}`;
  const object = {
    id, object: 'account', charges_enabled: false, payouts_enabled: false, details_submitted: false,
    requirements: { currently_due: ['external_account', 'individual.dob'], past_due: [], disabled_reason: null },
  };
  const say = (at) => month.tell('account.updated', object, at, { account: id });
  let now = START + random.below(DAY);
  say(now);
  Object.assign(object, { details_submitted: true, charges_enabled: true });
  object.requirements.currently_due = ['external_account'];
  // In one second with what follows.
  now += random.between(1, DAY);
  say(now);
  Object.assign(object, { payouts_enabled: true });
  object.requirements.currently_due = [];
  say(now);
  if (random.chance(50)) {
    object.requirements.currently_due = ['individual.verification.document'];
    say(now + random.between(DAY, 20 * DAY));
  }
}

/**
 * The events of a month, in the order of their time: a list of {id, about, at, body}. `about` is what an event is
 * about, such as its charge. `people` and `rules` give the ids of names.
 */
export function month({ charges, seed, prefix, people, rules }) {
  const one = new Month({ seed, prefix, people, rules });
  for (const seller of SELLERS) onboarding(one, seller);
  for (let n = 0; n < charges; n += 1) {
    const exact = [RULES_CHANGE, RULES_CHANGE - 1, FEE_CHANGES][n];
    pay(one, exact ?? START + DAY + one.random.below((DAYS - 1) * DAY));
  }
  for (let n = 0; n < Math.max(8, charges / 25); n += 1) {
    payout(one, START + DAY + one.random.below((DAYS - 1) * DAY), n % 4 === 0 ? null : one.random.pick(SELLERS));
  }
  return one.events.toSorted((a, b) => a.at - b.at || a.n - b.n);
}
