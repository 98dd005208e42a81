//! Where a run takes its choices from.

/// Choices, either from a seed or from a tape that proptest can shorten.
#[derive(Debug)]
pub(crate) enum Dice {
    /// The state of a splitmix64 generator.
    Seeded(u64),
    /// Choices that were made beforehand; past its end the tape says zero.
    Tape(std::vec::IntoIter<u16>),
}

impl Dice {
    fn roll(&mut self) -> u64 {
        match self {
            Self::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            Self::Tape(tape) => tape.next().map_or(0, u64::from),
        }
    }

    /// Whether a tape has come to its end.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Self::Tape(tape) if tape.len() == 0)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == n - 1
    }

    /// A place in a list that is not empty.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("an index is below a length")
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            let other = self.index(at + 1);
            list.swap(at, other);
        }
    }
}
