// A withdrawal from request to payment, and one that is rejected.

import { answer, chapter, expect, refused } from './tell.mjs';

const BANK = { account_holder_name: 'Dev', account_number: '123456789012', ifsc_code: 'HDFC0001234', bank_name: 'HDFC Bank' };

export async function withdrawals(world) {
  const { Dev } = world.promoters;
  chapter('5. Dev takes his money out');
  expect('Dev has earned', 1500, await balance(Dev));
  const first = await request(Dev, 1000);
  expect('Dev asks for ₹1,000; his bank account shows four digits', 'XXXXXXXX9012', first.bank_details.account_number);
  expect('The amount is held at once', 500, await balance(Dev));
  refused('Asking for ₹600 more would overdraw the wallet', 409, await ask(Dev, 600));

  await decide(world, first, 'approved', 'Checked');
  await decide(world, first, 'processed', 'Paid by bank transfer');
  refused('What was processed cannot be rejected any more', 409, await decision(world, first, 'rejected'));
  const second = await request(Dev, 500);
  expect('Dev asks for the rest', 0, await balance(Dev));
  await decide(world, second, 'rejected', 'Wrong account holder');
  expect('The rejection gives it back', 500, await balance(Dev));

  const shown = await world.admin.rpc('get_withdrawal_bank_details', { p_request_id: first.request_id });
  expect('The admin may see the account number; the look is audited', BANK.account_number, answer('', shown).account_number);
  const history = answer('', await Dev.client.rpc('get_withdrawal_history', { p_promoter_id: Dev.id }));
  const steps = history.map(({ amount, status, admin_notes: notes }) => [amount, status, notes]);
  expect(
    'Dev reads his history',
    [
      [500, 'rejected', 'Wrong account holder'],
      [1000, 'processed', 'Paid by bank transfer'],
    ],
    steps,
  );
}

function ask(promoter, amount) {
  const arguments_ = { p_promoter_id: promoter.id, p_amount: amount, p_bank_details: BANK };
  return promoter.client.rpc('create_withdrawal_request', arguments_);
}

async function request(promoter, amount) {
  return answer(`${promoter.name} asks for ${amount}`, await ask(promoter, amount));
}

function decision(world, { request_id: id }, status, notes) {
  return world.admin.rpc('process_withdrawal_request', { p_request_id: id, p_status: status, p_notes: notes });
}

async function decide(world, asked, status, notes) {
  const decided = answer(status, await decision(world, asked, status, notes));
  expect(`The admin decides on ${asked.request_id}`, status, decided.status);
}

/** What a promoter can withdraw, as they read it themselves. */
async function balance(promoter) {
  return answer('the wallet', await promoter.client.from('promoter_wallet').select('balance').single()).balance;
}
