//! Lists of plain objects, read where PostgreSQL keeps them: without the text that they
//! would be written as, and without a tree of values.

use pgrx::pg_sys::{self, JsonbIteratorToken as Token, jbvType};
use std::ptr;
use std::slice;

/// What a key of a plain object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'j> {
    Null,
    Text(&'j str),
    /// A whole number of 64 bits that was written without a fraction.
    Whole(i64),
}

/// The objects of an array, each built by `set` from its keys. Nothing where it is
/// something else, has anything that is no [`Scalar`], or `set` says nothing: whoever asks for the whole value finds out what is wrong.
///
/// # Safety
/// `json` is a jsonb that is not packed, and stays where it is.
pub unsafe fn objects<T: Default>(
    json: *mut pg_sys::Jsonb,
    mut set: impl FnMut(&mut T, &str, Scalar<'_>) -> Option<()>,
) -> Option<Vec<T>> {
    // SAFETY: the caller's word; the iterator lives as long as the call.
    let mut walk = unsafe { Walk::new(json) };
    if walk.next() != Token::WJB_BEGIN_ARRAY || walk.is_bare_scalar() {
        return None;
    }
    let mut objects = Vec::new();
    while walk.next() == Token::WJB_BEGIN_OBJECT {
        let mut object = T::default();
        while walk.next() == Token::WJB_KEY {
            let Scalar::Text(key) = walk.scalar()? else { return None };
            if walk.next() != Token::WJB_VALUE {
                return None;
            }
            set(&mut object, key, walk.scalar()?)?;
        }
        objects.push(object);
    }
    (walk.token == Token::WJB_END_ARRAY).then_some(objects)
}

/// How many elements an array has; nothing where it is none.
///
/// # Safety
/// As above.
pub unsafe fn array_length(json: *mut pg_sys::Jsonb) -> Option<usize> {
    // SAFETY: a whole jsonb has its root behind its length.
    let header = unsafe { (*json).root.header };
    let is_array = header & pg_sys::JB_FARRAY != 0 && header & pg_sys::JB_FSCALAR == 0;
    is_array.then_some((header & pg_sys::JB_CMASK) as usize)
}

struct Walk {
    iterator: *mut pg_sys::JsonbIterator,
    value: pg_sys::JsonbValue,
    token: Token::Type,
}

impl Walk {
    unsafe fn new(json: *mut pg_sys::Jsonb) -> Self {
        Walk {
            // SAFETY: a whole jsonb has its root behind its length.
            iterator: unsafe { pg_sys::JsonbIteratorInit(&raw mut (*json).root) },
            // SAFETY: all zero is a null, which is one of its values.
            value: unsafe { std::mem::zeroed() },
            token: Token::WJB_DONE,
        }
    }

    fn next(&mut self) -> Token::Type {
        // SAFETY: the iterator is PostgreSQL's own, or null where it is at its end.
        self.token = match self.iterator.is_null() {
            true => Token::WJB_DONE,
            false => unsafe {
                pg_sys::JsonbIteratorNext(&raw mut self.iterator, &raw mut self.value, false)
            },
        };
        self.token
    }

    /// A value that stands alone is kept as an array that says so.
    fn is_bare_scalar(&self) -> bool {
        // SAFETY: to be asked at the beginning of an array, whose value is that.
        unsafe { self.value.val.array.rawScalar }
    }

    /// The key or value that the iterator is at.
    fn scalar<'j>(&self) -> Option<Scalar<'j>> {
        // SAFETY: the type says what the union has; texts and numbers lie in the jsonb.
        unsafe {
            match self.value.type_ {
                jbvType::jbvNull => Some(Scalar::Null),
                jbvType::jbvString => {
                    let text = self.value.val.string;
                    let bytes = slice::from_raw_parts(text.val.cast(), text.len as usize);
                    std::str::from_utf8(bytes).ok().map(Scalar::Text)
                }
                jbvType::jbvNumeric => {
                    let number: *mut pg_sys::varlena = self.value.val.numeric.cast();
                    let length = pgrx::varsize_any_exhdr(number);
                    let bytes = ptr::addr_of!(*number).cast::<u8>().add(pg_sys::VARHDRSZ);
                    whole(slice::from_raw_parts(bytes, length)).map(Scalar::Whole)
                }
                _ => None,
            }
        }
    }
}

/// A numeric that has no fraction, as it is kept on disk since PostgreSQL 9.1: two bytes
/// of header (a bit for the short form, the sign, the decimals shown, the weight), then
/// digits of base 10,000 of two bytes, without zeros at the end.
fn whole(bytes: &[u8]) -> Option<i64> {
    const SHORT: u16 = 0x8000;
    const KIND: u16 = 0xC000;
    const NEGATIVE: u16 = 0x2000;
    const DECIMALS: u16 = 0x1F80;
    const WEIGHT_NEGATIVE: u16 = 0x0040;
    const WEIGHT: u16 = 0x003F;
    let mut words = bytes.chunks_exact(2).map(|word| u16::from_ne_bytes([word[0], word[1]]));
    let header = words.next()?;
    if header & KIND != SHORT || header & DECIMALS != 0 {
        return None;
    }
    let places = usize::from(header & WEIGHT) + 1;
    if words.len() == 0 {
        return Some(0);
    }
    if header & WEIGHT_NEGATIVE != 0 || places > 5 || words.len() > places {
        return None;
    }
    let digits = words.chain(std::iter::repeat(0)).take(places);
    let size = digits.fold(0_i128, |sum, digit| sum * 10_000 + i128::from(digit));
    i64::try_from(if header & NEGATIVE == 0 { size } else { -size }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(header: u16, digits: &[u16]) -> Vec<u8> {
        [header].iter().chain(digits).flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn whole_numbers_are_read_from_their_digits() {
        assert_eq!(whole(&numeric(0x8000, &[])), Some(0));
        assert_eq!(whole(&numeric(0x8000, &[7])), Some(7));
        assert_eq!(whole(&numeric(0xA000, &[7])), Some(-7));
        assert_eq!(whole(&numeric(0x8001, &[1])), Some(10_000));
        assert_eq!(whole(&numeric(0x8001, &[12, 3456])), Some(123_456));
        assert_eq!(whole(&numeric(0x8004, &[922, 3372, 368, 5477, 5807])), Some(i64::MAX));
        assert_eq!(whole(&numeric(0xA004, &[922, 3372, 368, 5477, 5808])), Some(i64::MIN));
    }

    #[test]
    fn everything_else_is_left_to_others() {
        // Beyond 64 bits, with decimals, a fraction, NaN, the long form, and nothing.
        assert_eq!(whole(&numeric(0x8004, &[922, 3372, 368, 5477, 5808])), None);
        assert_eq!(whole(&numeric(0x8005, &[1])), None);
        assert_eq!(whole(&numeric(0x8080, &[7])), None);
        assert_eq!(whole(&numeric(0x8000, &[7, 5000])), None);
        assert_eq!(whole(&numeric(0x807F, &[5000])), None);
        assert_eq!(whole(&numeric(0xC000, &[])), None);
        assert_eq!(whole(&numeric(0x0000, &[0, 7])), None);
        assert_eq!(whole(&[]), None);
    }
}
