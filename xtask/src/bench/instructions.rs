//! Where the time goes: instructions of one count and of one login, by valgrind's callgrind. They count
//! the server's own code; the kernel's is not in them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::count::COMMAND;
use super::crowd::{self, Against};
use super::figures::Report;
use super::processes::output;
use super::server::{Folder, Server};
use super::{Bench, community, connection::Connection, fill, progress};

/// Counts, and logins, of the shorter of two runs; the longer has twice as many, and what both have in
/// common cancels out.
const COUNTS: usize = 5_000;
const LOGINS: usize = 500;
/// Members of the community, all of whom may log in.
const MEMBERS: usize = 1_000;
/// Functions that are named.
const NAMED: usize = 25;

pub(super) async fn run(bench: &Bench, report: &mut Report) -> io::Result<()> {
    let mut rows = Vec::new();
    for (what, times) in [("count", COUNTS), ("login", LOGINS)] {
        progress(&format!("instructions of a {what}"));
        let shorter = profile(bench, what, times).await?;
        let longer = profile(bench, what, 2 * times).await?;
        let each = (longer.total - shorter.total) / times as u64;
        rows.push(vec![format!("a {what}, altogether"), each.to_string()]);
        for (function, instructions) in longer.functions.into_iter().take(NAMED) {
            let before = shorter.functions_of(&function);
            let each = instructions.saturating_sub(before) / times as u64;
            rows.push(vec![format!("{what}: {function}"), each.to_string()]);
        }
    }
    report.table("instructions in user space", &["of", "instructions"], &rows);
    Ok(())
}

/// What callgrind counted.
struct Profile {
    total: u64,
    /// By function, without what it calls; the costly ones first.
    functions: Vec<(String, u64)>,
}

impl Profile {
    fn functions_of(&self, name: &str) -> u64 {
        let known = self.functions.iter().find(|(function, _)| function == name);
        known.map_or(0, |(_, instructions)| *instructions)
    }
}

async fn profile(bench: &Bench, what: &str, times: usize) -> io::Result<Profile> {
    let folder = Folder::create(&bench.programs.headcount)?;
    folder.import("accounts", "UserID", (0..MEMBERS).map(fill::user))?;
    let group = community(0);
    folder.import(
        "groups",
        "GroupId,Type,Name",
        [format!("{group},Community,bench")].into_iter(),
    )?;
    let rows = (0..MEMBERS).map(|number| format!("{group},{}", fill::user(number)));
    folder.import("members", "GroupId,Member_Account", rows)?;
    let out = tempfile::NamedTempFile::new()?;
    let mut valgrind = Command::new("valgrind");
    valgrind.arg("--tool=callgrind");
    valgrind.arg(format!("--callgrind-out-file={}", out.path().display()));
    valgrind.arg(&bench.programs.headcount);
    let server = Server::by(valgrind, folder, &[])?;
    if what == "count" {
        let mut connection = Connection::open(server.address).await?;
        let request = server.request(COMMAND, &json!({ "GroupId": group }));
        for _ in 0..times {
            connection.exchange(request.as_bytes()).await?;
        }
    } else {
        let plan = format!("--sessions {times} --hold-s 0 --in-flight 4");
        crowd::run(&bench.programs.crowd, &Against::Server(&server, &group), &plan, 1)?;
    }
    drop(server.stop()?);
    read(out.path())
}

fn read(out: &Path) -> io::Result<Profile> {
    let text = fs::read_to_string(out)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    let annotated = output(
        Command::new("callgrind_annotate")
            .args(["--threshold=100", "--auto=no", "--tree=none"])
            .arg(out),
    )?;
    Ok(Profile {
        total: total.ok_or_else(|| io::Error::other("callgrind counted nothing"))?,
        functions: functions(&annotated),
    })
}

/// The functions of an annotated profile, the costly ones first: `12,345 ( 1.2%)  file:function [object]`.
/// A function that was inlined into several places stands in several lines.
fn functions(annotated: &str) -> Vec<(String, u64)> {
    let mut by_name = BTreeMap::<_, u64>::new();
    for (name, instructions) in annotated.lines().filter_map(function) {
        *by_name.entry(name).or_default() += instructions;
    }
    let mut functions: Vec<_> = by_name.into_iter().collect();
    functions.sort_by_key(|(_, instructions)| std::cmp::Reverse(*instructions));
    functions
}

fn function(line: &str) -> Option<(String, u64)> {
    let (instructions, rest) = line.trim().split_once(" (")?;
    let instructions = instructions.replace(',', "").parse().ok()?;
    let name = rest.split_once("%)  ")?.1.split(" [").next()?.trim();
    let files = [".rs:", ".c:", ".h:", ".S:"];
    let name = files
        .iter()
        .find_map(|file| name.split_once(file))
        .map_or(name, |(_, name)| name);
    (name != "PROGRAM TOTALS").then(|| (name.to_owned(), instructions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_from_an_annotated_profile() {
        let lines = [
            "Ir",
            "1,234,567 (100.0%)  PROGRAM TOTALS",
            "  2,000 ( 0.10%)  ???:memcpy [/lib/libc.so.6]",
            " 12,345 ( 1.00%)  ./src/rest/query.rs:edge::rest::query::Query::parse [/x/headcount]",
            "    655 ( 0.05%)  ./src/str.rs:edge::rest::query::Query::parse [/x/headcount]",
        ];
        let parse = ("edge::rest::query::Query::parse".to_owned(), 13_000);
        assert_eq!(
            functions(&lines.join("\n")),
            [parse, ("???:memcpy".to_owned(), 2_000)]
        );
    }
}
