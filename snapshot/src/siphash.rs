//! SipHash-2-4 (Aumasson and Bernstein, 2012), written here because the crate
//! has no dependencies and the standard library's hasher promises no fixed
//! algorithm for a file.
//!
//! It serves as the hash of the tables, keyed by each file's own seed, so that
//! nobody can choose names that fall into one bucket; and as the checksum of
//! header, buckets and records. It is no signature: the key is in the file.

/// The 64-bit hash of `data` under the key `(k0, k1)`.
pub(crate) fn siphash(k0: u64, k1: u64, data: &[u8]) -> u64 {
    let mut hasher = SipHasher::new(k0, k1);
    hasher.write(data);
    hasher.finish()
}

/// The hash of bytes that come in pieces; how they are cut makes no difference.
pub(crate) struct SipHasher {
    state: State,
    /// The bytes since the last whole word, the first one lowest.
    pending: u64,
    /// How many those are, at most seven.
    pending_bytes: u32,
    /// Bytes so far; its low eight bits count.
    length: u64,
}

impl SipHasher {
    pub(crate) const fn new(k0: u64, k1: u64) -> Self {
        Self {
            state: State {
                v0: k0 ^ 0x736f_6d65_7073_6575,
                v1: k1 ^ 0x646f_7261_6e64_6f6d,
                v2: k0 ^ 0x6c79_6765_6e65_7261,
                v3: k1 ^ 0x7465_6462_7974_6573,
            },
            pending: 0,
            pending_bytes: 0,
            length: 0,
        }
    }

    pub(crate) fn write(&mut self, data: &[u8]) {
        self.length = self.length.wrapping_add(data.len() as u64);
        let mut data = data;
        while self.pending_bytes != 0 {
            let Some((byte, rest)) = data.split_first() else {
                return;
            };
            self.push(*byte);
            data = rest;
        }
        let (words, rest) = data.as_chunks::<8>();
        for word in words {
            self.state.compress(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.push(*byte);
        }
    }

    pub(crate) fn finish(mut self) -> u64 {
        // The last word carries the length modulo 256 in its top byte.
        self.state.compress(self.pending | (self.length << 56));
        self.state.finish()
    }

    fn push(&mut self, byte: u8) {
        self.pending |= u64::from(byte) << (8 * self.pending_bytes);
        self.pending_bytes += 1;
        if self.pending_bytes == 8 {
            self.state.compress(self.pending);
            self.pending = 0;
            self.pending_bytes = 0;
        }
    }
}

struct State {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
}

impl State {
    fn compress(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.round();
        self.v0 ^= word;
    }

    fn finish(mut self) -> u64 {
        self.v2 ^= 0xff;
        for _ in 0..4 {
            self.round();
        }
        self.v0 ^ self.v1 ^ self.v2 ^ self.v3
    }

    fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v2 = self.v2.rotate_left(32);
    }
}

// The second half of SipHash's key keeps the uses apart: a bucket's bytes can't
// pass for a record's. The header's own first half is fixed, as the seed is
// inside it.
pub(crate) const DOMAIN_HEADER: u64 = 0x4845_4144_4552_0000;
pub(crate) const DOMAIN_BUCKET: u64 = 0x4255_434b_0000_0000;
pub(crate) const DOMAIN_KEY: u64 = 0x4b45_5900_0000_0000;
pub(crate) const DOMAIN_RECORD: u64 = 0x5245_434f_5244_0000;

#[cfg(test)]
mod tests {
    use super::{SipHasher, siphash};

    /// The vectors of the authors' reference implementation (`vectors_sip64`):
    /// key 00 01 .. 0f, inputs of 0, 1, 2, ... bytes 00 01 02 ...
    #[test]
    fn gives_the_reference_vectors() {
        let k0 = 0x0706_0504_0302_0100;
        let k1 = 0x0f0e_0d0c_0b0a_0908;
        let expected: [(usize, u64); 10] = [
            (0, 0x726f_db47_dd0e_0e31),
            (1, 0x74f8_39c5_93dc_67fd),
            (2, 0x0d6c_8009_d9a9_4f5a),
            (3, 0x8567_6696_d7fb_7e2d),
            (4, 0xcf27_94e0_2771_87b7),
            (5, 0x1876_5564_cd99_a68d),
            (6, 0xcbc9_466e_58fe_e3ce),
            (7, 0xab02_00f5_8b01_d137),
            (8, 0x93f5_f579_9a93_2462),
            (15, 0xa129_ca61_49be_45e5),
        ];
        let input: Vec<u8> = (0..64).collect();
        for (length, hash) in expected {
            assert_eq!(siphash(k0, k1, &input[..length]), hash, "{length} bytes");
        }
    }

    #[test]
    fn pieces_give_the_hash_of_the_whole() {
        let input: Vec<u8> = (0..64).collect();
        for first in 0..input.len() {
            for second in first..input.len() {
                let mut hasher = SipHasher::new(1, 2);
                hasher.write(&input[..first]);
                hasher.write(&input[first..second]);
                hasher.write(&input[second..]);
                assert_eq!(
                    hasher.finish(),
                    siphash(1, 2, &input),
                    "{first} and {second}"
                );
            }
        }
    }
}
