//! References: the same payment is called `INV-17` by one and `inv 17` by another, and
//! stands in the middle of a text.
//!
//! References get numbers, and every text is looked through once for all of them, so that
//! comparing a line with a transfer later is comparing a few numbers.

use std::collections::HashMap;

/// A shorter reference is not looked for in texts.
const SHORTEST_IN_TEXT: usize = 4;
/// How many words of a text may make up a reference; a UUID has five.
const MOST_WORDS: usize = 6;
/// How many references are noticed in one text.
const MOST_MENTIONS: usize = 8;
/// Words beyond these are not looked at.
const MOST_WORDS_OF_TEXT: usize = 400;

/// What an item says that names the payment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Names {
    /// Numbers of its own references.
    pub own: Vec<u32>,
    /// Numbers of references of the other side that its text contains.
    pub mentions: Vec<u32>,
}

/// How sure the references are that two items are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    None,
    Contained,
    Exact,
}

impl Names {
    pub fn link(&self, other: &Names) -> Link {
        let meet = |one: &[u32], other: &[u32]| one.iter().any(|key| other.contains(key));
        if meet(&self.own, &other.own) {
            Link::Exact
        } else if meet(&self.own, &other.mentions) || meet(&self.mentions, &other.own) {
            Link::Contained
        } else {
            Link::None
        }
    }

    /// All numbers, each once.
    pub fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.own.iter().chain(self.mentions.iter().filter(|key| !self.own.contains(key))).copied()
    }
}

/// The references of all lines and transfers, by what is left of them without case and
/// punctuation.
#[derive(Default)]
pub struct Index {
    numbers: HashMap<String, u32>,
}

impl Index {
    /// The numbers of an item's own references.
    pub fn own<'a>(&mut self, references: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        let mut own = Vec::new();
        for reference in references {
            let plain = words(reference).concat();
            if plain.is_empty() {
                continue;
            }
            let next = self.numbers.len() as u32;
            let number = *self.numbers.entry(plain).or_insert(next);
            if !own.contains(&number) {
                own.push(number);
            }
        }
        own
    }

    /// The numbers of the references that stand in a text, word for word.
    pub fn mentions(&self, text: &str) -> Vec<u32> {
        let words = words(text);
        let mut found = Vec::new();
        let mut run = String::new();
        for start in 0..words.len() {
            run.clear();
            for word in words.iter().skip(start).take(MOST_WORDS) {
                run.push_str(word);
                let number = self.numbers.get(&run).filter(|_| run.len() >= SHORTEST_IN_TEXT);
                found.extend(number.filter(|number| !found.contains(*number)).copied());
                if found.len() >= MOST_MENTIONS {
                    found.truncate(MOST_MENTIONS);
                    return found;
                }
            }
        }
        found
    }
}

/// The words of a text in lower case.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(MOST_WORDS_OF_TEXT)
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(index: &mut Index, reference: &str, text: &str) -> (Vec<u32>, String) {
        (index.own([reference]), text.to_owned())
    }

    fn link(one: (&str, &str), other: (&str, &str)) -> Link {
        let mut index = Index::default();
        let one = names(&mut index, one.0, one.1);
        let other = names(&mut index, other.0, other.1);
        let complete = |(own, text): (Vec<u32>, String)| {
            let mentions = index.mentions(&text);
            Names { own, mentions }
        };
        complete(one).link(&complete(other))
    }

    #[test]
    fn references_are_the_same_whatever_stands_between() {
        for other in ["INV-17", "inv 17", " Inv/17 ", "INV17"] {
            assert_eq!(link(("INV-17", ""), (other, "")), Link::Exact, "{other}");
        }
        assert_eq!(link(("INV-17", ""), ("INV-18", "")), Link::None);
    }

    #[test]
    fn a_reference_in_a_text_is_found_word_for_word() {
        assert_eq!(link(("INV-17", ""), ("", "Paid INV 17, thanks")), Link::Contained);
        assert_eq!(link(("", "for inv17."), ("INV-17", "")), Link::Contained);
        assert_eq!(link(("INV-17", ""), ("", "Paid INV 170")), Link::None);
        assert_eq!(link(("INV-17", ""), ("", "XINV 17")), Link::None);
        let id = "018f6d1e-0000-7000-8000-000000000001";
        assert_eq!(link((id, ""), ("", &format!("REF {id} END"))), Link::Contained);
    }

    #[test]
    fn what_is_short_or_empty_names_nothing_in_a_text() {
        assert_eq!(link(("17", ""), ("", "room 17")), Link::None);
        assert_eq!(link(("17", ""), ("17", "")), Link::Exact);
        assert_eq!(link(("", ""), ("", "")), Link::None);
        assert_eq!(link(("---", ""), ("---", "")), Link::None);
    }
}
