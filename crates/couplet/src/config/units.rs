//! Parses and prints sizes and durations such as `512KiB` and `30s`.
//!
//! Fractions and signs are not supported.

use std::time::Duration;

const UNITS: [(&str, usize); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Parses `4096`, `512KiB`, `16 MiB`.
pub(crate) fn size(text: &str) -> Option<usize> {
    let text = text.trim();
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or((text, 1));
    count(number.trim_end())?.checked_mul(factor)
}

/// Parses a whole number.
pub(crate) fn count(text: &str) -> Option<usize> {
    // `usize::from_str` would accept a plus sign.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Parses `30s`, `100ms`, `1m 30s`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text.trim()).ok()
}

/// Prints a size in the largest binary unit that divides it.
pub(crate) fn show_size(bytes: usize) -> String {
    UNITS
        .iter()
        .take(3)
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .map_or_else(
            || bytes.to_string(),
            |(unit, factor)| format!("{}{unit}", bytes / factor),
        )
}

/// Prints a duration in the form that [`duration`] parses.
pub(crate) fn show_duration(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, show_duration, show_size, size};

    #[test]
    fn a_size_is_bytes_or_a_number_with_a_unit() {
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("512KiB"), Some(524_288));
        assert_eq!(size(" 16 MiB "), Some(16 << 20));
        assert_eq!(size("3kB"), Some(3_000));
        for text in ["", "KiB", "-1", "+1", "1.5MiB", "512Kib", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_can_be_read_again() {
        for bytes in [
            1,
            1000,
            1024,
            65_536,
            524_288,
            16 << 20,
            1 << 30,
            (1 << 20) + 1,
        ] {
            assert_eq!(size(&show_size(bytes)), Some(bytes));
        }
        for millis in [1, 100, 30_000, 90_500, 86_400_000] {
            let time = Duration::from_millis(millis);
            assert_eq!(duration(&show_duration(time)), Some(time));
        }
    }
}
