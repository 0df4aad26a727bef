//! Blocks: a stretch of transfers with one hash, which holds that of the block before.

use crate::ledger::seal::record::{Hash, Id, Sealed, Text};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The most transfers of one block.
pub const MOST: usize = 4096;
/// The bytes that a block keeps of each transfer, to name the one that changed.
pub const ENTRY: usize = 36;
pub const LAST_ID: Id = [0xff; 16];

/// A place in the order of recording: up to and with a time and an id.
pub type Place = (i64, Id);
/// Where the first block begins.
pub const START: Place = (i64::MIN, [0; 16]);

/// A block without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub height: i64,
    pub until: Place,
    pub transfers: i32,
    pub sealed_at: i64,
    pub previous: Hash,
    pub root: Hash,
    pub entries_hash: Hash,
    /// As it is stored; [`Block::made_hash`] is what it must be.
    pub hash: Hash,
}

impl Block {
    pub fn made_hash(&self) -> Hash {
        let mut text = Text::new(b"block 1");
        text.number(self.height);
        text.number(self.until.0);
        text.id(&self.until.1);
        text.number(self.transfers.into());
        text.number(self.sealed_at);
        text.bytes(&self.previous);
        text.bytes(&self.root);
        text.bytes(&self.entries_hash);
        text.hash()
    }

    /// What is published of a block.
    pub fn head(&self) -> String {
        format!("{}:{}", self.height, hex(&self.hash))
    }

    /// Whether these are the entries that it was made with.
    pub fn keeps(&self, entries: &[u8]) -> bool {
        entries.len() == self.transfers as usize * ENTRY
            && Hash::from(Sha256::digest(entries)) == self.entries_hash
    }

    /// Makes the block after `last` and its entries.
    pub fn after(last: Option<&Block>, rows: &[Sealed], until: Place, now: i64) -> (Self, Vec<u8>) {
        let entries = entries(rows);
        let mut block = Block {
            height: last.map_or(0, |block| block.height) + 1,
            until,
            transfers: rows.len() as i32,
            sealed_at: now,
            previous: last.map_or([0; 32], |block| block.hash),
            root: root(rows),
            entries_hash: Sha256::digest(&entries).into(),
            hash: [0; 32],
        };
        block.hash = block.made_hash();
        (block, entries)
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Cuts what is sealed into blocks; the last takes in everything up to `until`.
pub fn cut(places: &[Place], until: Place) -> Vec<(std::ops::Range<usize>, Place)> {
    let mut blocks = Vec::new();
    let mut start = 0;
    while start < places.len() {
        let end = (start + MOST).min(places.len());
        let last = if end == places.len() { until } else { places[end - 1] };
        blocks.push((start..end, last));
        start = end;
    }
    blocks
}

pub fn root(rows: &[Sealed]) -> Hash {
    let mut root = Sha256::new();
    root.update(b"backoffice.ledger root 1");
    for row in rows {
        for hash in [&row.own, &row.journal, &row.debit, &row.credit] {
            root.update(hash);
        }
    }
    root.finalize().into()
}

fn entry(row: &Sealed) -> [u8; ENTRY] {
    let mut entry = [0; ENTRY];
    entry[..16].copy_from_slice(&row.id);
    entry[16..24].copy_from_slice(&row.own[..8]);
    entry[24..28].copy_from_slice(&row.journal[..4]);
    entry[28..32].copy_from_slice(&row.debit[..4]);
    entry[32..].copy_from_slice(&row.credit[..4]);
    entry
}

fn entries(rows: &[Sealed]) -> Vec<u8> {
    rows.iter().flat_map(entry).collect()
}

/// What of a transfer is not as it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Own,
    Journal,
    DebitAccount,
    CreditAccount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    Altered(Id, Part),
    Missing(Id),
    Extra(Id),
    /// Its rows give another root, though each of them seems to be the one it was.
    Somewhere,
}

/// The first difference between a block's transfers as they were sealed and as they are.
pub fn compare(block: &Block, kept: &[u8], found: &[Sealed]) -> Option<Difference> {
    let kept: Vec<&[u8]> = kept.chunks_exact(ENTRY).collect();
    let first = (0..kept.len().max(found.len())).find(|n| match (kept.get(*n), found.get(*n)) {
        (Some(kept), Some(found)) => *kept != entry(found),
        _ => true,
    });
    match first {
        Some(n) => Some(name(n, &kept, found)),
        None => (root(found) != block.root).then_some(Difference::Somewhere),
    }
}

/// What happened at the first place where both lists differ.
fn name(n: usize, kept: &[&[u8]], found: &[Sealed]) -> Difference {
    let later: HashMap<&Id, &Sealed> =
        found[n.min(found.len())..].iter().map(|row| (&row.id, row)).collect();
    let Some(was) = kept.get(n).map(|entry| (id_of(entry), entry)) else {
        return Difference::Extra(found[n].id);
    };
    let Some(same) = later.get(&was.0) else { return Difference::Missing(was.0) };
    if let Some(part) = part(was.1, same) {
        return Difference::Altered(was.0, part);
    }
    // It is whole and only stands behind another row.
    let other = &found[n];
    let before = kept[n..].iter().find(|entry| id_of(entry) == other.id);
    match before.and_then(|entry| part(entry, other)) {
        Some(part) => Difference::Altered(other.id, part),
        None => Difference::Extra(other.id),
    }
}

fn id_of(entry: &[u8]) -> Id {
    let mut id = [0; 16];
    id.copy_from_slice(&entry[..16]);
    id
}

fn part(kept: &[u8], found: &Sealed) -> Option<Part> {
    let now = entry(found);
    [
        (16..24, Part::Own),
        (24..28, Part::Journal),
        (28..32, Part::DebitAccount),
        (32..36, Part::CreditAccount),
    ]
    .into_iter()
    .find_map(|(bytes, part)| (kept[bytes.clone()] != now[bytes]).then_some(part))
}

/// What is wrong with the chain itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The block is not there.
    Missing(i64),
    /// The block does not say what its hash was made of.
    Altered(i64),
    /// The block was not made after the one before it as that is now.
    Unlinked(i64),
}

impl Fault {
    pub fn height(&self) -> i64 {
        match self {
            Fault::Missing(height) | Fault::Altered(height) | Fault::Unlinked(height) => *height,
        }
    }
}

/// All faults of a chain, by height.
pub fn faults(chain: &[Block]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (mut height, mut hash, mut until) = (0, [0; 32], START);
    for block in chain {
        if block.height != height + 1 {
            faults.push(Fault::Missing(height + 1));
        } else if block.made_hash() != block.hash || block.until <= until {
            faults.push(Fault::Altered(block.height));
        } else if block.previous != hash {
            faults.push(Fault::Unlinked(block.height));
        }
        (height, hash, until) = (block.height, block.hash, block.until);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(n: u8) -> Sealed {
        Sealed { id: [n; 16], own: [n; 32], journal: [0; 32], debit: [1; 32], credit: [2; 32] }
    }

    fn rows() -> Vec<Sealed> {
        (1..=5).map(sealed).collect()
    }

    fn difference(change: impl FnOnce(&mut Vec<Sealed>)) -> Option<Difference> {
        let (block, entries) = Block::after(None, &rows(), (9, LAST_ID), 10);
        let mut found = rows();
        change(&mut found);
        compare(&block, &entries, &found)
    }

    #[test]
    fn what_is_as_it_was_has_no_difference() {
        assert_eq!(difference(|_| ()), None);
    }

    #[test]
    fn the_part_that_changed_is_named() {
        for (part, change) in [
            (Part::Own, (|row| row.own = [9; 32]) as fn(&mut Sealed)),
            (Part::Journal, |row| row.journal = [9; 32]),
            (Part::DebitAccount, |row| row.debit = [9; 32]),
            (Part::CreditAccount, |row| row.credit = [9; 32]),
        ] {
            let found = difference(|rows| change(&mut rows[2]));
            assert_eq!(found, Some(Difference::Altered([3; 16], part)));
        }
    }

    #[test]
    fn a_row_that_is_gone_is_missing_wherever_it_was() {
        for n in 0..5 {
            let found = difference(|rows| {
                rows.remove(n);
            });
            assert_eq!(found, Some(Difference::Missing([n as u8 + 1; 16])));
        }
    }

    #[test]
    fn a_row_that_was_not_sealed_is_extra_wherever_it_is() {
        for n in 0..=5 {
            let found = difference(|rows| rows.insert(n, sealed(9)));
            // In the midst the sealed row at its place is there, behind it.
            assert_eq!(found, Some(Difference::Extra([9; 16])), "{n}");
        }
        assert_eq!(difference(|rows| rows.insert(2, sealed(2))), Some(Difference::Extra([2; 16])));
    }

    #[test]
    fn a_row_with_another_id_is_one_that_is_missing() {
        assert_eq!(difference(|rows| rows[1].id = [9; 16]), Some(Difference::Missing([2; 16])));
    }

    #[test]
    fn rows_that_changed_places_are_told_by_what_changed_in_them() {
        let moved = |rows: &mut Vec<Sealed>| {
            let mut row = rows.remove(4);
            row.own = [9; 32];
            rows.insert(1, row);
        };
        assert_eq!(difference(moved), Some(Difference::Altered([5; 16], Part::Own)));
    }

    #[test]
    fn the_first_of_several_is_named() {
        let found = difference(|rows| {
            rows[3].own = [9; 32];
            rows[1].own = [9; 32];
            rows.push(sealed(9));
        });
        assert_eq!(found, Some(Difference::Altered([2; 16], Part::Own)));
    }

    #[test]
    fn a_forgery_that_keeps_the_first_bytes_is_found_by_the_root() {
        assert_eq!(difference(|rows| rows[1].own[8] = 9), Some(Difference::Somewhere));
    }

    #[test]
    fn blocks_are_cut_to_size_and_the_last_reaches_to_the_end() {
        let places: Vec<Place> = (0..MOST as i64 + 1).map(|n| (n, [0; 16])).collect();
        let end = (1_000_000, LAST_ID);
        let blocks = cut(&places, end);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0], (0..MOST, places[MOST - 1]));
        assert_eq!(blocks[1], (MOST..MOST + 1, end));
        assert!(cut(&[], end).is_empty());
    }

    fn chain() -> Vec<Block> {
        let mut chain: Vec<Block> = Vec::new();
        for n in 1..=4 {
            let block = Block::after(chain.last(), &rows(), (n, LAST_ID), 100 + n).0;
            chain.push(block);
        }
        chain
    }

    fn faults_after(change: impl FnOnce(&mut Vec<Block>)) -> Vec<Fault> {
        let mut chain = chain();
        change(&mut chain);
        faults(&chain)
    }

    #[test]
    fn a_chain_as_it_was_made_has_no_fault() {
        assert_eq!(faults_after(|_| ()), []);
        // Nothing but a head that was published tells that the last are gone.
        assert_eq!(faults_after(|chain| chain.truncate(2)), []);
    }

    #[test]
    fn each_field_of_a_block_is_in_its_hash() {
        for change in [
            (|block| block.until.0 -= 1) as fn(&mut Block),
            |block| block.until.1 = [1; 16],
            |block| block.transfers += 1,
            |block| block.sealed_at += 1,
            |block| block.previous = [1; 32],
            |block| block.root = [1; 32],
            |block| block.entries_hash = [1; 32],
        ] {
            assert_eq!(faults_after(|chain| change(&mut chain[1]))[0], Fault::Altered(2));
        }
    }

    #[test]
    fn a_block_that_was_made_anew_does_not_fit_the_next() {
        let found = faults_after(|chain| {
            chain[1].sealed_at += 1;
            chain[1].hash = chain[1].made_hash();
        });
        assert_eq!(found, [Fault::Unlinked(3)]);
    }

    #[test]
    fn blocks_that_are_gone_or_swapped_are_named() {
        assert_eq!(
            faults_after(|chain| {
                chain.remove(0);
            })[0],
            Fault::Missing(1)
        );
        assert_eq!(
            faults_after(|chain| {
                chain.remove(2);
            })[0],
            Fault::Missing(3)
        );
        let swapped = faults_after(|chain| {
            chain.swap(1, 2);
            (chain[1].height, chain[2].height) = (2, 3);
        });
        assert_eq!(swapped[0], Fault::Altered(2));
    }
}
