//! Text files, plain or gzip, as lines.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};
use crate::{interrupt, progress};

/// Shows how much of the source files was read.
#[derive(Clone)]
pub(super) struct Meter(Rc<(progress::Stage, Cell<u64>)>);

impl Meter {
    /// Begins a stage of `bytes` in all.
    pub fn begin(what: &str, bytes: u64) -> Self {
        Self(Rc::new((progress::begin(what, bytes), Cell::new(0))))
    }

    fn add(&self, bytes: usize) {
        let done = self.0.1.get() + bytes as u64;
        self.0.1.set(done);
        self.0.0.update(done, "");
    }
}

struct Counted {
    file: File,
    meter: Meter,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.file.read(buffer)?;
        self.meter.add(n);
        Ok(n)
    }
}

/// Opens a text file, unpacks gzip, and steps over a byte-order mark.
///
/// # Errors
/// [`Error::Io`]; [`Error::Data`] for archives and encodings that are not read.
pub(super) fn open(path: &Path, meter: &Meter) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut raw = BufReader::with_capacity(
        1 << 17,
        Counted {
            file,
            meter: meter.clone(),
        },
    );
    let is_gzip = raw
        .fill_buf()
        .map_err(Error::io(path))?
        .starts_with(&[0x1f, 0x8b]);
    let mut text: Box<dyn BufRead> = match is_gzip {
        true => Box::new(BufReader::with_capacity(1 << 17, MultiGzDecoder::new(raw))),
        false => Box::new(raw),
    };
    let start = text.fill_buf().map_err(|e| read_error(path, 1, e))?;
    if start.starts_with(b"\xef\xbb\xbf") {
        text.consume(3);
        return Ok(text);
    }
    let refused = match start {
        [b'P', b'K', 3, 4, ..] => "is a zip archive; unpack it first",
        [b'P', b'A', b'R', b'1', ..] => "is a Parquet file; it is read with `format = \"table\"`",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is text in UTF-16; convert it to UTF-8",
        _ => return Ok(text),
    };
    Err(Error::data(path, None, refused))
}

/// Names what went wrong while reading after `line` lines.
fn read_error(path: &Path, line: u64, error: std::io::Error) -> Error {
    let reason = match error.kind() {
        ErrorKind::UnexpectedEof => "the gzip file ends too early; fetch it again",
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            "the gzip file is damaged; fetch it again"
        }
        _ => return Error::io(path)(error),
    };
    Error::data(path, Some(line), reason)
}

/// The lines of a file, without line ends; empty lines are left out.
pub(super) struct Lines {
    path: PathBuf,
    text: Box<dyn BufRead>,
    /// Whole lines that were read and given back.
    again: Cursor<Vec<u8>>,
    line: Vec<u8>,
    /// Length of the first of the lines that are joined in `line`.
    first: usize,
    number: u64,
}

impl Lines {
    /// Opens a file.
    pub fn open(path: &Path, meter: &Meter) -> Result<Self> {
        let text = open(path, meter)?;
        Ok(Self {
            path: path.to_path_buf(),
            text,
            again: Cursor::default(),
            line: Vec::new(),
            first: 0,
            number: 0,
        })
    }

    /// The next line and its number from 1.
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.line.clear();
        while self.line.is_empty() {
            if !self.read_on()? {
                return Ok(None);
            }
        }
        self.first = self.line.len();
        Ok(Some((self.number, &self.line)))
    }

    /// Joins the next line to the one that was read last, and returns it; none at the end of the file, or when both
    /// have more than `longest` bytes.
    pub fn longer(&mut self, longest: usize) -> Result<Option<&[u8]>> {
        self.line.push(b'\n');
        let start = self.line.len();
        let joined = self.read_on()? && self.line.len() <= longest;
        Ok(joined.then(|| &self.line[start..]))
    }

    /// Takes all lines apart that were joined: the next one is the one after the first of them, which is line `number`.
    pub fn part(&mut self, number: u64) {
        let mut again = self.line.split_off(self.first);
        if !again.is_empty() {
            again.remove(0);
            again.push(b'\n');
        }
        let read = self.again.position() as usize;
        again.extend(&self.again.get_ref()[read..]);
        self.again = Cursor::new(again);
        self.number = number;
    }

    fn read_on(&mut self) -> Result<bool> {
        self.number += 1;
        if self.number.is_multiple_of(1 << 16) {
            interrupt::check()?;
        }
        let start = self.line.len();
        let again = self.again.read_until(b'\n', &mut self.line);
        let read = again.and_then(|read| match read {
            0 => self.text.read_until(b'\n', &mut self.line),
            read => Ok(read),
        });
        let read = read.map_err(|e| read_error(&self.path, self.number, e))?;
        while self.line.len() > start && matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(read > 0)
    }
}
