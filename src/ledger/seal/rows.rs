//! Reading transfers with all that is sealed of them.

use crate::kernel::error::Result;
use crate::ledger::seal::block::Place;
use crate::ledger::seal::record::{Hash, Id, Journal, Kind, Sealed, Transfer};
use crate::ledger::store::seals as store;
use pgrx::pg_sys;
use std::collections::{BTreeSet, HashMap};

/// The most accounts whose hashes are remembered.
const MOST_ACCOUNTS: usize = 200_000;

/// A transfer's hashes and where it stands.
pub struct SealedRow {
    pub place: Place,
    pub sealed: Sealed,
}

/// Reads stretches of transfers. Remembers what many of them share.
pub struct Reader {
    kinds: HashMap<i16, Kind>,
    accounts: HashMap<i64, Hash>,
}

impl Reader {
    pub fn new() -> Result<Self> {
        Ok(Reader { kinds: store::kinds()?, accounts: HashMap::new() })
    }

    /// The transfers after a place and up to another, in order.
    pub fn read(&mut self, from: Place, to: Place) -> Result<Vec<SealedRow>> {
        let transfers = in_own_memory(|| store::transfers(from, to))?;
        self.learn_accounts(&transfers)?;
        let journals = self.journals(&transfers)?;
        Ok(transfers.iter().map(|transfer| self.sealed(transfer, &journals)).collect())
    }

    fn sealed(&self, transfer: &Transfer, journals: &HashMap<Id, Hash>) -> SealedRow {
        let account = |id| self.accounts.get(id).copied().unwrap_or_default();
        let journal = transfer.journal.and_then(|id| journals.get(&id).copied());
        SealedRow {
            place: (transfer.recorded_at, transfer.id),
            sealed: Sealed {
                id: transfer.id,
                own: transfer.hash(self.kinds.get(&transfer.kind)),
                journal: journal.unwrap_or_default(),
                debit: account(&transfer.debit),
                credit: account(&transfer.credit),
            },
        }
    }

    fn learn_accounts(&mut self, transfers: &[Transfer]) -> Result<()> {
        if self.accounts.len() > MOST_ACCOUNTS {
            self.accounts.clear();
        }
        let ids: BTreeSet<i64> = transfers
            .iter()
            .flat_map(|transfer| [transfer.debit, transfer.credit])
            .filter(|id| !self.accounts.contains_key(id))
            .collect();
        if !ids.is_empty() {
            let accounts = in_own_memory(|| store::accounts(ids.into_iter().collect()))?;
            self.accounts.extend(accounts.iter().map(|account| (account.id, account.hash())));
        }
        Ok(())
    }

    fn journals(&self, transfers: &[Transfer]) -> Result<HashMap<Id, Hash>> {
        let ids: BTreeSet<Id> = transfers.iter().filter_map(|transfer| transfer.journal).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let journals = in_own_memory(|| store::journals(ids.into_iter().collect()))?;
        let hash = |journal: &Journal| (journal.id, journal.hash(self.kinds.get(&journal.kind)));
        Ok(journals.iter().map(hash).collect())
    }
}

/// Runs `body`, which gives nothing that PostgreSQL allocated, and frees what it
/// allocated meanwhile: long columns are copied there.
pub fn in_own_memory<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let _memory = Memory::enter();
    body()
}

/// Memory of PostgreSQL's that goes when this does, also while an error passes.
struct Memory {
    own: pg_sys::MemoryContext,
    outside: pg_sys::MemoryContext,
}

impl Memory {
    fn enter() -> Self {
        // SAFETY: called by functions only, which have memory of their own.
        unsafe {
            let outside = pg_sys::CurrentMemoryContext;
            let own = pg_sys::AllocSetContextCreateInternal(
                outside,
                c"backoffice ledger seal".as_ptr(),
                pg_sys::ALLOCSET_DEFAULT_MINSIZE as _,
                pg_sys::ALLOCSET_DEFAULT_INITSIZE as _,
                pg_sys::ALLOCSET_DEFAULT_MAXSIZE as _,
            );
            pg_sys::MemoryContextSwitchTo(own);
            Memory { own, outside }
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made above; nothing that is in it is used any more.
        unsafe {
            pg_sys::MemoryContextSwitchTo(self.outside);
            pg_sys::MemoryContextDelete(self.own);
        }
    }
}
