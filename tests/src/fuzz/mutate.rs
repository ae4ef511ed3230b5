//! Inputs that are nearly right: a seed with a few changes.

/// A sequence of numbers that is the same for the same seed (splitmix64, Steele, Lea and Flood
/// 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins the sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`; zero if that is zero.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or(usize::MAX) % end.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> Option<&'a T> {
        from.get(self.below(from.len())).copied()
    }
}

/// What parsers stumble over, whatever the format.
const AWKWARD: [&str; 20] = [
    "0",
    "-1",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "1e999",
    "null",
    "\"\"",
    "[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "\\u0000",
    "\\ud800",
    "\u{1b}[2J",
    "\u{202e}",
    "::error::",
    "##[error]",
    "\n",
    "\r\n",
    "é日🦀",
];
/// No input grows beyond this.
const MAX_BYTES: usize = 1 << 16;

/// Returns one of the seeds with a few changes; `words` are those of the format.
pub fn mutated(random: &mut Random, seeds: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    let mut input = random.pick(&seeds).unwrap_or_default().to_vec();
    for _ in 0..=random.below(6) {
        change(random, &mut input, &seeds, words);
    }
    input.truncate(MAX_BYTES);
    input
}

fn change(random: &mut Random, input: &mut Vec<u8>, seeds: &[&[u8]], words: &[&str]) {
    let at = random.below(input.len() + 1);
    let end = at + random.below((input.len() - at).min(64) + 1);
    match random.below(10) {
        0 if at < input.len() => input[at] = random.next().to_le_bytes()[0],
        1 if at < input.len() => input[at] ^= 1 << random.below(8),
        2 => insert(input, at, random.pick(&AWKWARD).unwrap_or_default().as_bytes()),
        3 | 4 => insert(input, at, random.pick(words).unwrap_or_default().as_bytes()),
        5 => drop(input.drain(at..end)),
        6 => {
            let part = input[at..end].to_vec();
            for _ in 0..=random.below(40) {
                insert(input, at, &part);
            }
        }
        7 => input.truncate(at),
        8 => {
            let other = random.pick(seeds).unwrap_or_default();
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => swap_lines(random, input),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    if input.len() + part.len() <= MAX_BYTES {
        input.splice(at..at, part.iter().copied());
    }
}

fn swap_lines(random: &mut Random, input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let (one, other) = (random.below(lines.len()), random.below(lines.len()));
    if one < lines.len() {
        lines.swap(one, other);
    }
    *input = lines.concat();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_inputs_again() {
        let seeds = [b"a -> b\nb -> c\n".to_vec(), b"leaf c\n".to_vec()];
        let inputs = |seed| -> Vec<Vec<u8>> {
            let mut random = Random::new(seed);
            (0..200).map(|_| mutated(&mut random, &seeds, &["->", "leaf "])).collect()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
        assert!(inputs(7).iter().all(|input| input.len() <= MAX_BYTES));
    }
}
