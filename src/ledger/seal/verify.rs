//! Comparing what was sealed with what is there.

use crate::kernel::error::{Error, Result};
use crate::ledger::seal::block::{self, Block, Difference, Fault, Part, Place, START, hex};
use crate::ledger::seal::record::{Id, Sealed};
use crate::ledger::seal::rows::{Reader, SealedRow, in_own_memory};
use crate::ledger::store::seals as store;
use pgrx::Uuid;
use std::collections::HashSet;
use std::ops::Range;

/// About how many transfers are read at a time.
const AT_A_TIME: i64 = 16_384;

/// What is not as it was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    TransferAltered,
    TransferMissing,
    TransferExtra,
    JournalAltered,
    AccountAltered,
    BlockAltered,
    BlockMissing,
    HeadMissing,
    HeadDiffers,
}

impl Problem {
    pub fn as_str(self) -> &'static str {
        match self {
            Problem::TransferAltered => "transfer_altered",
            Problem::TransferMissing => "transfer_missing",
            Problem::TransferExtra => "transfer_extra",
            Problem::JournalAltered => "journal_altered",
            Problem::AccountAltered => "account_altered",
            Problem::BlockAltered => "block_altered",
            Problem::BlockMissing => "block_missing",
            Problem::HeadMissing => "head_missing",
            Problem::HeadDiffers => "head_differs",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub problem: Problem,
    pub block: Option<i64>,
    pub transfer: Option<Uuid>,
    pub detail: String,
}

/// A head that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Head {
    height: i64,
    hash: String,
}

impl Head {
    /// Reads `height:hash`, or 22023 naming p_head.
    fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::invalid("p_head", "must be a height, a colon and 64 hexadecimal digits")
                .hint("As ledger.seal_head() gives it in the column head.")
        };
        let (height, hash) = text.trim().split_once(':').ok_or_else(refused)?;
        let height = height.parse::<i64>().ok().filter(|n| *n > 0).ok_or_else(refused)?;
        if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        Ok(Head { height, hash: hash.to_ascii_lowercase() })
    }

    fn compare(&self, chain: &[Block]) -> Option<Finding> {
        let finding = |problem, detail| {
            Some(Finding { problem, block: Some(self.height), transfer: None, detail })
        };
        match chain.iter().find(|block| block.height == self.height) {
            None => {
                let last = chain.last().map_or(0, |block| block.height);
                finding(Problem::HeadMissing, format!("the chain ends with block {last}"))
            }
            Some(block) if hex(&block.hash) != self.hash => finding(
                Problem::HeadDiffers,
                "the block has another hash than was published".to_owned(),
            ),
            Some(_) => None,
        }
    }
}

/// Compares the blocks that hold transfers recorded from `from` up to `to` (microseconds)
/// with what is there, the whole chain with itself and with `head`. Nothing when all is
/// well; else what is wrong with the chain, and the first transfer that is not as it was.
pub fn verify(from: Option<i64>, to: Option<i64>, head: Option<&str>) -> Result<Vec<Finding>> {
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Error::invalid("p_to", "must not be before p_from"));
    }
    let head = head.map(Head::parse).transpose()?;
    let chain = in_own_memory(store::chain)?;
    let faults = block::faults(&chain);
    let mut findings: Vec<Finding> = faults.first().map(fault).into_iter().collect();
    findings.extend(head.and_then(|head| head.compare(&chain)));
    // Where a block begins is what the one before says: neither may be in doubt.
    let doubted = faults.iter().flat_map(|fault| [fault.height(), fault.height() + 1]).collect();
    let wanted = in_range(&chain, from, to);
    findings.extend(verify_rows(&chain, wanted, &doubted)?);
    Ok(findings)
}

fn fault(fault: &Fault) -> Finding {
    let (problem, detail) = match fault {
        Fault::Missing(_) => (Problem::BlockMissing, "the block is not there"),
        Fault::Altered(_) => (Problem::BlockAltered, "the block is not what its hash was made of"),
        Fault::Unlinked(_) => {
            (Problem::BlockAltered, "it or the block before was made anew: their hashes do not fit")
        }
    };
    Finding { problem, block: Some(fault.height()), transfer: None, detail: detail.to_owned() }
}

/// The blocks of a chain that a stretch of time touches.
fn in_range(chain: &[Block], from: Option<i64>, to: Option<i64>) -> Range<usize> {
    let start = chain.partition_point(|block| from.is_some_and(|from| block.until.0 < from));
    let ends_before = |block: &Block| to.is_none_or(|to| block.until.0 < to);
    let end = chain.partition_point(ends_before) + 1;
    start..end.clamp(start, chain.len())
}

fn verify_rows(
    chain: &[Block],
    wanted: Range<usize>,
    doubted: &HashSet<i64>,
) -> Result<Option<Finding>> {
    let mut reader = Reader::new()?;
    let mut start = wanted.start;
    while start < wanted.end {
        let end = group_end(chain, start, wanted.end);
        if let Some(finding) = verify_group(&mut reader, chain, start..end, doubted)? {
            return Ok(Some(finding));
        }
        start = end;
    }
    Ok(None)
}

/// As many blocks as are read at a time, at least one.
fn group_end(chain: &[Block], start: usize, most: usize) -> usize {
    let mut rows = 0;
    let full = chain[start..most].iter().position(|block| {
        rows += i64::from(block.transfers);
        rows > AT_A_TIME
    });
    full.map_or(most, |n| start + n.max(1))
}

fn verify_group(
    reader: &mut Reader,
    chain: &[Block],
    group: Range<usize>,
    doubted: &HashSet<i64>,
) -> Result<Option<Finding>> {
    let begins = |n: usize| if n == 0 { START } else { chain[n - 1].until };
    let rows = reader.read(begins(group.start), chain[group.end - 1].until)?;
    let heights = (chain[group.start].height, chain[group.end - 1].height);
    let entries = in_own_memory(|| store::entries(heights))?;
    for n in group {
        let block = &chain[n];
        if doubted.contains(&block.height) {
            continue;
        }
        let kept = entries.get(&block.height).map(Vec::as_slice).unwrap_or_default();
        if !block.keeps(kept) {
            let detail = "what it keeps of its transfers is not what was sealed";
            return Ok(Some(Finding {
                problem: Problem::BlockAltered,
                block: Some(block.height),
                transfer: None,
                detail: detail.to_owned(),
            }));
        }
        let found = between(&rows, begins(n), block.until);
        if let Some(difference) = block::compare(block, kept, &found) {
            return explain(block, difference).map(Some);
        }
    }
    Ok(None)
}

fn between(rows: &[SealedRow], from: Place, to: Place) -> Vec<Sealed> {
    let start = rows.partition_point(|row| row.place <= from);
    let end = rows.partition_point(|row| row.place <= to);
    rows[start..end.max(start)].iter().map(|row| row.sealed).collect()
}

/// A transfer whose time of recording was changed is missing in one block, and found in
/// another or outside all of them.
fn explain(block: &Block, difference: Difference) -> Result<Finding> {
    let moved = "recorded_at was changed";
    let (problem, id, detail): (_, Option<Id>, &str) = match difference {
        Difference::Altered(id, Part::Own) => {
            (Problem::TransferAltered, Some(id), "a field was changed")
        }
        Difference::Altered(id, Part::Journal) => {
            (Problem::JournalAltered, Some(id), "the journal that it belongs to was changed")
        }
        Difference::Altered(id, Part::DebitAccount) => {
            (Problem::AccountAltered, Some(id), "what identifies the debited account was changed")
        }
        Difference::Altered(id, Part::CreditAccount) => {
            (Problem::AccountAltered, Some(id), "what identifies the credited account was changed")
        }
        Difference::Missing(id) if store::exists(id)? => {
            (Problem::TransferAltered, Some(id), moved)
        }
        Difference::Missing(id) => {
            (Problem::TransferMissing, Some(id), "it was sealed and is gone")
        }
        Difference::Extra(id) if store::is_sealed_elsewhere(id, block.height)? => {
            (Problem::TransferAltered, Some(id), moved)
        }
        Difference::Extra(id) => {
            (Problem::TransferExtra, Some(id), "it was not there when this time was sealed")
        }
        Difference::Somewhere => {
            (Problem::TransferAltered, None, "a transfer of the block was changed")
        }
    };
    Ok(Finding {
        problem,
        block: Some(block.height),
        transfer: id.map(Uuid::from_bytes),
        detail: detail.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::seal::block::LAST_ID;

    fn chain(untils: &[i64], transfers: i32) -> Vec<Block> {
        let block = |(n, until): (usize, &i64)| Block {
            height: n as i64 + 1,
            until: (*until, LAST_ID),
            transfers,
            sealed_at: 0,
            previous: [0; 32],
            root: [0; 32],
            entries_hash: [0; 32],
            hash: [n as u8; 32],
        };
        untils.iter().enumerate().map(block).collect()
    }

    #[test]
    fn a_range_takes_in_every_block_that_it_touches() {
        let chain = chain(&[10, 20, 20, 30], 1);
        assert_eq!(in_range(&chain, None, None), 0..4);
        assert_eq!(in_range(&chain, Some(11), Some(19)), 1..2);
        assert_eq!(in_range(&chain, Some(20), Some(20)), 1..2);
        assert_eq!(in_range(&chain, Some(20), Some(21)), 1..4);
        assert_eq!(in_range(&chain, Some(31), None), 4..4);
        assert_eq!(in_range(&chain, None, Some(5)), 0..1);
        assert_eq!(in_range(&chain, Some(30), Some(5)), 3..3);
    }

    #[test]
    fn blocks_are_read_in_groups_of_at_least_one() {
        let large = chain(&[1, 2, 3], 100_000);
        assert_eq!(group_end(&large, 0, 3), 1);
        assert_eq!(group_end(&large, 2, 3), 3);
        let small = chain(&[1, 2, 3, 4, 5], 4096);
        assert_eq!(group_end(&small, 0, 5), 4);
    }

    #[test]
    fn a_published_head_is_read_or_refused() {
        let head = Head::parse(&format!(" 17:{} ", "Ab".repeat(32))).unwrap();
        assert_eq!(head, Head { height: 17, hash: "ab".repeat(32) });
        for wrong in ["", "17", "0:ab", "x:ab", &"ab".repeat(32), &format!("1:{}", "zz".repeat(32))]
        {
            assert_eq!(Head::parse(wrong).unwrap_err().sqlstate.code(), "22023", "{wrong}");
        }
    }

    #[test]
    fn a_head_is_compared_with_the_block_of_its_height() {
        let chain = chain(&[10, 20], 1);
        let problem = |height, byte: &str| {
            let head = Head { height, hash: byte.repeat(32) };
            head.compare(&chain).map(|finding| finding.problem)
        };
        assert_eq!(problem(2, "01"), None);
        assert_eq!(problem(2, "02"), Some(Problem::HeadDiffers));
        assert_eq!(problem(3, "02"), Some(Problem::HeadMissing));
    }
}
