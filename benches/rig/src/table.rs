//! Prints the table: one block per measure, one line per component. `benches/README.md` explains
//! the columns.

use std::fmt::Write;

use crate::figures::Figures;
use crate::peers::Role;
use crate::run::Measure;
use crate::stanzas::Kind;
use crate::summary::{Group, Row};

/// Returns the whole table.
pub(crate) fn table(groups: &[Group]) -> String {
    let mut text = String::new();
    for group in groups {
        block(&mut text, group);
    }
    start(&mut text, groups);
    let rows = || groups.iter().flat_map(|group| &group.rows);
    let (runs, noisy, failed) = rows().fold((0, 0, 0), |sums, row| {
        (sums.0 + row.runs, sums.1 + row.noisy, sums.2 + row.failed)
    });
    if noisy > 0 {
        line(
            &mut text,
            &format!("{noisy} of {runs} runs were NOT on a quiet machine (~)."),
        );
    }
    if failed > 0 {
        line(
            &mut text,
            &format!("{failed} of {runs} runs FAILED and count for nothing."),
        );
    }
    text
}

/// Returns the title of a block.
pub(crate) fn title(measure: Measure) -> String {
    match measure {
        Measure::Flood(Kind::Messages) => "messages, windowed".to_owned(),
        Measure::Flood(Kind::Pings) => "iq pings, windowed".to_owned(),
        Measure::Flood(Kind::Disco) => "disco#info, windowed".to_owned(),
        Measure::Flood(Kind::Rich) => "rich messages, windowed".to_owned(),
        Measure::Burst(1) => "messages, one outstanding".to_owned(),
        Measure::Burst(size) => format!("messages in bursts of {size}, time of the last answer"),
        Measure::Rate(rate) => format!("messages at {rate}/s"),
    }
}

fn block(text: &mut String, group: &Group) {
    let yardstick = group.yardstick.as_deref().unwrap_or("none");
    line(
        text,
        &format!("{}  (x = {yardstick})", title(group.measure)),
    );
    let flood = matches!(group.measure, Measure::Flood(_));
    line(text, &if flood { flood_head() } else { latency_head() });
    for row in &group.rows {
        if let Some(figures) = &row.median {
            line(
                text,
                &if flood {
                    flood_line(row, figures)
                } else {
                    latency_line(row, figures)
                },
            );
        }
        for (at, fault) in row.faults.iter().enumerate() {
            let same = || row.faults.iter().filter(|other| *other == fault).count();
            if !row.faults.iter().take(at).any(|other| other == fault) {
                let (peer, runs) = (&row.peer, row.runs);
                line(
                    text,
                    &format!("  {peer:<18} {} of {runs} runs {fault}", same()),
                );
            }
        }
    }
    if let Some(best) = best_of_ours(group) {
        line(text, &best);
    }
    text.push('\n');
}

/// Returns the headline if there is more than one row of ours: the best of them.
fn best_of_ours(group: &Group) -> Option<String> {
    let ours = || group.rows.iter().filter(|row| row.role == Role::Ours);
    let flood = matches!(group.measure, Measure::Flood(_));
    let worth = |row: &Row| {
        let ratios = row.to_peer?;
        if flood {
            Some(ratios.per_second)
        } else {
            Some(-ratios.p99?)
        }
    };
    let best = ours().filter_map(|row| Some((worth(row)?, row)));
    let (worth, best) = best.max_by(|one, other| one.0.total_cmp(&other.0))?;
    let told = if flood { "answers/s" } else { "p99" };
    let (cpu, peer) = (best.to_peer?.cpu, &best.peer);
    (ours().count() > 1).then(|| {
        let worth = worth.abs();
        format!("  best of ours: {peer}, {told} {worth:.2} x, CPU {cpu:.3} x")
    })
}

fn flood_head() -> String {
    format!(
        "  {:<18}{:>11}{:>21}{:>8}{:>9}{:>11}{:>8}{:>9}{:>10}",
        "",
        "answers/s",
        "lowest..highest",
        "x",
        "of floor",
        "CPU s/100k",
        "x",
        "answer B",
        "peak MiB"
    )
}

fn flood_line(row: &Row, figures: &Figures) -> String {
    let range = format!(
        "{:.0}..{:.0}",
        row.lowest_per_second, row.highest_per_second
    );
    let faster = row
        .to_peer
        .map(|ratios| format!("{:.2}", ratios.per_second));
    let of_floor = row
        .to_floor
        .map(|ratios| format!("{:.1}%", ratios.per_second * 100.0));
    let cpu = row.to_peer.map(|ratios| format!("{:.3}", ratios.cpu));
    format!(
        "{}{:>11.0}{range:>21}{:>8}{:>9}{:>11.3}{:>8}{:>9.0}{:>10.1}",
        name(row),
        figures.per_second,
        or_dash(faster),
        or_dash(of_floor),
        figures.cpu_per_100k,
        or_dash(cpu),
        figures.answer_bytes,
        figures.peak_kib / 1024.0,
    )
}

fn latency_head() -> String {
    format!(
        "  {:<18}{:>10}{:>10}{:>10}{:>9}{:>9}{:>11}{:>8}{:>10}{:>10}",
        "",
        "p50 us",
        "p99 us",
        "p99.9 us",
        "p99 x",
        "floor x",
        "CPU s/100k",
        "x",
        "answers/s",
        "rig late"
    )
}

fn latency_line(row: &Row, figures: &Figures) -> String {
    let Some(latency) = figures.latency else {
        return name(row);
    };
    let ratio = |ratio: Option<f64>| or_dash(ratio.map(|ratio| format!("{ratio:.2}")));
    format!(
        "{}{:>10.0}{:>10.0}{:>10}{:>9}{:>9}{:>11.3}{:>8}{:>10.0}{:>10}",
        name(row),
        latency.p50,
        latency.p99,
        or_dash(latency.p999.map(|late| format!("{late:.0}"))),
        ratio(row.to_peer.and_then(|ratios| ratios.p99)),
        ratio(row.to_floor.and_then(|ratios| ratios.p99)),
        figures.cpu_per_100k,
        ratio(row.to_peer.map(|ratios| ratios.cpu)),
        figures.per_second,
        or_dash(figures.rig_late.map(|late| format!("{late:.0}"))),
    )
}

/// Writes the figures that do not depend on the measure, from the rows of the first one; the peak
/// is of all.
fn start(text: &mut String, groups: &[Group]) {
    let Some(group) = groups.first() else { return };
    line(text, "start to online, memory, and the size of the program");
    line(
        text,
        &format!(
            "  {:<18}{:>11}{:>9}{:>11}{:>11}{:>12}",
            "", "online ms", "floor x", "idle MiB", "peak MiB", "binary MiB"
        ),
    );
    for row in &group.rows {
        let Some(figures) = &row.median else { continue };
        let to_floor = row.to_floor.map(|ratios| format!("{:.1}", ratios.online));
        let (online, idle) = (figures.online_ms, figures.idle_kib / 1024.0);
        let of_row = groups.iter().flat_map(|group| &group.rows);
        let peak = of_row
            .filter(|other| other.peer == row.peer)
            .filter_map(|other| Some(other.median.as_ref()?.peak_kib))
            .fold(0.0, f64::max);
        let binary = row
            .binary_bytes
            .map(|bytes| format!("{:.1}", bytes as f64 / f64::from(1 << 20)));
        line(
            text,
            &format!(
                "{}{online:>11.1}{:>9}{idle:>11.1}{:>11.1}{:>12}",
                name(row),
                or_dash(to_floor),
                peak / 1024.0,
                or_dash(binary),
            ),
        );
    }
    text.push('\n');
}

/// Returns the name, marked if a run of the row was disturbed.
fn name(row: &Row) -> String {
    let mark = if row.noisy > 0 { "~" } else { "" };
    format!("  {:<18}", format!("{}{mark}", row.peer))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn line(text: &mut String, line: &str) {
    let _a_string_takes_all = writeln!(text, "{line}");
}
