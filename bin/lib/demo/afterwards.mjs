// What comes later: a customer leaves and the commission goes back; another one saves.

import { answer, chapter, expect, refused } from './tell.mjs';
import { psql } from './world.mjs';

export async function afterwards(world) {
  const { Bharat, Dev } = world.promoters;
  const { Ravi, Sita } = world.customers;
  chapter('8. Afterwards: Ravi leaves, Sita saves');
  const cancel = { p_customer_id: Ravi.id, p_reason: 'Ravi moved away' };
  refused('Dev cannot cancel a customer', 403, await Dev.client.rpc('cancel_customer', cancel));
  answer('the cancellation', await world.admin.rpc('cancel_customer', cancel));
  expect('The admin cancels Ravi: Dev gives back his ₹500 of commission', 0, await balance(Dev));
  answer('the same again', await world.admin.rpc('cancel_customer', cancel));
  expect('Cancelling twice is cancelling once', 0, await balance(Dev));

  const plan = { p_customer_id: Sita.id, p_product: 'Monthly saver', p_instalment_amount: 500, p_instalments: 12 };
  const { id } = answer('the plan', await Bharat.client.rpc('create_savings_plan', plan));
  answer('the instalment', await Bharat.client.rpc('record_instalment', { p_investment_id: id, p_number: 1 }));
  const portfolio = answer('the portfolio', await Bharat.client.rpc('get_customer_portfolio', { p_customer_id: Sita.id }));
  expect('Sita saves ₹500 a month; Bharat, who brought her, recorded the first', [500, 1], [portfolio.invested, portfolio.active]);

  const checks = psql('select * from ledger.check()').length + psql('select * from network.check()').length;
  expect('The books still balance: problems found', 0, checks);
}

/** What a promoter can withdraw, as they read it themselves. */
async function balance(promoter) {
  return answer('the wallet', await promoter.client.from('promoter_wallet').select('balance').single()).balance;
}
