//! Text goes in and comes out as PostgreSQL writes it.

use super::*;

#[test]
fn reads_and_writes_timestamps() {
    for (text, shown) in [
        ("2026-11-21T10:00:00.123456+00:00", "2026-11-21T10:00:00.123456+00:00"),
        ("2026-11-21 10:00:00+02", "2026-11-21T08:00:00+00:00"),
        ("2026-11-21 10:00:00.5-03:30", "2026-11-21T13:30:00.5+00:00"),
        ("2026-11-21", "2026-11-21T00:00:00+00:00"),
        ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00+00:00 BC"),
        ("294246-12-31T23:59:59Z", "294246-12-31T23:59:59+00:00"),
        ("infinity", "infinity"),
        ("2024-02-29T23:59:60Z", "2024-03-01T00:00:00+00:00"),
    ] {
        let micros = timestamptz::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(timestamptz::format(micros), shown, "{text}");
        assert_eq!(timestamptz::parse(shown), Some(micros), "{shown}");
    }
    for bad in ["", "2026-13-01", "2025-02-29", "2026-11-21T25:00Z", "2026-11-21T10:00:00+99", "now", "2026-11-21x"] {
        assert_eq!(timestamptz::parse(bad), None, "{bad}");
    }
    assert_eq!(timestamptz::format_fixed(0), "1970-01-01T00:00:00.000000+00:00");
}

#[test]
fn every_day_comes_back() {
    for day in (-2_400_000..10_000_000).step_by(997) {
        assert_eq!(date::parse(&date::format(day)), Some(day), "{day}");
    }
}

#[test]
fn reads_and_writes_intervals() {
    for (text, shown) in [
        ("P1Y2M3DT4H5M6.5S", "P1Y2M3DT4H5M6.5S"),
        ("1 day 02:03:04", "P1DT2H3M4S"),
        ("-1 days +02:00:00", "P-1DT2H"),
        ("1 year 2 mons", "P1Y2M"),
        ("P2W", "P14D"),
        ("PT-0.5S", "PT-0.5S"),
        ("00:00:00", "PT0S"),
        ("90 minutes", "PT1H30M"),
    ] {
        let value = interval::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(interval::format(value), shown, "{text}");
        assert_eq!(interval::parse(shown), Some(value), "{shown}");
    }
    for bad in ["", "P", "1", "day", "P1X", "1 fortnight"] {
        assert_eq!(interval::parse(bad), None, "{bad}");
    }
}
