//! The tables.

use std::fmt::Write as _;

use super::fill::Fill;
use super::load::{CONNECTIONS, Count, Load};
use super::stats::Latency;

/// All that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) counts: Vec<Count>,
    pub(super) fills: Vec<Fill>,
    pub(super) writes: Vec<(String, Latency)>,
}

impl Report {
    /// As Markdown, with what it was measured on.
    pub(super) fn markdown(&self, command: &str, machine: &[(&str, String)]) -> String {
        let mut text = format!("\n`{command}`\n\n| machine | |\n|---|---|\n");
        for (what, which) in machine {
            row(&mut text, &[(*what).to_owned(), which.clone()]);
        }
        self.write_counts(&mut text);
        self.write_fills(&mut text);
        self.write_writes(&mut text);
        text
    }

    fn write_counts(&self, text: &mut String) {
        let title = format!(
            "get_online_member_num over {CONNECTIONS} connections, medians of alternating rounds; the load \
             generator runs on the same cores"
        );
        let columns = [
            "members",
            "online",
            "headcount, requests/s",
            "p50, p99 ms",
            "bare hyper, requests/s",
            "p50, p99 ms",
            "ratio",
        ];
        table(text, &title, &columns);
        let latency = |load: Load| format!("{:.2}, {:.2}", load.p50_us / 1000.0, load.p99_us / 1000.0);
        for count in &self.counts {
            let columns = [
                count.members.to_string(),
                count.online.to_string(),
                format!("{:.0}", count.headcount.per_s),
                latency(count.headcount),
                format!("{:.0}", count.bare.per_s),
                latency(count.bare),
                format!("{:.2}", count.ratio),
            ];
            row(text, &columns);
        }
    }

    fn write_fills(&self, text: &mut String) {
        table(
            text,
            "importing over REST",
            &["what", "rows", "seconds", "rows/s"],
        );
        for Fill { what, rows, seconds } in &self.fills {
            let per_s = f64::from(u32::try_from(*rows).unwrap_or(u32::MAX)) / seconds;
            row(
                text,
                &[
                    what.clone(),
                    rows.to_string(),
                    format!("{seconds:.1}"),
                    format!("{per_s:.0}"),
                ],
            );
        }
    }

    fn write_writes(&self, text: &mut String) {
        let title = "account_import of one new account after the other, on one connection";
        table(
            text,
            title,
            &["meanwhile", "writes", "p50 ms", "p99 ms", "max ms"],
        );
        let shown = |us: u32| format!("{:.1}", f64::from(us) / 1000.0);
        for (meanwhile, latency) in &self.writes {
            let Latency {
                count,
                p50_us,
                p99_us,
                max_us,
            } = *latency;
            row(
                text,
                &[
                    meanwhile.clone(),
                    count.to_string(),
                    shown(p50_us),
                    shown(p99_us),
                    shown(max_us),
                ],
            );
        }
    }
}

fn table(text: &mut String, title: &str, columns: &[&str]) {
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "\n{title}:\n\n| {} |\n|{}\n",
        columns.join(" | "),
        "---|".repeat(columns.len())
    );
}

fn row(text: &mut String, columns: &[String]) {
    let _ = writeln!(text, "| {} |", columns.join(" | "));
}
