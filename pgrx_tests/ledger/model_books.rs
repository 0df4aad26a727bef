//! The books of one sequence of the model: its steps as calls of the ledger's functions,
//! and what the tables say after them.

use crate::kernel::ids::new_id;
use crate::ledger::model::steps::{Item, Like, Step};
use crate::ledger::model::{ACCOUNTS, Mode, Model, ModelTransfer, Status, class, first_limit};
use crate::ledger::{AccountId, Balancing, NewAccount, open_account};
use crate::pgrx_tests::ledger::support::plain;
use crate::pgrx_tests::support::{literal, maybe, one, run};
use pgrx::Uuid;

pub struct Books {
    accounts: Vec<AccountId>,
    /// Ids of the model's transfers and holds, in its order.
    transfers: Vec<Uuid>,
    holds: Vec<Uuid>,
    /// Each with one that has something else under the same ids.
    requests: Vec<[String; 2]>,
}

/// Runs a statement whose one value is a text, in a subtransaction of its own.
const CALL: &str = "
    create or replace function pg_temp.model_step(statement text) returns text language plpgsql as $f$
    declare answer text;
    begin
        execute statement into answer;
        return '00000' || coalesce(answer, '');
    exception when others then
        return sqlstate;
    end $f$";

/// What a statement answers, or its SQLSTATE.
fn call(sql: &str) -> Result<String, String> {
    let answer: String = one(&format!("select pg_temp.model_step({})", literal(sql)));
    answer.strip_prefix("00000").map(str::to_owned).ok_or(answer)
}

fn replayed(from: &str) -> String {
    format!("select string_agg(replayed::text, ' ') from ledger.{from}")
}

fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".to_owned(), |value| value.to_string())
}

impl Books {
    /// Opens the accounts of the model.
    pub fn open(stripes: &[i32]) -> Self {
        run(CALL);
        let open = |id: i64| {
            let code = format!("a{id}");
            let (class, limit) = (class(id), first_limit(id));
            let stripes = stripes[(id - 1) as usize];
            open_account(&NewAccount { class, limit, stripes, ..plain(&code) }).expect("opened")
        };
        Books {
            accounts: (1..=ACCOUNTS).map(open).collect(),
            transfers: Vec::new(),
            holds: Vec::new(),
            requests: Vec::new(),
        }
    }

    fn account(&self, id: i64) -> AccountId {
        self.accounts[(id - 1) as usize]
    }

    fn sides(&self, debit: i64, credit: i64) -> String {
        let (debit, credit) = (self.account(debit), self.account(credit));
        format!("p_debit_account_id => {debit}, p_credit_account_id => {credit}")
    }

    fn leg(&self, debit: i64, credit: i64, amount: i64, id: Option<Uuid>) -> String {
        let id = id.map_or(String::new(), |id| format!(r#""id": "{id}", "#));
        let (debit, credit) = (self.account(debit), self.account(credit));
        format!(
            r#"{{{id}"debit_account_id": {debit}, "credit_account_id": {credit}, "amount": {amount}}}"#
        )
    }

    /// Does a step: what it answers, or the SQLSTATE it is refused with.
    pub fn run(&mut self, step: &Step) -> Result<String, String> {
        match step {
            Step::Again(n) => return call(&self.requests[*n][0]),
            Step::Other(n) => return call(&self.requests[*n][1]),
            _ => {}
        }
        let id = new_id();
        let [sql, other] = self.statements(step, id);
        let before = self.count();
        let answer = call(&sql)?;
        if matches!(step, Step::Hold(..)) {
            self.holds.push(id);
        }
        // Where a sweep finds nothing, its id stays free.
        let repeatable = !matches!(step, Step::Batch(..)) && !other.is_empty();
        if repeatable && self.count() > before {
            self.requests.push([sql, other]);
        }
        Ok(answer)
    }

    /// Transfers and holds.
    fn count(&self) -> i64 {
        one("select (select count(*) from ledger.transfers) + (select count(*) from ledger.holds)")
    }

    /// The statement of a step under an id, and one with something else in it under the
    /// same id; nothing where there is no id.
    fn statements(&self, step: &Step, id: Uuid) -> [String; 2] {
        let both = |sql: &dyn Fn(bool) -> String| [replayed(&sql(false)), replayed(&sql(true))];
        let alone = |sql: String| [sql, String::new()];
        match step {
            Step::Post(legs) if legs.len() == 1 => self.transfer(legs[0], id, ""),
            Step::Post(legs) => self.journal(legs, &format!("p_id => '{id}'")),
            Step::Keyed(legs) => self.journal(legs, &format!("p_key => '{id}'")),
            Step::Balance(debit, credit, most, how) => {
                let how = match how {
                    Balancing::Debit => "debit",
                    Balancing::Credit => "credit",
                    Balancing::Both => "both",
                };
                let rest = format!(", p_balancing => '{how}'");
                self.transfer((*debit, *credit, *most), id, &rest)
            }
            Step::Sweep(from, to) => both(&|other| self.sweep(from, *to, id, other)),
            Step::Undo(n, part) => both(&|other| {
                let (of, part) = (self.transfers[*n], optional(*part));
                format!("reverse_transfer('{of}', 'undone {other}', '{id}', {part})")
            }),
            Step::UndoJournal(n) => {
                let journal: String = one(&format!(
                    "select coalesce(journal_id, id)::text from ledger.transfers where id = '{}'",
                    self.transfers[*n]
                ));
                both(&|other| format!("reverse_journal('{journal}', 'undone {other}', '{id}')"))
            }
            Step::Hold(debit, credit, amount) => both(&|other| {
                let (sides, kind) = (self.sides(*debit, *credit), if other { "b" } else { "a" });
                format!(
                    "hold('test', p_amount => {amount}, p_kind => '{kind}', p_id => '{id}', {sides})"
                )
            }),
            Step::Settle(n, part, last) => {
                let (hold, part) = (self.holds[*n], optional(*part));
                both(&|other| match other {
                    false => format!("settle('{hold}', {part}, '{id}', {last})"),
                    true => format!("settle('{hold}', {}, '{id}', {last})", i64::MAX),
                })
            }
            Step::Batch(items, mode) => alone(self.batch(items, *mode)),
            other => alone(self.plain_statement(other)),
        }
    }

    fn transfer(&self, leg: (i64, i64, i64), id: Uuid, rest: &str) -> [String; 2] {
        ["move", "other"].map(|kind| {
            let (sides, amount) = (self.sides(leg.0, leg.1), leg.2);
            replayed(&format!(
                "transfer('test', p_amount => {amount}, p_kind => '{kind}', p_id => '{id}', {sides}{rest})"
            ))
        })
    }

    fn journal(&self, legs: &[(i64, i64, i64)], name: &str) -> [String; 2] {
        [0, 1].map(|more: i64| {
            // Of the first leg only, and never zero.
            let amount = |n: usize, amount: i64| match (n, more) {
                (0, 1) if amount > 1 => amount - 1,
                (0, 1) => 2,
                _ => amount,
            };
            let leg = |(n, leg): (usize, &(i64, i64, i64))| {
                self.leg(leg.0, leg.1, amount(n, leg.2), None)
            };
            let legs: Vec<String> = legs.iter().enumerate().map(leg).collect();
            replayed(&format!("post_journal('test', 'move', '[{}]', {name})", legs.join(", ")))
        })
    }

    fn sweep(&self, from: &[i64], to: i64, id: Uuid, other: bool) -> String {
        let from: Vec<String> = from.iter().map(|id| self.account(*id).to_string()).collect();
        // The function wants one at least; a parent without parts has none.
        let from = match from.is_empty() {
            true => format!("p_parent_account_id => {}", self.account(to)),
            false => format!("p_from_account_ids => array[{}]::bigint[]", from.join(", ")),
        };
        let (to, kind) = (self.account(to), if other { "other" } else { "move" });
        format!(
            "sweep('test', p_to_account_id => {to}, p_kind => '{kind}', p_id => '{id}', {from})"
        )
    }

    fn batch(&self, items: &[Item], mode: Mode) -> String {
        let item = |item: &Item| {
            let id = match item.like {
                Like::New => new_id(),
                Like::Same(n) | Like::Other(n) => self.transfers[n],
            };
            self.leg(item.debit, item.credit, item.amount, Some(id))
        };
        let items: Vec<String> = items.iter().map(item).collect();
        let mode = if mode == Mode::All { "all" } else { "each" };
        format!(
            "select string_agg(coalesce(sqlstate, result), ' ' order by position)
               from ledger.post_batch('test', 'move', '[{}]', '{mode}')",
            items.join(", ")
        )
    }

    /// What has no id.
    fn plain_statement(&self, step: &Step) -> String {
        let text = match step {
            Step::Release(n) => format!("(ledger.release('{}')).status", self.holds[*n]),
            Step::SetLimit(id, limit) => {
                let [low, high] = [limit.max_overdraft(), limit.max_balance()].map(optional);
                format!("(ledger.set_limit({}, {low}, {high})).account_id", self.account(*id))
            }
            Step::Freeze(id, is) => {
                let name = if *is { "freeze" } else { "unfreeze" };
                format!("(ledger.{name}_account({}, 'test')).account_id", self.account(*id))
            }
            Step::Close(id) => format!("ledger.close_account({})", self.account(*id)),
            Step::Tidy => "ledger.expire_holds()".to_owned(),
            Step::Expire(n) => {
                // Views go by the time of the statement, which is this whole test.
                return format!(
                    "update ledger.holds set expires_at = now() - interval '1 s'
                      where id = '{}' and status = 'open' returning id::text",
                    self.holds[*n]
                );
            }
            other => unreachable!("{other:?} has an id"),
        };
        format!("select {text}::text")
    }
}

/// What the tables say.
impl Books {
    fn ids(&self) -> String {
        let ids: Vec<String> = self.accounts.iter().map(AccountId::to_string).collect();
        format!("array[{}]::bigint[]", ids.join(", "))
    }

    /// Everything that a refusal must leave as it is.
    pub fn digest(&self) -> String {
        let ids = self.ids();
        one(&format!(
            "select concat_ws(E'\\n',
               (select string_agg(concat_ws(' ', id, debits_posted, credits_posted, debits_pending,
                       credits_pending, max_overdraft, '/', max_balance, frozen_at, '/', closed_at),
                       ', ' order by id)
                  from ledger.accounts where id = any({ids})),
               (select string_agg(s::text, ', ' order by account_id, stripe)
                  from ledger.account_stripes s where account_id = any({ids})),
               (select string_agg(t::text, ', ' order by id)
                  from ledger.transfers t where debit_account_id = any({ids})),
               (select string_agg(h::text, ', ' order by id)
                  from ledger.holds h where debit_account_id = any({ids})),
               (select string_agg(j::text, ', ' order by id) from ledger.journals j),
               (select string_agg(k::text, ', ' order by key) from ledger.journal_keys k))"
        ))
    }

    /// Takes over the ids of what was just posted. Transfers that only one side knows.
    pub fn learn(&mut self, model: &Model) -> Vec<String> {
        let ids = self.ids();
        let rows: Option<String> = maybe(&format!(
            "select string_agg(concat_ws(' ', id, debit_account_id, credit_account_id, amount,
                    coalesce(reverses_id::text, '-')), ',' order by id)
               from ledger.transfers where debit_account_id = any({ids})"
        ));
        let known: Vec<String> = self.transfers.iter().map(Uuid::to_string).collect();
        let mut found: Vec<(String, String)> = rows
            .iter()
            .flat_map(|rows| rows.split(','))
            .filter_map(|row| row.split_once(' '))
            .filter(|(id, _)| !known.iter().any(|known| known == id))
            .map(|(id, content)| (id.to_owned(), content.to_owned()))
            .collect();
        let mut missing = Vec::new();
        for transfer in &model.transfers[known.len()..] {
            let content = self.content(transfer);
            match found.iter().position(|(_, found)| *found == content) {
                Some(n) => {
                    let id = crate::kernel::ids::parse_id(&found.remove(n).0, "id");
                    self.transfers.push(id.expect("an id"));
                }
                None => missing.push(content),
            }
        }
        missing.extend(found.into_iter().map(|(_, content)| content));
        missing
    }

    fn content(&self, transfer: &ModelTransfer) -> String {
        let undoes = optional(transfer.undoes.map(|n| self.transfers[n]));
        let undoes = if undoes == "null" { "-" } else { &undoes };
        let (debit, credit) = (self.account(transfer.debit), self.account(transfer.credit));
        format!("{debit} {credit} {} {undoes}", transfer.amount)
    }

    /// Only the ledger knows when it closes a hold whose time has come.
    pub fn take_over_closed_holds(&self, model: &mut Model) {
        for (n, hold) in model.holds.iter_mut().enumerate() {
            if hold.status == Status::Expired && hold.left > 0 {
                let sql = format!(
                    "select status = 'expired' from ledger.holds where id = '{}'",
                    self.holds[n]
                );
                if one(&sql) {
                    hold.left = 0;
                }
            }
        }
    }

    /// A line for every account and hold, and one of how many rows there are.
    pub fn found(&self) -> Vec<String> {
        let ids = self.ids();
        let text: String = one(&format!(
            "select concat_ws(E'\\n',
               (select string_agg(concat_ws(' ', a.code,
                       a.debits_posted + coalesce(s.debits, 0), a.credits_posted + coalesce(s.credits, 0),
                       a.debits_pending, a.credits_pending, b.posted, b.held, b.available,
                       coalesce(a.max_overdraft::text, 'null'), coalesce(a.max_balance::text, 'null'),
                       a.frozen_at is not null, a.closed_at is not null), E'\\n' order by a.id)
                  from ledger.accounts a
                  join ledger.balances b on b.account_id = a.id
                  left join (select account_id, sum(debits_posted) as debits, sum(credits_posted) as credits
                               from ledger.account_stripes group by account_id) s on s.account_id = a.id
                 where a.id = any({ids})),
               (select string_agg(concat_ws(' ', 'hold', debit_account_id, credit_account_id,
                       case when status = 'open' then amount - settled_amount else 0 end, settled_amount,
                       case when status = 'open' and expires_at <= clock_timestamp() then 'expired'
                            else status end), E'\\n' order by array_position('{{{}}}'::uuid[], id))
                  from ledger.holds where debit_account_id = any({ids})),
               concat_ws(' ', (select count(*) from ledger.transfers where debit_account_id = any({ids})),
                 (select count(distinct journal_id) from ledger.transfers where debit_account_id = any({ids})),
                 (select count(*) from ledger.journals), (select count(*) from ledger.journal_keys)))",
            self.holds.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
        ));
        text.lines().map(str::to_owned).collect()
    }

    /// What the model says of the same.
    pub fn foreseen(&self, model: &Model) -> Vec<String> {
        let letter = |is: bool| if is { "t" } else { "f" };
        let account = |id: i64| {
            let ((debits, credits), (held_debits, held_credits)) =
                (model.posted(id), model.pending(id, true));
            let ((posted, held), available) = (model.balance(id), model.available(id));
            let limit = model.limit(id);
            let [low, high] = [limit.max_overdraft(), limit.max_balance()].map(optional);
            let [frozen, closed] =
                [&model.frozen, &model.closed].map(|is| letter(is[(id - 1) as usize]));
            format!(
                "a{id} {debits} {credits} {held_debits} {held_credits} {posted} {held} \
                 {available} {low} {high} {frozen} {closed}"
            )
        };
        let mut lines: Vec<String> = (1..=ACCOUNTS).map(account).collect();
        lines.extend(model.holds.iter().map(|hold| {
            let (debit, credit) = (self.account(hold.debit), self.account(hold.credit));
            let (left, settled, status) = (hold.left, hold.settled, hold.status.as_str());
            format!("hold {debit} {credit} {left} {settled} {status}")
        }));
        let mut journals: Vec<_> = model.transfers.iter().filter_map(|t| t.journal).collect();
        journals.dedup();
        let (transfers, journals) = (model.transfers.len(), journals.len());
        lines.push(format!("{transfers} {journals} {journals} {}", model.keys));
        lines
    }

    /// What the proof finds, and what it does not look for: sides that do not add up to
    /// the same, parts below zero.
    pub fn problems(&self) -> Vec<String> {
        let ids = self.ids();
        let text: Option<String> = maybe(&format!(
            "select string_agg(problem, E'\\n') from (
               select concat_ws(' ', problem, account_id, transfer_id, expected, found, detail) as problem
                 from ledger.check()
                union all
               select 'sides ' || sum(sign * amount) from (
                      select debit_account_id as id, amount, 1 as sign from ledger.transfers
                       where debit_account_id = any({ids})
                      union all
                      select credit_account_id, amount, -1 from ledger.transfers
                       where credit_account_id = any({ids})) sides
               having sum(sign * amount) <> 0
                union all
               select 'below zero: ' || a.code from ledger.accounts a
                where a.id = any({ids})
                  and (least(debits_posted, credits_posted, debits_pending, credits_pending) < 0
                       or exists (select from ledger.account_stripes s where s.account_id = a.id
                                     and least(s.debits_posted, s.credits_posted) < 0))) p"
        ));
        text.iter().flat_map(|text| text.lines()).map(str::to_owned).collect()
    }
}
