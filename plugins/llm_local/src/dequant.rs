//! Number formats of GGUF tensors and their way back to f32.
//!
//! Quantised formats store blocks of 32 or 256 numbers with a common scale; the layouts are those of `ggml`.

use half::{bf16, f16};

/// How a tensor's numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, non_camel_case_types)]
pub enum Format {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q4_K,
    Q5_K,
    Q6_K,
}

impl Format {
    /// The format that `ggml` gives this number.
    ///
    /// # Errors
    /// For formats that cannot be read: names it and those that can.
    pub fn from_ggml(number: u32) -> Result<Self, String> {
        Ok(match number {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            12 => Self::Q4_K,
            13 => Self::Q5_K,
            14 => Self::Q6_K,
            30 => Self::BF16,
            other => {
                return Err(format!(
                    "number format {other} of ggml cannot be read; can be read: F32, F16, BF16, Q8_0, Q4_0, Q4_1, \
                     Q5_0, Q5_1, Q4_K, Q5_K, Q6_K"
                ));
            }
        })
    }

    /// Numbers in a block, and bytes that it takes.
    pub const fn block(self) -> (usize, usize) {
        match self {
            Self::F32 => (1, 4),
            Self::F16 | Self::BF16 => (1, 2),
            Self::Q4_0 => (32, 18),
            Self::Q4_1 => (32, 20),
            Self::Q5_0 => (32, 22),
            Self::Q5_1 => (32, 24),
            Self::Q8_0 => (32, 34),
            Self::Q4_K => (256, 144),
            Self::Q5_K => (256, 176),
            Self::Q6_K => (256, 210),
        }
    }

    /// Bytes that a tensor takes; `shape` has the fastest axis first, as GGUF writes it.
    ///
    /// # Errors
    /// When the fastest axis is not made of whole blocks, or the size overflows.
    pub fn bytes(self, shape: &[i64]) -> Result<usize, String> {
        let (numbers, bytes) = self.block();
        let row = shape.first().copied().unwrap_or(1);
        if row % numbers as i64 != 0 {
            return Err(format!(
                "rows of {row} numbers are not made of blocks of {numbers}"
            ));
        }
        shape
            .iter()
            .try_fold(1usize, |n, &size| {
                n.checked_mul(usize::try_from(size).ok()?)
            })
            .and_then(|n| (n / numbers).checked_mul(bytes))
            .ok_or_else(|| format!("shape {shape:?} is too large"))
    }

    /// The numbers as f32. Bytes behind the last whole block are left out.
    pub fn dequantize(self, bytes: &[u8]) -> Vec<f32> {
        let (numbers, size) = self.block();
        let mut out = vec![0f32; bytes.len() / size * numbers];
        let decode = match self {
            Self::F32 => f32_number,
            Self::F16 => f16_number,
            Self::BF16 => bf16_number,
            Self::Q8_0 => q8_0,
            Self::Q4_0 => q4_0,
            Self::Q4_1 => q4_1,
            Self::Q5_0 => q5_0,
            Self::Q5_1 => q5_1,
            Self::Q4_K => q4_k,
            Self::Q5_K => q5_k,
            Self::Q6_K => q6_k,
        };
        for (block, out) in bytes.chunks_exact(size).zip(out.chunks_exact_mut(numbers)) {
            decode(block, out);
        }
        out
    }
}

// Each function gets one block of exactly the bytes and numbers that `Format::block` tells.

fn f32_number(block: &[u8], out: &mut [f32]) {
    out[0] = f32::from_le_bytes([block[0], block[1], block[2], block[3]]);
}

fn f16_number(block: &[u8], out: &mut [f32]) {
    out[0] = half_at(block, 0);
}

fn bf16_number(block: &[u8], out: &mut [f32]) {
    out[0] = bf16::from_le_bytes([block[0], block[1]]).to_f32();
}

fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// One of the 32 fifth bits, at the place of value 16.
fn fifth_bit(block: &[u8], at: usize, j: usize) -> u8 {
    (block[at + j / 8] >> (j % 8) & 1) << 4
}

fn q8_0(block: &[u8], out: &mut [f32]) {
    let d = half_at(block, 0);
    for (x, &q) in out.iter_mut().zip(&block[2..]) {
        *x = f32::from(q as i8) * d;
    }
}

fn q4_0(block: &[u8], out: &mut [f32]) {
    let d = half_at(block, 0);
    for (j, &q) in block[2..].iter().enumerate() {
        out[j] = (f32::from(q & 15) - 8.0) * d;
        out[j + 16] = (f32::from(q >> 4) - 8.0) * d;
    }
}

fn q4_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (j, &q) in block[4..].iter().enumerate() {
        out[j] = f32::from(q & 15) * d + m;
        out[j + 16] = f32::from(q >> 4) * d + m;
    }
}

fn q5_0(block: &[u8], out: &mut [f32]) {
    let d = half_at(block, 0);
    for (j, &q) in block[6..].iter().enumerate() {
        out[j] = (f32::from(q & 15 | fifth_bit(block, 2, j)) - 16.0) * d;
        out[j + 16] = (f32::from(q >> 4 | fifth_bit(block, 2, j + 16)) - 16.0) * d;
    }
}

fn q5_1(block: &[u8], out: &mut [f32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for (j, &q) in block[8..].iter().enumerate() {
        out[j] = f32::from(q & 15 | fifth_bit(block, 4, j)) * d + m;
        out[j + 16] = f32::from(q >> 4 | fifth_bit(block, 4, j + 16)) * d + m;
    }
}

/// Scale and minimum of the j-th of 8 groups, six bits each, from 12 packed bytes.
fn scale_min(packed: &[u8], j: usize) -> (f32, f32) {
    let (scale, min) = if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (
            packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4,
            packed[j + 4] >> 4 | (packed[j] >> 6) << 4,
        )
    };
    (f32::from(scale), f32::from(min))
}

fn q4_k(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let (scales, quants) = block[4..].split_at(12);
    for group in 0..8 {
        let (scale, min) = scale_min(scales, group);
        let (scale, min) = (d * scale, dmin * min);
        let shift = 4 * (group % 2);
        for l in 0..32 {
            let q = quants[group / 2 * 32 + l] >> shift & 15;
            out[group * 32 + l] = scale * f32::from(q) - min;
        }
    }
}

fn q5_k(block: &[u8], out: &mut [f32]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let (scales, rest) = block[4..].split_at(12);
    let (high, low) = rest.split_at(32);
    for group in 0..8 {
        let (scale, min) = scale_min(scales, group);
        let (scale, min) = (d * scale, dmin * min);
        let shift = 4 * (group % 2);
        for l in 0..32 {
            let q = low[group / 2 * 32 + l] >> shift & 15 | (high[l] >> group & 1) << 4;
            out[group * 32 + l] = scale * f32::from(q) - min;
        }
    }
}

fn q6_k(block: &[u8], out: &mut [f32]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = half_at(d, 0);
    for (j, x) in out.iter_mut().enumerate() {
        let (part, quarter, l) = (j / 128, j / 32 % 4, j % 32);
        let four = low[part * 64 + quarter % 2 * 32 + l] >> (4 * (quarter / 2)) & 15;
        let two = high[part * 32 + l] >> (2 * quarter) & 3;
        let scale = f32::from(scales[part * 8 + quarter * 2 + l / 16] as i8);
        *x = d * scale * (f32::from(four | two << 4) - 32.0);
    }
}
