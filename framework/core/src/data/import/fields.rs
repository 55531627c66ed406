//! Cutting lines into fields.

use csv::ByteRecord;

/// Splits a line of CSV (RFC 4180). Where it ends within quotes, `field` holds the last field so far, to go on with.
pub(super) fn split_quoted(
    line: &[u8],
    separator: u8,
    record: &mut ByteRecord,
    field: &mut Vec<u8>,
    quoted: &mut bool,
) {
    let mut at = 0;
    while let Some(byte) = line.get(at) {
        let doubled = *quoted && line.get(at + 1) == Some(&b'"');
        match *byte {
            b'"' if doubled => {
                field.push(b'"');
                at += 1;
            }
            b'"' if *quoted || field.is_empty() => *quoted = !*quoted,
            byte if byte == separator && !*quoted => {
                record.push_field(field);
                field.clear();
            }
            byte => field.push(byte),
        }
        at += 1;
    }
    if !*quoted {
        record.push_field(field);
    }
}

/// Splits a line at every separator.
pub(super) fn split(line: &[u8], separator: &[u8], mut field: impl FnMut(&[u8])) {
    if let [byte] = separator {
        return line.split(|b| b == byte).for_each(field);
    }
    let (mut start, mut at) = (0, 0);
    while at + separator.len() <= line.len() {
        if line[at..].starts_with(separator) {
            field(&line[start..at]);
            at += separator.len();
            start = at;
        } else {
            at += 1;
        }
    }
    field(&line[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn csv_is_split_as_the_csv_crate_splits_it(
            fields in prop::collection::vec("[a,\" \n\u{e9}]{0,6}", 1..5)
        ) {
            let mut written = csv::WriterBuilder::new().from_writer(Vec::new());
            written.write_record(&fields).unwrap_or_default();
            let mut line = written.into_inner().unwrap_or_default();
            line.pop();
            let mut record = ByteRecord::new();
            prop_assert!(whole(&line, &mut record));
            let found: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
            prop_assert_eq!(found, fields);
        }
    }

    fn whole(line: &[u8], record: &mut ByteRecord) -> bool {
        record.clear();
        let (mut field, mut quoted) = (Vec::new(), false);
        split_quoted(line, b',', record, &mut field, &mut quoted);
        !quoted
    }

    #[test]
    fn quotes_within_a_field_stay_and_open_ones_are_told() {
        let mut record = ByteRecord::new();
        assert!(whole(b"5\" disk,,x", &mut record));
        assert_eq!(record, ByteRecord::from(vec!["5\" disk", "", "x"]));
        assert!(!whole(b"a,\"b", &mut record));
    }
}
