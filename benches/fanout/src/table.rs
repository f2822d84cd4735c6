//! The table of measurements.

use std::{io, time::Duration};

use serde_json::{Value, json};

use crate::{
    quiet,
    workload::{FanoutResult, Throughput},
};

/// All measurements of a run.
pub(crate) struct Table {
    patience: Duration,
    /// Whether the machine was busy before the measurement.
    busy: bool,
    rows: Vec<Row>,
}

struct Row {
    block: &'static str,
    who: String,
    figure: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
    busy: bool,
}

/// The goal of a measurement.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    pub(crate) fn new(patience: Duration) -> Table {
        Table {
            patience,
            busy: false,
            rows: Vec::new(),
        }
    }

    /// Measures when the machine is idle, or after the timeout.
    pub(crate) fn quietly<T>(&mut self, measure: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.busy = quiet::wait(self.patience) > quiet::QUIET;
        measure()
    }

    pub(crate) fn add(
        &mut self,
        block: &'static str,
        who: &str,
        figure: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) {
        let row = Row {
            block,
            who: who.to_owned(),
            figure: figure.into(),
            value,
            unit,
            goal: None,
            busy: self.busy,
        };
        eprintln!("fanout: {block}, {}", row.line());
        self.rows.push(row);
    }

    /// Sets the goal of the last measurement.
    pub(crate) fn goal(&mut self, goal: Goal) {
        if let Some(row) = self.rows.last_mut() {
            row.goal = Some(goal);
        }
    }

    /// Adds the times of subscriptions, in thousands.
    pub(crate) fn subscribed(&mut self, who: &str, parts: &[Duration]) {
        let block = "subscribe, in thousands";
        let Some(all) = parts.last() else { return };
        self.add(block, who, "all", all.as_secs_f64() * 1e3, "ms");
        let each: Vec<f64> = std::iter::once(&Duration::ZERO)
            .chain(parts)
            .zip(parts)
            .map(|(from, to)| to.saturating_sub(*from).as_secs_f64() * 1e3)
            .collect();
        for (number, took) in each.iter().enumerate() {
            let figure = format!("thousand {}", number + 1);
            self.add(block, who, figure, *took, "ms");
        }
        // The median of the halves, so that one outlier is not a slope.
        if let (Some(early), Some(late)) = (
            each.get(..each.len() / 2).and_then(median),
            each.get(each.len() / 2..).and_then(median),
        ) {
            self.add(block, who, "later / earlier half", late / early, "x");
            self.goal(Goal::AtMost(1.5));
        }
    }

    /// Adds the notifications of several rounds.
    pub(crate) fn fanout(
        &mut self,
        block: &'static str,
        who: &str,
        rounds: &[FanoutResult],
    ) -> Throughput {
        let all = Throughput {
            count: rounds.iter().map(|fanout| fanout.notifications).sum(),
            took: rounds.iter().map(|fanout| fanout.took).sum(),
        };
        self.add(block, who, "notifications", all.rate(), "/s");
        all
    }

    /// Adds the latency of requests while notifications were sent.
    pub(crate) fn waited(&mut self, block: &'static str, who: &str, rounds: &[FanoutResult]) {
        let mut waits: Vec<_> = rounds.iter().flat_map(|fanout| &fanout.waits).collect();
        waits.sort_unstable();
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let place = (waits.len() as f64 * share).ceil() as usize;
            if let Some(wait) = waits.get(place.saturating_sub(1)) {
                let figure = format!("ping {name} of {}", waits.len());
                self.add(block, who, figure, wait.as_secs_f64() * 1e3, "ms");
            }
        }
        if let Some(fanout) = rounds.first() {
            self.add(block, who, "as it came", fanout.bytes as f64, "bytes");
        }
    }

    pub(crate) fn show(&self) {
        let mut blocks: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !blocks.contains(&row.block) {
                blocks.push(row.block);
            }
        }
        for block in blocks {
            println!("\n{block}");
            for row in self.rows.iter().filter(|row| row.block == block) {
                println!("  {}", row.line());
            }
        }
        if self.rows.iter().any(|row| row.busy) {
            println!("\n~ the machine was not quiet before it");
        }
    }

    pub(crate) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let (bound, goal) = match row.goal {
                Some(Goal::AtLeast(goal)) => (Some("at least"), Some(goal)),
                Some(Goal::AtMost(goal)) => (Some("at most"), Some(goal)),
                None => (None, None),
            };
            json!({
                "block": row.block, "who": row.who, "figure": row.figure, "value": row.value,
                "unit": row.unit, "bound": bound, "goal": goal, "met": row.met(),
                "quiet": !row.busy,
            })
        });
        rows.collect()
    }
}

impl Row {
    fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtLeast(goal) => self.value >= goal,
            Goal::AtMost(goal) => self.value <= goal,
        })
    }

    fn line(&self) -> String {
        let value = match self.value {
            value if value >= 1_000.0 => format!("{value:.0}"),
            value if value >= 10.0 => format!("{value:.1}"),
            value => format!("{value:.2}"),
        };
        let busy = if self.busy { "~" } else { " " };
        let (who, figure, unit) = (&self.who, &self.figure, self.unit);
        let goal = match (self.goal, self.met()) {
            (Some(Goal::AtLeast(goal)), Some(met)) => format!("  goal >= {goal}: {}", word(met)),
            (Some(Goal::AtMost(goal)), Some(met)) => format!("  goal <= {goal}: {}", word(met)),
            _ => String::new(),
        };
        format!("{who:<26} {figure:<22} {value:>9}{busy} {unit}{goal}")
    }
}

fn word(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_from_its_own_side() {
        let mut table = Table::new(Duration::ZERO);
        let met = |table: &Table| table.rows.last().and_then(Row::met);
        table.add("b", "w", "f", 2.0, "x");
        assert_eq!(met(&table), None);
        table.goal(Goal::AtLeast(1.0));
        assert_eq!(met(&table), Some(true));
        table.goal(Goal::AtMost(1.0));
        assert_eq!(met(&table), Some(false));
    }

    #[test]
    fn a_list_that_grows_costlier_shows_in_its_later_half() {
        let parts = [1, 2, 3, 4, 8, 12, 16, 20].map(Duration::from_secs);
        let mut table = Table::new(Duration::ZERO);
        table.subscribed("somebody", &parts);
        let last = table.rows.last().unwrap();
        assert_eq!((last.value, last.met()), (4.0, Some(false)));
    }
}
