//! Durations and sizes as people write them: `24h`, `50ms`, `1GiB`, `64MiB`.

use std::time::Duration;

/// Reads a duration: a number and one of ms, s, m, h, d.
pub fn read_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// Reads a size in bytes: a number, alone or with one of B, KiB, MiB, GiB, TiB, kB, MB, GB, TB.
pub fn read_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return None,
    };
    number.checked_mul(bytes)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_units() {
        for (text, millis) in [
            ("50ms", Some(50)),
            ("300s", Some(300_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("7 d", Some(604_800_000)),
            ("5", None),
            ("-5s", None),
            ("1.5h", None),
            ("", None),
            ("99999999999999999999d", None),
            ("999999999999999d", None),
        ] {
            assert_eq!(read_duration(text), millis.map(Duration::from_millis), "{text}");
        }
        for (text, bytes) in [
            ("1GiB", Some(1 << 30)),
            ("64MiB", Some(64 << 20)),
            ("1000", Some(1000)),
            ("8 GB", Some(8_000_000_000)),
            ("1gib", None),
            ("99999999TiB", None),
        ] {
            assert_eq!(read_bytes(text), bytes, "{text}");
        }
    }
}
