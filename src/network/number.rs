//! The human numbers: BPVP01, BPVC01, BPV00000001.

/// A kind of number, with its prefix and how many digits it has at least.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    pub prefix: &'static str,
    pub digits: usize,
}

pub const PROMOTER: Series = Series { prefix: "BPVP", digits: 2 };
pub const CUSTOMER: Series = Series { prefix: "BPVC", digits: 2 };
pub const TRANSACTION: Series = Series { prefix: "BPV", digits: 8 };
pub const WITHDRAWAL: Series = Series { prefix: "BPVW", digits: 6 };
pub const PIN_REQUEST: Series = Series { prefix: "BPVR", digits: 6 };

impl Series {
    /// Numbers beyond the digits simply grow: BPVP99, BPVP100.
    pub fn format(self, number: i64) -> String {
        format!("{}{number:0digits$}", self.prefix, digits = self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_padded_and_grow_past_their_digits() {
        assert_eq!(PROMOTER.format(1), "BPVP01");
        assert_eq!(PROMOTER.format(99), "BPVP99");
        assert_eq!(PROMOTER.format(100), "BPVP100");
        assert_eq!(TRANSACTION.format(42), "BPV00000042");
    }
}
