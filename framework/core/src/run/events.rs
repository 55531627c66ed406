//! TensorBoard event files: scalars only.
//!
//! A file is a row of TFRecords: length as u64, its masked CRC32C, the bytes of one `Event` message, their masked
//! CRC32C, all numbers little-endian (TensorFlow's `record_writer.cc`). The messages are protobuf (`event.proto`,
//! `summary.proto`); the handful of fields that a scalar needs are written by hand.

/// The first record of every event file.
pub(super) fn header(time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, time);
    bytes(&mut event, 3, b"brain.Event:2");
    record(&event)
}

/// One record with scalars of the same step.
pub(super) fn scalars(time: f64, step: i64, values: &[(&str, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut item = Vec::new();
        bytes(&mut item, 1, tag.as_bytes());
        key(&mut item, 2, FIXED32);
        item.extend((*value as f32).to_le_bytes());
        bytes(&mut summary, 1, &item);
    }
    let mut event = Vec::new();
    double(&mut event, 1, time);
    key(&mut event, 2, VARINT);
    varint(&mut event, step as u64);
    bytes(&mut event, 5, &summary);
    record(&event)
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(data.len() + 16);
    out.extend(length);
    out.extend(masked_crc(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked_crc(data).to_le_bytes());
    out
}

/// CRCs are masked because a CRC over data that holds its own CRC is weak.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    key(out, field, FIXED64);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, LENGTH);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The bytes that TensorBoard's own writer makes for the same events: `fixtures/events.py`.
    const FIXTURE: &[u8] = include_bytes!("fixtures/events.out.tfevents.fixture");

    #[test]
    fn the_bytes_are_those_of_tensorboards_own_writer() {
        let mut ours = header(1_700_000_000.25);
        ours.extend(scalars(1_700_000_001.5, 1, &[("loss", 0.625)]));
        ours.extend(scalars(
            1_700_000_002.5,
            300,
            &[("loss", 1e-3), ("valid/ndcg@10", f64::NAN)],
        ));
        assert_eq!(ours, FIXTURE);
    }

    #[test]
    fn the_checksum_is_crc32c() {
        // RFC 3720, B.4: 32 bytes of zeros.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(
            masked_crc(&[0; 32]),
            0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }
}
