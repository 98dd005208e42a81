//! The table of targets: what was wanted, what was measured, and whether that is enough.

use std::fmt::Write as _;

/// What a figure has to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

/// One line of the table.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    what: String,
    goal: Goal,
    unit: &'static str,
    /// `None` where it could not be measured, for the reason in `remark`.
    measured: Option<f64>,
    remark: String,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(super) struct Report {
    figures: Vec<Figure>,
    details: String,
}

impl Figure {
    fn verdict(&self) -> &'static str {
        match (self.measured, self.goal) {
            (None, _) => "not measured",
            (Some(measured), Goal::AtLeast(least)) if measured >= least => "met",
            (Some(measured), Goal::AtMost(most)) if measured <= most => "met",
            (Some(_), _) => "falls short",
        }
    }

    fn row(&self) -> String {
        let Self {
            what,
            goal,
            unit,
            measured,
            remark,
        } = self;
        let goal = match goal {
            Goal::AtLeast(least) => format!("≥ {}{unit}", shown(*least)),
            Goal::AtMost(most) => format!("≤ {}{unit}", shown(*most)),
        };
        let measured = measured.map_or_else(String::new, |measured| format!("{}{unit}", shown(measured)));
        let verdict = self.verdict();
        format!("| {what} | {goal} | {measured} | {verdict} | {remark} |")
    }
}

/// A number as people like to read it.
fn shown(number: f64) -> String {
    if number.abs() >= 100.0 || number.fract() == 0.0 {
        format!("{number:.0}")
    } else {
        format!("{number:.2}")
    }
}

impl Report {
    /// Adds a figure. `unit` follows the numbers.
    pub(super) fn figure(
        &mut self,
        what: impl Into<String>,
        goal: Goal,
        unit: &'static str,
        measured: f64,
        remark: impl Into<String>,
    ) {
        self.figures.push(Figure {
            what: what.into(),
            goal,
            unit,
            measured: Some(measured),
            remark: remark.into(),
        });
    }

    /// Adds a figure that could not be measured.
    pub(super) fn not_measured(
        &mut self,
        what: impl Into<String>,
        goal: Goal,
        unit: &'static str,
        why: &str,
    ) {
        self.figures.push(Figure {
            what: what.into(),
            goal,
            unit,
            measured: None,
            remark: why.to_owned(),
        });
    }

    /// Adds a table with details.
    pub(super) fn table(&mut self, title: &str, columns: &[&str], rows: &[Vec<String>]) {
        let text = &mut self.details;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n{title}:\n\n| {} |\n|{}\n",
            columns.join(" | "),
            "---|".repeat(columns.len())
        );
        for row in rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }

    /// As Markdown, with what it was measured on.
    pub(super) fn markdown(&self, command: &str, machine: &[(&str, String)]) -> String {
        let mut text = format!("\n`{command}`\n\n| machine | |\n|---|---|\n");
        for (what, which) in machine {
            let _ = writeln!(text, "| {what} | {which} |");
        }
        text.push_str("\n| figure | target | measured | verdict | |\n|---|---|---|---|---|\n");
        for figure in &self.figures {
            let _ = writeln!(text, "{}", figure.row());
        }
        text.push_str(&self.details);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let mut report = Report::default();
        report.figure("a", Goal::AtLeast(0.9), "", 0.95, "");
        report.figure("b", Goal::AtLeast(50_000.0), "/s", 49_999.0, "so");
        report.figure("c", Goal::AtMost(1.5), " ×", 1.5, "");
        report.not_measured("d", Goal::AtLeast(5.0), " ×", "no Redis");
        let text = report.markdown("x", &[]);
        for row in [
            "| a | ≥ 0.90 | 0.95 | met |  |",
            "| b | ≥ 50000/s | 49999/s | falls short | so |",
            "| c | ≤ 1.50 × | 1.50 × | met |  |",
            "| d | ≥ 5 × |  | not measured | no Redis |",
        ] {
            assert!(text.contains(row), "{row} is not in {text}");
        }
    }
}
