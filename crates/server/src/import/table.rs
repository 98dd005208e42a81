//! A CSV file by the names of its columns.

use std::fs::File;
use std::io::{self, Read};

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::Source;
use crate::Failure;

/// Bytes of the file read at once.
const READ_BYTES: usize = 1 << 20;

/// A column that a file may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) required: bool,
}

impl Column {
    pub(super) const fn required(name: &'static str) -> Self {
        Self { name, required: true }
    }

    pub(super) const fn optional(name: &'static str) -> Self {
        Self {
            name,
            required: false,
        }
    }
}

/// A line that was not imported, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) reason: String,
}

/// A file, read line by line.
pub(super) struct Table {
    reader: Reader<Box<dyn Read + Send>>,
    ends_in_cr_lf: bool,
    columns: &'static [Column],
    /// Where in a line each of the columns stands.
    places: Vec<Option<usize>>,
    record: StringRecord,
}

/// The cells of one line.
pub(super) struct Row<'a> {
    pub(super) line: u64,
    columns: &'static [Column],
    places: &'a [Option<usize>],
    record: &'a StringRecord,
}

impl Table {
    /// Opens a file that may have these columns, in any order.
    pub(super) fn open(source: &Source, columns: &'static [Column]) -> Result<Self, Failure> {
        let name = source.file.display();
        let input: Box<dyn Read + Send> = if source.is_stdin() {
            Box::new(io::stdin())
        } else {
            let opened = File::open(&source.file);
            Box::new(opened.map_err(|error| Failure(format!("cannot read {name}: {error}")))?)
        };
        Self::new(input, columns).map_err(|reason| Failure(format!("{name}: {reason}")))
    }

    fn new(input: Box<dyn Read + Send>, columns: &'static [Column]) -> Result<Self, String> {
        let mut reader = ReaderBuilder::new()
            .buffer_capacity(READ_BYTES)
            .from_reader(input);
        let header = reader.headers().map_err(|error| error.to_string())?;
        let places = places(header, columns)?;
        // The reader stops at a CR and takes the LF after it with the next record.
        let ends_in_cr_lf = reader.position().line() == 1;
        Ok(Self {
            reader,
            ends_in_cr_lf,
            columns,
            places,
            record: StringRecord::new(),
        })
    }

    /// The next line, or why it cannot be understood; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row<'_>, Fault>>, Failure> {
        let begun = self.reader.position().line();
        let read = self.reader.read_record(&mut self.record);
        let line = self.line(begun);
        match read {
            Ok(false) => Ok(None),
            Ok(true) => Ok(Some(Ok(Row {
                line,
                columns: self.columns,
                places: &self.places,
                record: &self.record,
            }))),
            Err(error) => {
                let reason = fault(&error)?;
                Ok(Some(Err(Fault { line, reason })))
            }
        }
    }

    /// The number of the line where the record begins that was just read. The reader tells where it began
    /// to look for the record, which is before empty lines and, where lines end in CR LF, before an LF.
    fn line(&self, begun: u64) -> u64 {
        let reached = self.reader.position().line();
        let breaks_inside = self
            .record
            .as_slice()
            .bytes()
            .filter(|&byte| byte == b'\n')
            .count() as u64;
        let line = reached.saturating_sub(breaks_inside);
        // The last line of a file may end without an LF. (After an empty line it is then told as the one
        // before: the reader does not say how many it passed over.)
        let past_the_end = !self.ends_in_cr_lf && line > begun;
        line - u64::from(past_the_end)
    }
}

impl<'a> Row<'a> {
    /// What stands in a column, given by its place in the list of columns; `None` when that is nothing.
    pub(super) fn get(&self, column: usize) -> Option<&'a str> {
        let place = self.places.get(column).copied().flatten()?;
        self.record.get(place).filter(|cell| !cell.is_empty())
    }

    /// What stands in a column that must not be empty.
    pub(super) fn required(&self, column: usize) -> Result<&'a str, String> {
        self.get(column)
            .ok_or_else(|| format!("{} is empty", self.columns[column].name))
    }

    /// What stands in a column, read as something else.
    pub(super) fn read<T>(
        &self,
        column: usize,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let read = |cell| {
            let name = self.columns[column].name;
            read(cell).ok_or_else(|| format!("{name} {cell:?} is not {what}"))
        };
        self.get(column).map(read).transpose()
    }
}

/// Why a line cannot be understood; an error of the file itself ends the import.
fn fault(error: &csv::Error) -> Result<String, Failure> {
    match error.kind() {
        ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => Ok(format!(
            "it has {len} cells, and there are {expected_len} columns"
        )),
        ErrorKind::Utf8 { .. } => Ok("it is not UTF-8".to_owned()),
        _ => Err(Failure(format!("the file cannot be read further: {error}"))),
    }
}

fn places(header: &StringRecord, columns: &[Column]) -> Result<Vec<Option<usize>>, String> {
    let mut places = vec![None; columns.len()];
    for (place, name) in header.iter().enumerate() {
        let known = columns.iter().position(|column| column.name == name);
        let Some(column) = known else {
            return Err(unknown(name, columns));
        };
        if places[column].replace(place).is_some() {
            return Err(format!("the column {name} is there twice"));
        }
    }
    let absent = columns
        .iter()
        .zip(&places)
        .find(|(column, place)| column.required && place.is_none());
    match absent {
        Some((column, _)) => Err(format!("the column {} is missing", column.name)),
        None => Ok(places),
    }
}

fn unknown(name: &str, columns: &[Column]) -> String {
    let likeness =
        |column: &Column| strsim::jaro_winkler(&name.to_ascii_lowercase(), &column.name.to_ascii_lowercase());
    let nearest = columns
        .iter()
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .filter(|nearest| likeness(nearest) > 0.7);
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    match nearest {
        Some(nearest) => format!("unknown column {name:?}: did you mean {}?", nearest.name),
        None => format!("unknown column {name:?}: the columns are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[Column::required("a"), Column::optional("b")];

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        let lf = "b,a\n1,2\n\n3,4\nshort\n\"5\n\n\",6\n\n\n7,8\n9,0\n";
        let unterminated = lf.trim_end();
        for file in [
            lf,
            unterminated,
            &lf.replace('\n', "\r\n"),
            &unterminated.replace('\n', "\r\n"),
        ] {
            let mut table = Table::new(Box::new(io::Cursor::new(file.to_owned())), COLUMNS).unwrap();
            let mut numbers = Vec::new();
            while let Some(row) = table.next().unwrap() {
                numbers.push(row.map_or_else(|fault| fault.line, |row| row.line));
            }
            assert_eq!(numbers, [2, 4, 5, 6, 11, 12], "{file:?}");
        }
    }
}
